import pytest

from stylenat.core.cards import ModelCard
from stylenat.core.controls import control_of, flags
from stylenat.core.records import Measurement

_BASE = {"title": "t", "method": "m", "reference": "r", "licence": "l", "arch": {}, "dataset": "set"}
MODELS = {
    name: ModelCard.model_validate(_BASE | {"name": name, "weights": {"dataset": "set"}} | fields)
    for name, fields in {
        "floor": {"family": "baselines.controls.real", "control": True},
        "ceiling": {"family": "baselines.controls.noise", "control": True},
        "other-floor": {"family": "baselines.controls.real", "control": True, "weights": {"dataset": "other"}},
        "good": {"family": "stylenat.network"},
        "bad": {"family": "baselines.hit"},
    }.items()
}


def records(direction="lower", protocol="p", dataset="set", **values):
    fixed = {"protocol": protocol, "protocol_version": 1, "metric": "fid", "metric_version": 1, "unit": "1"}
    more = {"comparable": True, "demo": False, "code": "c", "created": "now", "wall_seconds": 1, "status": "ok"}
    given = {"direction": direction, "dataset": dataset}
    return [
        Measurement.model_validate(fixed | more | given | {"model": name.replace("_", "-"), "seed": seed, "value": x})
        for name, found in values.items()
        for seed, x in enumerate(found)
    ]


FLOOR, CEILING = [0.10, 0.11, 0.12], [300.0, 301.0, 302.0]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([2.0, 2.1, 2.2], None),
        ([0.01, 0.011, 0.012], "better than real images, 0.011 against 0.11 of floor"),
        ([0.105, 0.106, 0.107], None),  # below the floor, but not by more than the seeds of the floor differ
        ([310.0, 311.0, 312.0], "worse than noise, 311 against 301 of ceiling"),
        ([301.5, 301.6, 301.7], None),
        ([0.01], "better than real images"),  # one run, of which nobody knows how sure it is
        ([2.0], None),
    ],
)
def test_a_model_is_flagged_beyond_the_noise_of_its_controls(value, words):
    found = flags(records(floor=FLOOR, ceiling=CEILING, good=value), MODELS)
    assert set(found) == ({("p", "set", "good")} if words else set())
    assert all(reason.startswith(words) for reason in found.values())


def test_where_higher_is_better_the_bounds_change_sides():
    found = flags(
        records("higher", floor=[0.9, 0.91], ceiling=[0.1, 0.11], good=[0.5, 0.51], bad=[0.001, 0.0011]), MODELS
    )
    assert list(found) == [("p", "set", "bad")]
    assert found["p", "set", "bad"].startswith("worse than noise")


def test_controls_out_of_order_flag_all_that_was_measured_beside_them():
    found = flags(records(floor=CEILING, ceiling=FLOOR, good=[2.0, 2.1]), MODELS)
    assert set(found) == {("p", "set", name) for name in ("floor", "ceiling", "good")}
    assert set(found.values()) == {"the controls are out of order: floor 301, ceiling 0.11"}
    equal = flags(records(floor=FLOOR, ceiling=FLOOR, good=[2.0, 2.1]), MODELS)
    assert equal["p", "set", "good"].startswith("the controls are out of order")


def test_each_protocol_and_set_has_its_own_controls():
    far = records(good=[900.0, 901.0], dataset="other") + records(good=[900.0, 901.0], protocol="q")
    assert flags(records(floor=FLOOR, ceiling=CEILING, good=[2.0, 2.1]) + far, MODELS) == {}


def test_one_control_bounds_its_own_side():
    assert list(flags(records(ceiling=CEILING, good=[900.0, 901.0], bad=[-5.0, -5.1]), MODELS)) == [
        ("p", "set", "good")
    ]


def test_real_images_of_another_filter_are_no_floor():
    roles = {name: control_of(card, "set") for name, card in MODELS.items()}
    assert roles == {"floor": "real", "ceiling": "noise", "other-floor": "", "good": "", "bad": ""}
    assert control_of(MODELS["ceiling"], "other") == "noise"
    assert control_of(None, "set") == ""
    assert flags(records(other_floor=[50.0, 50.1], ceiling=CEILING, good=[2.0, 2.1]), MODELS) == {}


def test_numbers_without_a_direction_or_without_reals_are_not_bounded():
    assert flags(records("none", floor=FLOOR, ceiling=CEILING, good=[900.0, 901.0]), MODELS) == {}
    assert flags(records(dataset="", floor=FLOOR, ceiling=CEILING, good=[900.0, 901.0]), MODELS) == {}
