"""Steps of the demo's StyleNAT give the committed losses: a change of formula or constant shows here."""

import json

import pytest
from support.curve import GOLDEN, STEPS, curve


@pytest.mark.parametrize("steps", [6, pytest.param(STEPS, marks=pytest.mark.long)])
def test_seeded_steps_give_the_committed_losses(tmp_path, steps):
    expected = json.loads(GOLDEN.read_text())["steps"]
    assert len(expected) == STEPS
    found = curve(tmp_path, steps)
    assert len(found) == steps
    for line, other in zip(found, expected, strict=False):
        assert line == pytest.approx(other, rel=1e-4)
    assert [step for step, line in enumerate(found) if "r1" in line] == [0, 16][: 1 + (steps > 16)]
