"""A comparison of two campaigns as data: JSON with all of it, CSV with one row a claim."""

import csv
import io
from typing import Any

from stylenat.report.compare import Campaign, Change, Claim, Comparison, Side
from stylenat.report.compare_facts import Difference
from stylenat.report.compare_lines import explanation
from stylenat.report.compare_values import Values, error_of
from stylenat.report.compare_words import conclude, conclude_values
from stylenat.report.inert import csv_cell, json_text
from stylenat.report.load import Entry

SCHEMA_VERSION = 1
OF_SIDE = ("verdict", "reason", "measured", "low", "high", "standard_error", "unit", "seeds", "demo")


def render_json(found: Comparison) -> str:
    """All of it, hashes in full; the keys are described in docs/compare.md."""
    return json_text(
        {
            "schema_version": SCHEMA_VERSION,
            "a": _campaign(found.a),
            "b": _campaign(found.b),
            "counts": {str(change): len(found.having(change)) for change in Change},
            "claims": [_claim(claim) for claim in found.claims],
        }
    )


def render_csv(found: Comparison) -> str:
    """One row a claim: both sides, and the explanation as text."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    sided = [f"{key}_{letter}" for letter in "ab" for key in OF_SIDE]
    writer.writerow(["claim", "title", "change", *sided, "explanation"])
    for claim in found.claims:
        sides = [_side(side) or {} for side in (claim.a, claim.b)]
        told = "; ".join(text.rstrip(".") for _, text in explanation(claim))
        cells = [claim.name, claim.title, str(claim.change), *(side.get(key) for side in sides for key in OF_SIDE)]
        cells = [" ".join(map(str, cell)) if isinstance(cell, list) else cell for cell in [*cells, told]]
        writer.writerow([csv_cell(cell) for cell in cells])
    return file.getvalue()


def _campaign(one: Campaign) -> dict[str, Any]:
    run = one.data.plan.run
    return {"folder": one.folder, "run": run.run, "title": run.title, "demo": run.demo, "verdicts": one.counts}


def _claim(claim: Claim) -> dict[str, Any]:
    about = (claim.a or claim.b).judged.claim.about
    return {
        "claim": claim.name,
        "title": claim.title,
        "about": about,
        "change": str(claim.change),
        "a": _side(claim.a),
        "b": _side(claim.b),
        "conclusion": conclude(claim),
        "judging": [_difference(difference) for difference in claim.judging],
        "values": [_values(values) for values in claim.values],
    }


def _side(side: Side | None) -> dict[str, Any] | None:
    if side is None:
        return None
    verdict, (value, bounds) = side.judged.verdict, side.number
    low, high = bounds or (None, None)
    found = (
        str(verdict.status), verdict.reason, value, low, high, side.standard_error, side.unit, side.seeds, side.label
    )  # fmt: skip
    return dict(zip(OF_SIDE, found, strict=True))


def _values(values: Values) -> dict[str, Any]:
    protocol, model, dataset = values.key
    return {
        "protocol": protocol,
        "model": model,
        "dataset": dataset,
        "beside": values.beside,
        "conclusion": conclude_values(values),
        "seeds": [{"seed": pair.seed, "a": _entry(pair.a), "b": _entry(pair.b)} for pair in values.pairs],
        "differences": [_difference(difference) for difference in values.differences],
    }


def _entry(entry: Entry | None) -> dict[str, Any] | None:
    if entry is None:
        return None
    return {
        "status": entry.status,
        "reason": entry.reason,
        "value": entry.value,
        "standard_error": error_of(entry),
        "demo": entry.label,
        "path": entry.planned.path,
        "sha256": entry.sha256,
    }


def _difference(found: Difference) -> dict[str, Any]:
    named = {"kind": found.kind, "role": found.role, "name": found.name}
    return named | {"a": found.a, "b": found.b, "seeds": list(found.seeds)}
