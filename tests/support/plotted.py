"""A campaign with all that figures are drawn of: comparable FIDs under several protocols and filters, timings, maps."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

from stylenat.core.files import write_json
from stylenat.core.plan import read_plan
from stylenat.core.records import Measurement, write_record
from stylenat.report.load import load
from stylenat.stages import plan as plan_stage

FAST, FINE, SLOW, LONE = "fast-256", "fine-256", "slow-256", "lone-32"  # slow-256 is behind both of the others
LANCZOS, BOX = "faces", "faces-box"
SMALL_SET = "small-faces"
WEIGHTS_SHA256, DETECTOR_SHA256 = "b" * 64, "5eed" * 16
COMMON = {"reference": "none", "licence": "MIT"}
FACES = {"title": "Faces", "source": {"kind": "files", "path": "faces"}, "count": 1000, "resolution": 256,
         "flips": True, **COMMON}  # fmt: skip
NETWORK = {"family": "stylenat.network", "arch": {"resolution": 256}, "dataset": LANCZOS, **COMMON}
RIVAL = {**NETWORK, "family": "baselines.styleswin"}
PROTOCOL = {"version": 1, "changes": "1: first", "reference": "none"}
DETECTOR = {"title": "Inception", "layer": "2048", "comparable": True, "reference": "none",
            "weights": {"file": "x.pth", "sha256": DETECTOR_SHA256}}  # fmt: skip
ON_IMAGES = {"metric": "fid", "needs": "moments", "fake_count": 100, "seeds": [0, 1], **PROTOCOL}


def _import(name):
    return {"weights": {"import": {"file": f"{name}.pt"}}}


CARDS = {
    f"datasets/{LANCZOS}": {**FACES, "resize_filter": "lanczos"},
    f"datasets/{BOX}": {**FACES, "resize_filter": "box"},
    f"datasets/{SMALL_SET}": {**FACES, "resize_filter": "lanczos", "resolution": 32},
    f"models/{FAST}": {"title": "Fast", "method": "StyleNAT", **NETWORK, **_import(FAST)},
    f"models/{FINE}": {"title": "Fine", "method": "Fine", **RIVAL, **_import(FINE)},
    f"models/{SLOW}": {"title": "Slow", "method": "Slow", **RIVAL, **_import(SLOW)},
    f"models/{LONE}": {"title": "Lone", "method": "Lone", **NETWORK, "arch": {"resolution": 32}, "dataset": SMALL_SET,
                       **_import(LONE)},
    "detectors/compat": {"extractor": "inception-v3-compat", "preprocessing": "tensorflow", **DETECTOR},
    "detectors/clean": {"extractor": "inception-v3-clean", "preprocessing": "clean", **DETECTOR},
    "detectors/dino": {**DETECTOR, "extractor": "dinov2-vit-l14", "preprocessing": "dinov2", "layer": "cls"},
    "protocols/fid-a": {"title": "FID, a", "detector": "compat", **ON_IMAGES},
    "protocols/fid-b": {"title": "FID, b", "detector": "clean", **ON_IMAGES},
    "protocols/fid-dino": {"title": "DINOv2", "detector": "dino", **ON_IMAGES},
    "protocols/speed": {"title": "Speed", "metric": "throughput", "needs": "model", "timed": True, "seeds": [0, 1],
                        **PROTOCOL},
    "published/own": {"title": "Own paper", "reference": "arXiv", "numbers": [
        {"id": "fid", "method": "StyleNAT", "model": FAST, "metric": "FID FFHQ-256", "value": 2.046, "unit": "1",
         "place": "abstract", "grade": "A"},
        {"id": "speed", "method": "StyleNAT", "model": FAST, "metric": "throughput 256", "value": 32.56,
         "unit": "images/s", "place": "figure", "grade": "A-fig"},
    ]},
    "claims/small": {"title": "Small", "quote": "small", "place": "abstract", "versions": ["v1"], "kind": "at_most",
                     "subject": FAST, "protocol": "fid-b", "expected": 2.1, "unit": "1"},
}  # fmt: skip
RUN = {
    "run": "plotted", "title": "Plotted", "demo": False, "device": "cuda", "machine": "gpu",
    "measure": [
        {"models": [FAST, FINE, SLOW], "protocols": ["fid-a", "fid-b"], "datasets": [LANCZOS, BOX]},
        {"models": [FAST, FINE], "protocols": ["fid-dino"]},
        {"models": [FAST, FINE, SLOW, LONE], "protocols": ["speed"]},
        {"models": [LONE], "protocols": ["fid-b"]},
    ],
    "claims": ["*"],
}  # fmt: skip
FIDS = {("fid-a", LANCZOS): 0.0, ("fid-a", BOX): 0.7, ("fid-b", LANCZOS): 0.1, ("fid-b", BOX): 0.9}
QUALITY = {FAST: (2.3, 60.0), FINE: (2.0, 30.0), SLOW: (2.6, 20.0), LONE: (4.0, 300.0)}  # FID, images a second
MODULES = {"layers.0.blocks.1.attn": (4, [1] * 4), "layers.1.blocks.0.attn": (16, [1, 1, 2, 2]),
           "layers.1.blocks.1.attn": (16, [1, 1, 2, 2]), "layers.2.blocks.1.attn": (128, [4, 1, 4, 1])}  # fmt: skip


def record(planned, value, **fields) -> Measurement:
    """A measurement with what figures look at."""
    metric = CARDS[f"protocols/{planned.protocol}"]["metric"]
    base = {
        "protocol": planned.protocol, "protocol_version": 1, "metric": metric, "metric_version": 1,
        "model": planned.model, "dataset": planned.dataset, "seed": planned.seed, "status": "ok", "value": value,
        "unit": "1" if metric == "fid" else "images/s", "direction": "lower" if metric == "fid" else "higher",
        "comparable": True, "demo": False, "code": "0123456789abcdef", "device": {"name": "GPU of the test"},
        "created": "2026-01-02T03:04:05+00:00", "wall_seconds": 1.5, "git": {"revision": "f" * 40, "dirty": False},
    }  # fmt: skip
    return Measurement.model_validate(base | (_on_images(planned) if metric == "fid" else {}) | fields)


def _on_images(planned):
    name = planned.dataset
    return {
        "reals": {"dataset": name, "fingerprint": name[:1] * 64, "count": 1000, "statistics": "r",
                  "resize_filter": CARDS[f"datasets/{name}"]["resize_filter"]},
        "fakes": {"count": 100, "weights_sha256": WEIGHTS_SHA256, "statistics": "f", "device": "GPU of the test"},
        "detector": {"name": "x", "preprocessing": "clean", "weights_sha256": DETECTOR_SHA256},
    }  # fmt: skip


def make(folder: Path) -> Path:
    """Write the campaign; returns its results folder."""
    for name, card in CARDS.items():
        path = folder / "config" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(card))
    results = folder / "results"
    plan_stage.run(RUN, folder / "config", results / "plan/plan.json")
    rewrite(results)
    _samples(results)
    maps(results)
    return results


def rewrite(results: Path, **fields) -> None:
    """Write all records, each with these fields."""
    for planned in read_plan(results / "plan/plan.json").records:
        fid, speed = QUALITY[planned.model]
        value = speed if planned.protocol == "speed" else fid + FIDS.get((planned.protocol, planned.dataset), 0.0)
        spread = 0.01 * value * planned.seed
        write_record(results / planned.path, record(planned, value + spread, **fields))


def of(results: Path, protocol: str, model: str, dataset: str = "") -> list:
    """The planned records of a model under a protocol."""
    found = [p for p in read_plan(results / "plan/plan.json").records if (p.protocol, p.model) == (protocol, model)]
    return [planned for planned in found if dataset in ("", planned.dataset)]


def _samples(results: Path) -> None:
    for number, path in enumerate(read_plan(results / "plan/plan.json").samples.values()):
        side = 32 if LONE in path else 256
        x = np.linspace(0, 255, side)
        image_3HW = np.stack(
            [np.add.outer(x, x) / 2, np.full((side, side), 60.0 * number), np.subtract.outer(255 - x, 0 * x)]
        )
        (results / path).parent.mkdir(parents=True, exist_ok=True)
        np.save(results / path, np.stack([np.roll(image_3HW, 8 * k, 2) for k in range(9)]).astype(np.uint8))


def maps(results: Path, model: str = FAST, **changes) -> Path:
    """Write a model's maps as the stage does, with changes of `maps.json`; returns their folder."""
    folder = results / read_plan(results / "plan/plan.json").maps[model]
    folder.mkdir(parents=True, exist_ok=True)
    numbers = {}
    for name, (side, dilations) in MODULES.items():
        middle = np.zeros((len(dilations), side, side), np.float32)
        for head, dilation in enumerate(dilations):
            reach = np.clip(side // 2 + dilation * np.arange(-3, 4), 0, side - 1)
            middle[head][np.ix_(reach, reach)] = 1 / 49
        numbers |= {
            f"{name}.middle": middle,
            f"{name}.received": np.linspace(0, 1, middle.size, dtype=np.float32).reshape(middle.shape),
        }
    np.savez_compressed(folder / "maps.npz", **numbers)
    Image.fromarray(np.full((256, 256, 3), 90, np.uint8)).save(folder / "image.png")
    heads = {
        name: {"kernel_sizes": [min(side, 7)] * 4, "dilations": dilations}
        for name, (side, dilations) in MODULES.items()
    }
    made = {"model": model, "weights_sha256": WEIGHTS_SHA256, "seed": 0, "index": 0, "modules": heads}
    write_json(folder / "maps.json", made | changes)
    return folder


def data(results: Path):
    """The campaign as the report loads it."""
    return load(read_plan(results / "plan/plan.json"), results)


def plan_of(results: Path) -> dict:
    """The plan as plain data."""
    return json.loads((results / "plan/plan.json").read_text())


def texts(drawing):
    """The words in a figure."""
    root = ET.fromstring(drawing.svg)
    return ["".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")]
