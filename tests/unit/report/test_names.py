import re
from html.parser import HTMLParser

import pytest
from support import campaign

from stylenat.core.records import write_record
from stylenat.report import markdown, page, tables
from stylenat.report.evidence import measurements
from stylenat.report.figures import figures
from stylenat.report.names import device, images, name_of
from stylenat.report.wording import mean_text, slug, with_unit

EVIL = " ".join(campaign.EVIL.split())
SIX = (  # protocol, images, seeds, filter, detector with its whole hash, device
    r"\S+ version \d+(?: and \S+ version \d+)*",
    r"[\d,]+ fake, [\d,]+ real \((?:subset seed \d+|all of the set)\)",
    r"seeds? \d+(?:, \d+)*",
    r"(?:lanczos|box) \([\w-]+\)",
    r"[\w-]+, preprocessing [\w-]+, sha256 [0-9a-f]{64}",
    r".+",
)
OF_THE_NETWORK = (SIX[0], SIX[2], "no images, reals or detector", SIX[5])
FULL = re.compile("|".join(" · ".join(f"(?:{part})" for part in parts) for parts in (SIX, OF_THE_NETWORK)))


class Texts(HTMLParser):
    """Each text with the title of the measured number that it is, or None."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.found = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "img", "br"):
            given = dict(attributes)
            named = "measured" in (given.get("class") or "").split()
            self.open.append(given.get("title", "") if named else None)

    def handle_endtag(self, tag):
        self.open.pop()

    def handle_data(self, data):
        self.found.append((" ".join(data.split()), self.open[-1] if self.open else None))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The whole campaign and its figures."""
    data = campaign.data(campaign.complete(campaign.make(tmp_path_factory.mktemp("campaign"))))
    return data, figures(data)


@pytest.fixture(scope="module")
def texts(whole):
    """All texts of the page."""
    return Texts(page.render(*whole)).found


@pytest.fixture(scope="module")
def quoted(whole):
    """The texts of the page but for the evidence, whose rows have a column for each name."""
    return Texts(re.sub(r'<section id="evidence".*?</section>', "", page.render(*whole), flags=re.S)).found


def test_a_number_on_images_has_its_six_names(complete):
    data = campaign.data(complete)
    found = name_of(data, data.entries_at([campaign.FIRST, campaign.MISSING]))
    start = "fid-demo version 2 · 40 fake, 1,000 real (subset seed 7) · seeds 0, 1 · lanczos (photos) · "
    end = f" · images on GPU that drew, metric on {campaign.EVIL}"
    assert found.full == f"{start}random, preprocessing tensorflow, sha256 {'5eed' * 16}{end}"
    assert found.short == f"{start}random, preprocessing tensorflow, sha256 5eed5eed…{end}"


def test_a_count_says_that_it_needs_no_images_and_no_detector(complete):
    data = campaign.data(complete)
    expected = f"parameters version 2 · seed 0 · no images, reals or detector · {campaign.EVIL}"
    assert name_of(data, data.entries_at([campaign.SIZE])).full == expected


def test_what_a_record_leaves_out_is_told(complete):
    bare = {"reals": None, "fakes": None, "detector": None, "device": {}}
    write_record(complete / campaign.FIRST, campaign.record("fid-demo", campaign.DEMO, value=2.0, **bare))
    data = campaign.data(complete)
    full = name_of(data, data.entries_at([campaign.FIRST])).full
    assert "no images" not in full
    for words in ("images not recorded", "detector not recorded", "device not recorded", "lanczos (photos)"):
        assert words in full


def test_every_measured_number_of_the_page_carries_its_six_names(whole, quoted):
    """Walk over all texts: whoever shows a measured value shows it as a number with its full name."""
    data = whole[0]
    made = [entry for entry in data.entries if entry.value is not None]
    values = {with_unit(entry.value, entry.record.unit).removesuffix(" parameters (48.92 M)") for entry in made}
    verdicts = {with_unit(j.verdict.measured, j.verdict.unit) for j in data.judged if j.verdict.measured is not None}
    by_set = {mean_text(2.4333, 0.01570, "1"), mean_text(3.161, 0.0707, "1")}
    values |= {text.removesuffix(" parameters (48.92 M)") for text in verdicts - {"27.98 %"}} | by_set
    assert len(values) > 10
    known = re.compile(rf"(?:{'|'.join(map(re.escape, sorted(values)))})(?![\d.,])")
    shown = [(text, title) for text, title in quoted if known.match(text)]
    assert len(shown) > 10
    assert not [text for text, title in shown if title is None]
    titles = {" ".join(title.split()) for _, title in quoted if title is not None}
    assert not [title for title in titles if not FULL.fullmatch(title)]
    assert {text for text, _ in shown} >= by_set


def test_every_row_of_the_evidence_carries_the_names_of_its_number_and_what_makes_it_again(whole):
    data, text = whole[0], page.render(*whole)
    rows = dict(re.findall(r'<tr id="([^"]+)"[^>]*>(.*?)</tr>', text, flags=re.S))

    def words(row):
        return " ".join(part for part, _ in Texts(rows[row]).found if part)

    made = [entry for entry in data.entries if entry.value is not None]
    recorded = sum(entry.record is not None for entry in data.entries)  # all name one file, and some have no value
    assert recorded > len(made) > 10
    for entry in made:
        row, record = f"r-{slug(entry.planned.path)}", entry.record
        names = [entry.planned.model, str(record.seed), images(record) or "none needed", record.git["revision"][:8]]
        names += [with_unit(entry.value, record.unit), " ".join(device(record).split()), entry.planned.path]
        names += [record.reals.resize_filter, record.reals.dataset] if record.reals else []
        names += [record.detector.name, record.detector.weights_sha256[:8]] if record.detector else []
        assert [name for name in names if name not in words(row)] == []
        (making,) = re.findall(r'href="#(making-\d+)"', rows[row])
        again = [" ".join(record.command.split()), record.code, f"{record.protocol} version {record.protocol_version}"]
        again += [record.detector.weights_sha256] if record.detector else []
        assert [name for name in again if name not in words(making)] == []
        files = [words(name) for name in re.findall(r'href="#(input-\d+)"', rows[row])]
        found = [(" ".join(path.split()), digest) for path, digest in record.inputs.items()]
        assert sorted(files) == sorted(f"{path} {digest} {recorded}" for path, digest in found)


def test_every_measured_number_of_the_tables_carries_its_six_names(complete):
    data = campaign.data(complete)
    rows = measurements(data).query("value.notna() and dataset != ''").astype(object).to_dict("records")
    assert len(rows) == 10
    for row in rows:
        assert (row["fake_count"], row["real_count"], row["subset_seed"]) == (40, 1000, 7)
        assert (row["detector"], row["preprocessing"]) == ("random", "tensorflow")
        assert row["detector_sha256"] == campaign.WEIGHTS_SHA256
        assert row["resize_filter"] == {"photos": "lanczos", "photos-box": "box"}[row["dataset"]]
        assert (row["device"], row["images_device"]) == (campaign.EVIL, "GPU that drew")
        assert (row["standard_error"], row["standard_error_method"]) == (0.0123, "influence function")
        assert (row["fid_infinity"], row["fid_infinity_standard_error"]) == (1.8765, 0.0432)
    for frame in (tables.claims(data).query("kind != 'arithmetic'"), tables.compared(data).query("kind == 'measured'")):
        for row in frame[frame.filter(["measured", "value"]).notna().all(axis=1)].to_dict("records"):
            assert FULL.fullmatch(" ".join(row["made_by"].split()))


def test_flags_stand_in_the_table_and_on_the_page_and_in_the_strip(whole, texts):
    frame = measurements(whole[0])
    assert set(frame[frame["flag"] != ""]["model"]) == {campaign.BROKEN}
    found = [text for text, _ in texts]
    assert found.count("outside its controls") >= 2
    strip = whole[1]["metrics"][0]
    assert "outside its controls" in strip.svg


def test_a_strip_names_each_of_its_sets(whole):
    caption = whole[1]["metrics"][0].caption
    for words in ("lanczos (photos)", "box (photos-box)", "seeds 0, 1", "sha256 5eed5eed…", "40 fake, 1,000 real"):
        assert words in caption


def test_the_number_at_infinity_and_the_error_of_a_run_stand_beside_the_number(texts):
    words = " ".join(text for text, _ in texts)
    assert "FID∞ 1.877 ± 0.04320" in words
    assert "± 0.01230 (influence function)" in words


@pytest.mark.parametrize("infinity", [None, 3.0, {"value": "x"}, {"value": 1.0}, {"value": None, "standard_error": 1}])
def test_a_broken_number_at_infinity_is_left_out(complete, infinity):
    changed = campaign.record("fid-demo", campaign.DEMO, value=2.4444, details={"fid_infinity": infinity})
    write_record(complete / campaign.FIRST, changed)
    row = measurements(campaign.data(complete)).set_index("path").loc[campaign.FIRST]
    assert row["fid_infinity"] != row["fid_infinity"]


def test_the_markdown_names_each_number(complete):
    text = markdown.render(campaign.data(complete), {}).replace("\\", "")
    row = next(line for line in text.splitlines() if line.startswith("| fid-demo v2 | stylenat-small | 0 |"))
    for words in ("version 2", "40 fake, 1,000 real", "seed 0", "lanczos (photos)", "sha256 5eed5eed", "GPU that drew"):
        assert words in row
    claim = next(line for line in text.splitlines() if line.startswith("| Open |"))
    assert "seeds 0, 1 · lanczos (photos)" in claim
    assert f"the rule {EVIL[:5]}" in claim
