"""docs/slurm.md and docs/verify.md say what cards and code say."""

import re

import yaml

from stylenat.core.catalog import Catalog, Run
from stylenat.core.registry import ROOT

TEXT = (ROOT / "docs/slurm.md").read_text()


def test_the_costs_are_those_of_the_recipes():
    catalog = Catalog(ROOT / "config")
    names = [name for name in catalog.names("training") if "demo" not in name]
    rows = re.findall(r"^\| (\S+) \| (.+) \| (.+) \| ([\d,]+) \|$", TEXT, flags=re.M)
    cards = [catalog.training(name) for name in names]
    expected = [(card.name, card.hardware, card.hours, f"{card.total_nimg:,}") for card in cards]
    assert sorted(rows) == sorted(expected)


def test_the_campaign_takes_five_commands():
    block = TEXT.split("```")[1].strip().splitlines()
    assert len(block) == 5


def test_the_small_run_to_verify_by_is_a_run():
    text = (ROOT / "docs/verify.md").read_text()
    config = yaml.safe_load(re.search(r"```yaml\n(.*?)```", text, flags=re.S)[1])
    run = Run(Catalog(ROOT / "config"), config)
    assert {job.model for job in run.jobs} >= {"stylenat-ffhq-256", "real-ffhq-256-lanczos"}
    assert run.catalog.model("stylenat-ffhq-256").weights.imported.file == "FFHQ256_940k_flip.pt"
