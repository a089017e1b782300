import statistics

import pytest

from stylenat.core.errors import InputError
from stylenat.metrics import throughput
from stylenat.timing.session import Entry, Point, Round, Session, write_session

PARAMETERS = {"mode": "throughput", "precision": "fp32", "batch_size": 4, "calls": 5, "warmup": 1, "rounds": 3}
LATENCY = PARAMETERS | {"mode": "latency", "batch_size": 2, "calls": 2}
DEVICE, FLAGS = {"kind": "cuda", "name": "NVIDIA H100"}, {"tf32_matmul": False, "precision": "fp32"}


def write(path, seconds, parameters=PARAMETERS, **entry):
    """A session of one network that took these seconds, and of one that failed."""
    fields = {"status": "ok", "batch_size": parameters["batch_size"], "calls": parameters["calls"]}
    fields |= {"first_call_seconds": 70.0, "warmup_seconds": [70.0, 1.0], "peak_bytes": 1000}
    entries = {"toy": Entry(**(fields | entry)), "other": Entry(status="failed", reason="round 2: out of memory")}
    session = Session(
        protocol="speed",
        protocol_version=2,
        seed=3,
        parameters=parameters,
        timed="the calls",
        entries=entries,
        rounds=[Round(order=["toy"], seconds={"toy": one}) for one in seconds],
        state_before={"gpu": {"sm_clock_mhz": 1980.0}},
        state_after={"gpu": {"sm_clock_mhz": 1755.0}},
        device=DEVICE,
        flags=FLAGS,
        versions={},
        git={},
        code="c0de",
        created="2026-01-01T00:00:00+00:00",
        wall_seconds=9.0,
    )
    write_session(path, session)
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "speed/gpu-seed3.json"


def test_throughput_is_all_images_of_a_round_over_its_median_seconds(path):
    result = throughput.compute(write(path, [[10.0], [2.0], [4.0]]), "toy", **PARAMETERS)
    assert result.value == 4 * 5 / 4.0
    assert result.details["round_seconds"] == [[10.0], [2.0], [4.0]]
    assert (result.details["median_seconds"], result.details["iqr_seconds"]) == (4.0, 4.0)
    assert "latency_seconds" not in result.details
    assert "compile_seconds" not in result.details


def test_latency_is_over_the_calls_of_all_rounds(path):
    seconds = [[1.0, 2.0], [3.0, 4.0], [5.0, 60.0]]
    result = throughput.compute(write(path, seconds, LATENCY), "toy", **LATENCY)
    assert result.value == 2 / 3.5
    # Quartiles 2.25 and 4.75; 95 % lies at three quarters of the way from the fifth to the sixth.
    assert result.details["latency_seconds"] == pytest.approx({"median": 3.5, "iqr": 2.5, "p95": 46.25})


def test_a_round_s_own_number_of_calls_counts(path):
    result = throughput.compute(write(path, [[4.0]] * 3, calls=2), "toy", **PARAMETERS)
    assert result.value == 4 * 2 / 4.0
    assert result.details["calls"] == 2


def test_the_best_batch_of_a_sweep_counts(path):
    parameters = PARAMETERS | {"batch_size": None, "sweep": True, "largest_batch": 8}
    curve = [Point(batch_size=1, calls=5, seconds=[4.0, 5.0, 1.0]), Point(batch_size=2, calls=5, seconds=[2.0] * 3)]
    fields = {"batch_size": 2, "curve": curve, "sweep_end": "batch 4: out of memory"}
    result = throughput.compute(write(path, [[2.0]] * 3, parameters, **fields), "toy", **parameters)
    assert result.value == 2 * 5 / 2.0
    assert [(one["batch_size"], one["images_per_second"]) for one in result.details["curve"]] == [(1, 1.25), (2, 5.0)]
    assert (result.details["batch_size"], result.details["sweep_end"]) == (2, "batch 4: out of memory")


def test_a_record_has_the_session_s_device_switches_and_states(path):
    result = throughput.compute(write(path, [[1.0]] * 3), "toy", **PARAMETERS)
    assert (result.device, result.flags) == (DEVICE, FLAGS)
    details = result.details
    assert details["state_before"]["gpu"]["sm_clock_mhz"] > details["state_after"]["gpu"]["sm_clock_mhz"]
    assert details["session"] == {"created": "2026-01-01T00:00:00+00:00", "code": "c0de", "models": ["other", "toy"]}
    assert (details["peak_bytes"], details["timed"], details["mode"]) == (1000, "the calls", "throughput")
    assert details["weights"].startswith("random")


def test_compilation_stands_apart(path):
    parameters = PARAMETERS | {"compiled": True}
    assert (
        throughput.compute(write(path, [[1.0]] * 3, parameters), "toy", **parameters).details["compile_seconds"] == 70
    )


def test_synthesis_is_the_call_without_the_mapping(path):
    parameters = PARAMETERS | {"parts": True}
    parts = {"call": [5.0, 7.0, 60.0], "mapping": [1.0, 2.0, 30.0], "to_uint8": [0.5] * 3}
    result = throughput.compute(write(path, [[1.0]] * 3, parameters, parts=parts), "toy", **parameters)
    assert result.details["parts_seconds"] == {"call": 7.0, "mapping": 2.0, "synthesis": 5.0, "to_uint8": 0.5}
    without = {"call": [5.0, 7.0, 60.0]}
    result = throughput.compute(write(path, [[1.0]] * 3, parameters, parts=without), "toy", **parameters)
    assert result.details["parts_seconds"] == {"call": 7.0}


def test_one_sample_has_no_spread(path):
    assert throughput.compute(write(path, [[1.0]]), "toy", **PARAMETERS).details["iqr_seconds"] is None


def test_a_failed_network_gives_its_reason(path):
    with pytest.raises(InputError, match=r"^round 2: out of memory .'other' in .*seed3.json; remove that file"):
        throughput.compute(write(path, [[1.0]] * 3), "other", **PARAMETERS)


def test_a_network_that_is_not_there_is_refused(path):
    with pytest.raises(InputError, match=r"seed3.json: no model 'tiy' in this session, found other, toy"):
        throughput.compute(write(path, [[1.0]] * 3), "tiy", **PARAMETERS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rounds": 4}, "rounds: found 3, expected 4"),
        ({"precision": "bf16"}, "precision: found 'fp32', expected 'bf16'"),
        ({"warmup_seconds": 3}, "warmup_seconds: found 0, expected 3"),
        ({"parts": True}, "parts: found False, expected True"),
    ],
)
def test_a_session_of_other_parameters_is_refused(path, changes, message):
    with pytest.raises(InputError, match=f"seed3.json: a session of other parameters: {message}"):
        throughput.compute(write(path, [[1.0]] * 3), "toy", **(PARAMETERS | changes))


def test_a_default_that_one_of_the_two_spells_out_is_no_difference(path):
    write(path, [[1.0], [2.0], [4.0]], PARAMETERS | {"parts": False})
    assert throughput.compute(path, "toy", **PARAMETERS).value == 20 / statistics.median([1, 2, 4])


def test_a_file_that_is_no_session_is_refused(path, tmp_path):
    with pytest.raises(InputError, match="no such file"):
        throughput.compute(path, "toy", **PARAMETERS)
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(InputError, match=r"list.json: found list, expected a throughput session"):
        throughput.compute(tmp_path / "list.json", "toy", **PARAMETERS)
    with pytest.raises(InputError, match="metric 'throughput': unknown key 'batchsize'; did you mean 'batch_size'"):
        throughput.compute(path, "toy", batchsize=1)
