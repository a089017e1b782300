"""The jobs that `status` counts are those that Snakemake would run, with the same products and logs."""

import re

import pytest
from support import tree

from stylenat.core.catalog import Catalog, Run
from stylenat.core.plan import make_plan
from stylenat.core.registry import ROOT
from stylenat.core.strict import read_yaml
from stylenat.core.targets import targets


def listed(text):
    return {path.strip() for path in text.split(",")}


@pytest.mark.parametrize("config", ["config.yaml", "paper.yaml"])
def test_the_jobs_of_a_dry_run_are_the_targets(config, tmp_path):
    path = ROOT / "config" / config
    done = tree.snakemake(tmp_path, "-n", "-s", str(ROOT / "Snakefile"), "--configfile", str(path))
    assert done.returncode == 0, done.stderr
    said = done.stdout + done.stderr
    jobs = re.findall(r"^    output: (.+)\n    log: (.+)$", said, flags=re.M)
    run = Run(Catalog(ROOT / "config"), read_yaml(path))
    by_log = {f"{run.card.results}/{target.log}": target for target in targets(run, make_plan(run))}
    assert sorted(by_log) == sorted(log for _, log in jobs)
    for outputs, log in jobs:
        assert {f"{run.card.results}/{product}" for product in by_log[log].products} <= listed(outputs)
