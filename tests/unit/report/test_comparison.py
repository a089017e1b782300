import re
from dataclasses import replace

import pytest
from support import plotted
from support.plotted import BOX, FAST, LANCZOS

from stylenat.core.records import write_record
from stylenat.report import markdown
from stylenat.report.comparison import NO_PEAK, comparison
from stylenat.report.figures import _found, figures
from stylenat.report.page import render


@pytest.fixture
def results(tmp_path):
    return plotted.make(tmp_path)


def cell(results, quantity):
    """The cell of the method whose model FAST is."""
    (row,) = [row for row in comparison(plotted.data(results)) if row.method == "StyleNAT"]
    return row.cells[quantity]


def test_the_claims_protocol_on_the_model_s_own_set_speaks_for_it(results):
    found = cell(results, "fid")
    assert [(mean.protocol, mean.dataset) for mean in found.first] == [("fid-b", LANCZOS)]  # fid-a is planned before
    assert [(mean.protocol, mean.dataset) for mean in found.further] == [
        ("fid-b", BOX), ("fid-a", LANCZOS), ("fid-dino", LANCZOS), ("fid-a", BOX)
    ]  # fmt: skip
    assert found.measured_key == found.first[0].value


def test_without_it_the_next_one_does(results):
    for planned in plotted.of(results, "fid-b", FAST, LANCZOS):
        (results / planned.path).unlink()
    assert [(mean.protocol, mean.dataset) for mean in cell(results, "fid").first] == [("fid-b", BOX)]


def test_the_rest_is_folded_away_on_the_page_and_counted_in_markdown(results):
    data = plotted.data(results)
    text = render(data, figures(data))
    folded = re.findall(r'<details class="more"><summary>4 more</summary>(.*?)</details>', text, flags=re.S)
    assert folded[0].count('class="num measured"') == 4
    assert "4 more by other protocols or against other sets" in markdown.render(data, {})


def test_peak_memory_is_the_largest_that_a_timing_tells(results):
    assert cell(results, "memory").reason == NO_PEAK
    for planned, peak in zip(plotted.of(results, "speed", FAST), (3 * 2**30, 2**31), strict=True):
        write_record(results / planned.path, plotted.record(planned, 60.0, details={"peak_bytes": peak}))
    found = cell(results, "memory")
    assert [(mean.value, mean.unit, mean.spread) for mean in found.first] == [(3.0, "GiB", None)]
    assert found.reason == ""
    for planned in plotted.of(results, "speed", FAST):
        (results / planned.path).unlink()
    assert cell(results, "memory").reason == "not measured yet"


def test_markdown_shows_the_figures_and_tells_why_one_is_missing(results):
    data = plotted.data(results)
    drawings = figures(data)
    text = markdown.render(data, drawings)
    for drawing in (drawing for section in drawings.values() for drawing in section):
        assert (f"](figures/{drawing.name}.png)" in text) is not bool(drawing.problem)
    assert "How sure a distance is: not drawn, because not simulated yet" in text


def test_markdown_of_many_measurements_stays_small_and_keeps_what_has_no_number(results, monkeypatch):
    data = plotted.data(results)
    (results / plotted.of(results, "speed", FAST)[0].path).unlink()
    monkeypatch.setattr(markdown, "MOST_ROWS", 10)
    text = markdown.render(plotted.data(results), {}).partition("## Measurements")[2]
    assert f"{len(data.entries)} measurements: means over seeds here" in text
    lines = [line for line in text.splitlines() if line.startswith("| fid-b | fast-256 |")]
    assert len(lines) == 2  # a line each set of reals, for two seeds
    (without,) = [line for line in text.partition("Without a number")[2].splitlines() if "not measured yet" in line]
    assert "| speed | fast-256 | 0 | missing |" in without


def test_a_figure_sets_an_fid_beside_the_parameters_of_the_same_model(results):
    (row,) = [row for row in comparison(plotted.data(results)) if row.method == "StyleNAT"]
    fid = row.cells["fid"].first[0]
    sizes = [replace(fid, model=name, value=size, entries=[]) for name, size in (("other", 5e6), (FAST, 49e6))]
    cells = row.cells | {"parameters": replace(row.cells["parameters"], measured=sizes)}
    assert _found(replace(row, cells=cells)) == [(49.0, fid.value)]
    cells = row.cells | {"parameters": replace(row.cells["parameters"], measured=sizes[:1])}
    assert _found(replace(row, cells=cells)) == []
