"""What the fused backends promise as one operator: compiled, under autocast, differentiated twice, packed, counted."""

import logging

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from stylenat.attention import HydraAttention, Partition, backends, hydra_attention, neighborhood_attention, pick
from stylenat.core.errors import InputError

PARTITIONS = [Partition(2, 5, 2), Partition(1, 3, 4)]


def packed(dtype=torch.float64, batch=2, size=(13, 14), channels=3):
    rng = torch.Generator().manual_seed(0)
    qkv = torch.randn(batch, *size, 3, 3, channels, generator=rng, dtype=dtype, requires_grad=True)
    biases = [torch.randn(n, 2 * k - 1, 2 * k - 1, generator=rng, dtype=dtype) for n, k, _ in PARTITIONS]
    return qkv, [bias.requires_grad_() for bias in biases]


def by_hand(qkv, biases):
    """Each partition by the definition, on its own heads."""
    q, k, v = qkv.permute(3, 0, 4, 1, 2, 5)
    outputs, first = [], 0
    for (heads, kernel, dilation), bias in zip(PARTITIONS, biases, strict=True):
        part = slice(first, first + heads)
        sizes = {"kernel_size": kernel, "dilation": dilation, "bias": bias, "backend": "reference"}
        outputs.append(neighborhood_attention(q[:, part], k[:, part], v[:, part], **sizes))
        first += heads
    return torch.cat(outputs, dim=1).permute(0, 2, 3, 1, 4)


@pytest.mark.parametrize("backend", ["tiled", "reference"])
def test_a_packed_call_is_its_partitions_one_by_one(backend):
    qkv, biases = packed()
    expected = by_hand(qkv, biases)
    found = hydra_attention(qkv, PARTITIONS, biases, backend=backend)
    torch.testing.assert_close(found, expected)
    assert found.is_contiguous()
    weights = torch.randn_like(expected)
    wanted = torch.autograd.grad((expected * weights).sum(), [qkv, *biases])
    got = torch.autograd.grad((found * weights).sum(), [qkv, *biases])
    torch.testing.assert_close(got, wanted)
    assert got[0].is_contiguous() or backend == "reference"


@pytest.mark.parametrize("backend", ["tiled", "reference"])
@torch.no_grad()
def test_a_packed_call_fills_the_memory_it_is_given_and_no_more(backend):
    qkv, biases = packed()
    around = torch.full((2, 13, 14, 3, 9), torch.nan, dtype=torch.float64)
    found = hydra_attention(qkv, PARTITIONS, biases, backend=backend, out=around[..., 3:6])
    torch.testing.assert_close(found, by_hand(qkv, biases))
    assert around[..., :3].isnan().all()
    assert around[..., 6:].isnan().all()


def test_the_fast_path_can_be_differentiated_twice():
    torch.manual_seed(0)
    partitions = [Partition(1, 3, 1), Partition(1, 1, 2)]
    inputs = [torch.randn(1, 4, 3, 3, 2, 2), torch.randn(1, 5, 5), torch.randn(1, 1, 1)]
    inputs = [x.double().requires_grad_() for x in inputs]

    def run(qkv, *biases):
        return hydra_attention(qkv, partitions, biases, backend="tiled")

    assert torch.autograd.gradgradcheck(run, inputs)


def test_without_bias_and_with_only_some_gradients():
    qkv, _ = packed()
    q, k, v = (x.detach() for x in qkv.permute(3, 0, 4, 1, 2, 5))
    results = []
    for backend in ("reference", "tiled"):
        leaf = k.clone().requires_grad_()
        out = neighborhood_attention(q, leaf, v, kernel_size=5, dilation=2, backend=backend)
        results.append(torch.autograd.grad(out.square().sum(), leaf)[0])
    torch.testing.assert_close(results[1], results[0])


@pytest.mark.filterwarnings("ignore:Dynamo detected a call")
@pytest.mark.parametrize("backend", ["auto", "tiled", "reference"])
def test_it_compiles_in_one_piece_with_its_gradients(backend):
    torch.compiler.reset()
    qkv, biases = packed(torch.float32)

    def run(qkv, *biases):
        return hydra_attention(2 * qkv, PARTITIONS, biases, backend=backend).square()

    compiled = torch.compile(run, fullgraph=True, backend="aot_eager")
    expected, found = run(qkv, *biases), compiled(qkv, *biases)
    torch.testing.assert_close(found, expected)
    wanted = torch.autograd.grad(expected.sum(), [qkv, *biases])
    torch.testing.assert_close(torch.autograd.grad(found.sum(), [qkv, *biases]), wanted)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_gives_its_dtype_and_gradients_in_that_of_the_parameters(dtype):
    torch.manual_seed(0)
    module, x = HydraAttention(12, 3, [5, 3], [2, 4]), torch.randn(2, 13, 14, 12)
    for table in module.rpb:
        torch.nn.init.normal_(table)
    expected = module(x)
    with torch.autocast("cpu", dtype):
        found = module(x)
        q = torch.randn(1, 1, 5, 5, 2, dtype=torch.float64)
        assert neighborhood_attention(q, q, q, kernel_size=3).dtype == torch.float64
    assert found.dtype == dtype
    assert (found.float() - expected).abs().max() < 0.05 * expected.abs().max()
    found.float().square().sum().backward()
    assert module.rpb[0].grad.dtype == torch.float32
    assert module.rpb[0].grad.abs().max() > 0


@pytest.mark.parametrize("backend", ["reference", "tiled"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_rounded_once_at_the_end(dtype, backend):
    qkv, biases = packed(torch.float32)
    low = qkv.detach().to(dtype)
    expected = hydra_attention(low.double(), PARTITIONS, biases, backend="reference")
    found = hydra_attention(low, PARTITIONS, biases, backend=backend)
    assert found.dtype == dtype
    torch.testing.assert_close(found.double(), expected.detach(), rtol=torch.finfo(dtype).eps, atol=1e-6)


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("out", [False, True])
def test_torch_counts_the_operator_as_it_counts_the_definition(device, out):
    qkv, biases = (packed(torch.float32)[0].to(device).detach(), [b.to(device) for b in packed(torch.float32)[1]])
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        given = torch.empty(2, 13, 14, 3, 3, device=device) if out else None
        assert hydra_attention(qkv, PARTITIONS, biases, out=given).shape == (2, 13, 14, 3, 3)
    windows = sum(heads * kernel**2 for heads, kernel, _ in PARTITIONS)
    assert counter.get_total_flops() == 2 * 2 * 2 * 13 * 14 * windows * 3


def test_torch_counts_five_products_of_the_backward_pass():
    qkv, biases = packed(torch.float32)
    with FlopCounterMode(display=False) as counter:
        hydra_attention(qkv, PARTITIONS, biases).sum().backward()
    forward = 2 * 2 * 2 * 13 * 14 * (2 * 25 + 9) * 3
    assert counter.get_total_flops() == forward + forward // 2 * 5


def test_torch_accepts_the_operator():
    qkv, biases = packed(torch.float64)
    sizes = [[2, 1], [5, 3], [2, 4], 0.5, "tiled"]
    torch.library.opcheck(torch.ops.stylenat.attend.default, ([qkv], biases, *sizes, True))
    # Fixed steps of one dimension of a tensor list are what the check varies; it can't do so here.
    torch.library.opcheck(
        torch.ops.stylenat.attend_into.default,
        (torch.empty(2, 3, 13, 14, 3).double(), [qkv.detach()], [b.detach() for b in biases], *sizes),
        test_utils=["test_schema", "test_faketensor"],
    )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"qkv": torch.zeros(1, 9, 9, 2, 3, 4)}, r"qkv has shape \(1, 9, 9, 2, 3, 4\)"),
        ({"partitions": [Partition(2, 3, 1)]}, "the partitions have 2 heads, expected the 3 of qkv"),
        ({"biases": []}, "found 0 biases for 1 partitions"),
        ({"partitions": [Partition(3, 5, 2)]}, r"5 \* 2 = 10, expected at most H = 9"),
        ({"qkv": torch.zeros(1, 9, 9, 3, 3, 4, dtype=torch.int64)}, "q has dtype torch.int64"),
        ({"backend": "triton"}, "attention backend 'triton' can't run on cpu: triton needs a CUDA device"),
    ],
)
def test_a_packed_call_that_can_not_be_is_refused(change, says, monkeypatch):
    monkeypatch.setattr(backends.fused, "unavailable", lambda device: "triton needs a CUDA device")
    arguments = {"qkv": torch.zeros(1, 9, 9, 3, 3, 4), "partitions": [Partition(3, 3, 1)], "biases": None, **change}
    with pytest.raises(InputError, match=says):
        hydra_attention(arguments.pop("qkv"), arguments.pop("partitions"), arguments.pop("biases"), **arguments)


def test_auto_says_what_it_picked_once(caplog):
    backends._pick.cache_clear()
    with caplog.at_level(logging.INFO, logger="stylenat.attention"):
        for _ in range(2):
            assert pick(torch.device("cpu"), torch.float32).name == "tiled"
    assert [record.getMessage() for record in caplog.records] == [
        "neighborhood attention on cpu in torch.float32: tiled (the fast path of CPUs)"
    ]


def wrong_bias(fused):
    def forward(q, k, v, bias, *rest):
        fused.forward(q, k, v, None if bias is None else bias.flip(-1), *rest)

    return forward


@pytest.mark.parametrize(
    ("fault", "name", "says"),
    [(None, "triton", "checked"), (wrong_bias, "reference", "relative error"), ("raise", "reference", "OSError: no")],
)
def test_on_a_gpu_the_fused_kernels_must_hold_the_definition_first(fault, name, says, monkeypatch, caplog):
    """The tiles of the CPU stand in for the kernels of a GPU."""
    tiled = backends.tiled
    forward = tiled.forward if fault is None else fault(tiled) if callable(fault) else None

    def broken(*_):
        raise OSError("no compiler")

    monkeypatch.setattr(backends.fused, "forward", forward or broken)
    monkeypatch.setattr(backends.fused, "backward", tiled.backward)
    check = backends._self_check(torch.device("cpu"), torch.float32)
    monkeypatch.setattr(backends.fused, "unavailable", lambda device: None)
    monkeypatch.setattr(backends, "_self_check", lambda *_: check)
    choice = backends._choose(torch.device("cuda", 0), torch.float32)
    assert choice.name == name
    assert says in choice.why
    assert ("does not hold the definition" in caplog.text) == (name == "reference")


def test_the_listing_says_why_a_backend_is_missing(monkeypatch):
    monkeypatch.setattr(backends.natten_ops, "unavailable", lambda device: "natten is not installed")
    lines = [line.split("\t") for line in backends.listing("cpu")]
    assert [line[0] for line in lines][: len(backends.BACKENDS)] == list(backends.BACKENDS)
    assert ["natten", "natten is not installed"] in [line[:2] for line in lines]
    assert ["auto", "float32", "tiled: the fast path of CPUs"] in lines
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="torch finds no usable GPU"):
        backends.listing("cuda")
