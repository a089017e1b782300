"""The names that NVIDIA's files and StyleGAN-XL's may refer to. None of them is ever looked up: each becomes a record.

So the list guards no door. It tells a checkpoint from anything else: a file that names something outside it is refused.
"""

from typing import Any

from stylenat.checkpoints.records import Malformed, Name, Names, Record, key

PERSISTENT = "torch_utils.persistence._reconstruct_persistent_obj"
TENSOR = "torch._utils._rebuild_tensor_v2"
PARAMETER = "torch._utils._rebuild_parameter"
STORAGE = "torch.storage._load_from_bytes"
SCALARS = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")  # NumPy 1 and 2
DTYPE = "numpy.dtype"


def _dict(args: tuple[Any, ...]) -> dict[Any, Any]:
    pairs = list(args[0]) if args and isinstance(args[0], list) else []
    if len(args) > 1 or (args and not isinstance(args[0], list)):
        raise Malformed("a dict of other things than pairs")
    if not all(isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs):
        raise Malformed("a dict of other things than pairs")
    return {key(pair[0]): pair[1] for pair in pairs}


def _set(args: tuple[Any, ...]) -> set[Any]:
    if len(args) > 1 or (args and not isinstance(args[0], list)):
        raise Malformed("a set of something else than a list")
    return set(map(key, args[0])) if args else set()


def _bytes(args: tuple[Any, ...]) -> bytes:
    if len(args) != 2 or type(args[0]) is not str or args[1] != "latin1":
        raise Malformed("bytes in another code than latin1")
    return args[0].encode("latin-1")


def _no_bytes(args: tuple[Any, ...]) -> bytes:
    if args:
        raise Malformed("bytes of arguments")
    return b""


def _object(args: tuple[Any, ...]) -> Record:
    if len(args) != 3 or not isinstance(args[0], Name):
        raise Malformed("an object of no class")
    return Record(args[0].text)


MAKERS = {
    "collections.OrderedDict": _dict,  # of modules, parameters, buffers and hooks
    "dnnlib.util.EasyDict": _dict,  # of keyword arguments; a dict with attributes
    "builtins.set": _set,  # _non_persistent_buffers_set; written so by protocols 2 and 3
    "__builtin__.set": _set,  # ... and by protocol 2 under Python 2's names
    "_codecs.encode": _bytes,  # how protocol 2 writes bytes
    "__builtin__.bytes": _no_bytes,  # ... and none of them
    "copyreg._reconstructor": _object,  # objects of classes whose reduction goes by protocol 0
    "copy_reg._reconstructor": _object,
}
EXACT = frozenset(
    {
        PERSISTENT,  # every network and layer: class name and attributes, and source, which stays unread
        TENSOR,
        PARAMETER,
        STORAGE,  # a tensor's numbers, as bytes of a torch file of their own
        *SCALARS,  # sampling rates and sizes that are NumPy's
        DTYPE,
        "numpy.core.multiarray._reconstruct",  # StyleGAN-XL's layers keep their sizes as arrays
        "numpy._core.multiarray._reconstruct",
        "numpy.ndarray",
        "builtins.object",  # the base that _reconstructor takes
        "__builtin__.object",
        "torch.Size",  # shapes and types among the attributes of layers
        "torch.device",
        "torch.float16",
        "torch.float32",
        "torch.float64",
        # dill's, for hooks and methods set on the feature networks of StyleGAN-XL's discriminator: functions inside
        # functions, which it writes out as code. As records they are dead text.
        "dill._dill._load_type",
        "dill._dill._create_function",
        "dill._dill._create_code",
        "dill._dill._create_cell",
        "dill._dill._import_module",
        "dill._dill._get_attr",
        # The hooks of the discriminator heads' spectral norm.
        "torch.nn.utils.spectral_norm.SpectralNorm",
        "torch.nn.utils.spectral_norm.SpectralNormLoadStateDictPreHook",
        "torch.nn.utils.spectral_norm.SpectralNormStateDictHook",
    }
)
# Layers that StyleGAN-XL's discriminator keeps as plain objects: their attributes are read, their classes never.
PACKAGES = ("torch.nn.modules", "timm", "pg_modules", "feature_networks")

NAMES = Names(MAKERS, EXACT, PACKAGES)
