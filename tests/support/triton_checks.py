"""Checks of the Triton kernels under Triton's interpreter, in a process of their own: it is chosen at the first import.

A test calls `run(check, ...)`; the new process prints what that function of this module returns, as JSON.
"""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

import stylenat
from stylenat.attention import fused, reference
from stylenat.nn import fused_norm

TESTS = Path(__file__).resolve().parents[1]
PACKAGE = Path(stylenat.__file__).parent
MODULES = (  # each behind those that it imports
    *("attention.triton_cuts", "attention.triton_places", "attention.triton_kernels", "attention.fused"),
    *("nn.norm_kernels", "nn.fused_norm"),
)
TOLERANCE = 1e-5  # of float32, relative to the largest value
FLOATS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def run(check, *names, **environment):
    """Run a check in a new process and return what it found."""
    environment = {**os.environ, "TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1", **environment}
    command = [sys.executable, "-m", "support.triton_checks", check, *map(str, names)]
    done = subprocess.run(command, cwd=TESTS, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


class Case(NamedTuple):
    """A packed projection of random numbers, attended over by some of its heads."""

    size: tuple  # batch, heads, height, width, channels
    kernel: int
    dilation: int = 1
    bias: str | None = "float32"
    dtype: str = "float32"
    odd: bool = False  # maps of different layouts, channels not innermost
    programs: int = 4096  # asked for; few, so that a program has several images


CASES = {
    "K 1": Case((1, 1, 5, 6, 2), 1, 2),
    "K 3, classes of two lengths": Case((1, 2, 9, 7, 5), 3, 2),
    "K 3, no bias": Case((1, 1, 9, 6, 8), 3, bias=None),
    "K 3, other layouts": Case((2, 2, 5, 6, 3), 3, odd=True, bias="float64"),
    "K 3, three images in twos": Case((3, 1, 6, 5, 2), 3, programs=6),
    "K 3, wide heads": Case((1, 1, 5, 6, 40), 3),
    "K 5, keys of many queries": Case((1, 1, 8, 9, 16), 5),
    "K 5, one tile, all images": Case((2, 1, 8, 7, 32), 5, programs=1),
    "K 7, tiles of 2 x 8": Case((1, 1, 9, 10, 8), 7, bias="bfloat16"),
    "K 9, several blocks": Case((1, 1, 9, 11, 4), 9),
    "bfloat16": Case((1, 2, 9, 8, 16), 3, dtype="bfloat16"),
    "float16": Case((1, 2, 9, 8, 16), 3, dtype="float16"),
}
LONG = {
    "K 3, many classes": Case((2, 2, 26, 31, 5), 3, 5),
    "K 5, 128 channels": Case((1, 1, 12, 11, 128), 5),
    "K 7, many tiles": Case((2, 2, 37, 29, 8), 7, 3),
    "K 7, whole classes": Case((2, 1, 32, 32, 16), 7, 4, programs=8),
    "K 11": Case((1, 2, 24, 13, 8), 11),
    "K 13, dilated": Case((1, 1, 27, 40, 32), 13, 2),
    "K 31": Case((1, 1, 31, 35, 4), 31),
}
NORMS = ((2, 37, 5), (3, 130, 32), (1, 1, 8), (1, 40, 130))


def poisoned(shape, dtype=torch.float32):
    return torch.full(shape, float("nan"), dtype=dtype)


def relative(found, expected):
    """The largest error over the largest value (if that isn't 0); infinite where anything is not a number."""
    error = (found.double() - expected).abs().max() / (expected.abs().max() or 1)
    return float(error) if bool(torch.isfinite(found).all()) else float("inf")


def golden(path):
    """Errors of a golden case, float32."""
    data = np.load(path)
    q, k, v, bias, grad_out = (torch.tensor(data[name]).float() for name in ("q", "k", "v", "rpb", "dout"))
    sizes = int(data["kernel_size"]), int(data["dilation"]), 1.0
    out, lse, *grads = (poisoned(x.shape) for x in (q, q[..., 0], q, k, v, bias))
    fused.forward(q, k, v, bias, *sizes, out, lse)
    fused.backward(grad_out, q, k, v, bias, out, lse, *sizes, *grads)
    found = dict(zip(("out", "dq", "dk", "dv", "drpb"), (out, *grads), strict=True))
    return {name: relative(x, torch.tensor(data[name])) for name, x in found.items()}


def attention(name):
    """Errors of a case against the definition in float64, and how many numbers beside the targets were touched."""
    case = {**CASES, **LONG}[name]
    fused.PROGRAMS = case.programs
    batch, heads, height, width, channels = case.size
    rng, dtype, odd = torch.Generator().manual_seed(0), FLOATS[case.dtype], case.odd
    # One head more on either side, in inputs and outputs: not to be read, not to be written.
    around = (batch, height, width, 3, heads + 2, channels)
    packed, grads, outs = poisoned(around, dtype), poisoned(around, dtype), poisoned(around, dtype)
    packed[..., 1:-1, :] = torch.randn(batch, height, width, 3, heads, channels, generator=rng).to(dtype)
    (q, k, v), (dq, dk, dv), (out, _, _) = (x.permute(3, 0, 4, 1, 2, 5)[:, :, 1:-1] for x in (packed, grads, outs))
    lse_around = poisoned((batch, heads + 2, height, width))
    lse, side = lse_around[:, 1:-1], 2 * case.kernel - 1
    grad_out = torch.randn(case.size, generator=rng).to(dtype)
    if odd:
        k, v = k.contiguous(), v.transpose(2, 4).contiguous().transpose(2, 4)
        grad_out = grad_out[..., :1].expand(case.size)
        out, dv = (poisoned(x.transpose(2, 4).shape).transpose(2, 4) for x in (out, dv))
    bias = drpb = None
    if case.bias:
        bias = torch.randn(heads, side, side, generator=rng).to(getattr(torch, case.bias))
        drpb = poisoned(bias.shape, torch.float32 if case.bias == "bfloat16" else bias.dtype)
    sizes = (case.kernel, case.dilation, 0.4)
    fused.forward(q, k, v, bias, *sizes, out, None)
    first = out.clone()
    fused.forward(q, k, v, bias, *sizes, out, lse)
    assert torch.equal(first, out)
    fused.backward(grad_out, q, k, v, bias, out, lse, *sizes, dq, dk, dv, drpb)
    found = {"out": out, "lse": lse, "dq": dq, "dk": dk, "dv": dv, "drpb": drpb}
    errors = {name: relative(found[name], x) for name, x in expected(q, k, v, bias, grad_out, *sizes).items()}
    written = sum(int(torch.isfinite(x).sum()) for x in (grads, outs, lse_around))
    targets = (dq, dk, lse) if odd else (dq, dk, lse, dv, out)
    return {**errors, "touched": written - sum(x.numel() for x in targets)}


def expected(q, k, v, bias, grad_out, kernel, dilation, scale):
    """Output, log-sum-exp and gradients by the definition."""
    leaves = [x.double().requires_grad_() for x in (q, k, v, bias) if x is not None]
    bias = leaves[3] if len(leaves) == 4 else None
    out = reference.attend(*leaves[:3], kernel, dilation, bias, scale)
    names = ("dq", "dk", "dv", "drpb")
    grads = dict(zip(names, torch.autograd.grad(out, leaves, grad_out.double()), strict=False))
    keys, cells = reference.map_windows(*q.shape[2:4], kernel, dilation, q.device)
    windows = leaves[1].flatten(2, 3)[:, :, keys]
    logits = (leaves[0].flatten(2, 3).unsqueeze(3) * scale * windows).sum(-1)
    logits = logits if bias is None else logits + bias.flatten(1)[:, cells]
    return {"out": out.detach(), "lse": logits.detach().logsumexp(-1).view(q.shape[:4]), **grads}


def everything(*names):
    """All of `attention` by name, or of `golden` by path."""
    return {name: golden(name) if name.endswith(".npz") else attention(name) for name in names}


def mutants(listed):
    """By name of (case, module, old, new): whether the case notices that `old` is `new` in a module of stylenat."""
    return {name: not _passes(*fault) for name, fault in json.loads(listed).items()}


def _passes(case, module, old, new):
    """Whether a case's errors stay within tolerance, in a process that may crash or hang instead."""
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        passed = False
        try:
            _replace(module, old, new)
            errors = _norms(NORMS[1], torch.float32) if case == "norms" else attention(case)
            passed = max(errors.values()) < TOLERANCE
        finally:
            os._exit(0 if passed else 1)
    return os.waitpid(child, 0)[1] == 0


def source(module):
    """The text of a module of stylenat."""
    return (PACKAGE / f"{module.replace('.', '/')}.py").read_text()


def _replace(module, old, new):
    """Load the modules once more, one of them changed; Triton wants to read them from files."""
    with tempfile.TemporaryDirectory() as folder:
        for name in MODULES:
            path = Path(folder) / f"{name}.py"
            path.write_text(source(name).replace(old, new) if name == module else source(name))
            spec = importlib.util.spec_from_file_location(f"stylenat.{name}", path)
            sys.modules[spec.name] = loaded = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(loaded)
            package, leaf = spec.name.rsplit(".", 1)
            setattr(sys.modules[package], leaf, loaded)
            if leaf in globals():
                globals()[leaf] = loaded


def norms():
    """Errors of the fused sum, its moments and the modulation, by name of the case."""
    return {f"{dtype} {shape}": _norms(shape, FLOATS[dtype]) for dtype in FLOATS for shape in NORMS}


def _norms(shape, dtype):
    rng = torch.Generator().manual_seed(0)
    batch, tokens, channels = shape
    # Means far from zero, and strides that are not those of a contiguous tensor.
    wide, y = torch.randn(2, batch, tokens + 1, channels + 3, generator=rng).to(dtype)
    x, y = (wide + 30)[:, 1:, :channels], y[:, 1:, 3:]
    scale, shift = torch.randn(2, batch, 1, channels, generator=rng)
    errors = {"modulated": relative(fused_norm.modulate(x, scale, shift), x.double() * scale + shift)}
    for name, other, plain in (("sum", y, x.double() + y.double()), ("alone", None, x.double())):
        for splits in (1, 1024):
            fused_norm.MAX_SPLITS = splits
            total, mean, variance = fused_norm.add_with_moments(x, other)
            wanted = torch.var_mean(total.double(), dim=1, correction=0, keepdim=True)
            errors[f"{name}: variance {splits}"], errors[f"{name}: mean {splits}"] = map(
                relative, (variance, mean), wanted
            )
        errors[name] = relative(total, plain)
    return errors


def amend_interpreter():
    """Multiply bfloat16 numbers, whose bits it takes for integers; and save two thirds of the time.

    That goes into preparing the language anew in every function, and into a search for overflow behind every operation.
    """
    dot, prepared = InterpreterBuilder.create_dot, set()

    def widened(x):
        if x.dtype.scalar != tl.bfloat16:
            return x
        return TensorHandle((x.data.astype(np.uint32) << 16).view(np.float32), tl.float32)

    InterpreterBuilder.create_dot = lambda self, a, b, *rest: dot(self, widened(a), widened(b), *rest)

    def call(self, *arguments, **named):
        if self.fn.__module__ not in prepared:
            prepared.add(self.fn.__module__)
            _patch_lang(self.fn)
        return self.rewrite()(*arguments, **named)

    def patch_with_scalars(tensor, scope, patch=interpreter._patch_lang_tensor):
        patch(tensor, scope)
        scope.set_attr(tensor, "__index__", lambda self: self.handle.data.item())

    InterpretedFunction.__call__ = call
    interpreter._patch_lang_tensor = patch_with_scalars
    object.__setattr__(interpreter_builder.options, "sanitize_overflow", False)


if __name__ == "__main__":
    import triton.language as tl
    from triton.runtime import interpreter
    from triton.runtime.interpreter import (
        InterpretedFunction,
        InterpreterBuilder,
        TensorHandle,
        _patch_lang,
        interpreter_builder,
    )

    amend_interpreter()
    np.seterr(invalid="raise")  # no lane may make what is not a number, read or not
    torch.set_num_threads(1)
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
