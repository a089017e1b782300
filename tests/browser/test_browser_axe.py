"""What axe-core finds wrong with the page for people who can't see it, or see it badly."""

import json

import pytest

pytestmark = pytest.mark.browser
RUN = "axe.run(document, {resultTypes: ['violations']}).then((found) => JSON.stringify(found.violations))"
UNFOLD = "for (const one of document.querySelectorAll('details')) one.open = true"


def serious(page, axe):
    """Serious and critical violations: the rule, and the first elements that break it."""
    page.evaluate(axe)
    return [
        (one["id"], one["impact"], [node["html"][:120] for node in one["nodes"][:3]])
        for one in json.loads(page.evaluate(RUN))
        if one["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_there_is_no_serious_violation(browser, axe, either, dark):
    page = browser.open(either, dark=dark)
    page.evaluate(UNFOLD)
    assert serious(page, axe) == []


def test_there_is_none_on_a_narrow_screen_or_in_a_sorted_table(browser, axe, hostile):
    page = browser.open(hostile, width=390)
    page.evaluate("document.querySelector('table.evidence button').click()")
    assert serious(page, axe) == []


def test_a_violation_is_found(browser, axe, hostile, tmp_path):
    """The tests above can fail: a picture without words and faint ink are told."""
    broken = tmp_path / "broken.html"
    more = "<img src='data:,'><p style='color: #bbb; background: #fff'>faint</p>"
    broken.write_text(hostile.read_text().replace("<h2", f"{more}<h2", 1))
    assert {one[0] for one in serious(browser.open(broken), axe)} == {"image-alt", "color-contrast"}
