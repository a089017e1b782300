"""For tests only: what Snakemake asks of conda, answered from a channel on this disk."""

import os
import sys
from pathlib import Path

from support.conda_standin import channel


def on_path(folder):
    """Build the channel in a folder; gives an environment whose `conda` solves against it."""
    channel.build(folder)
    first = [Path(__file__).parent / "bin", Path(sys.executable).parent, os.environ["PATH"]]
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return kept | {"PATH": os.pathsep.join(map(str, first)), "CONDA_STANDIN_CHANNELS": str(folder)}
