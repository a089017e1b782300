import re

import pytest
from support import campaign, plotted
from support.plotted import BOX, FAST, FINE, LANCZOS, SLOW, texts

from stylenat.report.choices import choices
from stylenat.report.style import SERIES

FILTERS, PROTOCOLS = "fid-filters-fid-b", "fid-protocols-faces-inception-v3-layer-2048"


@pytest.fixture
def results(tmp_path):
    return plotted.make(tmp_path)


def drawn(results):
    return {drawing.name: drawing for drawing in choices(plotted.data(results))}


def test_each_protocol_shows_what_a_filter_is_worth(results):
    found = drawn(results)
    assert list(found) == [
        "fid-filters-fid-a", FILTERS, PROTOCOLS, "fid-protocols-faces-box-inception-v3-layer-2048"
    ]  # fmt: skip
    assert {FAST, FINE, SLOW, "box (faces-box)", "lanczos (faces)"} <= set(texts(found[FILTERS]))
    assert f"{FAST} 0.8040 between 2 marks" in found[FILTERS].caption  # 0.8 and half of its hundredth
    assert "no published FID stands among it" in found[FILTERS].caption


def test_a_protocol_stands_beside_those_of_the_same_network_alone(results):
    drawing = drawn(results)[PROTOCOLS]
    assert {"fid-a", "fid-b"} <= set(texts(drawing))
    assert "fid-dino" not in texts(drawing)
    assert "All by inception-v3, layer 2048. Other networks have another scale." in drawing.caption


def test_error_bars_come_with_several_seeds(results):
    def bars(name):
        groups = re.findall(r'<g id="LineCollection_\d+">(.*?)</g>', drawn(results)[name].svg, flags=re.S)
        return sum(group.count('<path d="M') for group in groups)

    with_all = bars(FILTERS)
    (planned,) = [p for p in plotted.of(results, "fid-b", FAST, BOX) if p.seed == 1]
    (results / planned.path).unlink()
    assert bars(FILTERS) == with_all - 1


def test_what_is_missing_is_said(results):
    for planned in plotted.of(results, "fid-b", FAST, BOX):
        (results / planned.path).unlink()
    drawing = drawn(results)[FILTERS]
    assert f"Not drawn: {FAST} (not measured yet)." in drawing.caption
    assert FAST not in texts(drawing)
    for model in (FINE, SLOW):
        for planned in plotted.of(results, "fid-b", model, LANCZOS):
            (results / planned.path).unlink()
    assert drawn(results)[FILTERS].problem == "fewer than two numbers of any model: not measured yet"


def test_demo_numbers_say_so(tmp_path):
    data = campaign.data(campaign.complete(campaign.make(tmp_path)))
    filters, protocols = choices(data)
    assert {"DEMO NUMBERS", "FID (demo numbers), lower is better"} <= set(texts(filters))
    assert filters.caption.startswith("Demo numbers. ")
    assert protocols.problem.startswith("this run measures no model under several protocols")


def test_many_choices_have_marks_that_differ():
    assert len(set(SERIES)) == len(SERIES) == 28


def test_more_choices_than_marks_are_all_drawn(results, monkeypatch):
    monkeypatch.setattr("stylenat.report.choices.SERIES", SERIES[:1])
    assert {"box (faces-box)", "lanczos (faces)"} <= set(texts(drawn(results)[FILTERS]))
