import pytest
import torch

from stylenat.core.device import flags
from stylenat.timing.precision import autocast, switches, unavailable
from stylenat.timing.settings import parse_settings

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)


@pytest.mark.parametrize(
    ("precision", "reason"),
    [
        ("fp32", None),
        ("bf16", None),
        ("tf32", "tf32 exists on CUDA GPUs only"),
        ("fp16", "fp16 exists on CUDA GPUs only"),
    ],
)
def test_a_cpu_has_two_of_the_precisions(precision, reason):
    assert unavailable(precision, CPU) == reason


@pytest.mark.parametrize(
    ("capability", "absent"), [((7, 5), {"tf32", "bf16"}), ((8, 0), set()), ((9, 0), set()), ((10, 0), set())]
)
def test_older_gpus_lack_tf32_and_bf16(monkeypatch, capability, absent):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert {name for name in ("fp32", "tf32", "bf16", "fp16") if unavailable(name, GPU)} == absent


def test_the_switches_are_set_told_and_restored():
    before = flags()
    settings = {"mode": "latency", "batch_size": 1, "warmup": 1, "rounds": 1}
    with switches(parse_settings({**settings, "precision": "tf32", "cudnn_benchmark": True}, "x")) as told:
        inside = flags()
    assert (inside["tf32_matmul"], inside["tf32_cudnn"], inside["cudnn_benchmark"]) == (True, True, True)
    assert told == {**inside, "precision": "tf32", "compiled": False}
    assert flags() == before
    for precision in ("fp32", "bf16", "fp16"):
        with switches(parse_settings({**settings, "precision": precision}, "x")) as told:
            assert not any(told[name] for name in ("tf32_matmul", "tf32_cudnn", "cudnn_benchmark"))


def test_products_have_the_precision_that_is_asked_for():
    a = torch.ones(2, 2)
    for precision, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        with autocast(precision, CPU):
            assert (a @ a).dtype == dtype
