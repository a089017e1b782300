import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from support.statistics import write_statistics
from support.toys import ToyFamily, dataset_card, detector_card, model_card, protocol_card

from stylenat import cli
from stylenat.core.errors import InputError
from stylenat.core.files import sha256_file
from stylenat.core.records import failed_path, read_measurement
from stylenat.core.seeds import subset
from stylenat.features.collection import open_statistics
from stylenat.features.statistics import Kept
from stylenat.frechet.moments import moments_of
from stylenat.frechet.sample import Sample
from stylenat.metrics import fid, flops
from stylenat.metrics._result import Result
from stylenat.sampling import build
from stylenat.stages import measure


def normal(seed, count):
    return np.random.default_rng(seed).standard_normal((count, 4)).astype(np.float32)


def reals(path, **changes):
    images = {"kind": "prepared", "fingerprint": "f" * 64}
    return write_statistics(path, normal(0, 60), images, **changes)


def fakes(path, **changes):
    images = {"kind": "generated", "weights_sha256": "e" * 64, "seed": 2} | changes.pop("images", {})
    return write_statistics(path, normal(1, 50), images, **changes)


def sample(feature_ND):
    return Sample((moments_of(feature_ND),), feature_ND)


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
        "dataset": dataset_card(60, 8, "lanczos"),
        "real": reals(tmp_path / "real.json"),
        "fake": fakes(tmp_path / "fake.json"),
        "session": None,
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

    run.out, run.defaults = defaults["out"], defaults
    return run


def on_model(metric, **changes):
    nothing = dict.fromkeys(("detector", "dataset", "real", "fake"))
    return {"protocol": protocol_card(metric, **changes), **nothing}


def test_a_record_on_images_holds_everything(job, tmp_path):
    record = job()
    expected = fid.compute(sample(normal(0, 60)), sample(normal(1, 50)[:40]))
    assert record.value == pytest.approx(expected.value, rel=1e-12)
    assert (record.status, record.unit, record.direction) == ("ok", fid.UNIT, "lower")
    assert (record.protocol, record.protocol_version, record.metric_version) == ("toy-fid", 3, fid.VERSION)
    assert (record.model, record.seed, record.metric, record.dataset) == ("toy", 2, "fid", "toyset")
    files = [tmp_path / "real.json", tmp_path / "fake.json"]
    assert record.inputs == {str(path): sha256_file(path) for path in files}
    real, fake = (open_statistics(path, "toydetector").own for path in files)
    assert record.reals.model_dump() == {
        "dataset": "toyset",
        "fingerprint": "f" * 64,
        "resize_filter": "lanczos",
        "count": 60,
        "subset_seed": None,
        "statistics": real.key,
    }
    assert record.fakes.model_dump() == {
        "count": 40,
        "weights_sha256": "e" * 64,
        "statistics": fake.key,
        "device": "a machine",
    }
    assert record.detector.model_dump() == {
        "name": "toydetector",
        "preprocessing": "tensorflow",
        "weights_sha256": "a" * 64,
    }
    assert record.standard_error.method == "influence function"
    assert record.standard_error.value == pytest.approx(expected.standard_error.value, rel=1e-9)
    assert (record.code, record.command) == ("c0de", "stylenat measure")
    assert record.versions["torch"] == torch.__version__.partition("+")[0] or record.versions["torch"]
    assert set(record.git) == {"revision", "dirty"}
    assert record.device["kind"] == "cpu"
    assert record.wall_seconds > 0


@pytest.mark.parametrize(("draw", "seed"), [("fixed", 4), ("each-seed", 6)])
def test_a_subset_of_the_reals_is_the_protocol_s(job, draw, seed):
    record = job(protocol=protocol_card("fid", real_count=30, real_seed=4, real_draw=draw))
    chosen = normal(0, 60)[np.sort(subset(seed, 30, 60))]
    expected = fid.compute(sample(chosen), sample(normal(1, 50)[:40])).value
    assert record.value == pytest.approx(expected, rel=1e-9)
    assert (record.reals.count, record.reals.subset_seed) == (30, seed)
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
    record = job(**on_model("flops"))
    assert record.value == 2 * (4 * 6 + 6 * 192)
    assert "tf32_matmul" in record.flags
    assert "torch_threads" in record.device


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
        r"fake\.json: found statistics of 50 images, expected at least 51",
        protocol=protocol_card("fid", fake_count=51),
    )
    assert record.reason == f"{tmp_path}/fake.json: found statistics of 50 images, expected at least 51"
    assert record.code == "c0de"
    job()
    assert not failed_path(job.out).exists()


def test_a_failure_removes_an_older_record(job):
    job()
    failure(job, "expected at least 99", protocol=protocol_card("fid", real_count=99))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"real": None}, "needs statistics of real and of fake images"),
        ({"dataset": None}, "needs statistics of real and of fake images"),
        ({"detector": detector_card(name="other")}, "no statistics of detector 'other'"),
        ({"seed": 3}, r"fake\.json: images of seed 2, expected 3"),
        ({"dataset": dataset_card(60, 8, fingerprint="d" * 64)}, f"fingerprint f+, expected {'d' * 64} of"),
        ({"protocol": protocol_card("fid", parameters={"n": 1})}, "metric 'fid' has no parameter 'n'"),
        ({"protocol": protocol_card("parameters", parameters={"prat": "generator"})}, "did you mean 'part'"),
        ({"protocol": protocol_card("flop")}, "no metric 'flop' in stylenat/metrics; did you mean 'flops'"),
        ({"protocol": protocol_card("fid", needs="features")}, "needs is 'features', its metric needs 'moments'"),
        ({"protocol": protocol_card("throughput", timed=True)}, "needs a session of timings"),
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
    failure(job, "different detector weights", fake=fakes(tmp_path / "odd.json", weights="b" * 64))


def test_reals_and_fakes_are_not_mistaken_for_one_another(job, tmp_path):
    failure(job, r"fake\.json: statistics of generated images, expected prepared ones", real=tmp_path / "fake.json")
    failure(job, r"real\.json: statistics of prepared images, expected generated ones", fake=tmp_path / "real.json")


def test_a_metric_on_features_can_not_do_with_moments(job, tmp_path):
    kept = fakes(tmp_path / "few.json", kept=Kept(True, False), images={"weights_sha256": "1" * 64})
    whole = {"fake_count": 50, "parameters": {"subset_size": 20, "subsets": 3}}
    failure(job, "needs features, but only moments were kept", protocol=protocol_card("kid", **whole), fake=kept)
    assert job(protocol=protocol_card("fid", fake_count=50), fake=kept).standard_error is None


def test_any_error_of_a_metric_becomes_a_record(job, monkeypatch):
    def fail(*arguments, **parameters):
        raise RuntimeError("CUDA out of memory.\nTried to allocate 2 GiB")

    monkeypatch.setattr(flops, "compute", fail)
    record = failure(job, "RuntimeError: CUDA out of memory. Tried", **on_model("flops"))
    assert record.reason == "RuntimeError: CUDA out of memory. Tried to allocate 2 GiB"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_is_not_finite_is_a_failure(job, monkeypatch, value):
    monkeypatch.setattr(fid, "compute", lambda real, fake: Result(value))
    failure(job, f"metric 'fid' gave {value}, expected a finite number")


def test_a_distance_is_measured_without_torch():
    """What is taken from statistics need not wait for torch: a hundred of them are in the demo alone."""
    check = "import sys, stylenat.stages.measure, stylenat.metrics.fid; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


@pytest.fixture
def several(job, tmp_path):
    """Three measurements of one folder, by seeds; of the last one the statistics are another seed's."""
    named = [("a-seed2", 2), ("b-seed2", 2), ("a-seed3", 3)]
    folder = tmp_path / "measure"
    return [job.defaults | {"seed": seed, "out": folder / f"{name}.json"} for name, seed in named]


def test_a_list_names_what_was_measured_together(several, tmp_path):
    out = tmp_path / "measure/records.json"
    measure.run_all(several[:2], out)
    files = [measurement["out"] for measurement in several[:2]]
    assert json.loads(out.read_text())["records"] == {path.name: sha256_file(path) for path in files}
    assert [path.name for path in files] == ["a-seed2.json", "b-seed2.json"]


def test_one_failure_of_several_leaves_the_others_and_no_list(several, tmp_path, capsys):
    out = tmp_path / "measure/records.json"
    measure.run_all(several[:2], out)
    with pytest.raises(InputError, match="1 of 3 measurements failed: a-seed3"):
        measure.run_all([several[2], *several[:2]], out)
    assert "images of seed 2, expected 3" in capsys.readouterr().err
    assert read_measurement(failed_path(several[2]["out"])).status == "failed"
    assert [measurement["out"].is_file() for measurement in several] == [True, True, False]
    assert not out.exists()


def test_the_command_line_measures_every_seed_against_every_set(monkeypatch, tmp_path):
    given = []
    monkeypatch.setattr(measure, "run_all", lambda measurements, out: given.extend([*measurements, out]))
    out = tmp_path / "records.json"
    command = ["measure", "--model", "stylenat-demo-32", "--protocol", "fid-demo", "--out", str(out)]
    sets = ["--datasets", "photographs-32", "photographs-32-box", "--real", "r0", "r1"]
    cli.main([*command, "--seeds", "4", "7", "--fake", "f4", "f7", *sets, "--machine", "m"])
    *measurements, written = given
    assert written == out
    found = [(m["seed"], m["dataset"].name, str(m["real"]), str(m["fake"]), m["session"]) for m in measurements]
    assert found == [
        (4, "photographs-32", "r0", "f4", None),
        (7, "photographs-32", "r0", "f7", None),
        (4, "photographs-32-box", "r1", "f4", None),
        (7, "photographs-32-box", "r1", "f7", None),
    ]
    names = [measurement["out"].name for measurement in measurements]
    assert names[:2] == ["photographs-32-seed4.json", "photographs-32-seed7.json"]
    given.clear()
    command[4] = "throughput-demo"
    cli.main([*command, "--seeds", "0", "--session", "s.json", "--machine", "m"])
    assert (given[0]["out"], str(given[0]["session"]), given[0]["dataset"]) == (
        tmp_path / "m-seed0.json",
        "s.json",
        None,
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--fake", "f0"], "found 1 files after --fake, expected 2, one of each --seeds"),
        (["--datasets", "photographs-32", "--real", "a", "b"], "found 2 files after --real, expected 1, one of each"),
    ],
)
def test_files_that_belong_to_nothing_are_refused(words, message, tmp_path, capsys):
    command = ["measure", "--model", "stylenat-demo-32", "--protocol", "fid-demo", "--seeds", "0", "1"]
    with pytest.raises(SystemExit) as stop:
        cli.main([*command, *words, "--out", str(tmp_path / "records.json")])
    assert stop.value.code == 1
    assert message in capsys.readouterr().err
