import pytest

from stylenat.core.errors import InputError
from stylenat.core.registry import ROOT
from stylenat.core.strict import read_yaml
from stylenat.timing.settings import parse_settings

FIXED = {"mode": "throughput", "precision": "fp32", "batch_size": 4, "warmup": 1, "rounds": 2}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batchsize": 4}, "unknown key 'batchsize'; did you mean 'batch_size'"),
        ({"rounds": 0}, "rounds: .*greater than 0"),
        ({"warmup": 0}, "warmup: .*greater than 0"),
        ({"precision": "fp8"}, "precision: .*'fp32', 'tf32', 'bf16' or 'fp16'"),
        ({"batch_size": None}, "exactly one of 'batch_size' and 'sweep: true'"),
        ({"sweep": True}, "exactly one of 'batch_size' and 'sweep: true'"),
        ({"sweep": True, "batch_size": None, "mode": "latency"}, "mode is 'latency', expected 'throughput'"),
        ({"compiled": True, "parts": True}, "leave out 'sweep' and 'parts'"),
        ({"compiled": True, "sweep": True, "batch_size": None}, "leave out 'sweep' and 'parts'"),
    ],
)
def test_a_bad_parameter_is_one_line_that_starts_with_the_place(changes, message):
    with pytest.raises(InputError, match=f"^card x: .*{message}") as caught:
        parse_settings(FIXED | changes, "card x")
    assert "\n" not in str(caught.value)


def test_calls_are_timed_one_by_one_but_for_throughput():
    modes = ("latency", "official", "throughput")
    assert [parse_settings(FIXED | {"mode": mode}, "x").separately for mode in modes] == [True, True, False]
    assert len({parse_settings(FIXED | {"mode": mode}, "x").what for mode in modes}) == 3


@pytest.mark.parametrize("path", sorted(ROOT.glob("config/protocols/*.yaml")), ids=lambda path: path.stem)
def test_every_card_of_a_timing_parses(path):
    card = read_yaml(path)
    if card["metric"] != "throughput":
        return
    settings = parse_settings(card["parameters"], str(path))
    assert card["timed"]
    assert not settings.sweep or settings.largest_batch is not None


def test_the_official_script_s_card_says_what_the_script_does():
    card = read_yaml(ROOT / "config/protocols/throughput-official-script.yaml")
    settings = parse_settings(card["parameters"], "card")
    assert (settings.mode, settings.precision, settings.cudnn_benchmark) == ("official", "tf32", True)
    assert (settings.batch_size, settings.warmup, settings.calls * settings.rounds) == (1, 10, 500)
    assert (settings.compiled, settings.parts) == (False, False)
    assert len(card["seeds"]) == 5
