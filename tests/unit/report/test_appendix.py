import dataclasses
import json
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from support import campaign

from stylenat.core.simulated import Setup
from stylenat.report import appendix, markdown, page
from stylenat.report.figures import figures
from stylenat.report.load import ReportData


def estimator(target, mean, **fields):
    return {"target": target, "mean": mean, "deviation": 0.034, "draws": 1000, **fields}


@pytest.fixture
def made(tmp_path):
    """A simulation whose numbers are known: of 70 draws, one influence interval in ten misses, nine bootstraps do."""
    distance = [0.6 + 0.001 * index for index in range(70)]
    value = {
        "schema_version": 1,
        "setup": Setup(bootstrap_draws=70).model_dump(mode="json"),
        "truth": 0.5,
        "expected": 0.625,
        "influence": estimator(0.625, 0.625, standard_error=0.0351, coverage=0.953),
        "bootstrap": estimator(0.625, 0.7512, standard_error=0.0374, coverage=0.1, draws=70),
        "jackknife": estimator(0.5, 0.5012, standard_error=0.0362, coverage=0.9571),
        "regression": estimator(0.5, 0.4911),
        "bootstrap_holds_own": 0.04,
        "curve": [
            {"count": count, "mean": 0.5 + 75 / count, "standard_error": 0.001, "draws": 500}
            for count in (300, 600, 1200)
        ],
        "draws": {
            "distance": distance,
            "influence": [[0.5, 0.7] if index % 10 else [0.64, 0.7] for index in range(70)],
            "bootstrap": [[0.65, 0.9] if index % 10 else [0.61, 0.9] for index in range(70)],
        },
    }
    path = tmp_path / "frechet.json"
    path.write_text(json.dumps(value))
    return appendix.read_simulated(path, "simulate/frechet.json")


def lines(panel):
    """Of a panel, each labelled line's points."""
    return {line.get_label(): np.array(line.get_data()).T for line in panel.lines}


def test_the_bias_is_drawn_against_one_over_n_with_both_ways_to_infinity(made):
    panel = appendix.painted(made.simulation).axes[0]
    drawn = lines(panel)
    assert drawn["mean distance of N"] == pytest.approx(np.array([[1 / n, 0.5 + 75 / n] for n in (300, 600, 1200)]))
    assert set(drawn["truth, infinitely many"][:, 1]) == {0.5}
    bars = {bar.get_label(): bar for bar in panel.containers}
    for label, mean in (("jackknife, ± SD", 0.5012), ("regression, ± SD", 0.4911)):
        point, _, (bar,) = bars[label]
        assert point.get_ydata() == pytest.approx([mean])
        assert bar.get_segments()[0][:, 1] == pytest.approx([mean - 0.034, mean + 0.034])
    assert [tick.get_text() for tick in panel.get_xticklabels()] == ["∞", "300", "600", "1,200"]


@pytest.mark.parametrize(("which", "kind"), [(1, "influence"), (2, "bootstrap")])
def test_every_interval_of_the_first_draws_is_drawn_and_misses_are_crosses(made, which, kind):
    panel = appendix.painted(made.simulation).axes[which]
    drawn, bounds = lines(panel), getattr(made.simulation.draws, kind)
    assert set(drawn["mean over draws"][:, 1]) == {0.625}
    segments = [segment for collection in panel.collections for segment in collection.get_segments()]
    assert sorted((int(s[0, 0]), *s[:, 1]) for s in segments) == [(i, *bounds[i]) for i in range(60)]
    held = [index for index in range(60) if bool(index % 10) is (kind == "influence")]
    assert drawn["holds it"] == pytest.approx(np.array([[i, 0.6 + 0.001 * i] for i in held]))
    missed = sorted(set(range(60)) - set(held))
    assert drawn["misses it"] == pytest.approx(np.array([[i, 0.6 + 0.001 * i] for i in missed]))
    markers = {line.get_label(): line.get_marker() for line in panel.lines}
    assert markers["holds it"] != markers["misses it"]  # colour is not the only sign
    assert f"{len(held)} of 60 hold" in panel.get_title(loc="left")


def test_the_caption_holds_the_numbers_of_the_file(made):
    words = appendix.drawing(made).caption
    assert "mean distance of 600 fakes is 0.6250, 0.1250 above the 0.5000 of infinitely many" in words
    assert "jackknife 0.5012 ± 0.03400 and regression 0.4911 ± 0.03400 (mean ± SD over 1,000 draws)" in words
    assert "54 of 60 intervals of the influence function and 6 of 60 intervals of the bootstrap hold" in words
    assert "Of 70 bootstrap intervals, 4 % hold even the distance of their own draw." in words


def test_the_table_says_what_each_estimator_is_for_and_what_it_does_not_give(made):
    table = {row[0]: row[1:] for row in appendix.rows(made.simulation)}
    many, infinite = "mean of 600 fakes: 0.6250", "infinitely many: 0.5000"
    assert table == {
        "distance of 600 fakes, influence function": [many, "0.6250", "0.03510", "0.03400", "95.3 % of 1,000 draws"],
        "plain bootstrap of it": [many, "0.7512", "0.03740", "0.03400", "10.0 % of 70 draws"],
        "jackknife over 20 groups": [infinite, "0.5012", "0.03620", "0.03400", "95.7 % of 1,000 draws"],
        "regression on 1 / N over 15 sizes": [infinite, "0.4911", "none given", "0.03400", "no interval"],
    }
    assert {len(row) for row in appendix.rows(made.simulation)} == {len(appendix.HEADERS)}


def test_the_figure_is_a_drawing_of_its_own_bytes_twice(made):
    one, other = appendix.drawing(made), appendix.drawing(made)
    assert (one.svg, one.png) == (other.svg, other.png)
    assert ET.fromstring(one.svg).tag.endswith("svg")
    assert one.png.startswith(b"\x89PNG")


def test_a_missing_or_broken_simulation_says_why(tmp_path):
    path = tmp_path / "frechet.json"
    missing = appendix.drawing(appendix.read_simulated(path, "simulate/frechet.json"))
    assert missing.problem == "not simulated yet: simulate/frechet.json does not exist"
    for text, reason in (("{", "not valid JSON"), ('{"truth": 1}', "schema_version|setup"), ('{"odd": 1}', "odd")):
        path.write_text(text)
        problem = appendix.drawing(appendix.read_simulated(path, "simulate/frechet.json")).problem
        assert problem.startswith("simulate/frechet.json can't be read")
        assert re.search(reason, problem)
    assert ReportData.__dataclass_fields__["simulated"].default_factory().problem


def test_page_and_markdown_show_the_table_and_the_figure_at_the_end(complete, made):
    data = dataclasses.replace(campaign.data(complete), simulated=made)
    html, text = page.render(data, figures(data)), markdown.render(data, {})
    section = html[html.index('<section id="appendix"') :]
    assert section.count("<section") == 1  # nothing comes after it
    assert '<div class="drawing" role="img"' in section
    assert '<a href="#appendix">' in html
    for cell in (cell for row in appendix.rows(made.simulation) for cell in row):
        assert f">{cell}<" in section
        assert f" {cell} |" in text
    for part in (section, text):
        assert appendix.caption(made.simulation) in part
        assert "arXiv 1911.07023" in part


def test_page_and_markdown_say_why_there_is_no_simulation(complete):
    data = campaign.data(complete)
    for part in (page.render(data, figures(data)), markdown.render(data, {})):
        assert "because not simulated yet: simulate/frechet.json does not exist." in part
