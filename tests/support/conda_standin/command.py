"""The command `conda` as far as Snakemake calls it: py-rattler solves and installs, pip does the rest.

Channels are folders in `CONDA_STANDIN_CHANNELS`; nothing but pip asks a network.
"""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import rattler
import yaml
from rattler.exceptions import GatewayError, InvalidMatchSpecError, SolverError

VERSION = "24.7.1"  # the oldest that Snakemake 9 takes
PLATFORM = "linux-64"
KEYS = {"name", "channels", "dependencies"}


def read(file):
    """An environment file's channels, conda specs and pip pins."""
    card = yaml.safe_load(Path(file).read_text())
    unknown = sorted(set(card) - KEYS)
    if unknown:
        raise ValueError(f"{file}: unknown key '{unknown[0]}'")
    pins = [pin for entry in card["dependencies"] if isinstance(entry, dict) for pin in entry["pip"]]
    specs = [rattler.MatchSpec(entry) for entry in card["dependencies"] if isinstance(entry, str)]
    return [name for name in card["channels"] if name != "nodefaults"], specs, pins


async def install(channels, specs, prefix):
    """Solve the specs against the channels and fill the prefix."""
    folder = Path(os.environ["CONDA_STANDIN_CHANNELS"])
    sources = [rattler.Channel((folder / name).as_uri()) for name in channels]
    gateway = rattler.Gateway(cache_dir=folder / "cache")
    found = await rattler.solve(sources, specs, gateway=gateway, platforms=[PLATFORM, "noarch"])
    await rattler.install(found, prefix, cache_dir=folder / "cache", show_progress=False)


def create(file, prefix):
    """Make an environment as `conda env create` does: conda's part first, then pip's, beside the file."""
    channels, specs, pins = read(file)
    asyncio.run(install(channels, specs, prefix))
    if pins:
        pip = [f"{prefix}/bin/python", "-m", "pip", "install", "--quiet", *pins]
        subprocess.run(pip, cwd=Path(file).absolute().parent, check=True)


def main(arguments):
    """Answer one call; a call that Snakemake does not make is an error."""
    match arguments:
        case ["--version"]:
            print(f"conda {VERSION}")
        case ["info", "--json"]:
            print(json.dumps({"conda_prefix": str(Path(__file__).resolve().parent), "platform": PLATFORM}))
        case ["config", "--get", "channel_priority", "--json"]:
            print(json.dumps({"get": {"channel_priority": "strict"}}))
        case ["clean", *_]:
            pass
        case ["env", "create", "--quiet", "--no-default-packages", "--file", file, "--prefix", prefix]:
            create(file, prefix)
        case _:
            raise ValueError(f"not implemented: {' '.join(arguments)}")


def run(arguments):
    """Answer one call and give its exit status; a fault is one line on stderr."""
    try:
        main(arguments)
    except (ValueError, GatewayError, InvalidMatchSpecError, SolverError, subprocess.CalledProcessError) as error:
        print(f"conda stand-in: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    status = run(sys.argv[1:])
    sys.stdout.flush()
    os._exit(status)  # at an ordinary exit py-rattler's threads now and then abort the interpreter
