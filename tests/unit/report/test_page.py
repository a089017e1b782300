import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest
from support import campaign

from stylenat.core.records import write_record
from stylenat.report import page
from stylenat.report.figures import figures
from stylenat.report.view import demo_banner

VOID = {"meta", "img", "br", "link", "input", "hr"}
EVIL = " ".join(campaign.EVIL.split())


class Page(HTMLParser):
    """Tags with their attributes, the text of each element by id, and what does not close."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.open, self.text, self.wrong = [], [], {None: ""}, []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID and tag not in ("path", "use", "rect", "circle", "line"):
            self.open.append((tag, dict(attributes).get("id")))

    def handle_endtag(self, tag):
        if tag in ("path", "use", "rect", "circle", "line"):
            return
        if not self.open or self.open.pop()[0] != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        for name in {None} | {name for _, name in self.open if name}:
            self.text[name] = self.text.get(name, "") + data

    def words(self, name=None):
        return " ".join(self.text[name].split())


def render(results):
    data = campaign.data(results)
    return page.render(data, figures(data))


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    return render(campaign.complete(campaign.make(tmp_path_factory.mktemp("campaign"))))


def test_the_page_is_well_formed_and_its_ids_are_unique(text):
    found = Page(text)
    assert not found.wrong
    assert not found.open
    ids = [attributes["id"] for _, attributes in found.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    anchors = [attributes.get("href", "") for tag, attributes in found.tags if tag == "a"]
    assert {anchor[1:] for anchor in anchors if anchor.startswith("#")} <= set(ids)


def test_nothing_is_loaded_and_nothing_runs_but_the_script_of_its_own(text):
    found = Page(text)
    tags = {tag for tag, _ in found.tags}
    assert not tags & {"link", "iframe", "object", "embed", "base", "form"}
    assert [attributes for tag, attributes in found.tags if tag == "script"] == [{}]
    for tag, attributes in found.tags:
        assert not any(name.startswith("on") for name in attributes)
        loads = [attributes[name] for name in ("src", "href", "xlink:href", "srcset", "data") if attributes.get(name)]
        if tag != "a":
            assert all(value.startswith(("data:image/png;base64,", "#")) for value in loads)
    links = [a["href"] for tag, a in found.tags if tag == "a" and not a["href"].startswith("#")]
    assert links == ["https://arxiv.org/abs/2211.05770"]
    styles = "".join(re.findall(r"<style>.*?</style>", text, flags=re.S))
    assert "@import" not in styles
    assert "url(http" not in text
    assert "default-src 'none'" in text


def test_the_policy_allows_the_page_s_own_style_and_script_alone(text):
    policies = [a["content"] for tag, a in Page(text).tags if a.get("http-equiv") == "Content-Security-Policy"]
    policy = dict(part.strip().split(" ", 1) for part in policies[0].split(";"))
    for tag, rule in (("script", "script-src"), ("style", "style-src-elem")):
        inline = re.findall(rf"<{tag}[^>]*>(.*?)</{tag}>", text, flags=re.S)
        digests = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in inline]
        assert policy[rule] == f"'sha256-{digests[0]}'"
        assert len(digests) == 1
    assert policy["default-src"] == "'none'"
    assert "\r" not in text  # a browser would hash another line end


def test_numbers_are_sorted_by_their_digits_and_texts_by_what_they_say(text):
    found = Page(text)
    keys = {a["data-sort"] for tag, a in found.tags if tag in ("td", "th") and "data-sort" in a}
    assert {"48921000.0", "123400000000.0", "67930000.0", "2.046", "2.4444", "0", "1.5", ""} <= keys
    assert campaign.EVIL in keys
    measured = {a.get("data-measured") for tag, a in found.tags if tag == "td"}
    assert measured == {None, "", "48921000.0", "123400000000.0"}
    states = {a["data-state"] for _, a in found.tags if "data-state" in a}
    assert {"ok", "skipped", "failed", "measured here", "not measured here", "A", "S"} <= states
    heads = re.findall(r"<thead>(.*?)</thead>", text, flags=re.S)
    assert sum('data-as="number"' in head for head in heads) >= 4


def test_harmful_text_is_shown_word_for_word(text):
    found = Page(text)
    card = found.words("claim-a-reproduced")
    assert f"Title {EVIL}" in card
    assert f"quoted {EVIL}" in card
    assert f"because {EVIL}" in card
    assert f"the rule {EVIL}" in card
    assert f"failed {EVIL}" in found.words()
    assert campaign.LONG in found.words()


def test_each_verdict_is_told_in_words_not_in_colour_alone(text):
    found = Page(text)
    expected = {
        "a-reproduced": "✓ reproduced",
        "b-refuted": "✗ not reproduced",
        "c-open": "≈ inconclusive",
        "d-incomparable": "◇ not comparable",
        "e-absent": "○ not run",
        "g-unjudged": "○ not run",
    }
    for claim, words in expected.items():
        assert words in found.words(f"claim-{claim}")
    assert "95 % interval 2.100 to 2.700" in found.words("claim-c-open")
    assert "not judged yet" in found.words("claim-g-unjudged")


def test_a_stale_verdict_is_not_shown_as_reproduced(complete):
    (complete / campaign.SIZE).unlink()
    card = Page(render(complete)).words("claim-a-reproduced")
    assert "○ not run" in card
    assert "✓ reproduced" not in card
    assert f"stale: the record {campaign.SIZE} that it rested on is gone" in card
    assert "48,921,000" not in card


def test_every_demo_number_carries_its_label(text):
    cells = re.findall(r"<(?:a|b|span)\b[^>]*>([^<]*)</(?:a|b|span)>(.{0,24})", text)
    numbers = [(value, after) for value, after in cells if value in ("2.444", "2.422", "2.433", "9.310", "0.02130")]
    assert len(numbers) >= 6
    assert all(after.startswith(' <span class="demo" ') for _, after in numbers)
    counts = [after for value, after in cells if value.startswith(("48,921,000", "123.4 GFLOP"))]
    assert len(counts) >= 4
    assert all(after.startswith(' <span class="demo" ') for after in counts)


def test_the_banner_says_what_a_demo_is_and_a_full_run_has_none(complete):
    expected = (
        "Numbers marked demo were made with a random-weight detector on 1,024 photograph crops: "
        "they check the machinery, not the paper."
    )
    assert demo_banner(campaign.data(complete)) == expected
    assert expected in Page(render(complete)).words()
    campaign.change_plan(complete, demo=False)
    assert 'class="banner"' not in render(complete)


def test_missing_is_never_blank(results):
    found = Page(render(results))
    assert "not measured yet" in found.words("evidence")
    assert "no samples yet" in found.words("figures")
    empty = [tag for tag in re.findall(r"<td[^>]*>(.*?)</td>", render(results), flags=re.S) if not tag.strip()]
    assert not empty


def test_table_headers_have_a_scope(text):
    headers = [attributes for tag, attributes in Page(text).tags if tag == "th"]
    assert all(header.get("scope") in ("col", "row", "rowgroup") for header in headers)


def test_parts_of_a_count_are_listed(text):
    words = Page(text).words("parameters")
    assert "levels46,921,00095.9 %" in words
    assert "48 buffer elements" in words


def test_an_empty_run_still_makes_a_page(complete):
    plan = campaign.data(complete).plan
    empty = plan.model_copy(update={"records": [], "verdicts": [], "histories": {}, "samples": {}, "cards": {}})
    data = page.ReportData(empty, {}, {}, {}, {}, {}, {}, [], [], [], {}, {})
    assert "This run judges no claim." in Page(page.render(data, figures(data))).words()


def test_a_record_that_says_no_more_than_it_must_is_shown(tmp_path):
    results = campaign.make(tmp_path)
    bare = {key: {} for key in ("git", "versions", "device", "inputs", "details", "flags")}
    write_record(results / campaign.SIZE, campaign.record("parameters", campaign.OFFICIAL, value=48_921_000.0, **bare))
    assert "48,921,000" in Page(render(results)).words()


def pictures(text):
    return [attributes["src"] for tag, attributes in Page(text).tags if tag == "img"]


def test_pictures_lie_where_they_are_wanted(complete, monkeypatch):
    data = campaign.data(complete)
    drawn = figures(data)
    names = [f"figures/{drawing.name}.png" for drawing in drawn["samples"] if not drawing.problem]
    assert len(names) == 2
    inside, beside = page.render(data, drawn, "inside"), page.render(data, drawn, "beside")
    assert page.render(data, drawn) == page.render(data, drawn, "fit") == inside
    assert all(source.startswith("data:image/png;base64,") for source in pictures(inside))
    assert "img-src data:;" in inside
    assert pictures(beside) == names
    assert "img-src data: 'self' file:;" in beside
    assert "2 pictures lie beside this page" in Page(beside).words("figures")
    for most, expected in ((len(inside.encode()) - 1, 1), (len(beside.encode()) - 1, 0)):
        monkeypatch.setattr(page, "FULL_BYTES", most)
        fitting = page.render(data, drawn)
        assert [source in names for source in pictures(fitting)].count(False) == expected
        assert len(fitting.encode()) <= max(most, len(beside.encode()))
    assert page.render(data, drawn, "inside") == inside
    monkeypatch.undo()
    campaign.change_plan(complete, pictures="beside")
    assert pictures(page.render(campaign.data(complete), drawn)) == names
