"""Stage `report`: plan, records and verdicts become pages, tables, figures and a document for machines."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from stylenat.core.cards import Pictures
from stylenat.core.files import atomic_path, write_text
from stylenat.core.plan import read_plan
from stylenat.report import evidence, latex, machine, markdown, page, parquet, tables
from stylenat.report.figures import figures
from stylenat.report.inert import no_formula
from stylenat.report.load import ReportData, load
from stylenat.report.parallel import uncollected
from stylenat.report.readme import render_verdict_table, update_readme
from stylenat.report.rows import ClaimRow, MeasurementRow, PublishedRow
from stylenat.report.style import Drawing

VERDICT_COLUMNS = (
    "title", "published_text", "measured", "low", "high", "unit", "demo", "verdict", "why", "made_by",
)  # fmt: skip
MEASUREMENT_COLUMNS = (
    "protocol", "model", "seed", "resize_filter", "dataset", "images", "detector", "detector_sha256", "device",
    "status", "value", "standard_error", "unit", "flag", "demo", "reason",
)  # fmt: skip


def run(
    plan_path: Path, results: Path, out: Path, readme: Path | None = None, pictures: Pictures | None = None
) -> Path:
    """Render everything into the folder `out`, the verdict table also into `readme`, and give the page's path.

    The same plan and records give the same bytes. Tables and figures of an earlier rendering that this one does not
    make are removed. Where pictures lie, the run says, unless `pictures` does (see `page.render`).

    Raises:
        InputError: the plan or a card in it is broken, or `readme` lacks its markers. A broken record is shown as such.
    """
    out = Path(out)
    with uncollected():
        return _rendered(load(read_plan(plan_path), Path(results)), out, readme, pictures)


def _rendered(data: ReportData, out: Path, readme: Path | None, pictures: Pictures | None) -> Path:
    drawings = figures(data)
    _write_tables(out, data)
    write_text(out / "report.md", markdown.render(data, drawings))
    _write_figures(out / "figures", [drawing for section in drawings.values() for drawing in section])
    write_text(out / "report.json", machine.render(data, drawings))
    write_text(out / "report.html", page.render(data, drawings, pictures))
    if readme is not None:
        update_readme(Path(readme), render_verdict_table(data))
    return out / "report.html"


def _write_figures(folder: Path, drawings: list[Drawing]) -> None:
    written = []
    for drawing in drawings:
        for suffix, content in ((".svg", drawing.svg and drawing.svg.encode()), (".png", drawing.png)):
            if content:
                written.append(folder / f"{drawing.name}{suffix}")
                with atomic_path(written[-1]) as temporary:
                    temporary.write_bytes(content)
    _remove_others(folder, ("*.svg", "*.png"), written)


def _write_tables(out: Path, data: ReportData) -> None:
    claims, measurements = tables.claims(data), evidence.measurements(data)
    frames = {"claims": claims, "measurements": measurements, "published": tables.published(data)}
    for name, frame in frames.items():
        write_text(out / f"{name}.csv", frame.map(no_formula).to_csv(index=False, lineterminator="\n"))
    parquet.write(out / "claims.parquet", tables.claim_rows(data), ClaimRow)
    parquet.write(out / "measurements.parquet", evidence.measurement_rows(data), MeasurementRow)
    parquet.write(out / "published.parquet", tables.published_rows(data), PublishedRow)
    short = claims[list(VERDICT_COLUMNS)].copy()
    short["verdict"] = short["verdict"].map(tables.shown_verdict)
    seen = measurements[list(MEASUREMENT_COLUMNS)]
    demo = " Numbers marked demo check the machinery, not the paper." if data.plan.run.demo else ""
    made: dict[str, tuple[pd.DataFrame, str]] = {
        "verdicts": (short, f"Claims of StyleNAT and their verdicts.{demo}"),
        "arithmetic": (
            tables.arithmetic(data).drop(columns=["claim", "sources", "text"]),
            "Readings of printed figures.",
        ),
        "comparison": (tables.compared(data), f"Published and measured numbers.{demo}"),
        "measurements": (seen, f"Measurements.{demo}"),
    }
    for name, (frame, caption) in made.items():
        write_text(out / "tables" / f"{name}.tex", latex.table(frame, caption, name))
    _remove_others(out / "tables", ("*.tex",), [out / "tables" / f"{name}.tex" for name in made])


def _remove_others(folder: Path, patterns: Iterable[str], kept: list[Path]) -> None:
    """A figure or table left from an earlier rendering would pass for one of this."""
    for pattern in patterns:
        for path in folder.glob(pattern):
            if path not in kept:
                path.unlink()
