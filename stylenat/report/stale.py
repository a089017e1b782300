"""Whether a verdict still stands on the records that it was judged on."""

from pathlib import Path

from stylenat.core.files import sha256_file
from stylenat.core.plan import PlannedVerdict
from stylenat.core.records import Verdict, VerdictStatus, failed_path, read_measurement


def stale_reason(verdict: Verdict, planned: PlannedVerdict, results: Path) -> str:
    """Why a verdict may not be shown any more; empty while all that it rested on is unchanged."""
    for path, digest in sorted(verdict.records.items()):
        fault = _fault(results / path, digest)
        if fault:
            return f"stale: the record {path} that it rested on {fault}{_failure(results / path)}"
    for path in planned.records:
        fault = _unjudged(path, verdict, results, needed=path not in planned.beside)
        if fault:
            return f"stale: the record {path} {fault}{_failure(results / path)}"
    return ""


def _fault(file: Path, digest: str) -> str:
    if not file.exists():
        return "is gone"
    try:
        return "" if sha256_file(file) == digest else "has changed"
    except ValueError:
        return "can't be read"


def _unjudged(path: str, verdict: Verdict, results: Path, needed: bool) -> str:
    """What is wrong with a planned record that the verdict does not name; one that is not needed may be missing."""
    failed = failed_path(Path(path)).as_posix()
    if path in verdict.records:
        return ""
    if (results / path).exists():
        return "was made after it was judged"
    if failed in verdict.records:
        return ""
    if (results / failed).exists():
        return "failed after it was judged"
    return "that it needs is gone" if needed and verdict.status != VerdictStatus.NOT_RUN else ""


def _failure(path: Path) -> str:
    """The reason that a failed measurement left in the place of a record, as an appendix to a sentence."""
    failed = failed_path(path)
    if path.exists() or not failed.exists():
        return ""
    try:
        return f" (the measurement failed: {read_measurement(failed).reason})"
    except (OSError, ValueError, RecursionError):
        return " (the measurement failed, and its reason can't be read)"
