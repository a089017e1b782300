import pytest

from stylenat.core.cluster import Cluster, read_cluster
from stylenat.core.errors import InputError
from stylenat.core.registry import ROOT

EXAMPLE = ROOT / "config/cluster.example.yaml"


def written(folder, text):
    path = folder / "cluster.yaml"
    path.write_text(text)
    return path


def test_without_a_file_there_are_defaults_that_set_no_resource(tmp_path):
    cluster = read_cluster(tmp_path / "cluster.yaml")
    assert cluster == Cluster()
    assert (cluster.gpus_per_job, cluster.training_minutes) == (8, 1440)
    assert cluster.resources(gpu=True) == cluster.resources(gpu=False) == {}


def test_only_gpu_jobs_get_the_gpu_partition_and_model(tmp_path):
    cluster = read_cluster(written(tmp_path, "partitions: {gpu: a, cpu: b}\naccount: c\ngpu_model: d\n"))
    assert cluster.resources(gpu=True) == {"slurm_partition": "a", "slurm_account": "c", "gpu_model": "d"}
    assert cluster.resources(gpu=False) == {"slurm_partition": "b", "slurm_account": "c"}


@pytest.mark.parametrize(
    ("text", "names"), [("partitions: {gpu: a}", True), ("gpu_model: a", True), ("partitions: {cpu: a}", False)]
)
def test_whether_the_file_names_what_only_gpu_jobs_need(tmp_path, text, names):
    assert read_cluster(written(tmp_path, text)).names_gpus is names


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("partition: {gpu: a}", r"unknown key 'partition'; did you mean 'partitions'\?"),
        ("partitions: {gpus: a}", r"unknown key 'partitions\.gpus'; did you mean 'gpu'\?"),
        ("partitions: {gpu: [a]}", r"partitions\.gpu: .*string"),
        ("account: a b", r"account: .*\(found 'a b'\)"),
        ("partitions: {cpu: 'a,b'}", r"partitions\.cpu: .*\(found 'a,b'\)"),
        ("gpus_per_job: 0", r"gpus_per_job: .*greater than 0 \(found 0\)"),
        ("training_minutes: a day", r"training_minutes: .*integer.*\(found 'a day'\)"),
        ("account: [", r"not valid YAML"),
        ("- account", r"expected a mapping"),
    ],
)
def test_a_wrong_file_is_named_with_its_key_in_one_line(tmp_path, text, says):
    with pytest.raises(InputError, match=rf"^.*cluster\.yaml: {says}") as raised:
        read_cluster(written(tmp_path, text))
    assert "\n" not in str(raised.value)


def test_the_example_is_short_sets_every_key_and_parses():
    assert len(EXAMPLE.read_text().splitlines()) <= 15
    cluster = read_cluster(EXAMPLE)
    assert cluster.model_fields_set == set(Cluster.model_fields)
    assert cluster.resources(gpu=True)["slurm_partition"] == "gpu-a100"
    assert cluster.resources(gpu=False)["slurm_partition"] == "cpu"


def test_git_leaves_the_users_own_file_alone():
    assert "/cluster.yaml" in (ROOT / ".gitignore").read_text().splitlines()
