"""The report as one HTML file that needs nothing else: styles, figures and pictures lie inside it."""

import base64
from collections.abc import Mapping
from importlib.resources import files

import jinja2
from markupsafe import Markup

from stylenat.report import appendix, names, tables, view, wording
from stylenat.report.comparison import QUANTITIES, comparison
from stylenat.report.evidence import fid_infinity
from stylenat.report.load import ReportData
from stylenat.report.style import Drawing

OWN = files("stylenat.report")


def render(data: ReportData, drawings: Mapping[str, list[Drawing]]) -> str:
    """The page; all text of cards and records is escaped."""
    template = _environment().get_template("report.html.j2")
    rows = comparison(data)
    return template.render(
        data=data,
        run=data.plan.run,
        css=Markup(OWN.joinpath("report.css").read_text(encoding="utf-8")),
        banner=view.demo_banner(data),
        states=view.states(data),
        arithmetic_note=view.arithmetic_note(data),
        verdicts={state.key: view.verdicts(data, state.key) for state in view.states(data)},
        checks=view.checks(data),
        audit=_audit(data),
        resolutions=sorted({row.resolution for row in rows}),
        rows=rows,
        elsewhere=view.elsewhere(data),
        published=list(view.quotes(data)),
        networks=view.networks(data),
        assumptions=view.assumptions(data),
        conventions=_conventions(data),
        drawings=drawings,
        environment=view.environment(data),
        made=sum(entry.value is not None for entry in data.entries),
    )


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: OWN.joinpath(name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "exact": wording.exact,
        "measured": wording.measured,
        "with_unit": wording.with_unit,
        "seconds": wording.seconds,
        "slug": wording.slug,
        "svg": lambda drawing: Markup(drawing.inline_svg),
        "data_uri": _data_uri,
    }
    environment.globals |= {
        "APPENDIX": appendix,
        "QUANTITIES": QUANTITIES,
        "GRADES": wording.GRADES,
        "VERDICTS": wording.VERDICTS,
        "MEASUREMENTS": wording.MEASUREMENTS,
        "measured_word": view.measured_word,
        "images": names.images,
        "device": names.device,
        "name_of": names.name_of,
        "resize_filter": names.resize_filter,
        "fid_infinity": fid_infinity,
        "mean_text": wording.mean_text,
    }
    return environment


def _data_uri(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _audit(data: ReportData) -> list[dict]:
    """The readings of printed figures as plain rows; a row without a value holds a reason."""
    frame = tables.arithmetic(data).astype(object)
    return frame.where(frame.notna(), None).to_dict("records")


def _conventions(data: ReportData) -> list[str]:
    """How operations were counted, as the records say."""
    found = [e.record.details.get("convention") for e in data.entries if e.record and e.record.metric == "flops"]
    return list(dict.fromkeys(str(text) for text in found if text))
