"""The report in short, as Markdown: verdicts, audit, comparison, figures, measurements."""

import re
from collections.abc import Iterable, Mapping

from stylenat.report import appendix, tables, view
from stylenat.report.comparison import QUANTITIES, Cell, averages, comparison
from stylenat.report.inert import shown
from stylenat.report.load import Entry, ReportData
from stylenat.report.names import name_of
from stylenat.report.style import Drawing
from stylenat.report.wording import mean_text, measured, seconds, with_unit

MOST_ROWS = 500  # of measurements: a repository does not show a page of a megabyte
MARKS = re.compile(r"([\\`*_{}\[\]<>#|~])")


def escape(text: str) -> str:
    """Text that Markdown shows as it stands, on one line, without HTML."""
    return MARKS.sub(r"\\\1", " ".join(shown(text).replace("&", "&amp;").split()))


def table(headers: list[str], rows: Iterable[list[str]]) -> str:
    """A pipe table; cells are escaped already."""
    lines = [headers, ["---"] * len(headers), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def render(data: ReportData, drawings: Mapping[str, list[Drawing]]) -> str:
    """The whole report in short, with the figures that lie beside it."""
    banner = view.demo_banner(data)
    parts = [
        f"# StyleNAT, claim by claim\n\n{escape(data.plan.run.title)}: run `{data.plan.run.run}`.\n",
        f"> **DEMO RUN.** {escape(banner)}\n" if banner else "",
        f"## Verdicts\n\n{counts(data)}\n\n{verdict_table(data, rules=True)}",
        f"## Does the harness hold its own checks?\n\n{_checks(data)}" if data.checks else "",
        f"## Do the printed percentages follow?\n\n{_audit(data)}",
        f"## Published beside measured\n\n{_comparison(data)}",
        f"## Figures\n\n{_figures(drawings)}",
        f"## What no source settles\n\n{_assumptions(data)}",
        f"## Measurements\n\n{_measurements(data)}",
        f"## {appendix.TITLE}\n\n{_appendix(data)}",
    ]
    return "\n".join(part for part in parts if part)


def counts(data: ReportData) -> str:
    """How many claims have each verdict, and how many of them rest on no measurement."""
    words = ", ".join(f"{state.count} {state.words}" for state in view.states(data))
    return f"{len(data.judged)} claims: {words}. {view.arithmetic_note(data)}".strip()


def verdict_table(data: ReportData, rules: bool = False) -> str:
    """One row a claim, grouped by verdict; with `rules`, each verdict's rule beside it."""
    headers = ["Claim", "Versions", "Published", "Measured", "Measured with", "Verdict", "Why"]
    rows = [_verdict_row(item, state, rules) for state in view.states(data) for item in view.verdicts(data, state.key)]
    return table([*headers, "Rule"] if rules else headers, rows)


def _verdict_row(item: view.VerdictView, state: view.State, rules: bool) -> list[str]:
    claim, number = item.judged.claim, "no number"
    if item.measured:
        number = item.measured + (f" ({item.interval})" if item.interval else "")
        number += " (computed)" if view.measured_word(item) == "Computed" else ""
        number += f" [{item.label}]" if item.label else ""
    grade = f" [{item.source.grade}]" if item.source else ""
    made = item.name.short if item.name else "nothing was measured"
    words = [claim.title, ", ".join(claim.versions), item.published + grade, number, made]
    verdict = item.judged.verdict
    rule = [escape(verdict.rule or "none was applied")] if rules else []
    return [*map(escape, words), f"{state.sign} **{state.words}**", escape(verdict.reason), *rule]


def _checks(data: ReportData) -> str:
    words = {state.key: state for state in view.states(data)}
    rows = []
    for item in view.checks(data):
        verdict, state = item.judged.verdict, words[item.judged.verdict.status]
        rows.append([escape(item.judged.claim.title), f"{state.sign} **{state.words}**", escape(verdict.reason)])
    return table(["Check", "Verdict", "Why"], rows)


def _audit(data: ReportData) -> str:
    rows = []
    for row in tables.arithmetic(data).astype(object).to_dict("records"):
        made = row["value"] == row["value"]  # a NaN differs from itself
        value = with_unit(row["value"], row["unit"]) if made else "no value"
        fits = ("yes" if row["fits"] else "no") if made else "not computed"
        rows.append([*map(escape, (row["printed"], row["reading"], row["formula"], value)), fits])
    return table(["Printed", "Reading", "Formula", "Value", "Rounds to it"], rows)


def _comparison(data: ReportData) -> str:
    rows = []
    for row in comparison(data):
        cells = [_cell(row.cells[key], row.why_nothing) for key in QUANTITIES]
        rows.append([escape(row.method), str(row.resolution), *cells, escape(row.why_nothing) or "see the cells"])
    return table(["Method", "px", *QUANTITIES.values(), "Why nothing was measured"], rows)


def _cell(cell: Cell, why_nothing: str) -> str:
    quoted = [q.number for q in cell.published[:1]]
    parts = [f"published {with_unit(n.value, n.unit, printed=True)} [{n.grade}]" for n in quoted]
    for mean in cell.first:
        words = (mean.label, "inferred" if mean.inferred else "", "outside its controls" if mean.flag else "")
        label = "".join(f" [{word}]" for word in words if word)
        text = mean_text(mean.value, mean.spread, mean.unit)
        parts.append(f"measured {text}{label} ({mean.model}; {mean.name.short})")
    if cell.further:
        parts.append(f"{len(cell.further)} more by other protocols or against other sets")
    if cell.reason and not why_nothing:
        parts.append(f"not measured: {cell.reason}")
    return escape("; ".join(parts)) or "none found"


def _assumptions(data: ReportData) -> str:
    rows = [[escape(item.title), item.kind, escape(item.text)] for item in view.assumptions(data)]
    return table(["Card", "About", "Assumed or inferred"], rows)


def _measurements(data: ReportData) -> str:
    headers = ["Protocol", "Model", "Seed", "Status", "Value", "Flag", "Measured with", "Code", "Took"]
    if len(data.entries) <= MOST_ROWS:
        return table(headers, [_measurement_row(data, entry) for entry in data.entries])
    without = [_measurement_row(data, entry) for entry in data.entries if entry.value is None]
    told = f"{len(data.entries)} measurements: means over seeds here, each of them in `measurements.csv`."
    parts = [f"{told}\n\n{_means(data)}", f"Without a number:\n\n{table(headers, without)}" if without else ""]
    return "\n".join(part for part in parts if part)


def _means(data: ReportData) -> str:
    rows = [
        [
            mean.protocol,
            mean.model,
            mean_text(mean.value, mean.spread, mean.unit),
            mean.label,
            mean.flag,
            mean.name.short,
        ]
        for mean in averages(data, data.entries)
    ]
    headers = ["Protocol", "Model", "Mean ± sd", "Label", "Flag", "Measured with"]
    return table(headers, [[escape(cell) or "none" for cell in row] for row in rows])


def _figures(drawings: Mapping[str, list[Drawing]]) -> str:
    found = [drawing for section in drawings.values() for drawing in section]
    parts = [
        f"{escape(drawing.title)}: not drawn, because {escape(drawing.problem)}."
        if drawing.problem
        else f"![{escape(drawing.alt)}](figures/{drawing.name}.png)\n\n"
        f"**{escape(drawing.title)}.** {escape(drawing.caption)}"
        for drawing in found
    ]
    return "\n\n".join(parts) + "\n"


def _measurement_row(data: ReportData, entry: Entry) -> list[str]:
    planned, record = entry.planned, entry.record
    value = entry.reason
    if record is not None and entry.value is not None:
        error = f" ± {measured(record.standard_error.value)}" if record.standard_error else ""
        value = with_unit(entry.value, record.unit) + error + (f" [{entry.label}]" if entry.label else "")
    name = name_of(data, [entry]).short if entry.value is not None else "none"
    flag = data.flag(planned) if entry.value is not None else ""
    made = [flag or "none", name, *([record.code[:8], seconds(record.wall_seconds)] if record else ["none"] * 2)]
    version = f" v{record.protocol_version}" if record else ""
    cells = [planned.protocol + version, planned.model, str(planned.seed), entry.status, value, *made]
    return [escape(str(cell)) or "not recorded" for cell in cells]


def _appendix(data: ReportData) -> str:
    made = data.simulated.simulation
    if made is None:
        return f"Not shown, because {escape(data.simulated.problem)}.\n"
    cells = [[escape(cell) for cell in row] for row in appendix.rows(made)]
    return f"{escape(appendix.READING)}\n\n{table(appendix.HEADERS, cells)}\n{escape(appendix.caption(made))}\n"
