import os
import subprocess
import sys

import pandas as pd
import pytest
from support import campaign, plotted

from stylenat.core.catalog import Catalog, Run
from stylenat.core.errors import InputError
from stylenat.core.plan import make_plan, read_plan
from stylenat.core.registry import ROOT
from stylenat.core.strict import read_yaml
from stylenat.stages import plan as plan_stage
from stylenat.stages import report


@pytest.fixture
def results(tmp_path):
    return campaign.complete(campaign.make(tmp_path))


def render(results, out="report"):
    return report.run(results / "plan/plan.json", results, results / out)


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_stage_writes_all_its_files_and_nothing_on_stdout(results, capsys):
    assert render(results) == results / "report/report.html"
    assert capsys.readouterr().out == ""
    assert set(contents(results / "report")) == {
        "report.html", "report.md", "report.json", "claims.csv", "measurements.csv", "published.csv",
        "claims.parquet", "measurements.parquet", "published.parquet",
        "tables/verdicts.tex", "tables/arithmetic.tex", "tables/comparison.tex", "tables/measurements.tex",
        "figures/fid-parameters.svg", "figures/fid-parameters.png",
        "figures/fid-filters-fid-demo.svg", "figures/fid-filters-fid-demo.png",
        "figures/metric-fid-demo.svg", "figures/metric-fid-demo.png",
        "figures/training-stylenat-small.svg", "figures/training-stylenat-small.png",
        "figures/samples-stylenat-small.png", "figures/samples-real-photos.png",
    }  # fmt: skip


def test_the_same_records_give_the_same_bytes(results):
    render(results, "one")
    render(results, "two")
    assert contents(results / "one") == contents(results / "two")


def test_every_kind_of_figure_has_the_same_bytes_each_time(tmp_path):
    results = plotted.make(tmp_path)
    render(results, "one")
    render(results, "two")
    made = contents(results / "one")
    names = {name.removeprefix("figures/") for name in made if name.endswith(".svg")}
    assert {"fid-throughput.svg", "fid-filters-fid-a.svg", "latents-256px-seed0.svg", "maps-fast-256.svg"} <= names
    assert {f"figures/{name[:-4]}.png" for name in names} <= set(made)
    assert made == contents(results / "two")


def test_no_cell_of_a_table_is_a_formula_to_a_spreadsheet(results):
    path = results / "plan/plan.json"
    path.write_text(path.read_text().replace('"title": "Refuted"', '"title": "=1+1"'))
    render(results)
    found, typed = pd.read_csv(results / "report/claims.csv"), pd.read_parquet(results / "report/claims.parquet")
    assert found.loc[found["claim"] == "b-refuted", "title"].tolist() == ["'=1+1"]
    assert found["measured"].dropna().tolist() == typed["measured"].dropna().tolist()


def test_figures_of_an_earlier_rendering_do_not_stay(results):
    render(results)
    (results / "train" / campaign.DEMO / "history.jsonl").unlink()
    render(results)
    assert not (results / "report/figures/training-stylenat-small.svg").exists()


def test_a_results_folder_with_a_plan_alone_is_reported(results, tmp_path):
    empty = tmp_path / "empty"
    report.run(results / "plan/plan.json", empty, empty / "report")
    assert "not judged yet" in (empty / "report/report.html").read_text()


@pytest.mark.parametrize("name", ["config", "paper"])
def test_a_shipped_run_is_planned_and_reads_back(tmp_path, name):
    config = read_yaml(ROOT / f"config/{name}.yaml")
    plan_stage.run(config, ROOT / "config", tmp_path / "plan.json")
    assert read_plan(tmp_path / "plan.json") == make_plan(Run(Catalog(ROOT / "config"), config))
    report.run(tmp_path / "plan.json", tmp_path, tmp_path / "report")


def test_planning_an_unknown_model_stops(tmp_path):
    config = read_yaml(ROOT / "config/config.yaml")
    config["measure"][0]["models"] = ["stylenat-ffhq-265"]
    with pytest.raises(InputError, match="did you mean 'stylenat-ffhq-256'"):
        plan_stage.run(config, ROOT / "config", tmp_path / "plan.json")
    assert not (tmp_path / "plan.json").exists()


def test_a_report_is_rendered_where_there_is_no_torch(tmp_path):
    results = plotted.make(tmp_path)
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['torch', 'torchvision', 'torch_fidelity', 'cleanfid', 'timm']));"
        "from stylenat.stages import report; report.run('plan/plan.json', '.', 'report')"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=results, env=environment)
    render(results, "here")
    assert contents(results / "report") == contents(results / "here")


def test_reporting_loads_no_torch():
    modules = "stylenat.stages.report, stylenat.stages.plan, stylenat.report.readme"
    code = f"import sys, {modules}; print('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert result.stdout == "False\n"
