"""Two results folders side by side: which verdicts changed, and what differs behind them. Writes nothing."""

from pathlib import Path

from stylenat.core import paths
from stylenat.core.errors import InputError
from stylenat.core.plan import Plan, read_plan
from stylenat.core.records import Status, read_verdict
from stylenat.report.compare import Campaign, compare
from stylenat.report.compare_data import render_csv, render_json
from stylenat.report.compare_text import render_markdown, render_text
from stylenat.report.inert import plain
from stylenat.report.load import UNREADABLE, ReportData, load

RENDERERS = {"text": render_text, "markdown": render_markdown, "json": render_json, "csv": render_csv}


def run(a: Path, b: Path, form: str) -> str:
    """The comparison of two results folders, in one of the forms of RENDERERS.

    Raises:
        InputError: a folder has no plan, or a plan, record or verdict in it is broken. A missing record is not.
    """
    return RENDERERS[form](compare(_campaign(Path(a)), _campaign(Path(b))))


def _campaign(results: Path) -> Campaign:
    try:
        plan = read_plan(results / paths.PLAN)
        _check_verdicts(plan, results)
        data = load(plan, results)
    except UNREADABLE as error:
        text = str(error) if isinstance(error, InputError) else f"{results}: can't be read ({error})"
        raise InputError(plain(text)) from None
    _check_records(data, results)
    return Campaign(str(results), data)


def _check_verdicts(plan: Plan, results: Path) -> None:
    """A report shows a broken verdict as one that was not made; here it would pass for a change."""
    for planned in plan.verdicts:
        path = results / planned.path
        if path.exists():
            found = read_verdict(path).claim
            if found != planned.claim:
                raise InputError(f"{path}: holds the verdict on '{found}', expected '{planned.claim}'")


def _check_records(data: ReportData, results: Path) -> None:
    """As with verdicts: a record that can't be read is none that failed."""
    for entry in data.entries:
        if entry.status == Status.FAILED and entry.record is None:
            raise InputError(plain(f"{results / entry.planned.path}: {entry.reason}"))
