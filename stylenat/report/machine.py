"""The report for machines: the content of the page as one JSON document."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from stylenat.report import evidence, tables, view
from stylenat.report.document import Document
from stylenat.report.inert import json_rows
from stylenat.report.load import Entry, Judged, ReportData
from stylenat.report.rows import MeasurementRow, nulled
from stylenat.report.style import Drawing


def render(data: ReportData, drawings: Mapping[str, list[Drawing]]) -> str:
    """The document as text; the same records give the same bytes."""
    return json_rows(document(data, drawings).model_dump(mode="json"))


def document(data: ReportData, drawings: Mapping[str, list[Drawing]]) -> Document:
    """The content of the page, validated."""
    run, simulated = data.plan.run, data.simulated
    return Document.model_validate(
        {
            "schema_version": 1,
            "run": nulled({"name": run.run, "title": run.title, "demo": run.demo, "banner": view.demo_banner(data)}),
            "counts": {state.key: state.count for state in view.states(data)},
            "claims": [_claim(data, judged) for judged in data.judged],
            "checks": [_claim(data, judged) for judged in data.checks],
            "arithmetic": [nulled(row) for row in tables.plain(tables.arithmetic(data))],
            "comparison": [nulled(row) for row in tables.plain(tables.compared(data))],
            "published": [nulled(row) for row in tables.published_rows(data)],
            "networks": [_network(network) for network in view.networks(data)],
            "conventions": view.conventions(data),
            "measurements": [_measurement(data, entry) for entry in data.entries],
            "assumptions": [asdict(item) for item in view.assumptions(data)],
            "environment": [asdict(setting) for setting in view.environment(data)],
            "figures": [_figure(section, drawing) for section, found in drawings.items() for drawing in found],
            "simulation": simulated.simulation,
            "simulation_problem": simulated.problem or None,
        }
    )


def _claim(data: ReportData, judged: Judged) -> dict[str, Any]:
    claim, row = judged.claim, nulled(tables.claim_row(data, judged))
    lists = {"versions": list(claim.versions), "records": [e.planned.path for e in tables.own_entries(data, judged)]}
    caveats = {"tolerance": claim.tolerance, "tolerance_reason": claim.tolerance_reason, "note": claim.note}
    return row | lists | nulled(caveats)


def _measurement(data: ReportData, entry: Entry) -> dict[str, Any]:
    row, record = nulled(evidence.measurement_row(data, entry)), entry.record
    made = {"metric_version": None, "inputs": {}, "switches": {}}
    if record is not None:
        made = {"metric_version": record.metric_version, "inputs": record.inputs, "switches": _finite(record.flags)}
    return dict.fromkeys(MeasurementRow.model_fields) | row | made


def _finite(value: Any) -> Any:
    """Plain values with null for numbers that JSON does not have."""
    return json.loads(json.dumps(value), parse_constant=lambda _: None)


def _network(network: view.Network) -> dict[str, Any]:
    entry, buffers = network.entry, network.buffers
    row = {
        "model": network.model,
        "title": network.title,
        "network": network.part,
        "parameters": entry.value,
        "reason": entry.reason,
        "buffers": buffers if isinstance(buffers, int) else None,
        "record": entry.planned.path,
    }
    return nulled(row) | {"parts": [{"name": name, "count": count} for name, count in network.parts]}


def _figure(section: str, drawing: Drawing) -> dict[str, Any]:
    made = {".svg": drawing.svg, ".png": drawing.png}
    files = [f"figures/{drawing.name}{suffix}" for suffix, content in made.items() if content]
    row = {"name": drawing.name, "title": drawing.title, "caption": drawing.caption, "alt": drawing.alt}
    return nulled(row | {"section": section, "problem": drawing.problem}) | {"files": files}
