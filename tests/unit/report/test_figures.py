import html
import io
import json
import re

import numpy as np
import pytest
from PIL import Image
from support import campaign
from support.plotted import texts

from stylenat.core.files import write_json
from stylenat.core.records import write_record
from stylenat.report import style
from stylenat.report.figures import figures
from stylenat.report.grids import _tiled


def drawn(results, section):
    return {drawing.name: drawing for drawing in figures(campaign.data(results))[section]}


def test_published_points_are_drawn_and_demo_numbers_are_not(complete):
    drawing = drawn(complete, "comparison")["fid-parameters"]
    assert "published" in texts(drawing)
    assert "Rival" in texts(drawing)
    assert "measured here" not in texts(drawing)
    assert "Demo numbers are never drawn" in drawing.caption


def test_a_demo_fid_of_a_published_model_stays_off_the_axes(complete):
    path = complete / "plan/plan.json"
    data = campaign.data(complete)
    entry = next(e for e in data.entries if e.planned.path == campaign.FIRST)
    model = {**data.plan.cards["models"][campaign.OFFICIAL], "name": campaign.DEMO}
    data.plan.cards["models"][campaign.DEMO] = model
    counted = next(planned for planned in data.plan.records if planned.path == campaign.SIZE)
    own = counted.model_copy(update={"model": campaign.DEMO, "path": f"measure/parameters/{campaign.DEMO}/seed0.json"})
    plan = data.plan.model_copy(update={"records": [*data.plan.records, own]})
    write_json(path, plan.model_dump(mode="json", by_alias=True))
    write_record(complete / own.path, campaign.record("parameters", campaign.DEMO, value=1e6))
    for demo, words in ((True, []), (False, ["measured here"])):
        changed = entry.record.model_copy(update={"comparable": True, "demo": demo})
        write_record(complete / campaign.FIRST, changed)
        write_record(complete / campaign.MISSING, changed.model_copy(update={"seed": 1}))
        drawing = drawn(complete, "comparison")["fid-parameters"]
        assert [text for text in texts(drawing) if text == "measured here"] == words


def test_the_strip_marks_its_controls_and_its_demo(complete):
    drawing = drawn(complete, "metrics")["metric-fid-demo"]
    assert [text for text in texts(drawing) if text.startswith(("floor", "ceiling", "stylenat"))] == [
        "floor: real images",
        "stylenat-small",
        "ceiling: noise",
        "stylenat-small",  # against the other set, which has no controls
    ]
    assert any("demo numbers" in text for text in texts(drawing))
    assert {"Photographs, lanczos (photos)", "Photographs, box (photos-box)"} <= set(texts(drawing))
    assert drawing.caption.startswith("Demo numbers.")


def test_a_training_is_drawn_as_far_as_its_log_goes(complete):
    drawing = drawn(complete, "training")["training-stylenat-small"]
    assert {"discriminator", "generator", "R1 penalty"} <= set(texts(drawing))
    assert "1 line of" in drawing.caption


def test_a_quick_fid_is_drawn_apart_and_says_what_it_is(complete):
    before = drawn(complete, "training")["training-stylenat-small"]
    assert not any("FID" in text for text in texts(before))
    lines = [{"nimg": nimg, "fid": 300.0 - nimg, "samples": 32, "detector": "toy", "label": "x"} for nimg in (40, 80)]
    with (complete / "train" / campaign.DEMO / "history.jsonl").open("a") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)
    drawing = drawn(complete, "training")["training-stylenat-small"]
    assert "FID, to watch by only" in texts(drawing)
    assert "FID of 32 samples, detector toy: far above that of many, and never to be compared." in drawing.caption
    assert drawing.svg.count("<path") > before.svg.count("<path")


def test_what_is_missing_says_why(results):
    (results / "train" / campaign.DEMO / "history.jsonl").unlink()
    assert drawn(results, "training")["training-stylenat-small"].problem.startswith("not trained yet")
    assert drawn(results, "samples")["samples-noise-photos"].problem.startswith("no samples yet")


def test_the_grid_holds_the_first_samples_in_reading_order(complete):
    drawing = drawn(complete, "samples")["samples-stylenat-small"]
    picture = np.asarray(Image.open(io.BytesIO(drawing.png)))
    assert picture.shape == (4 * 64, 8 * 64, 3)  # 32 px, each pixel doubled
    images = campaign.data(complete).samples[campaign.DEMO].images
    np.testing.assert_array_equal(picture[64:128:2, 128:192:2], images[8 + 2].transpose(1, 2, 0))


def test_a_row_that_is_not_full_is_grey():
    picture = _tiled(np.zeros((3, 3, 2, 2), np.uint8))
    assert picture.shape == (2, 16, 3)
    assert picture[:, :6].max() == 0
    assert (picture[:, 6:] == 128).all()


def test_large_samples_are_shrunk(complete):
    path = complete / "sample" / campaign.DEMO / "seed0-n32.npy"
    np.save(path, np.zeros((9, 3, 300, 300), np.uint8))
    picture = Image.open(io.BytesIO(drawn(complete, "samples")["samples-stylenat-small"].png))
    assert picture.size == (8 * 128, 2 * 128)


def test_figures_are_the_same_each_time(complete):
    first, second = drawn(complete, "metrics")["metric-fid-demo"], drawn(complete, "metrics")["metric-fid-demo"]
    assert first.files == second.files
    assert "<dc:date>" not in first.svg  # a time would differ from second to second


@pytest.mark.parametrize("label", [campaign.EVIL, "$\\frac{$ $x$", "a" * 40])
def test_labels_are_text_and_not_formulas(label):
    figure = style.draw((4, 4), (1, 1), lambda _, axes: axes[0].set_title(label))
    files = style.rendered(figure, "x")
    drawing = style.Drawing("x", "", "", "", lambda: files)
    assert " ".join(label.split()) in {" ".join(text.split()) for text in texts(drawing)}
    assert "<script" not in drawing.inline_svg


def test_inline_figures_take_the_pages_ink(complete):
    inline = drawn(complete, "metrics")["metric-fid-demo"].inline_svg
    assert inline.startswith("<svg ")
    assert "currentColor" in inline
    assert style.INK not in inline
    assert "http" not in inline


def test_inline_figures_are_small_and_mean_the_same(complete):
    drawing = drawn(complete, "metrics")["metric-fid-demo"]
    inline = drawing.inline_svg
    assert len(inline) < 0.8 * len(drawing.svg)
    ids = re.findall(r' id="([^"]*)"', inline)
    named = set(re.findall(r'(?:href="#|url\(#)([^")]*)', inline))
    assert set(ids) == named
    assert all(name.startswith("metric-fid-demo-") for name in ids)
    places = [float(place) for place in re.findall(r' x="([^"]*)"', inline)]
    whole = [float(place) for place in re.findall(r' x="([^"]*)"', drawing.svg)]
    assert len(places) == len(whole) > 20
    assert all(0 <= exact - place < 0.011 for place, exact in zip(places, whole, strict=True))


def test_words_in_an_inline_figure_are_left_alone():
    words = 'a name id="x" href="#y" at 1.23456 > 0'
    files = style.rendered(style.draw((4, 4), (1, 1), lambda _, axes: axes[0].set_title(words)), "x")
    shown = re.findall(r"<text[^>]*>([^<]*)</text>", style.Drawing("x", "", "", "", lambda: files).inline_svg)
    assert words in [html.unescape(text) for text in shown]


def test_an_axis_counts_by_factors_where_a_control_is_far_away(complete):
    def label():
        return next(text for text in texts(drawn(complete, "metrics")["metric-fid-demo"]) if "demo numbers" in text)

    assert label() == "FID (demo numbers), lower is better, log scale"
    for planned in campaign.data(complete).plan.records:
        path = complete / planned.path
        if planned.protocol == "fid-demo" and path.exists():
            made = next(e.record for e in campaign.data(complete).entries if e.planned.path == planned.path)
            write_record(path, made.model_copy(update={"value": made.value + 1.0}))
    assert label() == "FID (demo numbers), lower is better"
    first = next(e for e in campaign.data(complete).entries if e.planned.path == campaign.FIRST)
    write_record(complete / campaign.FIRST, first.record.model_copy(update={"value": -0.1}))
    assert label() == "FID (demo numbers), lower is better"  # there are no factors to below zero
