"""kill -9 at random moments of a pass: running again ends in the same bits, and nothing done is done twice."""

import json
import random
import subprocess
import sys
import time

import pytest
from support.killing import bytes_of, kill, wait_until
from support.toys import dataset_card, detector_card, model_card, protocol_card, write_photos

from stylenat.core.records import read_measurement
from stylenat.stages import prepare

COUNT = 96
SHARDS = 2 * 2 * 12  # of two sets, of two detectors

# The command's own work, in a process of its own: every protocol in one pass, in shards of 8 images.
RUN = """
import json, sys
from pathlib import Path
from stylenat.core.cards import DatasetCard, DetectorCard, ModelCard, ProtocolCard
from stylenat.stages import evaluate, features
features.run.__defaults__ = (*features.run.__defaults__[:-1], 8)
if __name__ == "__main__":
    root, out, workers = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    cards = json.loads((root / "cards.json").read_text())
    detectors = {card["name"]: DetectorCard.model_validate(card) for card in cards["detectors"]}
    model, dataset = ModelCard.model_validate(cards["model"]), DatasetCard.model_validate(cards["dataset"])
    images = root / "set" / "manifest.json"
    print("ready", flush=True)
    evaluate.run(
        evaluate.Subject(model, images, 0, dataset, images),
        [ProtocolCard.model_validate(card) for card in cards["protocols"]],
        detectors.__getitem__,
        evaluate.Means(root, "cpu", 4, workers, False),
        out,
        lambda protocol: "code",
        "command",
    )
"""


def make_world(root):
    """A prepared set, cards of a control, of two detectors and of three protocols."""
    write_photos(root / "raw", COUNT)
    card = dataset_card(COUNT, 16)
    prepare.run(card, root / "raw", root / "set" / "manifest.json")
    control = {"family": "baselines.controls.real", "arch": {"resolution": 16}, "weights": {"dataset": "toyset"}}
    other = {"detector": "other", "fake_count": COUNT}
    cards = {
        "model": model_card(**control),
        "dataset": card,
        "detectors": [detector_card(), detector_card(name="other", extractor="inception-v3-pytorch")],
        "protocols": [
            protocol_card("fid", fake_count=COUNT),
            protocol_card("fid", name="toy-fid-other", real_count=80, **other),
            protocol_card("kid", fake_count=COUNT, parameters={"subset_size": 20, "subsets": 3}),
        ],
    }
    plain = {
        key: [card.model_dump(mode="json", by_alias=True, exclude_none=True) for card in value]
        if isinstance(value, list)
        else value.model_dump(mode="json", by_alias=True, exclude_none=True)
        for key, value in cards.items()
    }
    (root / "cards.json").write_text(json.dumps(plain))
    (root / "run.py").write_text(RUN)
    return root


def start(root, out, workers):
    command = [sys.executable, str(root / "run.py"), str(root), str(out), str(workers)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n", process.stderr.read()
    return process


def lasting(folder):
    """What must have the same bits: statistics and manifests, and the values of the records."""
    made = bytes_of(folder)
    kept = {path: content for path, content in made.items() if path.suffix == ".safetensors" or path.parent.name == ""}
    for path in made:
        if path.parts[0] == "measure":
            record = read_measurement(folder / path)
            kept[path] = (record.value, record.standard_error, str(record.details))
    assert not [path for path in made if path.name.endswith(".tmp")]
    return kept


@pytest.mark.long
@pytest.mark.parametrize("workers", [1, 2])
def test_after_each_kill_the_next_run_ends_in_the_same_bits(tmp_path, workers):
    root = make_world(tmp_path / "world")
    assert start(root, tmp_path / "whole", 3).wait() == 0
    expected = lasting(tmp_path / "whole")
    assert len(expected) == SHARDS + 2 + 3
    rng, hit = random.Random(workers), 0
    for number in range(10):
        out = tmp_path / str(number)
        process = start(root, out, workers)
        # A random moment of the pass, counted in what is done, for seconds depend on the machine's other work.
        done = rng.randrange(SHARDS)
        wait_until(lambda out=out, done=done: len(list(out.rglob("*.safetensors"))) >= done, seconds=120)
        time.sleep(rng.uniform(0, 0.5))
        hit += kill(process)
        before = {path: path.stat().st_mtime_ns for path in out.rglob("*.safetensors")}
        assert start(root, out, workers).wait() == 0
        assert lasting(out) == expected
        assert {path: path.stat().st_mtime_ns for path in before} == before
    assert hit >= 8
