"""The page in a browser: it loads nothing, its links lead somewhere, it fits the screen, and it needs no script."""

import json

import pytest
from support import campaign

from stylenat.stages import report

pytestmark = pytest.mark.browser
UNFOLD = "for (const one of document.querySelectorAll('details')) one.open = true"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_loads_from_a_file_without_a_request_or_an_error(browser, either, dark):
    page = browser.open(either, dark=dark)
    assert page.problems() == []
    assert page.evaluate("document.querySelectorAll('.controls').length") > 3  # the policy lets the script run
    assert page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") is dark
    assert page.evaluate("document.querySelector('main').getBoundingClientRect().height") > 3000


def test_pictures_beside_it_are_found(browser, tmp_path):
    results = campaign.make(tmp_path)
    page = browser.open(report.run(results / "plan/plan.json", results, results / "report", pictures="beside"))
    widths = page.evaluate("JSON.stringify(Array.from(document.images, (one) => [one.complete, one.naturalWidth]))")
    assert len(json.loads(widths)) == 2
    assert all(done and width > 100 for done, width in json.loads(widths))
    assert page.problems() == []


def test_what_goes_wrong_is_noticed(browser, hostile, tmp_path):
    """The test above can fail: a script of another, a picture from elsewhere and a thrown error are all told."""
    broken = tmp_path / "broken.html"
    more = "<script>alert(1)</script><img src='https://example.invalid/x.png'>"
    broken.write_text(hostile.read_text().replace("</main>", f"{more}</main>"))
    page = browser.open(broken)
    page.evaluate("setTimeout(() => { throw new Error('thrown') })")
    page.evaluate("new Promise((done) => setTimeout(done, 200))")
    found = " ".join(page.problems())
    for words in ("script-src", "img-src", "Uncaught"):
        assert words in found


def test_every_link_and_every_reference_leads_to_one_id(browser, either):
    page = browser.open(either)
    found = json.loads(
        page.evaluate("""JSON.stringify({
      ids: Array.from(document.querySelectorAll("[id]"), (one) => one.id),
      links: Array.from(document.querySelectorAll("[href^='#']"), (one) => one.getAttribute("href").slice(1)),
      labels: Array.from(document.querySelectorAll("[aria-labelledby]"), (one) => one.getAttribute("aria-labelledby")),
      painted: [...document.body.innerHTML.matchAll(/url\\(#([^)]*)\\)/g)].map((match) => match[1]),
    })""")
    )
    assert len(found["ids"]) == len(set(found["ids"]))
    assert len(found["links"]) > 30
    assert {*found["links"], *found["labels"], *found["painted"]} <= set(found["ids"])


def test_every_measured_number_leads_to_its_row_and_every_published_one_to_its_source(browser, either):
    page = browser.open(either)
    for kind, target in ((".measured", "#evidence tr"), (".quoted", "#comparison .block-details tr")):
        found = page.evaluate(f"""Array.from(document.querySelectorAll("{kind}"),
          (one) => document.getElementById(one.hash?.slice(1))?.matches("{target}") ?? false)""")
        assert len(found) > 3
        assert all(found)
    assert page.evaluate("""Array.from(document.querySelectorAll(".evidence tr[id]"))
      .filter((row) => row.cells.length === row.closest("table").rows[0].cells.length)
      .every((row) => row.querySelector("a[href^='#making-']"))""")


def test_a_link_into_a_folded_part_unfolds_it(browser, hostile):
    page = browser.open(hostile)
    link = "document.querySelector('.comparison .quoted')"
    target = f"document.getElementById({link}.hash.slice(1))"
    assert page.evaluate(f"{target}.closest('details').open") is False
    page.click(link)
    assert page.evaluate(f"{target}.closest('details').open && {target}.matches(':target')")
    assert page.evaluate(f"{target}.getBoundingClientRect().top < innerHeight")


@pytest.mark.parametrize("width", [390, 820, 1280])
def test_nothing_sticks_out_of_the_screen(browser, either, width):
    page = browser.open(either, width=width)
    for unfold in ("0", UNFOLD):
        page.evaluate(unfold)
        wide = """Array.from(document.querySelectorAll("body *"))
          .filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
          .filter((one) => !one.closest(".scroll, .drawing, nav, .skip")).map((one) => one.outerHTML.slice(0, 99))"""
        assert page.evaluate(wide) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_on_paper_nothing_is_cut_off(browser, either):
    page = browser.open(either, width=1032)  # A4 on its side, less its margins, at 96 pixels an inch
    page.send("Emulation.setEmulatedMedia", media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1032
    assert page.evaluate("""Array.from(document.querySelectorAll(".scroll, .tall, .drawing"))
      .every((one) => getComputedStyle(one).overflow === "visible")""")
    assert page.evaluate("getComputedStyle(document.querySelector('.controls')).display") == "none"


def test_without_a_script_the_page_reads_the_same(browser, either):
    words = """(() => {
      const copy = document.body.cloneNode(true);
      for (const one of copy.querySelectorAll(".controls, .sign, script")) one.remove();
      return copy.textContent.replace(/\\s+/g, " ");
    })()"""
    plain, scripted = browser.open(either, scripts=False), browser.open(either)
    assert plain.evaluate("document.querySelectorAll('button, input, select').length") == 0
    assert plain.evaluate(words) == scripted.evaluate(words)
    assert plain.problems() == []


def test_harmful_text_makes_no_element_and_runs_nothing(browser, hostile):
    page = browser.open(hostile)
    assert page.evaluate("document.querySelectorAll('script').length") == 1
    assert page.evaluate("document.querySelectorAll('td script, [onerror], [onclick]').length") == 0
    shown = page.evaluate("document.getElementById('t-a-reproduced').textContent")
    assert '<script>alert("x")</script>' in shown
    key = page.evaluate("""Array.from(document.querySelectorAll("[data-sort]"), (one) => one.dataset.sort)
      .find((key) => key.includes("alert"))""")
    assert key.startswith('<script>alert("x")</script> & 7 %')
