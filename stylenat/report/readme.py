"""The verdict table of the README: rendered between two markers, never typed."""

from pathlib import Path

from stylenat.core.errors import InputError
from stylenat.core.files import write_text
from stylenat.report.load import ReportData
from stylenat.report.markdown import counts, verdict_table

BEGIN, END = "<!-- verdicts:begin -->", "<!-- verdicts:end -->"


def render_verdict_table(data: ReportData) -> str:
    """Counts and the verdict table as Markdown."""
    return f"{counts(data)}\n\n{verdict_table(data)}"


def update_readme(path: Path, table: str) -> None:
    """Put the table between the markers of a Markdown file; a file without them raises InputError."""
    text = path.read_text(encoding="utf-8")
    start, end = text.find(BEGIN), text.find(END)
    if not 0 <= start < end:
        raise InputError(f"{path}: expected '{BEGIN}' and then '{END}', each on a line of its own")
    write_text(path, f"{text[: start + len(BEGIN)]}\n\n{table.strip()}\n\n{text[end:]}")
