"""The report as one HTML file that needs nothing else: styles, figures and pictures lie inside it."""

import base64
import hashlib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from stylenat.core.cards import Pictures
from stylenat.report import appendix, names, tables, view, wording
from stylenat.report.comparison import QUANTITIES, comparison
from stylenat.report.evidence import fid_infinity
from stylenat.report.inert import shown
from stylenat.report.load import ReportData
from stylenat.report.style import Drawing
from stylenat.report.trail import trail

OWN = files("stylenat.report")
FULL_BYTES = 5_000_000
TOLD_BYTES = 500  # what the page says about pictures beside it


def render(data: ReportData, drawings: Mapping[str, list[Drawing]], pictures: Pictures | None = None) -> str:
    """The page; all text of cards and records is escaped.

    Pictures lie `inside` it or `beside` it, in the folder `figures`; where they are to `fit`, as many of the first are
    inside as leave it below FULL_BYTES. Without `pictures` the run says which.
    """
    where = pictures or data.plan.run.pictures
    sizes = {drawing.name: _more_inside(drawing) for found in drawings.values() for drawing in found if drawing.pixels}
    text = _page(data, drawings, beside=set(sizes) if where == "beside" else set())
    size, beside = len(text.encode()) - sum(sizes.values()), set()
    if where != "fit" or size + sum(sizes.values()) <= FULL_BYTES:
        return text
    for name, more in sizes.items():
        if size + more + TOLD_BYTES > FULL_BYTES:
            beside.add(name)
        else:
            size += more
    return _page(data, drawings, beside)


def _more_inside(drawing: Drawing) -> int:
    """By how many bytes a picture makes the page larger than its name would."""
    return len(view_of(drawing, True).encode()) - len(view_of(drawing, False).encode())


def view_of(drawing: Drawing, inside: bool) -> Markup:
    """A figure as an element of the page, its content in it; of a picture, when not `inside`, the file beside it."""
    if not inside and drawing.pixels:
        return Markup('<img src="figures/{}.png" alt="{}">').format(drawing.name, drawing.alt)
    if drawing.svg:
        label = Markup('<div class="drawing" role="img" aria-label="{}" tabindex="0">').format(drawing.alt)
        return label + Markup(drawing.inline_svg) + Markup("</div>")
    uri = f"data:image/png;base64,{base64.b64encode(drawing.png or b'').decode()}"
    return Markup('<img src="{}" alt="{}">').format(uri, drawing.alt)


def _page(data: ReportData, drawings: Mapping[str, list[Drawing]], beside: set[str]) -> str:
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
        trail=trail(data),
        shown=lambda drawing: view_of(drawing, drawing.name not in beside),
        beside=len(beside),
        made=sum(entry.value is not None for entry in data.entries),
    )


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: OWN.joinpath(name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
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


def _shown(value: Any) -> Any:
    """What an expression of the template gives, with nothing in it that is not seen."""
    if isinstance(value, Markup):
        return Markup(shown(value))
    return shown(value) if isinstance(value, str) else value


def _csp_hash(text: str) -> str:
    """What a Content-Security-Policy calls an inline style or script by."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
