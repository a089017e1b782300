"""Contracts of the tree as a whole: import directions, names of stages."""

import ast
import re

import pytest
import yaml

from stylenat.core.registry import ROOT
from stylenat.core.targets import STAGES

ALLOWED = {
    "core": set(),
    "attention": {"core", "nn"},
    "nn": {"core"},
    "objectives": {"core"},
    "checkpoints": {"core", "nn"},
    "network": {"core", "attention", "nn", "objectives", "checkpoints"},
    "baselines": {"core", "attention", "nn", "objectives", "checkpoints", "data"},
    "data": {"core"},
    "features": {"core", "data", "frechet"},
    "frechet": {"core"},
    "timing": {"core"},
    "metrics": {"core", "frechet", "timing"},
    "sampling": {"core", "data"},
    "training": {"core", "data", "frechet", "metrics", "objectives"},
    "claims": {"core"},
    "report": {"core"},
    "stages": {
        "attention",
        "core",
        "data",
        "features",
        "frechet",
        "metrics",
        "timing",
        "sampling",
        "training",
        "claims",
        "report",
    },
}


def package_of(dotted):
    parts = dotted.split(".")
    if parts[0] == "baselines":
        return "baselines"
    return parts[1] if parts[0] == "stylenat" and len(parts) > 1 else None


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules():
    return sorted([*ROOT.glob("stylenat/*/**/*.py"), *ROOT.glob("baselines/**/*.py")])


def test_imports_point_one_way():
    wrong = []
    for path in modules():
        own = package_of(".".join(path.relative_to(ROOT).with_suffix("").parts))
        for name in imported(path):
            other = package_of(name)
            if other not in (None, own) and other in ALLOWED and other not in ALLOWED[own]:
                wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert not wrong


@pytest.mark.parametrize("folder", ["claims", "report"])
def test_judging_and_reporting_need_no_torch(folder):
    for path in ROOT.glob(f"stylenat/{folder}/*.py"):
        assert not any(name.split(".")[0] in ("torch", "torchvision", "torch_fidelity") for name in imported(path)), (
            path
        )


@pytest.mark.parametrize("stage", [*STAGES, "export"])
def test_a_stage_has_one_name_in_five_places(stage):
    rule_file = (ROOT / f"workflow/rules/{stage}.smk").read_text()
    assert (ROOT / f"stylenat/stages/{stage}.py").is_file()
    assert f'include: "workflow/rules/{stage}.smk"' in (ROOT / "Snakefile").read_text()
    assert re.search(rf"python -m stylenat --log \{{log\}} {stage} ", rule_file)
    assert f'LOGS / "{stage}/' in rule_file
    assert re.search(rf'"{stage}/', (ROOT / "stylenat/core/paths.py").read_text())


@pytest.mark.parametrize("path", sorted(ROOT.glob("workflow/rules/*.smk")), ids=lambda path: path.stem)
def test_every_rule_logs_and_names_the_environment(path):
    text = path.read_text()
    rules = len(re.findall(r"^rule ", text, flags=re.M))
    assert text.count("    log:") >= rules
    assert text.count("    conda:\n        ENVIRONMENT") == rules
    assert not re.search(r"^    (script|run):", text, flags=re.M)


def test_only_the_cluster_profile_retries():
    """A rule's own retries are repeated inside each cluster job; on one machine a failure is a failure."""
    rules = "".join(path.read_text() for path in ROOT.glob("workflow/rules/*.smk"))
    assert set(re.findall(r"^ +retries:(.*)$", rules, flags=re.M)) == {" 0"}
    assert "retries" not in yaml.safe_load((ROOT / "profiles/default/config.yaml").read_text())
    cluster = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())
    assert cluster["retries"] >= 21, "two weeks in jobs of a day, and some preemptions"
    assert not any("array" in key for key in cluster)


def test_no_two_test_files_have_one_name():
    """pytest can't collect them together."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert len(names) == len(set(names))


def test_common_holds_no_rules_and_stays_small():
    text = (ROOT / "workflow/rules/common.smk").read_text()
    assert not re.search(r"^rule ", text, flags=re.M)
    assert len(text.splitlines()) <= 100


def test_no_file_grows_past_three_hundred_lines():
    long = [p.relative_to(ROOT) for p in modules() if len(p.read_text().splitlines()) > 300]
    assert not long


@pytest.mark.parametrize("family", ["styleswin", "hit", "stylegan2", "stylegan_xl"])
def test_a_baseline_has_the_files_of_the_network(family):
    own = {path.stem for path in ROOT.glob(f"baselines/{family}/*.py")}
    assert own >= {"__init__", "config", "generator", "discriminator", "checkpoint", "family", "objective"}
