from types import SimpleNamespace

import pytest

from stylenat.core.catalog import Catalog, Run
from stylenat.core.errors import InputError
from stylenat.core.passes import Passes
from stylenat.core.registry import ROOT
from stylenat.core.strict import read_yaml

CATALOG = Catalog(ROOT / "config")


def passes(name="config", **changes):
    return Passes(Run(CATALOG, {**read_yaml(ROOT / f"config/{name}.yaml"), **changes}))


def w(**wildcards):
    return SimpleNamespace(**wildcards)


PAPER = passes("paper")
FAKES, REALS = w(model="stylenat-ffhq-256", seed="3"), w(dataset="ffhq-256-box")


def test_one_pass_serves_every_protocol_of_a_snapshot():
    on_images = {name for name in CATALOG.names("protocols") if CATALOG.protocol(name).on_images}
    real = {name for name in on_images if CATALOG.protocol(name).implemented and "demo" not in name}
    assert set(PAPER.protocols(FAKES)) == real
    assert PAPER.protocols(REALS) == PAPER.protocols(FAKES)
    assert PAPER.count(FAKES) == 50_000
    assert PAPER.count(REALS) == 70_000


def test_weights_are_those_of_the_protocols_detectors():
    found = {path.name for path in PAPER.weights(FAKES)}
    assert found == {f"{CATALOG.protocol(name).detector}.pth" for name in PAPER.protocols(FAKES)}
    assert {path.parent.as_posix() for path in PAPER.weights(FAKES)} == {"results/paper/fetch/weights"}


def test_options_say_folders_device_and_batch():
    options = PAPER.options(FAKES)
    assert options.startswith("--protocols clean-70k fd-dinov2 ")
    assert "--detector-weights results/paper/fetch/weights --statistics results/paper/features/statistics" in options
    assert options.endswith("--device cuda --batch-size 16")
    assert passes("paper", keep_features=False).options(FAKES).endswith("--batch-size 16 --moments-only")


def test_processes_are_no_more_than_shards():
    assert passes("paper", device="cpu").workers(FAKES) == 8
    assert PAPER.workers(FAKES) == 1
    assert passes().workers(w(model="stylenat-demo-32", seed="0")) == 1


def test_a_digest_follows_protocols_detectors_and_architecture(monkeypatch):
    first = PAPER.digest(FAKES)
    assert first == PAPER.digest(w(model="stylenat-ffhq-256", seed="4"))
    assert first != PAPER.digest(w(model="stylenat-ffhq-1024", seed="3"))
    assert first != PAPER.digest(REALS)
    controls = [w(model=f"{name}-ffhq-256-lanczos", seed="0") for name in ("real", "noise")]
    assert PAPER.digest(controls[0]) != PAPER.digest(controls[1])
    fewer = [{"models": ["stylenat-ffhq-256"], "protocols": ["stylenat-50k"]}]
    assert passes("paper", measure=fewer).digest(FAKES) != first


def test_images_that_nothing_compares_are_refused():
    with pytest.raises(InputError, match=r"run 'demo' compares no images of \('stylenat-ffhq-256', 0\)"):
        passes().protocols(w(model="stylenat-ffhq-256", seed="0"))
