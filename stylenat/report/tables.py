"""The report's numbers as pandas frames: one row a claim, a reading, a compared number."""

import re
from typing import Any

import pandas as pd

from stylenat.core.claim_cards import ClaimCard, ClaimKind
from stylenat.report.comparison import QUANTITIES, comparison, quotes
from stylenat.report.load import Entry, Judged, ReportData
from stylenat.report.names import FullName, name_of
from stylenat.report.rows import ClaimRow, PublishedRow
from stylenat.report.wording import VERDICTS, filled_in, with_unit


def claims(data: ReportData) -> pd.DataFrame:
    """One row a claim: the paper's words, the published and the measured number, the verdict and why."""
    return pd.DataFrame(claim_rows(data), columns=list(ClaimRow.model_fields))


def claim_rows(data: ReportData) -> list[dict[str, Any]]:
    """The rows of `claims`: claims of the paper, then checks of the harness."""
    return [claim_row(data, judged) for judged in [*data.judged, *data.checks]]


def claim_row(data: ReportData, judged: Judged) -> dict[str, Any]:
    """One claim with its verdict, as the columns of ClaimRow."""
    claim, verdict = judged.claim, judged.verdict
    protocol, source = data.protocols.get(claim.protocol or ""), data.number(claim.published)
    low, high = verdict.interval or (None, None)
    name = verdict_name(data, judged)
    return {
        "claim": claim.name,
        "title": claim.title,
        "about": claim.about,
        "kind": str(claim.kind),
        "versions": " ".join(claim.versions),
        "place": claim.place,
        "quote": claim.quote,
        "published": claim.expected,
        "unit": verdict.unit or claim.unit,
        "published_text": published_text(data, claim),
        "source": claim.published or "",
        "grade": source.grade if source else "",
        "measured": verdict.measured,
        "low": low,
        "high": high,
        "protocol": claim.protocol or "arithmetic",
        "protocol_version": protocol.version if protocol else None,
        "verdict": str(verdict.status),
        "why": verdict.reason,
        "rule": verdict.rule,
        "demo": demo_label(data, judged),
        "made_by": "" if name is None else name.full,
        "records": " ".join(entry.planned.path for entry in own_entries(data, judged)),
    }


def own_entries(data: ReportData, judged: Judged) -> list[Entry]:
    """The measurements that a claim cannot be judged without: no other sets of reals, no controls beside it."""
    beside = set(judged.planned.beside)
    return data.entries_at([path for path in judged.planned.records if path not in beside])


def verdict_name(data: ReportData, judged: Judged) -> FullName | None:
    """The full name of a verdict's number; None where nothing was measured."""
    made = [entry for entry in own_entries(data, judged) if entry.value is not None]
    return name_of(data, made) if made and judged.verdict.measured is not None else None


def demo_label(data: ReportData, judged: Judged) -> str:
    """The demo label of a verdict's measured number; published arithmetic has none."""
    labels = {entry.label for entry in own_entries(data, judged) if entry.value is not None}
    if not labels and judged.verdict.measured is not None and judged.claim.kind != ClaimKind.ARITHMETIC:
        return "demo" if judged.verdict.demo else ""
    return "demo" if "demo" in labels else "demo run" if "demo run" in labels else ""


def published_text(data: ReportData, claim: ClaimCard) -> str:
    """What the paper says, in few words: a number, a bound, or the methods compared with."""
    others = [data.models[name].method if name in data.models else name for name in claim.reference]
    if claim.kind == ClaimKind.LESS_THAN:
        return f"below {', '.join(others)}"
    if claim.kind == ClaimKind.ORDERING:
        return f"better than {', then '.join(others)}"
    if claim.kind == ClaimKind.ARITHMETIC:
        text = f"{claim.expected:,.{claim.printed_decimals}f}"
        return f"{text}x" if claim.unit == "x" else f"{text} {claim.unit}".strip()
    number = with_unit(claim.expected, claim.unit, printed=True)
    if claim.kind == ClaimKind.RATIO:
        return f"{number} of {others[0]}'s" if claim.unit != "x" else f"{number} {others[0]}'s"
    return f"at most {number}" if claim.kind == ClaimKind.AT_MOST else number


def arithmetic(data: ReportData) -> pd.DataFrame:
    """One row a reading of a printed figure: the formula with its numbers, its value, whether it fits."""
    rows = []
    for judged in (j for j in data.judged if j.claim.kind == ClaimKind.ARITHMETIC):
        printed = {"claim": judged.claim.name, "title": judged.claim.title}
        printed["printed"] = published_text(data, judged.claim)
        for found in judged.verdict.readings:
            reading = next((r for r in judged.claim.readings if r.name == found.name), None)
            sources = [key for key in (reading.inputs.values() if reading else []) if data.number(key)]
            rows.append(
                printed
                | {
                    "reading": found.name,
                    "formula": filled_in(found.formula, found.inputs),
                    "value": found.value,
                    "unit": judged.claim.unit,
                    "fits": found.fits,
                    "grades": " ".join(data.number(key).grade for key in sources),
                    "sources": " ".join(sources),
                    "text": found.text,
                }
            )
        if not judged.verdict.readings:
            rows.append(
                printed | {"reading": judged.verdict.reason, "formula": "", "unit": "", "grades": "", "sources": ""}
            )
    columns = ["claim", "title", "printed", "reading", "formula", "value", "unit", "fits", "grades", "sources", "text"]
    return pd.DataFrame(rows, columns=columns)


def compared(data: ReportData) -> pd.DataFrame:
    """Long form of the comparison: one row a published or measured number, or the reason why there is none."""
    rows = []
    for row in comparison(data):
        for quantity, cell in row.cells.items():
            base = {"resolution": row.resolution, "method": row.method, "quantity": QUANTITIES[quantity]}
            for quoted in cell.published:
                number = quoted.number
                found = {"value": number.value, "unit": number.unit, "grade": number.grade, "where": quoted.key}
                rows.append(base | {"kind": "published", **found})
            for mean in cell.measured:
                found = {"value": mean.value, "unit": mean.unit, "sd": mean.spread, "seeds": mean.seeds}
                where = {"where": f"{mean.protocol}/{mean.model}", "demo": mean.label, "inferred": mean.inferred}
                rows.append(base | {"kind": "measured", **found, **where, "flag": mean.flag, "made_by": mean.name.full})
            if cell.reason:
                rows.append(base | {"kind": "not measured", "where": cell.reason})
    columns = ["resolution", "method", "quantity", "kind", "value", "unit", "sd", "seeds", "grade", "where", "demo"]
    return pd.DataFrame(rows, columns=[*columns, "inferred", "flag", "made_by"])


def published(data: ReportData) -> pd.DataFrame:
    """One row a published number, with its source and grade."""
    return pd.DataFrame(published_rows(data), columns=list(PublishedRow.model_fields))


def published_rows(data: ReportData) -> list[dict[str, Any]]:
    """The rows of `published`, in the order of the cards."""
    return [
        {"card": q.card.name, **q.number.model_dump(), "reported_elsewhere": q.card.elsewhere}
        | {"title": q.card.title, "reference": q.card.reference}
        for q in quotes(data)
    ]


def plain(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """A frame's rows as plain values; what is missing is None."""
    frame = frame.astype(object)
    return frame.where(frame.notna(), None).to_dict("records")


def shown_verdict(status: str) -> str:
    """A verdict's words, without underscores."""
    return VERDICTS[status][0] if status in VERDICTS else re.sub("_", " ", status)
