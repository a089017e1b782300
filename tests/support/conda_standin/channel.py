"""A channel on disk that holds two packages: the tests' own interpreter as `python`, and its `pip`."""

import asyncio
import importlib.metadata
import io
import json
import platform
import sys
import tarfile
import time
from pathlib import Path

from rattler.index import index_fs

from support.conda_standin.command import PLATFORM

MINOR = f"python{sys.version_info.major}.{sys.version_info.minor}"
SITE = f"lib/{MINOR}/site-packages"
BASE = Path(sys.base_prefix, "bin", MINOR).resolve()

# Every start of the environment's interpreter leaves a line there, so that a test can tell who ran a rule.
STARTED = "started.jsonl"
TRACE = f"""import json, os, sys
with open(os.path.join(sys.prefix, {STARTED!r}), "a") as file:
    file.write(json.dumps(sys.orig_argv) + "\\n")
"""


def build(folder):
    """Make the channel `conda-forge` in a folder of channels."""
    channel = folder / "conda-forge"
    for subdir in (PLATFORM, "noarch"):
        (channel / subdir).mkdir(parents=True)
    _pack(channel, "python", platform.python_version(), [], _python())
    _pack(channel, "pip", importlib.metadata.version("pip"), ["python"], _pip())
    asyncio.run(index_fs(channel))
    return folder


def _python():
    """A virtual environment's skeleton: links to the interpreter, and nothing installed."""
    config = f"home = {BASE.parent}\ninclude-system-site-packages = false\nversion = {platform.python_version()}\n"
    links = {f"bin/{MINOR}": BASE, "bin/python3": MINOR, "bin/python": MINOR}
    return links | {"pyvenv.cfg": config.encode(), f"{SITE}/sitecustomize.py": TRACE.encode()}


def _pip():
    """The files of the pip that is installed beside the tests, without its scripts."""
    files = [file for file in importlib.metadata.files("pip") if ".." not in file.parts and file.suffix != ".pyc"]
    return {f"{SITE}/{file}": file.locate().read_bytes() for file in files}


def _pack(channel, name, version, depends, files):
    """Write one package: bytes are files, anything else is the target of a link."""
    index = {"name": name, "version": version, "build": "0", "build_number": 0, "depends": depends, "subdir": PLATFORM}
    kinds = {path: "hardlink" if isinstance(content, bytes) else "softlink" for path, content in files.items()}
    paths = [{"_path": path, "path_type": kind} for path, kind in kinds.items()]
    info = {"info/index.json": {**index, "timestamp": int(time.time() * 1000)}}
    info["info/paths.json"] = {"paths": paths, "paths_version": 1}
    with tarfile.open(channel / PLATFORM / f"{name}-{version}-0.tar.bz2", "w:bz2") as archive:
        for path, content in info.items():
            _add(archive, path, json.dumps(content).encode())
        for path, content in files.items():
            _add(archive, path, content)


def _add(archive, path, content):
    entry = tarfile.TarInfo(path)
    if isinstance(content, bytes):
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    else:
        entry.type, entry.linkname = tarfile.SYMTYPE, str(content)
        archive.addfile(entry)
