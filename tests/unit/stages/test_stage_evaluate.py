import json
import shutil

import pytest
from support.in_process import here
from support.toys import dataset_card, detector_card, model_card, protocol_card, write_photos

from stylenat.core.errors import InputError
from stylenat.core.records import failed_path, read_measurement
from stylenat.stages import evaluate, features, prepare

COUNT = 72


@pytest.fixture(scope="module", autouse=True)
def in_process():
    before, features.open_pool = features.open_pool, here
    yield
    features.open_pool = before


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    root = tmp_path_factory.mktemp("world")
    write_photos(root / "raw", COUNT)
    prepare.run(dataset_card(COUNT, 16), root / "raw", root / "set" / "manifest.json")
    return root


DETECTORS = {
    card.name: card for card in (detector_card(), detector_card(name="other", extractor="inception-v3-pytorch"))
}
PROTOCOLS = [
    protocol_card("fid", fake_count=80, comparable=False, reason="too few"),
    protocol_card("fid", name="toy-other", detector="other", fake_count=90, real_count=70, real_draw="each-seed"),
    protocol_card("kid", fake_count=40, parameters={"subset_size": 20, "subsets": 3}),
]


def run(world, out, protocols=PROTOCOLS, **changes):
    control = {"family": "baselines.controls.noise", "arch": {"resolution": 16}, "weights": {"dataset": "toyset"}}
    images = world / "set" / "manifest.json"
    given = {"model": model_card(**control), "weights": images, "seed": 5, "dataset": dataset_card(COUNT, 16)}
    subject = evaluate.Subject(**given | {"images": images} | changes)
    means = evaluate.Means(world, "cpu", 16, 1, False)
    return evaluate.run(subject, protocols, DETECTORS.__getitem__, means, out, lambda protocol: "code", "a command")


@pytest.fixture(scope="module")
def done(world, tmp_path_factory):
    """Everything evaluated once."""
    out = tmp_path_factory.mktemp("evaluated")
    return out, run(world, out)


def test_every_protocol_is_measured_from_one_pass(world, done):
    out, records = done
    assert [path.name for path in records] == ["toy-fid.json", "toy-other.json", "toy-kid.json"]
    found = {path.stem: read_measurement(path) for path in records}
    assert {name: record.fakes.count for name, record in found.items()} == {
        "toy-fid": 80,
        "toy-other": 90,
        "toy-kid": 40,
    }
    assert found["toy-other"].reals.subset_seed == 5
    assert found["toy-fid"].fakes.statistics == found["toy-kid"].fakes.statistics
    assert json.loads((out / "fake.json").read_text())["count"] == 90
    ages = {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors")}
    assert len(ages) == 4
    run(world, out)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors")} == ages


def test_a_line_says_all_that_names_a_number(done):
    out, records = done
    first, other, _ = (evaluate.line_of(path) for path in records)
    record = read_measurement(out / "measure/toy-fid.json")
    assert first.startswith(f"toy-fid: fid {record.value:.6g} ± {record.standard_error.value:.2g} (one run's")
    assert "80 fakes of seed 5, 72 reals of toyset;" in first
    assert f"filter none, detector toydetector sha256 {record.detector.weights_sha256[:12]}, " in first
    assert first.endswith("(not comparable: too few; random weights)")
    assert "70 reals of toyset drawn with seed 5" in other


def test_a_protocol_that_fails_leaves_the_others(world, done, tmp_path, capsys):
    shutil.copytree(done[0] / "statistics", tmp_path / "statistics")
    wrong = protocol_card("kid", name="toy-wrong", parameters={"subset_size": 60})
    with pytest.raises(InputError, match="1 of 3 measurements failed: toy-wrong"):
        run(world, tmp_path, [PROTOCOLS[0], wrong, PROTOCOLS[1]])
    assert read_measurement(tmp_path / "measure/toy-other.json").value is not None
    assert "subset_size is 60" in read_measurement(failed_path(tmp_path / "measure/toy-wrong.json")).reason
    assert "subset_size is 60" in capsys.readouterr().err


def test_another_set_than_said_is_refused(world, tmp_path):
    with pytest.raises(InputError, match="holds data set 'toyset', expected 'another'"):
        run(world, tmp_path, dataset=dataset_card(COUNT, 16, name="another"))
