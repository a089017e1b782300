"""Signs that are not seen, or that turn the order of those that follow, are spelt out wherever text is shown."""

import pytest
from support import campaign
from support.plotted import texts

from stylenat.core.records import write_record
from stylenat.report import latex, markdown, page, tables, wording
from stylenat.report.figures import figures
from stylenat.report.inert import UNSEEN, shown

TURNED = "before \u202egnp.exe \u2067 \u200b after\x1b[31m\x00"
SPELT = r"before \u202egnp.exe \u2067 \u200b after\x1b[31m\x00"


@pytest.fixture
def turned(complete):
    """The campaign with such text in a record, in a claim and in the cards of a model and a set."""
    first = next(e for e in campaign.data(complete).entries if e.planned.path == campaign.FIRST)
    change = {"command": TURNED, "device": {"name": TURNED}, "flags": {TURNED: TURNED}}
    write_record(complete / campaign.FIRST, first.record.model_copy(update=change))
    failed = campaign.record("flops", campaign.LONG, status="failed", reason=TURNED)
    write_record(complete / campaign.SKIPPED, failed)
    data = campaign.data(complete)
    data.judged[0].claim.__dict__["title"] = TURNED
    data.datasets[campaign.SET].__dict__["title"] = TURNED
    return data


def test_on_the_page(turned):
    text = page.render(turned, figures(turned))
    assert not UNSEEN.search(text)
    assert text.count(SPELT) > 5


def test_in_markdown_and_latex(turned):
    for text in (markdown.render(turned, figures(turned)), latex.table(tables.claims(turned), TURNED, "x")):
        assert not UNSEEN.search(text)
        assert "u202egnp.exe" in text


def test_in_figures(turned):
    (drawing,) = figures(turned)["metrics"]
    assert not UNSEEN.search(drawing.svg)
    assert any(words.startswith("before \\u202egnp.exe") for words in texts(drawing))
    assert wording.shorten(TURNED, 100) == SPELT


def test_what_is_seen_stays_word_for_word():
    assert shown(campaign.EVIL) == campaign.EVIL
    assert shown("tab\tline\nשלום Ärger 漢字 e\u0301") == "tab\tline\nשלום Ärger 漢字 e\u0301"
