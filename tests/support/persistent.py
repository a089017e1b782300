"""Files in NVIDIA's layout: networks as pickled objects with the source of their classes, which must never run."""

import io
import pickle
import sys
import types
from collections import OrderedDict
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

TRIPWIRE = "import os; open(os.environ['TRIPWIRE'], 'w').close(); raise SystemExit('the source of a pickle was run')\n"
MULTIARRAY = np._core.multiarray
# NumPy 1's names, which all published files have.
OLD_NAMES = {id(MULTIARRAY.scalar): "scalar", id(MULTIARRAY._reconstruct): "_reconstruct"}
PLAIN_CLASS = ("pg_modules.discriminator", "ProjectedDiscriminator")


class Network(NamedTuple):
    """What is written of one network."""

    class_name: str
    state: dict[str, torch.Tensor]  # dotted names
    init_kwargs: dict[str, Any] | None = None
    parameters: frozenset[str] | None = None  # which of the names are parameters; None: all
    plain: bool = False  # objects of classes by reference, as StyleGAN-XL's discriminator; else persistent ones


class Persistent:
    """An object as the authors' decorator pickles it."""

    def __init__(self, class_name, fields):
        self.class_name, self.fields = class_name, fields

    def __reduce__(self):
        from torch_utils.persistence import _reconstruct_persistent_obj

        meta = {"type": "class", "version": 6, "module_src": TRIPWIRE, "class_name": self.class_name}
        return _reconstruct_persistent_obj, ({**meta, "state": self.fields},), None


class Pickler(pickle._Pickler):
    """Writes NumPy's functions under the module of NumPy 1."""

    def save_global(self, obj, name=None):
        if id(obj) in OLD_NAMES:
            self.write(b"cnumpy.core.multiarray\n" + OLD_NAMES[id(obj)].encode() + b"\n")
            self.memoize(obj)
        else:
            super().save_global(obj, name)


@contextmanager
def authors_modules(names):
    """Modules by those names and attributes, importable within the context only; gives the attributes."""
    made, before = {}, dict(sys.modules)
    try:
        for module, attribute, bases in names:
            for depth in range(1, module.count(".") + 2):
                package = ".".join(module.split(".")[:depth])
                sys.modules.setdefault(package, types.ModuleType(package))
            if bases is None:
                value = types.FunctionType((lambda *_: None).__code__, {}, attribute)
            else:
                value = type(attribute, bases, {})
            value.__module__, value.__qualname__ = module, attribute
            setattr(sys.modules[module], attribute, value)
            made[attribute] = value
        yield made
    finally:
        for name in set(sys.modules) - set(before):
            del sys.modules[name]


def _tree(network, parameters, make):
    """Objects within one another from dotted names, each with the attributes that torch's modules have."""

    def build(state, prefix):
        fields = {"training": False}
        for kind in ("_parameters", "_buffers", "_backward_hooks", "_forward_hooks", "_forward_pre_hooks", "_modules"):
            fields[kind] = OrderedDict()
        fields["_non_persistent_buffers_set"] = set()
        inner = OrderedDict()
        for name, value in state.items():
            first, dot, rest = name.partition(".")
            if dot:
                inner.setdefault(first, OrderedDict())[rest] = value
            elif prefix + name in parameters:
                fields["_parameters"][name] = nn.Parameter(value.detach(), requires_grad=value.is_floating_point())
            else:
                fields["_buffers"][name] = value.detach()
        fields["_parameters"]["absent"] = None
        fields["_modules"].update((name, build(part, f"{prefix}{name}.")) for name, part in inner.items())
        fields |= {"in_size": np.broadcast_to(np.asarray(16), [2]), "rate": np.float64(32.0)}
        return make(fields, prefix)

    return build(network.state, "")


def _object(network, made):
    parameters = set(network.state) if network.parameters is None else set(network.parameters)

    def persistent(fields, prefix):
        fields |= {} if prefix else {"_init_args": (), "_init_kwargs": made["EasyDict"](network.init_kwargs or {})}
        return Persistent(network.class_name if not prefix else "Layer", fields)

    def plain(fields, prefix):
        found = made["Block" if prefix else PLAIN_CLASS[1]]()
        found.__dict__.update(fields)
        return found

    return _tree(network, parameters, plain if network.plain else persistent)


def write_pkl(path, G=None, D=None, G_ema=None, protocol=3, extra=None):
    """Write the networks (each a Network, or a tuple of its fields) as the authors' training loop does.

    protocol: 3 as published StyleGAN2 files have it, 4 as StyleGAN-XL's. extra: more entries at the top.
    """
    names = [("torch_utils.persistence", "_reconstruct_persistent_obj", None), ("dnnlib.util", "EasyDict", (dict,))]
    names += [(*PLAIN_CLASS, (object,)), ("timm.models.efficientnet", "Block", (object,))]
    with authors_modules(names) as made:
        content = {"training_set_kwargs": made["EasyDict"](path="ffhq.zip", xflip=True, max_size=np.int64(70000))}
        for name, network in (("G", G), ("D", D), ("augment_pipe", None), ("G_ema", G_ema)):
            content[name] = None if network is None else _object(Network(*network), made)
        stream = io.BytesIO()
        Pickler(stream, protocol=protocol).dump({**content, **(extra or {})})
    path.write_bytes(stream.getvalue())
    return path
