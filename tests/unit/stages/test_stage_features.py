import shutil

import numpy as np
import pytest
from support.in_process import here
from support.toys import dataset_card, detector_card, model_card, protocol_card, write_photos
from torch_fidelity import calculate_metrics

from stylenat.core.errors import InputError
from stylenat.core.files import read_json, sha256_file
from stylenat.data.manifest import read_manifest
from stylenat.features.collection import open_statistics
from stylenat.features.statistics import Kept
from stylenat.metrics import fid
from stylenat.stages import features, fetch, prepare
from stylenat.stages.features import GeneratedImages, PreparedSet, Wanted

COUNT, SHARD = 21, 8  # no multiples of a batch or a shard
DETECTORS = {"toydetector": "inception-v3-compat", "other": "inception-v3-pytorch"}
BOTH = Kept(True, True)


POOL = features.open_pool


@pytest.fixture(scope="module", autouse=True)
def in_process():
    """All but the test of processes work in this one."""
    features.open_pool = here
    yield
    features.open_pool = POOL


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Two prepared sets of other images, detector weights, and their statistics."""
    root = tmp_path_factory.mktemp("world")
    for name, start in (("real", 0), ("fake", 100)):
        write_photos(root / name, COUNT, start=start)
        prepare.run(dataset_card(COUNT, 16), root / name, root / f"{name}-set" / "manifest.json")
    fetch.run_weights(detector_card(), root, root / "weights.pth")
    for name in ("real", "fake"):
        run(root, name, root / "statistics", root / f"{name}.json", workers=1)
    return root


def wanted(root, kept=BOTH):
    cards = [detector_card(name=name, extractor=extractor) for name, extractor in DETECTORS.items()]
    return [Wanted(card, root / "weights.pth", kept) for card in cards]


def run(root, name, store, out, workers=2, count=COUNT, kept=BOTH):
    images = PreparedSet(root / f"{name}-set" / "manifest.json")
    features.run(images, count, wanted(root, kept), store, out, batch_size=3, workers=workers, shard_images=SHARD)


def model(**changes):
    control = {"family": "baselines.controls.real", "arch": {"resolution": 16}, "weights": {"dataset": "toyset"}}
    return model_card(**control | changes)


def bytes_of(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.safetensors")}


def test_one_pass_keeps_statistics_of_every_detector(world):
    made = read_json(world / "real.json")
    assert (made["count"], made["shard_images"]) == (COUNT, SHARD)
    assert made["images"] == {
        "kind": "prepared",
        "fingerprint": read_manifest(world / "real-set/manifest.json").fingerprint,
    }
    assert set(made["detectors"]) == set(DETECTORS)
    for name in DETECTORS:
        own = made["detectors"][name]
        assert [shard["count"] for shard in own["shards"]] == [8, 8, 5]
        assert own["weights_sha256"] == sha256_file(world / "weights.pth")
        found = open_statistics(world / "real.json", name).first(COUNT)
        assert found.feature_ND.shape == (COUNT, 64)
        assert found.feature_ND.dtype == np.float32
    assert made["devices"]


@pytest.mark.parametrize("several", [2, pytest.param(3, marks=pytest.mark.long)])
def test_any_number_of_processes_ends_in_the_same_bits(world, tmp_path, monkeypatch, several):
    monkeypatch.setattr(features, "open_pool", POOL)
    made = []
    for workers in (1, several):
        root = tmp_path / str(workers)
        images, out = GeneratedImages(model(), world / "real-set/manifest.json", 4), root / "fake.json"
        features.run(images, 19, wanted(world)[:1], root / "statistics", out, workers=workers, shard_images=SHARD)
        made.append(bytes_of(root / "statistics") | {"fake.json": out.read_bytes()})
    assert len(made[0]) == 4
    assert made[0] == made[1]
    found = read_json(tmp_path / "1/fake.json")["images"]
    assert (found["kind"], found["seed"]) == ("generated", 4)


def test_a_run_goes_on_with_what_is_missing_or_torn(world, tmp_path, capfd):
    store = tmp_path / "statistics"
    shutil.copytree(world / "statistics", store)
    key = read_json(world / "real.json")["detectors"]["toydetector"]["key"][:32]
    shards = sorted((store / key).glob("*"))
    shards[0].unlink()
    shards[2].write_bytes(shards[2].read_bytes()[:-1])
    (store / key / f".{shards[0].name}.abc.tmp").write_bytes(b"of a killed run")
    ages = {path: path.stat().st_mtime_ns for path in store.rglob("*.safetensors")}
    run(world, "real", store, tmp_path / "real.json")
    assert (tmp_path / "real.json").read_bytes() == (world / "real.json").read_bytes()
    assert bytes_of(store) == bytes_of(world / "statistics")
    assert not list(store.rglob("*.tmp"))
    again = {path for path in store.rglob("*.safetensors") if ages.get(path) != path.stat().st_mtime_ns}
    assert again == {shards[0], shards[2]}
    assert "0000016-0000021.safetensors: not a readable file of statistics" in capfd.readouterr().err


def test_more_images_go_on_from_fewer(world, tmp_path):
    store = tmp_path / "statistics"
    run(world, "real", store, tmp_path / "few.json", count=16)
    kept = bytes_of(store)
    run(world, "real", store, tmp_path / "real.json")
    assert kept.items() <= bytes_of(store).items()
    assert (tmp_path / "real.json").read_bytes() == (world / "real.json").read_bytes()


def test_a_set_of_the_same_name_is_never_mistaken_for_another(world, tmp_path):
    """The trap of caches by name: other images in a folder of the same name, prepared under the same card."""
    for name in ("real", "fake"):
        shutil.rmtree(tmp_path / "real-set", ignore_errors=True)
        shutil.copytree(world / f"{name}-set", tmp_path / "real-set")
        shutil.copy(world / "weights.pth", tmp_path / "weights.pth")
        run(tmp_path, "real", tmp_path / "statistics", tmp_path / "real.json")
        assert (tmp_path / "real.json").read_bytes() == (world / f"{name}.json").read_bytes()


def test_other_weights_under_the_same_name_have_statistics_of_their_own(world, tmp_path):
    shutil.copytree(world / "real-set", tmp_path / "real-set")
    fetch.run_weights(detector_card(weights={"random_seed": 1}), tmp_path, tmp_path / "weights.pth")
    run(tmp_path, "real", world / "statistics", tmp_path / "real.json")
    one, other = (open_statistics(root / "real.json", "toydetector").own for root in (world, tmp_path))
    assert one.key != other.key
    assert one.weights_sha256 != other.weights_sha256
    found = [open_statistics(root / "real.json", "toydetector").first(COUNT).feature_ND for root in (world, tmp_path)]
    assert not np.allclose(*found)


def test_controls_of_one_set_are_not_mistaken_for_one_another(world, tmp_path):
    """They share weights, architecture and source file; their families alone differ."""
    found = {}
    for name in ("real", "noise"):
        images = GeneratedImages(model(family=f"baselines.controls.{name}"), world / "real-set/manifest.json", 0)
        out = tmp_path / f"{name}.json"
        features.run(images, 6, wanted(world)[:1], tmp_path / "statistics", out, workers=1, shard_images=SHARD)
        found[name] = open_statistics(out, "toydetector")
    assert found["real"].own.key != found["noise"].own.key
    assert not np.allclose(*(statistics.first(6).feature_ND for statistics in found.values()))


def test_seed_and_architecture_decide_generated_images(world, tmp_path):
    weights = world / "real-set/manifest.json"
    identities = [
        GeneratedImages(card, weights, seed).identity()
        for card, seed in ((model(), 0), (model(), 1), (model(arch={"resolution": 8}), 0))
    ]
    assert identities[0] == GeneratedImages(model(title="Other words"), weights, 0).identity()
    assert len({str(identity) for identity in identities}) == 3
    assert identities[0]["weights_sha256"] == read_manifest(weights).fingerprint
    with pytest.raises(InputError, match="can't be sampled: never published"):
        GeneratedImages(model(weights={"none": "never published"}), weights, 0).identity()


def test_moments_alone_are_kept_where_nothing_reads_features(world, tmp_path):
    run(world, "real", tmp_path / "statistics", tmp_path / "real.json", kept=Kept(True, False))
    sample = open_statistics(tmp_path / "real.json", "other").first(COUNT)
    assert sample.feature_ND is None
    assert np.array_equal(
        sample.whole.outer_DD, open_statistics(world / "real.json", "other").first(COUNT).whole.outer_DD
    )
    run(world, "real", tmp_path / "statistics", tmp_path / "real.json")  # features are asked for later
    assert open_statistics(tmp_path / "real.json", "other").first(COUNT).feature_ND is not None


def test_the_whole_path_equals_torch_fidelity_s_own(world):
    """From PNG files to FID: our preparation, statistics and metric against calculate_metrics on folders."""
    found = calculate_metrics(
        input1=str(world / "fake"),
        input2=str(world / "real"),
        fid=True,
        feature_extractor="inception-v3-compat",
        feature_layer_fid="64",
        feature_extractor_weights_path=str(world / "weights.pth"),
        cuda=False,
        cache=False,
        save_cpu_ram=True,
        verbose=False,
    )
    samples = [open_statistics(world / f"{name}.json", "toydetector").first(COUNT) for name in ("real", "fake")]
    value = fid.compute(*samples).value
    assert value > 1e-4
    assert value == pytest.approx(found["frechet_inception_distance"], rel=1e-3, abs=1e-6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"count": 0}, "count is 0, batch size 16, shards of 2500: expected at least 1"),
        ({"images": PreparedSet("none.json")}, r"none\.json: no such file"),
        ({"device": "cuda"}, "device 'cuda' was asked for, but torch finds no usable GPU"),
        ({"count": COUNT + 1}, "found 21 images, expected 22"),
    ],
)
def test_what_can_not_be_done_ends_in_one_line(world, tmp_path, changes, message):
    given = {"images": PreparedSet(world / "real-set/manifest.json"), "count": COUNT, "wanted": wanted(world)}
    with pytest.raises(InputError, match=message) as caught:
        features.run(**given | changes, store=tmp_path / "statistics", out=tmp_path / "out.json", workers=1)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out.json").exists()


def test_protocols_decide_count_detectors_and_what_is_kept():
    few = protocol_card("kid", name="few", fake_count=100)
    many = protocol_card("fid", name="many", fake_count=5000)
    other = protocol_card("fid", name="other", detector="another", fake_count=2500)
    assert features.count_for([few, many]) == 5000

    def kept(*protocols, count=5000, **options):
        found = features.wanted_by(protocols, lambda name: detector_card(name=name), "w", count, **options)
        return {item.card.name: (item.kept, item.weights.as_posix()) for item in found}

    assert kept(few, many, other) == {"toydetector": (BOTH, "w/toydetector.pth"), "another": (BOTH, "w/another.pth")}
    only = Kept(True, False)
    assert kept(many, other, moments_only=True) == {
        "toydetector": (only, "w/toydetector.pth"),
        "another": (only, "w/another.pth"),
    }
    assert kept(many, few, moments_only=True)["toydetector"][0] == BOTH
    part = protocol_card("fid", name="part", fake_count=3000)
    assert kept(part, moments_only=True)["toydetector"][0] == BOTH
    assert kept(part, count=3000, moments_only=True)["toydetector"][0] == only
    drawn = protocol_card("fid", name="drawn", fake_count=5000, real_count=50)
    assert kept(drawn, moments_only=True)["toydetector"][0] == BOTH
    with pytest.raises(InputError, match="protocol 'toy-flops' compares no images"):
        features.count_for([many, protocol_card("flops")])
