"""Files that would run something: each is refused in one line that names it, and nothing happens."""

import gzip
import os
import pickle
import random
import subprocess
import sys
import warnings

import pytest
import torch
from support.persistent import TRIPWIRE, write_pkl

from stylenat.checkpoints.persistent import read_persistent
from stylenat.checkpoints.torch_file import read_torch_file
from stylenat.core.errors import InputError

TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n"
PERSISTENT = b"ctorch_utils.persistence\n_reconstruct_persistent_obj\n"


class Call:
    """Unpickling this would call a function."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def text(word):
    return b"X" + len(word).to_bytes(4, "little") + word.encode()


def call(module, name, argument):
    """The opcodes of module.name(argument)."""
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n" + text(argument) + b"\x85R"


def top(value, protocol=b"\x80\x04"):
    """A file that holds a network G of those opcodes."""
    return protocol + b"}" + text("G") + value + b"s."


TOUCH = "touch ran"
CODE = "open('ran', 'w').close()"
SYSTEM = call("posix", "system", TOUCH)
HOSTILE = {
    "os.system": (top(call("os", "system", TOUCH)), "names 'os.system'"),
    "posix.system": (pickle.dumps({"G": Call(os.system, TOUCH)}), "names 'posix.system'"),
    "subprocess": (pickle.dumps({"G": Call(subprocess.Popen, ["touch", "ran"])}), "names 'subprocess.Popen'"),
    "eval": (pickle.dumps({"G": Call(eval, CODE)}), "names 'builtins.eval'"),
    "exec, protocol 2": (pickle.dumps({"G": Call(exec, CODE)}, 2), "names '__builtin__.exec'"),
    "getattr chain": (
        top(b"cbuiltins\ngetattr\ncbuiltins\n__import__\n" + text("os") + b"\x85R" + text("system") + b"\x86R"),
        "names 'builtins.getattr'",
    ),
    "attrgetter": (top(call("operator", "attrgetter", "system")), "names 'operator.attrgetter'"),
    "partial": (top(b"cfunctools\npartial\ncposix\nsystem\n" + text(TOUCH) + b"\x86R)R"), "names 'functools.partial'"),
    "nested in a tensor": (top(TENSOR + SYSTEM + b"K\x00))t" + b"R"), "names 'posix.system'"),
    "nested in a network": (top(PERSISTENT + b"}" + text("state") + SYSTEM + b"s\x85R"), "names 'posix.system'"),
    "a key": (top(b"}" + SYSTEM + b"Ns"), "names 'posix.system'"),
    "in what is not asked for": (b"\x80\x04}" + text("x") + SYSTEM + b"s.", "names 'posix.system'"),
    "dotted attribute": (top(text("torch") + text("_utils.os.system") + b"\x93"), "names 'torch._utils.os.system'"),
    "dotted into an open package": (
        top(text("torch.nn.modules") + text("module.os.system") + b"\x93"),
        "names 'torch.nn.modules.module.os.system'",
    ),
    "a like-named package": (top(b"ctimmx\nrun\n)R"), "names 'timmx.run'"),
    "inst": (top(b"(" + text(TOUCH) + b"iposix\nsystem\n"), "names 'posix.system'"),
    "inst of an allowed name": (top(b"(itimm\nx\n"), "makes 'timm.x' by the opcode INST"),
    "obj": (top(b"(ctimm\nx\n" + text(TOUCH) + b"o"), "has the pickle opcode OBJ"),
    "obj of a command": (top(b"(cposix\nsystem\n" + text(TOUCH) + b"o"), "names 'posix.system'"),
    "extension": (top(b"\x82\x01"), "has the pickle opcode EXT1"),
    "extension of 4 bytes": (top(b"\x84\x01\x00\x00\x00"), "has the pickle opcode EXT4"),
    "persistent id": (top(b"Pposix system\n"), "has the pickle opcode PERSID"),
    "persistent id on the stack": (top(text("x") + b"Q"), "has the pickle opcode BINPERSID"),
    "main": (top(b"c__main__\nrun\n)R"), "names '__main__.run'"),
    "dill's type maker": (top(call("dill._dill", "_create_type", "x")), "names 'dill._dill._create_type'"),
    "dill itself": (top(call("dill", "loads", "x")), "names 'dill.loads'"),
    "codecs": (top(call("codecs", "open", "ran")), "names 'codecs.open'"),
    "torch.load": (top(call("torch", "load", "x")), "names 'torch.load'"),
    "a name of two lines": (top(text("a\nb") + text("c\x1b[2J") + b"\x93"), "names 'a?b.c??2J'"),
}


@pytest.fixture(autouse=True)
def nothing_runs(tmp_path, monkeypatch):
    """Everything here would make the file `ran`, in the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRIPWIRE", "ran")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
    assert not (tmp_path / "ran").exists()


def refusal(path, data):
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        read_persistent(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert str(caught.value).isprintable()
    return str(caught.value)


@pytest.mark.parametrize("case", HOSTILE)
def test_a_file_that_would_run_something_is_refused_by_name(tmp_path, case):
    data, what = HOSTILE[case]
    assert refusal(tmp_path / "x.pkl", data).endswith(f": refused: the file {what}, which no such checkpoint needs")


def test_the_corpus_bites(tmp_path):
    """Python's own unpickler does make the file, and does run the source."""
    for case in ("os.system", "posix.system", "eval", "getattr chain", "inst", "obj of a command", "a key"):
        data, _ = HOSTILE[case]
        subprocess.run(
            [sys.executable, "-c", f"import pickle; pickle.loads({data!r})"], check=False, capture_output=True
        )
        assert (tmp_path / "ran").exists() or case == "getattr chain", case
        (tmp_path / "ran").unlink(missing_ok=True)
    subprocess.run([sys.executable, "-c", TRIPWIRE], check=False, capture_output=True)
    (tmp_path / "ran").unlink()


INERT = b"ctorch.nn.modules.linear\nLinear\n)\x81"
NETWORK = {kind: {} for kind in ("_parameters", "_buffers", "_modules")}


@pytest.mark.parametrize(
    ("opcodes", "says"),
    [
        (b"ctimm\nx\n}" + text("__setstate__") + b"cbuiltins\nset\nsb", "not a readable pickle"),  # BUILD on a name
        (b"cbuiltins\nset\nN}" + text("x") + b"K\x01s\x86b", "not a readable pickle"),
        (b"]N}" + text("__class__") + b"ctimm\nx\ns\x86b", "not a readable pickle"),
        (b"}" + b"}" + text("__class__") + b"ctimm\nx\nsb", "not a readable pickle"),
        (INERT + b"N}" + text("__class__") + b"cbuiltins\nset\ns\x86b", "is no network"),
        (INERT + b"}" + text("__class__") + b"cbuiltins\nset\nsb", "_parameters is no dict"),
        (INERT + b"cbuiltins\nset\nb", "is no network"),
        (b"N", "no networks here"),
        (PERSISTENT + b")R", "is no network"),
        (PERSISTENT + b"]\x85R", "is no network"),
        (PERSISTENT + b"}" + text("class_name") + b"K\x01s\x85R", "is no network"),
    ],
)
def test_tricks_with_states_do_nothing(tmp_path, opcodes, says):
    assert says in refusal(tmp_path / "x.pkl", top(opcodes))


def modules(**fields):
    """A network of torch's plain module class with those attributes."""
    module = torch.nn.Module()
    module.__dict__.update(fields)
    return module


def test_modules_that_hold_themselves_or_one_another_many_times_end(tmp_path):
    endless = modules()
    endless.__dict__["_modules"] = {"a": endless}
    assert "more than 64 modules within one another" in refusal(tmp_path / "x.pkl", pickle.dumps({"G": endless}))
    laughs = modules()
    for _ in range(40):
        laughs = modules(_modules={"a": laughs, "b": laughs})
    assert "more than 100000 entries" in refusal(tmp_path / "x.pkl", pickle.dumps({"G": laughs}))
    nothing = modules(_modules=dict.fromkeys(map(str, range(50_000))))
    laughs = modules(_modules={str(place): nothing for place in range(50_000)})
    assert "more than 100000 entries" in refusal(tmp_path / "x.pkl", pickle.dumps({"G": laughs}))


@pytest.mark.parametrize("names", [{1: None}, {"x" * 201: None}, {b"a": None}])
def test_names_of_tensors_are_short_texts(tmp_path, names):
    data = pickle.dumps({"G": modules(_buffers=names)})
    assert "_buffers is no dict of names" in refusal(tmp_path / "x.pkl", data)


def test_a_tensor_s_odd_name_makes_one_line(tmp_path):
    data = pickle.dumps({"G": modules(_buffers={"a\nb": 1}, _modules={})})
    assert refusal(tmp_path / "x.pkl", data).endswith("G: a\\nb is no tensor")


def test_files_of_the_other_format_are_told_apart(tmp_path):
    torch.save({"g_ema": {"a": torch.zeros(2)}}, tmp_path / "x.pt")
    assert "not a readable pickle of networks" in refusal(tmp_path / "x.pkl", (tmp_path / "x.pt").read_bytes())
    torch.save({"g_ema": {"a": torch.zeros(2)}}, tmp_path / "x.pt", _use_new_zipfile_serialization=False)
    assert "no networks here: found nothing" in refusal(tmp_path / "x.pkl", (tmp_path / "x.pt").read_bytes())
    write_pkl(tmp_path / "x.pkl", G=("G", {"a": torch.zeros(2)}))
    with pytest.raises(InputError, match=r"x\.pkl: (refused: the file names '|not a readable torch checkpoint)"):
        read_torch_file(tmp_path / "x.pkl")
    assert "not a readable" in refusal(tmp_path / "x.pkl", gzip.compress((tmp_path / "x.pkl").read_bytes()))
    with pytest.raises(InputError, match=r"y\.pkl: no such file$"):
        read_persistent(tmp_path / "y.pkl")
    with pytest.raises(InputError, match="not a readable pickle"):
        read_persistent(tmp_path)


def damaged(whole, index, rng):
    """A truncation, or a few bytes or bits changed."""
    if index % 3 == 0:
        return whole[: rng.randrange(len(whole))]
    changed = bytearray(whole)
    for _ in range(rng.choice((1, 1, 5, 50))):
        place = rng.randrange(len(changed))
        changed[place] = rng.randrange(256) if index % 3 == 1 else changed[place] ^ 1 << rng.randrange(8)
    return bytes(changed)


@pytest.mark.parametrize("protocol", [2, 4])
def test_damaged_files_raise_nothing_else_and_warn_of_nothing(tmp_path, protocol):
    path, rng, refused = tmp_path / "x.pkl", random.Random(protocol), 0
    state = {"a.weight": torch.ones(3), "a.b.c": torch.ones(2, 2), "d": torch.tensor(1)}
    whole = write_pkl(path, G=("G", state, {"n": 1}), D=("D", state, None, None, True), protocol=protocol).read_bytes()
    for index in range(300):
        path.write_bytes(damaged(whole, index, rng))
        try:
            read_persistent(path)
        except InputError as error:
            refused += str(error).isprintable()
    assert refused > 150
