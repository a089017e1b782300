"""The report as one HTML file that needs nothing else: styles, figures and pictures lie inside it."""

import base64
import hashlib
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
    css, script = (Markup(OWN.joinpath(name).read_text(encoding="utf-8")) for name in ("report.css", "report.js"))
    return template.render(
        data=data,
        run=data.plan.run,
        css=css,
        script=script,
        banner=view.demo_banner(data),
        states=view.states(data),
        arithmetic_note=view.arithmetic_note(data),
        verdicts={state.key: view.verdicts(data, state.key) for state in view.states(data)},
        checks=view.checks(data),
        audit=tables.plain(tables.arithmetic(data)),
        resolutions=sorted({row.resolution for row in rows}),
        rows=rows,
        elsewhere=view.elsewhere(data),
        published=list(view.quotes(data)),
        networks=view.networks(data),
        assumptions=view.assumptions(data),
        conventions=view.conventions(data),
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
        "csp_hash": _csp_hash,
        "plain": wording.without_prefix,
        "key": lambda value: "" if value is None else str(value),
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


def _csp_hash(text: str) -> str:
    """What a Content-Security-Policy calls an inline style or script by."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _data_uri(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
