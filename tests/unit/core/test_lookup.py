import os
from types import SimpleNamespace

import pytest

from stylenat.core.cards import Weights
from stylenat.core.catalog import Catalog, Run
from stylenat.core.errors import InputError
from stylenat.core.lookup import Lookup, isolate_conda, use_checkout
from stylenat.core.registry import ROOT
from stylenat.core.strict import read_yaml

CATALOG = Catalog(ROOT / "config")


def lookup(**changes):
    return Lookup(Run(CATALOG, {**read_yaml(ROOT / "config/config.yaml"), **changes}))


def w(**wildcards):
    return SimpleNamespace(**wildcards)


def test_the_demo_s_sets_share_one_raw_folder():
    run = lookup()
    folders = {run.raw_images(w(dataset=name)) for name in ("photographs-32", "photographs-64")}
    assert len(folders) == 1
    assert run.fetched_images(w(dataset="photographs-32")) == list(folders)
    assert run.dataset_with_raw(w(raw=folders.pop().name)).startswith("photographs-")
    assert run.fetched_images(w(dataset="ffhq-1024")) == []
    assert str(run.raw_images(w(dataset="ffhq-1024"))) == "data/ffhq/images1024x1024"


FFHQ = ["ffhq-256-lanczos", "ffhq-256-box", "ffhq-256-tfrecord", "ffhq-256-bilinear-aa", "ffhq-1024"]


def test_ffhq_by_every_filter_comes_from_one_raw_folder_and_one_list():
    run = lookup()
    listed = "--raw data/ffhq/images1024x1024 --checklist data/ffhq/ffhq-dataset-v2.json"
    assert {run.prepare_options(w(dataset=name)) for name in FFHQ} == {listed}
    cards = [CATALOG.dataset(name) for name in FFHQ]
    assert len({card.resize_filter for card in cards}) == 5
    assert {card.splits["training"] for card in cards} == {(0, 60000)}
    assert {card.splits["validation"] for card in cards} == {(60000, 70000)}


def test_a_run_says_where_its_data_lie():
    raw = {"ffhq/images1024x1024": "/scratch/ffhq.zip"}
    run = lookup(data="elsewhere", raw=raw)
    assert run.prepare_options(w(dataset="ffhq-1024")) == (
        "--raw /scratch/ffhq.zip --checklist elsewhere/ffhq/ffhq-dataset-v2.json"
    )
    with pytest.raises(InputError, match=r"no data set takes 'ffhq/images'; did you mean 'ffhq/images1024x1024'"):
        lookup(raw={"ffhq/images": "/scratch/ffhq.zip"})


def test_the_reals_of_a_protocol_are_a_subset_of_the_manifest():
    """Protocols that draw reals name count and seed; the sets that they run on hold the same draw as data."""
    for name in CATALOG.names("protocols"):
        protocol = CATALOG.protocol(name)
        if protocol.implemented and protocol.real_count is not None and protocol.real_draw == "fixed":
            for dataset in FFHQ:
                subsets = CATALOG.dataset(dataset).subsets.values()
                assert (protocol.real_count, protocol.real_seed) in {(one.count, one.seed) for one in subsets}


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("stylenat-demo-32", "results/train/stylenat-demo-32/snapshot.safetensors"),
        ("stylenat-ffhq-256", "results/import/stylenat-ffhq-256/snapshot.safetensors"),
        ("noise-photographs-64", "results/prepare/photographs-64/manifest.json"),
    ],
)
def test_weights_come_from_where_the_card_says(model, path):
    assert str(lookup().weights(w(model=model))) == path


def test_a_model_without_weights_says_why(monkeypatch):
    bare = CATALOG.model("hit-b-ffhq-256").model_copy(update={"weights": Weights(none="never published")})
    monkeypatch.setattr(Catalog, "model", lambda self, name: bare)
    with pytest.raises(InputError, match="'hit-b-ffhq-256' has no weights: never published"):
        lookup(measure=[{"models": ["hit-b-ffhq-256"], "protocols": ["parameters"]}]).weights(w(model="hit-b-ffhq-256"))


def test_one_job_measures_every_seed_against_every_set():
    run = lookup()
    wildcards = w(protocol="fid-demo", model="real-photographs-32")
    seeds = sorted({job.seed for job in run.run.jobs if (job.protocol, job.model) == ("fid-demo", wildcards.model)})
    assert len(seeds) > 1
    inputs = {name: [path.as_posix() for path in files] for name, files in run.measure_inputs(wildcards).items()}
    assert inputs == {
        "real": ["results/features/reals/photographs-32.json"],
        "fake": [f"results/features/fakes/real-photographs-32/seed{seed}.json" for seed in seeds],
    }
    options = run.measure_options(wildcards)
    words = " ".join(map(str, seeds))
    assert f"--seeds {words} --datasets photographs-32 --real results/features/reals/photographs-32.json" in options
    assert options.endswith("--demo")
    with pytest.raises(InputError, match=r"hit-l-ffhq-256/records\.json is not part of run 'demo'"):
        run.measure_options(w(protocol="fid-demo", model="hit-l-ffhq-256"))


def test_lists_name_all_planned_records_and_each_once():
    run = lookup()
    assert len(run.records) == len(set(run.records)) < len(run.plan.records)
    assert {path.parent for path in run.records} == {(run.results / r.path).parent for r in run.plan.records}
    for verdict in run.plan.verdicts:
        found = run.claim_records(w(claim=verdict.claim))
        assert {path.parent for path in found} == {(run.results / path).parent for path in verdict.records}
        assert set(found) <= set(run.records)


def test_a_timing_names_the_machine_and_rests_on_a_session_a_seed():
    run = lookup(machine="epyc-2")
    for model in ("stylenat-ffhq-256", "styleswin-ffhq-256"):
        timed = w(protocol="throughput-demo", model=model)
        sessions = [path.as_posix() for path in run.measure_inputs(timed)["session"]]
        assert sessions[0] == "results/throughput/throughput-demo/epyc-2-seed0.json"
        assert f"--machine epyc-2 --seeds 0 --session {sessions[0]}" in run.measure_options(timed)


def test_a_count_rests_on_no_file():
    assert lookup().measure_inputs(w(protocol="flops", model="stylenat-ffhq-256")) == {}


def test_a_results_folder_that_can_not_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    for name in ("file", "file/results"):
        with pytest.raises(InputError, match="is a file, expected a folder"):
            lookup(results=str(tmp_path / name)).check_results()
    lookup(results=str(tmp_path / "new/results")).check_results()


def test_the_checkout_comes_first_and_once(monkeypatch, tmp_path):
    monkeypatch.setenv("PYTHONPATH", f"/elsewhere{os.pathsep}{tmp_path}")
    monkeypatch.setenv("PATH", "/bin")
    for _ in range(2):
        use_checkout(tmp_path)
    assert os.environ["PYTHONPATH"] == f"{tmp_path}{os.pathsep}/elsewhere"
    assert os.environ["PATH"].endswith(f"{os.pathsep}/bin")


def test_a_conda_environment_sees_no_packages_of_the_user_s(monkeypatch, tmp_path):
    monkeypatch.setenv("BASH_FUNC_conda%%", "() { :; }")  # an exported function, as `conda init` leaves one
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("PYTHONNOUSERSITE", "")
    root = tmp_path / "a checkout"
    assert isolate_conda(root) == f"set -euo pipefail; export PYTHONPATH='{root}'; "
    assert os.environ["PYTHONPATH"] == str(root)
    assert os.environ["PYTHONNOUSERSITE"] == "1"


def test_a_training_reads_the_snapshot_that_it_grows_from():
    run = lookup()
    assert run.training_options(w(model="stylenat-demo-64")) == "--device cpu"
    assert set(run.training_inputs(w(model="stylenat-demo-64"))) == {"manifest"}
    inputs = run.training_inputs(w(model="stylegan-xl-demo-32"))
    stem = "results/train/stylegan-xl-demo-16/snapshot.safetensors"
    assert str(inputs["initial"]) == stem
    assert run.training_options(w(model="stylegan-xl-demo-32")) == f"--device cpu --initial {stem}"


def test_a_training_with_a_quick_fid_reads_its_detector():
    run, model = lookup(), w(model="stylenat-demo-32")
    assert str(run.training_inputs(model)["detector"]) == "results/fetch/weights/inception-random-64.pth"
    assert run.training_options(model) == "--device cpu --detector-weights results/fetch/weights"
