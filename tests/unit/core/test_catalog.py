import shutil
import subprocess
import sys

import pytest
import yaml

from stylenat.core.catalog import Catalog, Job, Run
from stylenat.core.errors import InputError
from stylenat.core.plan import make_plan, read_plan
from stylenat.core.registry import ROOT
from stylenat.core.strict import read_yaml


@pytest.fixture
def config(tmp_path):
    shutil.copytree(ROOT / "config", tmp_path / "config")
    return tmp_path / "config"


def edit(path, **changes):
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **changes}))


def test_the_catalog_loads_without_torch():
    code = "import sys, stylenat.core.catalog, stylenat.core.lookup; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


@pytest.mark.parametrize("name", ["config.yaml", "paper.yaml"])
def test_every_shipped_run_resolves_and_its_plan_reads_back(name, tmp_path):
    run = Run(Catalog(ROOT / "config"), read_yaml(ROOT / "config" / name), name)
    plan = make_plan(run)
    (tmp_path / "plan.json").write_text(plan.model_dump_json(by_alias=True))
    assert read_plan(tmp_path / "plan.json") == plan
    assert len(plan.records) == len(run.jobs) > 0
    assert len({record.path for record in plan.records}) == len(plan.records)


def test_a_run_over_the_default_keeps_no_key_of_it():
    default = read_yaml(ROOT / "config/config.yaml")
    assert set(read_yaml(ROOT / "config/paper.yaml")) == set(default)


def test_an_unknown_card_names_the_nearest(config):
    with pytest.raises(InputError, match=r"no card 'stylenat-ffhq-265' in .*models; did you mean 'stylenat-ffhq-256'"):
        Catalog(config).model("stylenat-ffhq-265")


def test_a_dangling_name_names_the_card_that_holds_it(config):
    edit(config / "models/stylenat-demo-32.yaml", weights={"train": "stylenat-demo-23"})
    with pytest.raises(InputError, match=r"models/stylenat-demo-32\.yaml: no card 'stylenat-demo-23'"):
        Catalog(config)


def test_a_name_that_differs_from_its_file_is_refused(config):
    edit(config / "models/stylenat-demo-32.yaml", name="other")
    with pytest.raises(InputError, match="differs from the file's name"):
        Catalog(config)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"models": ["stylenat-demo-32"], "protocols": ["fid-dmeo"]}, "did you mean 'fid-demo'"),
        ({"models": ["hit-l-ffhq-256"], "protocols": ["parameters"]}, "published numbers only: never built"),
        ({"models": ["hit-b-ffhq-256"], "protocols": ["stylenat-50k"]}, "this model has no weights: never published"),
    ],
)
def test_a_run_that_can_not_be_measured_is_refused(config, row, says):
    edit(config / "models/hit-l-ffhq-256.yaml", family=None, arch={}, weights={"none": "never built"})
    edit(config / "models/hit-b-ffhq-256.yaml", weights={"none": "never published"})
    data = {**read_yaml(config / "config.yaml"), "measure": [row]}
    with pytest.raises(InputError, match=says):
        Run(Catalog(config), data)


def test_a_run_has_one_job_a_seed_and_no_duplicates(config):
    rows = [{"models": ["stylenat-demo-32"], "protocols": ["fid-demo"]}] * 2
    run = Run(Catalog(config), {**read_yaml(config / "config.yaml"), "measure": rows})
    assert run.jobs == [Job("fid-demo", "stylenat-demo-32", seed, "photographs-32") for seed in (0, 1, 2)]


def test_the_claims_of_a_run_are_patterns(config):
    catalog = Catalog(config)
    data = read_yaml(config / "config.yaml")
    own = [n for n in catalog.names("claims") if catalog.claim(n).about == "paper"]
    demos = [f"check-{name}-demo" for name in ("hit", "stylegan-xl", "stylegan2", "stylenat", "styleswin")]
    checks = ["check-fid-controls-32", "check-fid-controls-64", *demos]
    assert Run(catalog, {**data, "claims": ["*"]}).claims == sorted([*own, *checks])
    with pytest.raises(InputError, match="no claim matches 'nothing-"):
        Run(catalog, {**data, "claims": ["nothing-*"]})


def grow(config, name, before, weights):
    edit(config / f"models/{name}.yaml", initial=before, weights=weights)


def test_a_model_that_grows_from_another_needs_weights_there_and_no_circle(config):
    small, large = "stylenat-demo-32", "stylenat-demo-64"
    grow(config, large, small, {"train": large})
    run = Run(
        Catalog(config),
        {**read_yaml(config / "config.yaml"), "measure": [{"models": [large], "protocols": ["fid-demo"]}]},
    )
    assert set(make_plan(run).histories) == {small, large}
    grow(config, small, large, {"train": small})
    with pytest.raises(InputError, match=f"goes round in a circle: {small} <- {large} <- {small}"):
        Catalog(config)
    edit(config / f"models/{small}.yaml", initial=None, weights={"none": "never published"})
    with pytest.raises(InputError, match=f"'initial' names '{small}', which has no weights to start from"):
        Catalog(config)
    grow(config, large, small, {"import": {"file": "x.pt"}})
    with pytest.raises(InputError, match="'initial' is where a training starts"):
        Catalog(config)
