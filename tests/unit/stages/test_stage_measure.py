import numpy as np
import pytest
import torch
from support.toys import ToyFamily, detector_card, model_card, protocol_card

from stylenat.core.errors import InputError
from stylenat.core.files import sha256_file
from stylenat.core.records import failed_path, read_measurement
from stylenat.features.table import FeatureTable, write_table
from stylenat.metrics import fid, throughput
from stylenat.metrics._result import Result
from stylenat.metrics._rows import random_rows
from stylenat.sampling import build
from stylenat.stages import measure


def normal(seed, count):
    return np.random.default_rng(seed).standard_normal((count, 4)).astype(np.float32)


def table(path, seed, count, detector="toydetector", weights="a" * 64):
    write_table(FeatureTable(path, normal(seed, count), detector, weights, f"images-{seed}"))
    return path


@pytest.fixture(autouse=True)
def toy_family(monkeypatch):
    for module in (build, measure):
        monkeypatch.setattr(module, "load_family", lambda dotted: ToyFamily())


@pytest.fixture
def job(tmp_path):
    """Runs one measurement; keywords replace the defaults."""
    defaults = {
        "model": model_card(),
        "protocol": protocol_card("fid"),
        "detector": detector_card(),
        "seed": 2,
        "real": table(tmp_path / "real.npz", 0, 60),
        "fake": table(tmp_path / "fake.npz", 1, 50),
        "out": tmp_path / "measure" / "seed2.json",
        "device": "cpu",
        "demo": False,
        "code": "c0de",
        "command": "stylenat measure",
    }

    def run(**changes):
        arguments = defaults | changes
        measure.run(**arguments)
        return read_measurement(arguments["out"])

    run.out = defaults["out"]
    return run


def on_model(metric, **changes):
    model = {"protocol": protocol_card(metric, **changes), "detector": None, "real": None, "fake": None}
    return model


def test_a_record_on_features_holds_everything(job, tmp_path):
    record = job()
    assert record.value == fid.compute(normal(0, 60), normal(1, 50)[:40]).value
    assert (record.status, record.unit, record.direction) == ("ok", fid.UNIT, "lower")
    assert (record.protocol, record.protocol_version, record.metric_version) == ("toy-fid", 3, fid.VERSION)
    assert (record.model, record.seed, record.metric) == ("toy", 2, "fid")
    files = [tmp_path / "real.npz", tmp_path / "fake.npz"]
    assert record.inputs == {str(path): sha256_file(path) for path in files}
    assert record.details["images"] == {"real": "images-0", "fake": "images-1"}
    assert record.details["detector"] == {"name": "toydetector", "weights_sha256": "a" * 64}
    assert (record.code, record.command) == ("c0de", "stylenat measure")
    assert record.versions["torch"] == torch.__version__.partition("+")[0] or record.versions["torch"]
    assert set(record.git) == {"revision", "dirty"}
    assert record.device["kind"] == "cpu"
    assert "tf32_matmul" in record.flags
    assert record.wall_seconds > 0


def test_a_subset_of_the_reals_is_the_protocol_s(job):
    record = job(protocol=protocol_card("fid", real_count=30, real_seed=4))
    real_ND = random_rows(normal(0, 60), 30, 4, "real")
    assert record.value == fid.compute(real_ND, normal(1, 50)[:40]).value
    assert record.details["real_count"] == 30


def test_parameters_reach_the_metric(job):
    record = job(protocol=protocol_card("kid", parameters={"subset_size": 20, "subsets": 3}))
    assert (record.details["subset_size"], record.details["subsets"]) == (20, 3)


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({}, ["random weights"]),
        ({"demo": True}, ["random weights", "demo run"]),
        ({"protocol": protocol_card("fid", comparable=False, reason="too few")}, ["too few", "random weights"]),
        ({"detector": detector_card(comparable=True, reason="", weights={"file": "w.pth"})}, []),
    ],
)
def test_comparable_needs_protocol_detector_and_data(job, changes, reasons):
    record = job(**changes)
    assert record.comparable == (not reasons)
    assert all(reason in record.comparable_reason for reason in reasons)
    assert record.comparable_reason.count(";") == max(len(reasons) - 1, 0)


@pytest.mark.parametrize("demo", [True, False])
def test_counts_are_comparable_in_a_demo_too(job, demo):
    record = job(**on_model("parameters"), demo=demo)
    assert record.value == (4 * 6 + 6) + 6 * 192
    assert (record.unit, record.direction) == ("parameters", "none")
    assert record.comparable
    assert record.demo == demo


def test_the_discriminator_can_be_counted(job):
    record = job(**on_model("parameters", parameters={"part": "discriminator"}))
    assert record.value == 192 + 1


def test_flops_of_a_model(job):
    assert job(**on_model("flops")).value == 2 * (4 * 6 + 6 * 192)


def test_a_timing_tells_device_switches_and_weights(job):
    parameters = {"batch_size": 2, "warmup": 1, "rounds": 3, "tf32": True}
    record = job(**on_model("throughput", timed=True, parameters=parameters))
    assert record.value > 0
    assert record.details["weights"] == "random (speed does not depend on them)"
    assert len(record.details["round_seconds"]) == 3
    assert record.flags["tf32_matmul"]
    assert record.device["name"]


def test_random_weights_leave_the_global_generator_alone(job):
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    job(**on_model("parameters"))
    assert torch.equal(torch.rand(1), expected)


def failure(job, message, **changes):
    with pytest.raises(InputError, match=message) as caught:
        job(**changes)
    assert "\n" not in str(caught.value)
    assert not job.out.exists()
    record = read_measurement(failed_path(job.out))
    assert record.status == "failed"
    assert record.value is None
    return record


def test_too_few_fakes_fail_and_success_removes_the_failure(job, tmp_path):
    record = failure(
        job,
        r"fake\.npz: found features of 50 images, expected at least 51",
        protocol=protocol_card("fid", fake_count=51),
    )
    assert record.reason == f"{tmp_path}/fake.npz: found features of 50 images, expected at least 51"
    assert record.code == "c0de"
    job()
    assert not failed_path(job.out).exists()


def test_a_failure_removes_an_older_record(job):
    job()
    failure(job, "expected at least 99", protocol=protocol_card("fid", real_count=99))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"real": None}, "needs features of real and of fake images"),
        ({"detector": detector_card(name="other")}, "features of detector 'toydetector', expected 'other'"),
        ({"protocol": protocol_card("fid", parameters={"n": 1})}, "metric 'fid' has no parameter 'n'"),
        ({"protocol": protocol_card("parameters", parameters={"prat": "generator"})}, "did you mean 'part'"),
        ({"protocol": protocol_card("flop")}, "no metric 'flop' in stylenat/metrics; did you mean 'flops'"),
        ({"protocol": protocol_card("fid", needs="model")}, "needs is 'model', its metric needs 'features'"),
        ({"protocol": protocol_card("throughput")}, "TypeError: .*batch_size"),
        ({"protocol": protocol_card("parameters"), "model": model_card(arch={"x": 1})}, "unknown key"),
        (
            {"protocol": protocol_card("parameters"), "model": model_card(family=None, weights={"none": "no code"})},
            "no co",
        ),
    ],
)
def test_what_does_not_fit_is_refused(job, changes, message):
    failure(job, message, **changes)


def test_features_of_different_weights_are_not_compared(job, tmp_path):
    failure(job, "different detector weights", fake=table(tmp_path / "odd.npz", 1, 50, weights="b" * 64))


def test_any_error_of_a_metric_becomes_a_record(job, monkeypatch):
    def fail(*arguments, **parameters):
        raise RuntimeError("CUDA out of memory.\nTried to allocate 2 GiB")

    monkeypatch.setattr(throughput, "compute", fail)
    record = failure(job, "RuntimeError: CUDA out of memory. Tried", **on_model("throughput", timed=True))
    assert record.reason == "RuntimeError: CUDA out of memory. Tried to allocate 2 GiB"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_is_not_finite_is_a_failure(job, monkeypatch, value):
    monkeypatch.setattr(fid, "compute", lambda real_ND, fake_ND: Result(value))
    failure(job, f"metric 'fid' gave {value}, expected a finite number")
