import dataclasses
from types import SimpleNamespace

import pytest
from support import campaign, plotted
from support.plotted import BOX, FAST, FINE, LANCZOS, LONE, SLOW, texts

from stylenat.core.records import write_record
from stylenat.report import page
from stylenat.report.figures import figures
from stylenat.report.pareto import fid_against_throughput
from stylenat.report.ranking import front, groups_of


@pytest.fixture
def results(tmp_path):
    return plotted.make(tmp_path)


def ranked(results):
    """The models of each group, and those of its front."""
    groups = groups_of(plotted.data(results))
    return [([p.model for p in group.points], [p.model for p in front(group.points)]) for group in groups]


def change(results, model, protocol, **fields):
    for planned in plotted.of(results, protocol, model):
        write_record(results / planned.path, plotted.record(planned, plotted.QUALITY[model][1], **fields))


def test_the_front_holds_what_nothing_beats_in_both():
    def point(name, speed, fid):
        return SimpleNamespace(model=name, speed=SimpleNamespace(value=speed), fid=SimpleNamespace(value=fid))

    points = [point("a", 10, 2), point("b", 20, 3), point("behind", 15, 3), point("as fine", 9, 2), point("c", 20, 4)]
    assert [p.model for p in front(points)] == ["a", "b"]
    assert [p.model for p in front([point("c", 20, 4), *points[:1]])] == ["a", "c"]


def test_models_that_were_measured_alike_are_ranked(results):
    assert ranked(results) == [([LONE], [LONE]), ([FAST, FINE, SLOW], [FINE, FAST])]
    drawing = fid_against_throughput(plotted.data(results))
    assert {"published", "StyleNAT", FAST, FINE, SLOW, "Pareto front of these", "32 px", "256 px"} <= set(
        texts(drawing)
    )
    assert "FID under fid-b against each model's own set, speed under speed" in drawing.caption  # a claim names fid-b
    assert f"One model has no front: {LONE}." in drawing.caption
    assert "no front is drawn through them" in drawing.caption
    (group,) = [group for group in groups_of(plotted.data(results)) if group.resolution == 256]
    assert {mean.dataset for point in group.points for mean in (point.fid,)} == {LANCZOS}
    low, high = group.points[0].fid.interval
    assert low < group.points[0].fid.value < high


def test_timings_of_two_devices_have_no_front_in_common(results):
    change(results, FAST, "speed", device={"name": "another GPU"})
    assert ([FAST], [FAST]) in ranked(results)
    assert ([FINE, SLOW], [FINE]) in ranked(results)


@pytest.mark.parametrize("field", ["reals", "fakes", "detector"])
def test_distances_of_other_conditions_have_no_front_in_common(results, field):
    changes = {"reals": {"count": 500}, "fakes": {"count": 50}, "detector": {"weights_sha256": "c" * 64}}[field]
    for planned in plotted.of(results, "fid-b", FAST, LANCZOS):
        made = plotted.record(planned, 2.3)
        changed = made.model_copy(update={field: getattr(made, field).model_copy(update=changes)})
        write_record(results / planned.path, changed)
    assert ([FINE, SLOW], [FINE]) in ranked(results)


def test_an_older_version_of_a_protocol_is_left_out_and_said(results):
    change(results, FAST, "speed", protocol_version=7)
    assert ([FINE, SLOW], [FINE]) in ranked(results)
    caption = fid_against_throughput(plotted.data(results)).caption
    assert f"Not drawn: {FAST} (throughput: made by another version of the protocol)." in caption


def test_demo_numbers_stand_on_axes_of_their_own(results):
    plotted.rewrite(results, demo=True)
    drawing = fid_against_throughput(plotted.data(results))
    found = texts(drawing)
    assert found.count("256 px") == 1
    assert found.count("DEMO NUMBERS: 256 px") == 1
    assert "FID (demo numbers)" in found
    assert "Demo numbers stand on axes of their own" in drawing.caption
    first, second = drawing.svg.index("DEMO NUMBERS"), drawing.svg.index('id="axes_2"')
    assert first > second > drawing.svg.index(">published<")
    assert f"Not drawn: {LONE} (the only model on an axis" in drawing.caption


def test_what_is_missing_is_said_and_not_drawn(results):
    for planned in plotted.of(results, "fid-b", SLOW, LANCZOS):
        (results / planned.path).unlink()
    drawing = fid_against_throughput(plotted.data(results))
    assert f"Not drawn: {SLOW} (FID: not measured yet)." in drawing.caption
    assert SLOW not in texts(drawing)


def test_a_model_outside_its_controls_is_not_ranked(results):
    data = plotted.data(results)
    flagged = dataclasses.replace(data, flags={("fid-b", LANCZOS, FINE): "better than real images"})
    assert [p.model for group in groups_of(flagged) for p in group.points] == [LONE, FAST, SLOW]
    assert f"{FINE} (FID: better than real images)" in fid_against_throughput(flagged).caption
    beside = dataclasses.replace(data, flags={("fid-b", BOX, FINE): "better than real images"})
    assert FINE in [p.model for group in groups_of(beside) for p in group.points]


def test_a_run_without_timings_draws_what_is_published_or_says_why(tmp_path):
    results = campaign.complete(campaign.make(tmp_path))
    drawing = fid_against_throughput(campaign.data(results))
    assert drawing.svg is None
    assert f"{campaign.DEMO} (no throughput in this run)" in drawing.problem


def test_harmful_text_of_a_record_is_inert(results):
    plotted.rewrite(results, device={"name": campaign.EVIL})
    data = plotted.data(results)
    text = page.render(data, figures(data))
    assert '<script>alert("x")' not in text
    assert any("<script" in words for words in texts(fid_against_throughput(data)))
