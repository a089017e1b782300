"""Tables of the page, sorted and filtered as a reader does it: with keys, and with the mouse."""

import pytest
from support import campaign

pytestmark = pytest.mark.browser
EVIDENCE = "document.querySelector('table.evidence')"
NETWORKS = "document.querySelector('#parameters table')"
COMPARISON = "document.querySelector('table.comparison')"
FIDS = sorted([*campaign.FIDS.values(), *campaign.BOX.values()])  # one more is missing


def button(table, name):
    return f"Array.from({table}.querySelectorAll('thead button')).find((one) => one.textContent.startsWith('{name}'))"


def controls(table):
    return f"{table}.parentNode.previousElementSibling"


def field(table, name):
    labels = f"Array.from({controls(table)}.querySelectorAll('label'))"
    return f"{labels}.find((one) => one.textContent.startsWith('{name}')).lastElementChild"


def status(page, table):
    return page.evaluate(f"{controls(table)}.querySelector('[role=status]').textContent")


def values(page, protocol="fid-demo"):
    """The keys of the Value column, as the rows of a protocol stand; None for a row without."""
    found = page.evaluate(f"""Array.from(
      Array.from({EVIDENCE}.tBodies).find((one) => one.textContent.includes("protocol {protocol} ")).rows)
      .filter((row) => !row.matches(".head") && !row.hidden)
      .map((row) => row.cells[4].colSpan > 1 ? null : row.cells[4].dataset.sort)""")
    return [None if value is None else float(value) for value in found]


def order(page, table=COMPARISON):
    return page.evaluate(f"Array.from({table}.tBodies, (one) => one.rows[0].cells[0].textContent)")


def test_numbers_sort_as_numbers_by_the_keyboard_and_missing_ones_stay_last(browser, hostile):
    page = browser.open(hostile)
    before, value = values(page), button(EVIDENCE, "Value")
    assert sorted(before, key=lambda one: (one is None, one)) == [*FIDS, None]
    assert before != [*FIDS, None]
    page.evaluate(f"{field(EVIDENCE, 'Filter')}.focus()")
    assert page.tab_to(value)
    for key, name, expected in (
        ("Enter", "ascending", [*FIDS, None]),
        (" ", "descending", [*reversed(FIDS), None]),
        ("Enter", "none", before),
    ):
        page.press(key)
        assert page.evaluate(f"{value}.parentNode.getAttribute('aria-sort')") == name
        assert values(page) == expected
        assert page.evaluate(f"document.activeElement === {value}")
    assert page.problems() == []


def test_one_column_at_a_time_is_sorted_and_the_live_region_says_which(browser, hostile):
    page = browser.open(hostile)
    page.evaluate(f"{button(EVIDENCE, 'Value')}.click()")
    assert status(page, EVIDENCE) == "14 of 14 measurements shown, sorted by Value, ascending, within each protocol"
    page.evaluate(f"{button(EVIDENCE, 'Model')}.click()")
    kinds = page.evaluate(f"Array.from({EVIDENCE}.querySelectorAll('th[aria-sort]'), (one) => one.ariaSort)")
    assert kinds.count("ascending") == 1
    assert set(kinds) == {"ascending", "none"}
    assert "sorted by Model" in status(page, EVIDENCE)
    models = page.evaluate(f"Array.from({EVIDENCE}.tBodies[0].rows, (row) => row.cells[0].textContent).slice(1)")
    assert models == sorted(models)
    assert values(page)[:2] == [12.41, 12.45]  # equal models keep the order of the last sort


def test_rows_stay_with_their_protocol(browser, hostile):
    page = browser.open(hostile)
    read = f"""Array.from({EVIDENCE}.tBodies, (one) => [one.rows[0].className,
      ...Array.from(one.rows, (row) => row.id).sort()].join())"""
    before = page.evaluate(read)
    page.evaluate(f"{button(EVIDENCE, 'Took')}.click()")
    assert page.evaluate(read) == before
    assert all(one.startswith("head") for one in before)


def test_the_filter_shows_the_rows_that_have_every_word(browser, hostile):
    page = browser.open(hostile)
    page.evaluate(f"{field(EVIDENCE, 'Filter')}.focus()")
    page.type("small FID-demo")
    assert sorted(values(page), key=lambda one: (one is None, one)) == [
        2.4444,
        *campaign.BOX.values(),
        12.41,
        12.45,
        None,
    ]
    assert status(page, EVIDENCE) == "6 of 14 measurements shown"
    hidden = page.evaluate(f"Array.from({EVIDENCE}.tBodies, (one) => one.hidden)")
    assert sorted(hidden) == [False, True, True]
    page.press("Escape")
    assert status(page, EVIDENCE) == "14 of 14 measurements shown"
    page.type("no-such-thing")
    assert status(page, EVIDENCE) == "0 of 14 measurements shown"


def test_what_is_folded_away_is_not_searched(browser, example):
    page = browser.open(example)
    part = page.evaluate(f"{NETWORKS}.querySelector('details th code').textContent")
    page.evaluate(f"{field(NETWORKS, 'Filter')}.focus()")
    page.type(part)
    assert status(page, NETWORKS).startswith("0 of ")
    page.press("Escape")
    page.type("generator")
    assert not status(page, NETWORKS).startswith("0 of ")


def test_a_status_is_chosen_by_the_keyboard_and_both_filters_count(browser, hostile):
    page = browser.open(hostile)
    page.evaluate(f"{field(EVIDENCE, 'Filter')}.focus()")
    page.press("Tab")
    state = field(EVIDENCE, "Status")
    assert page.evaluate(f"document.activeElement === {state}")
    options = page.evaluate(f"Array.from({state}.options, (one) => one.text)")
    assert sorted(options) == ["all", "failed", "missing", "ok", "skipped"]
    page.press("m")
    assert page.evaluate(f"{state}.value") == "missing"
    assert values(page) == [None]
    assert status(page, EVIDENCE) == "1 of 14 measurements shown"
    page.press("Tab", shift=True)
    page.type("broken")
    assert status(page, EVIDENCE) == "0 of 14 measurements shown"


def test_methods_sort_by_what_is_published_or_by_what_was_measured(browser, hostile, example):
    page = browser.open(hostile)
    assert order(page) == ["StyleNAT", "Rival"]
    page.click(button(COMPARISON, "Parameters"))
    assert order(page) == ["StyleNAT", "Rival"]
    page.click(button(COMPARISON, "Parameters"))
    assert order(page) == ["Rival", "StyleNAT"]
    page.evaluate(f"{field(COMPARISON, 'Sort by')}.focus()")
    page.press("m")
    assert page.evaluate(f"{field(COMPARISON, 'Sort by')}.value") == "measured"
    assert order(page) == ["StyleNAT", "Rival"]  # nothing was measured of the rival: last, though the order is down
    assert status(page, COMPARISON) == "2 of 2 methods shown, sorted by Parameters (measured), descending"
    page = browser.open(example)
    page.click(button(COMPARISON, "FID"))
    found = page.evaluate(f"Array.from({COMPARISON}.tBodies, (one) => one.rows[0].cells[2].dataset.sort)")
    numbers = [float(one) for one in found if one]
    assert numbers == sorted(numbers)
    assert len(numbers) > 4
    assert found == [*map(str, numbers), *[""] * (len(found) - len(numbers))]


def test_every_column_of_numbers_has_a_number_or_nothing_in_each_row(browser, example):
    page = browser.open(example)
    odd = page.evaluate("""Array.from(document.querySelectorAll("th[data-as=number]")).flatMap((head) =>
      Array.from(head.closest("table").tBodies, (one) => Array.from(one.rows)).flat()
        .filter((row) => row.cells.length === head.parentNode.cells.length)
        .map((row) => row.cells[head.cellIndex].dataset.sort)
        .filter((key) => key === undefined || (key !== "" && !Number.isFinite(Number(key)))))""")
    assert odd == []
    assert page.evaluate("document.querySelectorAll('th[data-as=number]').length") > 10


def test_a_link_to_a_row_that_is_filtered_out_leads_there(browser, hostile):
    page = browser.open(hostile)
    page.evaluate(f"{field(EVIDENCE, 'Filter')}.focus()")
    page.type("no-such-thing")
    link = "document.querySelector('#parameters a[href^=\"#r-\"]')"
    target = f"document.getElementById({link}.hash.slice(1))"
    assert page.evaluate(f"{target}.offsetParent") is None
    page.click(link)
    assert page.evaluate(f"{target}.offsetHeight > 0 && {target}.matches(':target')")
    assert status(page, EVIDENCE) == "14 of 14 measurements shown"


def test_every_control_has_a_name(browser, example):
    page = browser.open(example)
    names = page.evaluate("""Array.from(document.querySelectorAll("th button, .controls input, .controls select"),
      (one) => (one.labels?.[0] ?? one).textContent.trim())""")
    assert len(names) > 30
    assert all(names)
    groups = page.evaluate("Array.from(document.querySelectorAll('.controls'), (one) => one.ariaLabel)")
    assert len(groups) == len(set(groups))
