"""The how-to's own code, run as it stands in docs/attention.md, against natten 0.17.5's numbers."""

import inspect
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from support import golden

from stylenat.attention import BACKENDS, neighborhood_attention
from stylenat.core.registry import ROOT

TEXT = (ROOT / "docs/attention.md").read_text(encoding="utf-8")
CASES = sorted(path.stem for path in (golden.FOLDER / "na").glob("*.npz"))
OTHERS = ("pydantic", "yaml", "safetensors", "snakemake", "torchvision", "scipy", "PIL", "pandas")


@pytest.fixture(scope="module")
def names():
    """What the page's Python blocks leave behind, run one after the other."""
    torch.manual_seed(0)
    found = {}
    for block in re.findall(r"^```python\n(.*?)^```$", TEXT, flags=re.M | re.S):
        exec(compile(block, "docs/attention.md", "exec"), found)
    return found


def test_the_blocks_run_and_keep_the_map_s_shape(names):
    assert names["fast"].shape == (2, 15, 17, names["channels"])
    assert names["fast"].isfinite().all()


def test_the_weights_take_no_more_than_ten_lines():
    block = re.search(r"^```python\n(.*?)^```$", TEXT, flags=re.M | re.S)[1]
    assert len([line for line in block.splitlines() if line.strip()]) <= 10


@pytest.mark.parametrize("case", CASES)
def test_natten_s_numbers_pass_through_the_page_s_function(names, case):
    """A projection that only shifts hands natten's own q, k and v to the attention; q there is scaled already."""
    data = np.load(golden.FOLDER / "na" / f"{case}.npz")
    q, k, v, rpb = inputs = [torch.tensor(data[n]).double().requires_grad_() for n in ("q", "k", "v", "rpb")]
    heads, channels = q.shape[1], q.shape[1] * q.shape[4]
    # The module's order of channels: q of all heads, then k, then v.
    maps = [x.permute(0, 2, 3, 1, 4).flatten(3) for x in (q * q.shape[4] ** 0.5, k, v)]
    rng = torch.Generator().manual_seed(1)
    shift, offset = (torch.randn(size, generator=rng).double() for size in (3 * channels, channels))
    mix = torch.randn(channels, channels, generator=rng).double()
    weights = {"qkv.weight": torch.eye(3 * channels).double(), "qkv.bias": shift, "rpb": rpb}
    weights |= {"proj.weight": mix, "proj.bias": offset}
    found = names["attend"](
        torch.cat(maps, dim=3) - shift, weights, heads, int(data["kernel_size"]), int(data["dilation"])
    )
    out, dout = (torch.tensor(data[n]).double().permute(0, 2, 3, 1, 4).flatten(3) for n in ("out", "dout"))
    torch.testing.assert_close(found, out @ mix.T + offset, rtol=0, atol=1e-12)
    gradients = torch.autograd.grad(found, inputs, dout @ torch.linalg.inv(mix))
    for name, gradient in zip(("dq", "dk", "dv", "drpb"), gradients, strict=True):
        torch.testing.assert_close(gradient, torch.tensor(data[name]).double(), rtol=0, atol=1e-9)


def test_the_page_has_the_function_s_own_signature():
    quoted = re.search(r"^`neighborhood_attention\((.*)\)`$", TEXT, flags=re.M)[1]
    parameters = inspect.signature(neighborhood_attention).parameters.values()
    expected = [p.name if p.default is p.empty else f"{p.name}={p.default!r}".replace("'", '"') for p in parameters]
    first = next(index for index, p in enumerate(parameters) if p.kind is p.KEYWORD_ONLY)
    assert quoted == ", ".join([*expected[:first], "*", *expected[first:]])


def test_every_backend_stands_in_the_table():
    table = TEXT.split("## Backends")[1].split("\n## ")[0]
    assert set(BACKENDS) <= set(re.findall(r"^\| `(\w+)` \|", table, flags=re.M))


def test_of_the_pinned_packages_the_attention_imports_pytorch_alone():
    code = f"import sys, stylenat.attention; print([name for name in {OTHERS} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
