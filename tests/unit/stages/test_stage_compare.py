"""`stylenat report compare A B` at the command line: forms, files, exit statuses, bad input."""

import json
import subprocess
import sys

import pytest
from support import campaign

from stylenat import cli
from stylenat.core.errors import InputError
from stylenat.core.records import failed_path, write_record
from stylenat.core.registry import ROOT
from stylenat.stages import compare


@pytest.fixture
def a(tmp_path):
    return campaign.complete(campaign.make(tmp_path / "a"))


@pytest.fixture
def b(tmp_path):
    results = campaign.complete(campaign.make(tmp_path / "b"))
    paths = [campaign.FIRST, campaign.MISSING, *campaign.BESIDE]
    campaign.judge(results, "c-open", "reproduced", 2.4333, paths, interval=(2.1, 2.7))
    return results


def contents(*folders):
    return {path: path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()}


def refused(capsys, *arguments):
    """The one line that a command ends with."""
    with pytest.raises(SystemExit) as stop:
        cli.main([str(argument) for argument in arguments])
    assert stop.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    return line.removeprefix("stylenat: error: ")


def test_the_command_line_prints_the_comparison_without_torch_and_writes_nothing(a, b):
    before = contents(a, b)
    code = (
        "import sys; from stylenat import cli; cli.main(sys.argv[1:]); "
        "print([name for name in sys.modules if name.split('.')[0] == 'torch'])"
    )
    command = [sys.executable, "-c", code, "report", "compare", str(a), str(b)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert (result.returncode, result.stderr) == (0, "")
    assert "c-open: Open\n  A: inconclusive, 2.433" in result.stdout
    assert result.stdout.splitlines()[-1] == "[]"
    assert contents(a, b) == before


@pytest.mark.parametrize(
    ("form", "start"),
    [("text", "Two campaigns"), ("markdown", "# Two"), ("json", "{\n"), ("csv", "claim,title,change,")],
)
def test_every_form_is_printed(a, b, capsys, form, start):
    cli.main(["report", "compare", str(a), str(b), "--format", form])
    assert capsys.readouterr().out.startswith(start)


def test_a_file_is_written_in_the_place_of_stdout(a, b, tmp_path, capsys):
    out = tmp_path / "new/comparison.json"
    cli.main(["report", "compare", str(a), str(b), "--format", "json", "--out", str(out)])
    assert capsys.readouterr().out == f"{out}\n"
    assert json.loads(out.read_text())["counts"]["verdict"] == 1


def test_the_report_itself_is_rendered_as_before(a, capsys):
    plan, out = a / "plan/plan.json", a / "report"
    cli.main(["report", "--plan", str(plan), "--results", str(a), "--out", str(out)])
    assert capsys.readouterr().out == f"{out / 'report.html'}\n"
    assert (out / "report.html").is_file()


def test_options_are_asked_for_where_they_belong(a, b, capsys):
    assert refused(capsys, "report", "--plan", "p") == (
        "report: found no --results and no --out; all three are needed unless `compare` is given"
    )
    line = refused(capsys, "report", "--out", "x", "compare", a, b)
    assert line == "report compare: found --out before `compare`; its own options follow A and B"


def test_a_folder_without_a_plan_is_one_line(a, tmp_path, capsys):
    assert refused(capsys, "report", "compare", a, tmp_path / "none") == f"{tmp_path}/none/plan/plan.json: no such file"
    (tmp_path / "file").write_text("")
    assert str(tmp_path / "file") in refused(capsys, "report", "compare", tmp_path / "file", a)


@pytest.mark.parametrize("name", ["plan/plan.json", campaign.FIRST, "judge/c-open.json"])
@pytest.mark.parametrize("text", ["{", "[]", '{"schema_version": 7}', '{"a":' * 100_000, "1" * 5000])
def test_a_broken_file_is_one_line_that_names_it(a, b, capsys, name, text):
    (b / name).write_text(text)
    assert str(b) in refused(capsys, "report", "compare", a, b)


@pytest.mark.parametrize("name", ["plan/plan.json", campaign.FIRST, "judge/c-open.json"])
def test_what_a_broken_file_says_reaches_no_terminal(a, b, name):
    (b / name).write_text(json.dumps({"\x1b[2J": 1}))
    with pytest.raises(InputError, match=r"unknown key '\\x1b\[2J'"):
        compare.run(a, b, "text")


def test_a_record_or_verdict_of_something_else_is_refused(a, b):
    write_record(b / campaign.FIRST, campaign.record("fid-demo", "noise-photos", value=1.0))
    with pytest.raises(InputError, match="holds the record of"):
        compare.run(a, b, "text")
    (a / "judge/f-sum.json").write_bytes((a / "judge/c-open.json").read_bytes())
    with pytest.raises(InputError, match=r"f-sum\.json: holds the verdict on 'c-open', expected 'f-sum'"):
        compare.run(a, b, "text")


def test_a_failed_or_missing_record_is_no_bad_input(a, b):
    (b / campaign.FIRST).unlink()
    made = campaign.record("fid-demo", campaign.DEMO, status="failed", reason="out of memory")
    write_record(failed_path(b / campaign.FIRST), made)
    (b / "judge/f-sum.json").unlink()
    text = compare.run(a, b, "text")
    assert "failed: out of memory in B" in text
    assert "Not run in B: not judged yet." in text
