"""A set as FFHQ is released, through the workflow: prepared, exported, and refused with one line."""

import json
import shutil
import zipfile

import pytest
import yaml
from support import tree
from support.files import write_official

from stylenat.core import paths
from stylenat.data.checklist import md5_file

COUNT = 6
PREPARED = "results/" + paths.PREPARED.format(dataset="small-{}")
EXPORTED = "results/" + paths.EXPORTED.format(dataset="small-box")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The project with a released set in `data`, and cards that prepare it by two filters."""
    folder = tree.copy(tmp_path_factory.mktemp("project"))
    _, listing = write_official(folder / "data/ffhq", COUNT, size=32, training=4)
    checklist = {"path": "ffhq/ffhq-dataset-v2.json", "bytes": listing.stat().st_size, "md5": md5_file(listing)}
    for name in ("box", "tfrecord"):
        card = yaml.safe_load((folder / f"config/datasets/ffhq-256-{name}.yaml").read_text())
        card["source"]["checklist"] = checklist
        card |= {"count": COUNT, "resolution": 8, "splits": {"training": [0, 4], "validation": [4, 6]}, "subsets": {}}
        (folder / f"config/datasets/small-{name}.yaml").write_text(yaml.safe_dump(card))
    return folder


def test_sets_are_prepared_by_every_filter_and_exported(project):
    targets = [PREPARED.format("box"), PREPARED.format("tfrecord"), EXPORTED]
    assert tree.planned(project, *targets) == {"prepare": 2, "export": 1}
    result = tree.snakemake(project, *targets, env=tree.offline(project))
    assert result.returncode == 0, result.stdout + result.stderr
    assert (project / "offline.txt").read_text().count("-m stylenat --log results/logs/export") == 1
    box, tfrecord = (json.loads((project / target).read_text()) for target in targets[:2])
    assert box["source_md5"] == tfrecord["source_md5"]
    assert box["fingerprint"] != tfrecord["fingerprint"]
    assert box["splits"]["validation"] == [4, 6]
    with zipfile.ZipFile(project / EXPORTED) as archive:
        assert len(archive.namelist()) == COUNT + 1
    assert tree.planned(project, *targets) == {}


def test_a_zip_elsewhere_gives_the_same_set(project):
    target = PREPARED.format("tfrecord")
    before = json.loads((project / target).read_text())["fingerprint"]
    archive = shutil.make_archive(str(project / "moved"), "zip", project / "data/ffhq/images1024x1024")
    moved = {"raw": {"ffhq/images1024x1024": archive}, "results": "other"}
    (project / "moved.yaml").write_text(yaml.safe_dump(moved))
    target = target.replace("results/", "other/", 1)
    result = tree.snakemake(project, "--configfile", "config/config.yaml", "moved.yaml", "--", target)
    assert result.returncode == 0, result.stdout + result.stderr
    assert json.loads((project / target).read_text())["fingerprint"] == before


def test_an_altered_image_is_one_line_and_keeps_the_report_of_faults(project):
    path = project / "data/ffhq/images1024x1024/00000/00002.png"
    path.write_bytes(path.read_bytes()[:500])
    shutil.rmtree((project / PREPARED.format("box")).parent)
    result = tree.snakemake(project, PREPARED.format("box"))
    assert result.returncode != 0
    lines = [line for line in (result.stdout + result.stderr).splitlines() if "stylenat: error" in line]
    assert len(lines) == 1
    assert "00000/00002.png: can't be decoded" in lines[0]
    assert "Traceback" not in result.stderr
    faults = project / PREPARED.format("box").replace("manifest.json", "faults.tsv")
    assert faults.read_text().startswith("truncated\t00000/00002.png\t")
