import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from support import plotted
from support.plotted import FAST, FINE, SLOW, texts

from stylenat.core.files import write_json
from stylenat.report.latents import _small, same_latents


@pytest.fixture
def results(tmp_path):
    return plotted.make(tmp_path)


def test_the_models_of_a_resolution_stand_side_by_side(results):
    (drawing,) = same_latents(plotted.data(results))  # of lone-32 there is nothing to set beside
    assert drawing.name == "latents-256px-seed0"
    root = ET.fromstring(drawing.svg)
    assert texts(drawing) == [FAST, FINE, SLOW]
    assert len(list(root.iter("{http://www.w3.org/2000/svg}image"))) == 3 * 8
    assert "images 0 to 7 of seed 0, one column each" in drawing.caption
    assert "Demo" not in drawing.caption


def test_a_column_is_one_latent_where_a_model_has_few_images(results):
    path = results / plotted.plan_of(results)["samples"][FINE]
    np.save(path, np.load(path)[:3])
    (drawing,) = same_latents(plotted.data(results))
    assert drawing.svg.count("<image ") == 3 * 3
    assert "images 0 to 2" in drawing.caption


def test_other_seeds_are_other_latents(results):
    plan = plotted.plan_of(results)
    for model, seed in ((FAST, 5), (FINE, 5)):
        plan["samples"][model] = plan["samples"][model].replace("seed0", f"seed{seed}")
    write_json(results / "plan/plan.json", plan)
    (drawing,) = same_latents(plotted.data(results))
    assert drawing.name == "latents-256px-seed5"
    assert drawing.problem.startswith("fewer than two models have samples")


def test_missing_samples_are_said(results):
    (results / plotted.plan_of(results)["samples"][SLOW]).unlink()
    (drawing,) = same_latents(plotted.data(results))
    assert f"Not drawn: {SLOW} (no samples yet" in drawing.caption


def test_large_pictures_are_shrunk_in_proportion():
    assert _small(np.zeros((300, 150, 3), np.uint8)).shape == (128, 64, 3)
    assert _small(np.zeros((32, 32, 3), np.uint8)).shape == (32, 32, 3)


def test_controls_have_no_latents_to_be_set_beside(results):
    data = plotted.data(results)
    data.models[SLOW] = data.models[SLOW].model_copy(update={"control": "noise"})
    (drawing,) = same_latents(data)
    assert texts(drawing) == [FAST, FINE]


def test_pictures_in_an_inline_figure_keep_their_place_and_size(results):
    (drawing,) = same_latents(plotted.data(results))
    exact = re.findall(r'<image [^>]*? transform="([^"]*)"', drawing.svg)
    assert len(exact) > 4
    assert re.findall(r'<image [^>]*? transform="([^"]*)"', drawing.inline_svg) == exact
