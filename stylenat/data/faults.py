"""What is wrong with a set of raw images: one report that lists everything, and one line that sums it up."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from stylenat.core.errors import InputError
from stylenat.core.files import write_text

FAULTS_FILE = "faults.tsv"
Kind = Literal["missing", "truncated", "altered", "unusable", "duplicate", "surplus"]


@dataclass(frozen=True, order=True)
class Fault:
    """One image that the set lacks, or that it can't take as it is; `what` is a whole line that names it."""

    kind: Kind
    name: str
    what: str


def report_faults(faults: Sequence[Fault], place: str, count: int, folder: Path) -> None:
    """Write FAULTS_FILE into `folder`, or remove an older one where nothing is wrong.

    Raises:
        InputError: there are faults; a single one is the message, more are counted by kind and the first is quoted.
    """
    path = folder / FAULTS_FILE
    if not faults:
        path.unlink(missing_ok=True)
        return
    write_text(path, "".join("\t".join((f.kind, f.name, " ".join(f.what.split()))) + "\n" for f in sorted(faults)))
    if len(faults) == 1:
        raise InputError(faults[0].what)
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(Counter(fault.kind for fault in faults).items()))
    raise InputError(
        f"{place}: {len(faults)} faults in a set of {count} images ({kinds}); all are listed in {path}; the first:"
        f" {sorted(faults)[0].what}"
    )
