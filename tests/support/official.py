"""Files as StyleNAT's authors write them, in both layouts, for a network of 32 px."""

import argparse

import numpy as np
import torch

from support import golden

LAYOUTS = ("legacy", "nested")
ARCH = {"resolution": 32, "kernel_sizes": [3, 7, 7, 7], "dilations": [[1], [1], [1, 2], [1, 4]]}
# The published run file lists nine levels whatever the size.
KERNELS = [[3]] + 8 * [[7]]
DILATIONS = [[1], [1], *([1, 2**power] for power in range(1, 8))]


def run_arguments():
    """The run configuration of the nested layout."""
    generator = {"n_mlp": 8, "style_dim": 512, "lr": 4e-5, "channel_multiplier": 2, "min_heads": 4, "qk_scale": None}
    generator |= {"kernels": KERNELS, "dilations": DILATIONS}
    runs = {"size": 32, "generator": generator, "discriminator": {"channel_multiplier": 2, "sn": True}}
    misc = {"seed": 7, "rng_state": 5056 * [0], "py_rng_state": (3, tuple(range(625)), None)}
    return {"type": "train", "runs": runs, "misc": misc}


def buffers(case):
    """What the official network keeps besides parameters and the spectral norm's vectors."""
    _, arrays = golden.load(case)
    found = {name.removeprefix("buffer:"): torch.tensor(array) for name, array in arrays.items() if "buffer:" in name}
    return {name: value for name, value in found.items() if not name.endswith(("weight_u", "weight_v"))}


def with_legacy_names(state):
    """Bias tables as rpb0 and rpb1; two halves where the network has one table."""
    found = {}
    for name, value in state.items():
        stem, listed, index = name.rpartition(".rpb.")
        if not listed:
            found[name] = value
        elif name.startswith("layers.1."):
            found |= {f"{stem}.rpb{half}": table for half, table in enumerate(value.chunk(2))}
        else:
            found[f"{stem}.rpb{index}"] = value
    return found


def generator_entry(state, layout):
    """A generator's state under official names, with its buffers."""
    named = with_legacy_names(state) if layout == "legacy" else dict(state)
    return {**named, **buffers("stylenat-32-hydra")}


def discriminator_entry(state):
    """A discriminator's state with its buffers."""
    return {**state, **buffers("styleswin_d-32-cm2")}


def content(layout, generator, discriminator, arguments=None):
    """All that a file holds; `g`, which must not be taken, is zeros."""
    average = generator_entry(generator, layout)
    latest = {name: torch.zeros(1, dtype=value.dtype).expand(value.shape) for name, value in average.items()}
    states = {"g": latest, "d": discriminator_entry(discriminator), "g_ema": average}
    optimisers = {"g_optim": {"state": {}}, "d_optim": {"state": {}}}
    if layout == "legacy":
        known = {"size": 32, "seed": 7, "rng_state": torch.zeros(5056, dtype=torch.uint8)}
        return {**states, **optimisers, "args": argparse.Namespace(**(arguments or known))}
    info = {"fid @ 0.20M imgs": np.float64(2.05), "0.20M imgs is": "25000 * 8 * 1", "steps": np.int64(3)}
    rates = {"G_lr": 5e-5, "D_lr": 2e-4}
    rest = {"optim_dicts": optimisers, "lr_dicts": rates, "eval_info": info}
    return {"args": arguments or run_arguments(), "state_dicts": states, **rest}
