"""What jobs ask a scheduler for follows from their cards."""

from types import SimpleNamespace as W

import pytest
import yaml

from stylenat.core.catalog import Catalog, Run
from stylenat.core.cluster import Cluster
from stylenat.core.passes import Passes
from stylenat.core.registry import ROOT
from stylenat.core.requests import Requests


def requests(run, **cluster):
    found = Run(Catalog(ROOT / "config"), yaml.safe_load((ROOT / "config" / f"{run}.yaml").read_text()))
    return Requests(found, Cluster(**cluster), Passes(found))


@pytest.fixture(scope="module")
def retrain():
    return requests("retrain")


def test_a_training_at_1024_px_asks_for_more_than_one_at_256(retrain):
    small, large = (W(model=f"stylenat-ffhq-{px}-scratch") for px in (256, 1024))
    assert retrain.training_mb(large) > retrain.training_mb(small)
    assert retrain.training_disk_mb(large) >= retrain.training_disk_mb(small)
    assert retrain.training_gpus(large) == retrain.training_gpus(small) == 8
    assert retrain.training_threads(large) == 64


@pytest.mark.parametrize(("at_most", "found"), [(1, 1), (3, 2), (6, 4), (100, 8)])
def test_gpus_divide_the_passes_of_a_step(at_most, found):
    asks = requests("retrain", gpus_per_job=at_most)
    assert asks.training_gpus(W(model="stylenat-ffhq-256-scratch")) == found


def test_a_cpu_is_asked_for_without_gpus_and_for_one_thread():
    asks, w = requests("config"), W(model="stylenat-demo-32")
    assert (asks.gpus, asks.training_gpus(w), asks.training_threads(w)) == (0, 0, 1)


def test_a_pass_asks_for_time_by_its_images_and_their_size():
    asks = requests("paper", training_minutes=100000)
    small, large = (W(model=f"stylenat-ffhq-{px}", seed="0", num="50000") for px in (256, 1024))
    assert asks.pass_minutes(large) - 30 == pytest.approx(16 * (asks.pass_minutes(small) - 30), abs=16)
    assert asks.pass_minutes(small) > 30 + 50000 / 10 / 60 - 1
    assert asks.pass_mb(large) > asks.pass_mb(small)
    assert asks.sample_disk_mb(small) == 100 + 9831  # 50,000 images of 196,608 bytes
    assert asks.pass_disk_mb(small) > 200


def test_a_prepared_set_takes_its_pixels_and_a_tenth():
    asks = requests("paper")
    assert asks.prepare_disk_mb(W(dataset="ffhq-256-box")) == 15139  # 70,000 images of 196,608 bytes, and a tenth
    assert asks.prepare_disk_mb(W(dataset="ffhq-1024")) == 242222
    assert asks.prepare_minutes(W(dataset="ffhq-1024")) == 127
    assert requests("config").prepare_minutes(W(dataset="photographs-32")) == 12


def test_partitions_go_to_the_jobs_that_they_are_for():
    options = {"partitions": {"gpu": "gpu-a100", "cpu": "cpu"}, "account": "mine", "gpu_model": "a100"}
    asks = requests("paper", **options)
    assert asks.on_cpu == {"slurm_partition": "cpu", "slurm_account": "mine"}
    assert asks.on_device == {"slurm_partition": "gpu-a100", "slurm_account": "mine", "gpu_model": "a100"}
    assert requests("config", **options).on_device == asks.on_cpu


def test_nothing_asks_for_more_time_than_the_clusters_longest_job():
    asks = requests("paper", training_minutes=60)
    large = W(model="stylenat-ffhq-1024", dataset="ffhq-1024", seed="0", num="50000")
    assert [asks.pass_minutes(large), asks.sample_minutes(large), asks.prepare_minutes(large)] == [60, 60, 60]
    assert (asks.at_most(59), asks.at_most(61)) == (59, 60)
