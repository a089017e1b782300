"""A small campaign on disk: cards, plan, records and verdicts of every status, with text that means harm."""

import json
from pathlib import Path

import numpy as np
import yaml

from stylenat.core.files import sha256_file, write_json
from stylenat.core.plan import read_plan
from stylenat.core.records import Measurement, Verdict, failed_path, write_record
from stylenat.report.load import load
from stylenat.stages import plan as plan_stage

EVIL = """<script>alert("x")</script> & 7 % of $5_000 #1 {a} \\input{b} ~ ^ | `c` [d](http://e.example) שלום &lt; 'f'"""
LONG = "a-model-with-a-name-that-goes-on-and-on-and-on-until-nobody-remembers-its-start"
OFFICIAL, DEMO, BROKEN = "stylenat-256", "stylenat-small", "broken-small"
SET, OTHER_SET = "photos", "photos-box"  # the same photographs by two filters
WEIGHTS_SHA256 = "5eed" * 16  # of the detector

_COMMON = {"reference": "none", "licence": "MIT"}
_PROTOCOL = {"version": 2, "changes": "2: the second", "reference": "none"}
_WEIGHTS = {"dataset": "photos"}
_PHOTOS = {
    "title": "Photographs",
    "source": {"kind": "photographs", "crops": 1024, "crop_px": 64},
    "count": 1024,
    "resolution": 32,
    "flips": True,
    **_COMMON,
}
CARDS = {
    f"datasets/{SET}": {**_PHOTOS, "resize_filter": "lanczos"},
    f"datasets/{OTHER_SET}": {**_PHOTOS, "resize_filter": "box"},
    f"models/{BROKEN}": {"title": "Broken, small", "method": "Broken", "family": "stylenat.network",
                         "arch": {"resolution": 32}, "dataset": SET, "weights": {"import": {"file": "b.pt"}},
                         **_COMMON},
    f"models/{OFFICIAL}": {"title": "StyleNAT, 256 px", "method": "StyleNAT", "family": "stylenat.network",
                           "arch": {"resolution": 256}, "weights": {"none": "no file"}, **_COMMON},
    f"models/{LONG}": {"title": EVIL, "method": "Long", "family": "stylenat.network", "arch": {"resolution": 256},
                       "weights": {"none": "no file"}, "inferred": f"its width {EVIL}", **_COMMON},
    f"models/{DEMO}": {"title": "StyleNAT, small", "method": "StyleNAT", "family": "stylenat.network",
                       "arch": {"resolution": 32}, "dataset": "photos", "weights": {"train": "short"}, **_COMMON},
    "models/real-photos": {"title": "Control real", "method": "control (real)", "family": "baselines.controls.real",
                           "arch": {"resolution": 32}, "dataset": "photos", "weights": _WEIGHTS, "control": True,
                           **_COMMON},
    "models/noise-photos": {"title": "Control noise", "method": "control (noise)", "family": "baselines.controls.noise",
                            "arch": {"resolution": 32}, "dataset": "photos", "weights": _WEIGHTS, "control": True,
                            **_COMMON},
    "models/rival-256": {"title": "Rival", "method": "Rival", "arch": {"resolution": 256},
                         "weights": {"none": "no weights were published"}, **_COMMON},
    "training/short": {
        "title": "Short", "hardware": "CPU", "hours": "minutes", "total_nimg": 100, "batch_size": 10,
        "generator": {"lr": 0.001}, "discriminator": {"lr": 0.001}, "objective": {"r1_gamma": 1, "r1_interval": 4},
        "ema_half_life_nimg": 10, "log_nimg": 10, "state_nimg": 50, "assumed": [f"the batch {EVIL}"],
    },
    "detectors/random": {"title": "Random", "extractor": "inception-v3-compat", "layer": "64",
                         "preprocessing": "tensorflow",
                         "weights": {"random_seed": 0}, "comparable": False, "reason": "random", "reference": "none"},
    "protocols/fid-demo": {"title": "FID, demo", "metric": "fid", "needs": "moments", "detector": "random",
                           "fake_count": 40, "seeds": [0, 1], "comparable": False, "reason": "demo", **_PROTOCOL},
    "protocols/parameters": {"title": "Parameters", "metric": "parameters", "needs": "model", **_PROTOCOL},
    "protocols/flops": {"title": "FLOPs", "metric": "flops", "needs": "model", **_PROTOCOL},
    "published/own": {"title": f"Own paper {EVIL}", "reference": "arXiv", "numbers": [
        {"id": "fid", "method": "StyleNAT", "model": OFFICIAL, "metric": "FID FFHQ-256", "value": 2.046, "unit": "1",
         "place": "abstract", "grade": "A"},
        {"id": "size", "method": "StyleNAT", "model": OFFICIAL, "metric": "parameters 256", "value": 48.92,
         "unit": "M parameters", "place": "README", "grade": "A"},
        {"id": "rival-size", "method": "Rival", "model": "rival-256", "metric": "parameters 256", "value": 67.93,
         "unit": "M parameters", "place": "notes", "grade": "S", "note": EVIL},
        {"id": "rival-fid", "method": "Rival", "model": "rival-256", "metric": "FID FFHQ-256", "value": 2.19,
         "unit": "1", "place": "README", "grade": "A"},
    ]},
    "published/others": {"title": "Third party", "reference": "arXiv", "elsewhere": True, "numbers": [
        {"id": "speed", "method": "StyleNAT", "model": OFFICIAL, "metric": "throughput 256", "value": 45.5,
         "unit": "images/s", "place": "table 7", "grade": "B"},
    ]},
}  # fmt: skip

_ABOUT = {"quote": f"quoted {EVIL}", "place": "abstract", "versions": ["v1"]}
_SIZE = {"subject": OFFICIAL, "protocol": "parameters", **_ABOUT}
_FID = {"subject": DEMO, "protocol": "fid-demo", **_ABOUT}
CLAIMS = {
    "a-reproduced": {"title": f"Title {EVIL}", "kind": "value", "expected": 48_920_000, "unit": "parameters",
                     "tolerance": 5000, "tolerance_reason": "half a digit", "published": "own/size", **_SIZE},
    "b-refuted": {"title": "Refuted", "kind": "at_most", "expected": 10, "unit": "parameters", **_SIZE},
    "c-open": {"title": "Open", "kind": "at_most", "expected": 2.5, "unit": "1", **_FID},
    "d-incomparable": {"title": "Incomparable", "kind": "at_most", "expected": 2.046, "unit": "1", **_FID},
    "e-absent": {"title": "Absent", "kind": "less_than", "reference": ["rival-256"], **_SIZE},
    "f-sum": {"title": "Sum", "kind": "arithmetic", "expected": 28, "unit": "%", "printed_decimals": 0, **_ABOUT,
              "readings": [{"name": "share", "formula": "(a - b) / a * 100",
                            "inputs": {"a": "own/rival-size", "b": "own/size"}}]},
    "g-unjudged": {"title": "Unjudged", "kind": "at_most", "expected": 1, **_SIZE},
}  # fmt: skip
RUN = {
    "run": "demo",
    "title": f"Campaign {EVIL}",
    "demo": True,
    "measure": [
        {"models": [OFFICIAL, LONG], "protocols": ["parameters", "flops"]},
        {"models": [DEMO, BROKEN, "real-photos", "noise-photos"], "protocols": ["fid-demo"]},
        {"models": [DEMO], "protocols": ["fid-demo"], "datasets": [OTHER_SET]},
    ],
    "claims": ["*"],
}
SIZE = f"measure/parameters/{OFFICIAL}/seed0.json"
FIDS = {("real-photos", 0): 0.0213, ("real-photos", 1): 0.0217, ("noise-photos", 0): 9.31, ("noise-photos", 1): 9.35,
        (BROKEN, 0): 12.41, (BROKEN, 1): 12.45, (DEMO, 0): 2.4444}  # fmt: skip
FIRST = f"measure/fid-demo/{DEMO}/{SET}-seed0.json"
MISSING = f"measure/fid-demo/{DEMO}/{SET}-seed1.json"
BOX = {f"measure/fid-demo/{DEMO}/{OTHER_SET}-seed{seed}.json": 3.111 + seed / 10 for seed in (0, 1)}
BESIDE = [*BOX, *(f"measure/fid-demo/{kind}-photos/{SET}-seed{seed}.json" for kind in ("noise", "real")
                  for seed in (0, 1))]  # fmt: skip
FAILED = f"measure/parameters/{LONG}/seed0.json"
SKIPPED = f"measure/flops/{LONG}/seed0.json"


def record(protocol, model, seed=0, **fields):
    """A measurement with everything filled in."""
    metric = CARDS[f"protocols/{protocol}"]["metric"]
    base = {
        "protocol": protocol, "protocol_version": 2, "metric": metric, "metric_version": 1, "model": model,
        "seed": seed, "status": "ok", "unit": {"fid": "1", "parameters": "parameters", "flops": "FLOP"}[metric],
        "direction": "lower" if metric == "fid" else "none", "comparable": metric != "fid", "demo": True,
        "comparable_reason": "demo" if metric == "fid" else "", "code": "0123456789abcdef",
        "git": {"revision": "f" * 40, "dirty": True}, "versions": {"python": "3.11.7"}, "device": {"name": EVIL},
        "command": f"stylenat measure # {EVIL}", "inputs": {f"x/{EVIL}": "a" * 64},
        "created": "2026-01-02T03:04:05+00:00", "wall_seconds": 1.5,
    }  # fmt: skip
    on_images = _on_images(fields.get("dataset", SET)) if metric == "fid" else {}
    return Measurement.model_validate(base | on_images | fields)


def _on_images(dataset):
    """What a number on images carries: the images, the detector, and how sure the number is."""
    return {
        "dataset": dataset, "standard_error": {"value": 0.0123, "method": "influence function"},
        "reals": {"dataset": dataset, "fingerprint": "f" * 64, "count": 1000, "subset_seed": 7, "statistics": "r",
                  "resize_filter": CARDS[f"datasets/{dataset}"]["resize_filter"]},
        "fakes": {"count": 40, "weights_sha256": "b" * 64, "statistics": "f", "device": "GPU that drew"},
        "detector": {"name": "random", "preprocessing": "tensorflow", "weights_sha256": WEIGHTS_SHA256},
        "details": {"fid_infinity": {"value": 1.8765, "standard_error": 0.0432, "groups": 20}},
    }  # fmt: skip


def make(folder: Path) -> Path:
    """Write the campaign; returns its results folder."""
    for name, card in {**CARDS, **{f"claims/{name}": card for name, card in CLAIMS.items()}}.items():
        path = folder / "config" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(card, allow_unicode=True))
    results = folder / "results"
    plan_stage.run(RUN, folder / "config", results / "plan/plan.json")
    _records(results)
    _artifacts(results)
    for claim, status, value, paths in (
        ("a-reproduced", "reproduced", 48_921_000.0, [SIZE]),
        ("b-refuted", "not_reproduced", 48_921_000.0, [SIZE]),
        ("c-open", "not_run", None, [FIRST, *BESIDE]),
        ("d-incomparable", "not_run", None, [FIRST, *BESIDE]),
        ("e-absent", "not_run", None, [SIZE]),
        ("f-sum", "reproduced", 27.98, []),
    ):
        judge(results, claim, status, value, paths)
    return results


def complete(results: Path) -> Path:
    """Make the measurement that is missing, and judge what waited for it: then all five verdicts stand."""
    paths = [FIRST, MISSING, *BESIDE]
    write_record(results / MISSING, record("fid-demo", DEMO, 1, value=2.4222))
    judge(results, "c-open", "inconclusive", 2.4333, paths, interval=(2.1, 2.7))
    judge(results, "d-incomparable", "not_comparable", 2.4333, paths)
    return results


def judge(results: Path, claim, status, measured, paths, **fields):
    """Write a verdict that rests on the records at these paths as they are now."""
    readings = [{"name": "share", "formula": "(a - b) / a * 100", "inputs": {"a": 67.93, "b": 48.92},
                 "value": 27.9847, "fits": True}] if claim == "f-sum" else []  # fmt: skip
    made = {
        "claim": claim, "status": status, "reason": f"because {EVIL}", "rule": f"the rule {EVIL}",
        "measured": measured, "unit": CLAIMS[claim].get("unit", ""), "demo": True, "readings": readings,
        "records": {path: sha256_file(results / path) for path in paths if (results / path).is_file()},
    }  # fmt: skip
    write_record(results / f"judge/{claim}.json", Verdict.model_validate(made | fields))


def _records(results: Path) -> None:
    size = {"part": "generator", "by_child": {"mapping": 2_000_000, "levels": 46_921_000}, "buffers": 48}
    write_record(results / SIZE, record("parameters", OFFICIAL, value=48_921_000.0, details=size))
    flops = {"convention": "one multiply-add = 2 FLOP"}
    write_record(results / f"measure/flops/{OFFICIAL}/seed0.json",
                 record("flops", OFFICIAL, value=1.234e11, details=flops))  # fmt: skip
    write_record(results / SKIPPED, record("flops", LONG, status="skipped", reason=f"skipped {EVIL}"))
    write_record(failed_path(results / FAILED), record("parameters", LONG, status="failed", reason=f"failed {EVIL}"))
    for (model, seed), value in FIDS.items():
        made = record("fid-demo", model, seed, value=value)
        write_record(results / f"measure/fid-demo/{model}/{SET}-seed{seed}.json", made)
    for seed, (path, value) in enumerate(BOX.items()):
        write_record(results / path, record("fid-demo", DEMO, seed, value=value, dataset=OTHER_SET))


def _artifacts(results: Path) -> None:
    plan = read_plan(results / "plan/plan.json")
    lines = [json.dumps({"nimg": 10 * k, "loss_d": 1.0 / k, "loss_g": 1.0, "r1": 0.1}) for k in range(1, 6)]
    history = results / plan.histories[DEMO]
    history.parent.mkdir(parents=True)
    history.write_text("\n".join([*lines, '{"nimg": 60, "loss']))
    for model in (DEMO, "real-photos"):
        path = results / plan.samples[model]
        path.parent.mkdir(parents=True)
        np.save(path, np.arange(40 * 3 * 32 * 32, dtype=np.uint32).astype(np.uint8).reshape(40, 3, 32, 32))


def data(results: Path):
    """The campaign as the report loads it."""
    return load(read_plan(results / "plan/plan.json"), results)


def change_plan(results: Path, **changes) -> None:
    """Change top-level keys of the plan's run card."""
    path = results / "plan/plan.json"
    plan = json.loads(path.read_text())
    plan["run"] |= changes
    write_json(path, plan)
