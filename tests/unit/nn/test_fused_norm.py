"""The Triton kernels around instance norms, under Triton's interpreter, against plain torch in float64."""

import json
import subprocess
import sys

import pytest
import torch
from support import triton_checks

from stylenat.core.errors import InputError
from stylenat.nn import fused_norm

# What is written is rounded to the tensors' dtype; the interpreter cuts bfloat16 numbers off where a GPU rounds them.
WRITTEN = {"float32": 1e-6, "bfloat16": 8e-3, "float16": 1e-3}
MOMENTS = 1e-5


@pytest.fixture(scope="module")
def errors():
    pytest.importorskip("triton")
    return triton_checks.run("norms")


@pytest.mark.parametrize("dtype", WRITTEN)
@pytest.mark.parametrize("shape", triton_checks.NORMS, ids=str)
def test_sums_moments_and_modulation_are_those_of_plain_torch(shape, dtype, errors):
    found = errors[f"{dtype} {shape}"]
    assert max(found[name] for name in ("sum", "alone", "modulated")) < WRITTEN[dtype], found
    assert max(error for name, error in found.items() if ":" in name) < MOMENTS, found


def test_without_a_second_summand_nothing_is_copied(errors):
    assert all(case["alone"] == 0 for case in errors.values())


KERNELS = "nn.norm_kernels"
FAULTS = {
    "none": ("norms", KERNELS, "", ""),
    "distance of the means forgotten": ("norms", KERNELS, " + apart * apart * count", ""),
    "splits weighed alike": ("norms", KERNELS, "mean * count, 0) / total", "mean, 0) / count.shape[0]"),
    "mean follows too slowly": ("norms", KERNELS, "1.0 / (step + 1)", "1.0 / (step + 2)"),
    "tokens behind the end counted": (
        "norms",
        KERNELS,
        "before_TC = tl.where(mask, value_TC - mean_TC, 0.0)",
        "before_TC = value_TC - mean_TC",
    ),
    "another sample's tokens": ("norms", KERNELS, "batch.to(tl.int64) * x.batch", "batch.to(tl.int64) * x.token"),
    "variance unbiased": ("norms", KERNELS, "deviations_C / tokens", "deviations_C / (tokens - 1)"),
    "shift forgotten": ("norms", KERNELS, " + shift_C[None, :]", ""),
}


def test_planted_faults_are_noticed():
    pytest.importorskip("triton")
    for fault, (_, module, old, _) in FAULTS.items():
        assert old in triton_checks.source(module), f"{fault}: the fault has lost its place"
    noticed = triton_checks.run("mutants", json.dumps(FAULTS))
    assert noticed == {fault: fault != "none" for fault in FAULTS}


def test_float64_is_refused_in_one_line():
    x = torch.zeros(1, 2, 3, dtype=torch.float64)
    with pytest.raises(InputError, match=r"got torch.float64, expected one of torch.float32"):
        fused_norm.add_with_moments(x)


def test_where_triton_cannot_run_it_says_why():
    pytest.importorskip("triton")
    assert "TRITON_INTERPRET=1" in fused_norm.unavailable(torch.device("cpu"))
    hidden = "import sys; sys.modules['triton'] = None; from stylenat.nn import fused_norm; from torch import device"
    command = [sys.executable, "-c", f"{hidden}; print(fused_norm.unavailable(device('cpu')))"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "triton is not installed"
