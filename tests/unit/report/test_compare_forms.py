"""A comparison as text, Markdown, JSON and CSV: all of it is there, and hostile text is inert in each."""

import csv
import io
import json
import re

import pytest
from support import campaign

from stylenat.core.files import write_json
from stylenat.core.plan import read_plan
from stylenat.core.records import write_record
from stylenat.report.compare import Campaign, compare
from stylenat.report.compare_data import OF_SIDE, render_csv, render_json
from stylenat.report.compare_text import render_markdown, render_text
from stylenat.report.inert import csv_cell, json_rows, json_text, no_formula, plain
from stylenat.report.load import load

FORMS = {"text": render_text, "markdown": render_markdown, "json": render_json, "csv": render_csv}
HOSTILE = "=1+1\x1b[31m <b>&amp; | `c`\nnext \u202e gnp.exe \u200f\x07\x9b\x7f\u2028"
SHOWN = r"=1+1\x1b[31m <b>&amp; | `c` next \u202e gnp.exe \u200f\x07\x9b\x7f"


def compared(a, b):
    return compare(
        *(Campaign(name, load(read_plan(one / "plan/plan.json"), one)) for name, one in (("a", a), ("b", b)))
    )


@pytest.fixture
def pair(tmp_path):
    """Two campaigns: c-open has another verdict in B, by other weights and device; f-sum is only in A."""
    a, b = (campaign.complete(campaign.make(tmp_path / name)) for name in "ab")
    fakes = {"count": 40, "weights_sha256": "bbbbbbbbbb" + "c" * 54, "statistics": "g", "device": "GPU that drew"}
    for seed, path in enumerate((campaign.FIRST, campaign.MISSING)):
        made = {"fakes": fakes, "device": {"name": HOSTILE}}
        write_record(b / path, campaign.record("fid-demo", campaign.DEMO, seed, value=3.4 + seed / 10, **made))
    paths = [campaign.FIRST, campaign.MISSING, *campaign.BESIDE]
    campaign.judge(b, "c-open", "not_reproduced", 3.45, paths, interval=(3.1, 3.7), reason=HOSTILE)
    campaign.judge(b, "d-incomparable", "not_comparable", 3.45, paths)
    plan = json.loads((b / "plan/plan.json").read_text())
    plan["verdicts"] = [verdict for verdict in plan["verdicts"] if verdict["claim"] != "f-sum"]
    for claim in plan["cards"]["claims"].values():
        claim["title"] = HOSTILE
    plan["run"]["title"] = HOSTILE
    write_json(b / "plan/plan.json", plan)
    return a, b


def section(text, name):
    """The lines of one claim in plain text."""
    lines = text.splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith(f"{name}: "))
    return [line.strip() for line in lines[start + 1 : lines.index("", start)]]


def test_the_text_tells_verdicts_values_errors_and_causes(pair):
    text = render_text(compared(*pair))
    assert (
        "7 claims: 1 with another verdict, 1 with another value, 0 for another reason, 4 unchanged, 1 only in A" in text
    )
    found = section(text, "c-open")
    assert found[:2] == [
        "A: inconclusive, 2.433 (95 % interval 2.100 to 2.700), seeds 0, 1 [demo]",
        "B: not reproduced, 3.450 (95 % interval 3.100 to 3.700), seeds 0, 1 [demo]",
    ]
    assert "seed 0: 2.444 ± 0.01230 in A, 3.400 ± 0.01230 in B [demo]" in found
    assert "weights sha256: bbbbbbbbbbb… in A, bbbbbbbbbbc… in B" in found  # as much as tells them apart
    assert f"device name: {plain(campaign.EVIL)} in A, {SHOWN} in B" in found
    assert any(
        line.startswith("stylenat-small under fid-demo against photos: Several recorded inputs") for line in found
    )
    assert not any("key of the fakes' statistics" in line for line in found)  # it follows from the weights
    assert "THE VERDICT CHANGED (1)" in text
    assert "\n  b-refuted: not reproduced, 48,921,000 parameters (48.92 M), seed 0 [demo run]\n" in text
    assert section(text, "f-sum") == ["A: reproduced, 27.98 %"]


def test_the_number_of_one_run_has_its_own_error(tmp_path):
    a, b = (campaign.make(tmp_path / name) for name in "ab")
    for results in (a, b):
        (results / campaign.MISSING).unlink(missing_ok=True)
        plan = json.loads((results / "plan/plan.json").read_text())
        for verdict in plan["verdicts"]:
            verdict["records"] = [path for path in verdict["records"] if path != campaign.MISSING]
        write_json(results / "plan/plan.json", plan)
        campaign.judge(results, "c-open", "inconclusive", 2.4444, [campaign.FIRST, *campaign.BESIDE])
    assert "c-open: inconclusive, 2.444 ± 0.01230, seed 0 [demo]" in render_text(compared(a, b))


def test_values_that_look_alike_are_told_in_full(pair):
    a, b = pair
    write_record(a / campaign.FIRST, campaign.record("fid-demo", campaign.DEMO, 0, value=3.4000001))
    assert "seed 0: 3.4000001 ± 0.01230 in A, 3.4 ± 0.01230 in B [demo]" in render_text(compared(a, b))


def test_only_a_demo_is_called_one(pair):
    a, b = pair
    assert "A is a DEMO RUN. Numbers marked demo were made" in render_text(compared(a, b))
    campaign.change_plan(b, demo=False)
    text = render_text(compared(a, b))
    assert "\nA: a, run 'demo' [demo run]: " in text
    assert "\nB: b, run 'demo': " in text
    assert "A is a DEMO RUN." in text
    assert "B is a DEMO RUN." not in text


def test_files_made_on_the_way_are_shown_where_nothing_else_differs(pair):
    a, b = pair
    for results, digest in ((a, "a"), (b, "b")):
        made = campaign.record("fid-demo", campaign.DEMO, 0, value=ord(digest) / 10, inputs={"x.json": digest * 64})
        write_record(results / campaign.FIRST, made)
    (a / campaign.MISSING).write_bytes((b / campaign.MISSING).read_bytes())
    assert "input x.json: aaaaaaaa… in A, bbbbbbbb… in B (seed 0)" in render_text(compared(a, b))


@pytest.mark.parametrize("form", FORMS)
def test_hostile_text_is_inert(pair, form):
    text = FORMS[form](compared(*pair))
    assert not [sign for sign in text if not sign.isprintable() and sign != "\n"]
    assert "x1b[31m" in text or "u001b[31m" in text or "x1b\\[31m" in text  # it is told, not dropped
    if form in ("markdown", "json"):
        assert not re.search(r"(?<!\\)<", text)


def test_markdown_has_a_row_a_claim_and_no_cell_too_many(pair):
    text = render_markdown(compared(*pair))
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in text.splitlines() if line.startswith("|")]
    assert {len(row) for row in rows} == {4}
    by_name = {row[0].strip(): [cell.strip() for cell in row[1:]] for row in rows}
    assert by_name["f-sum"] == ["reproduced, 27.98 %", "no such claim", "Only in A"]
    assert by_name["c-open"][2] == "The verdict changed"
    assert "\n### c-open: Open\n" in text
    assert "\n  - weights sha256: bbbbbbbbbbb… in A, bbbbbbbbbbc… in B\n" in text


def test_json_has_all_documented_keys_and_whole_hashes(pair):
    found = json.loads(render_json(compared(*pair)))
    assert list(found) == ["schema_version", "a", "b", "counts", "claims"]
    assert found["schema_version"] == 1
    assert list(found["a"]) == ["folder", "run", "title", "demo", "verdicts"]
    assert found["b"]["title"] == HOSTILE
    assert found["a"]["verdicts"]["inconclusive"] == 1
    assert found["counts"] == {"verdict": 1, "value": 1, "reason": 0, "only_a": 1, "only_b": 0, "none": 4}
    claims = {claim["claim"]: claim for claim in found["claims"]}
    claim = claims["c-open"]
    keys = ["claim", "title", "about", "change", "a", "b", "conclusion", "judging", "values"]
    assert all(sorted(one) == sorted(keys) for one in claims.values())
    assert list(claim["b"]) == list(OF_SIDE)
    assert (claim["b"]["low"], claim["b"]["measured"], claim["b"]["seeds"]) == (3.1, 3.45, [0, 1])
    assert claim["b"]["reason"] == HOSTILE
    assert claims["f-sum"]["b"] is None
    (values,) = claim["values"]
    assert sorted(values) == ["beside", "conclusion", "dataset", "differences", "model", "protocol", "seeds"]
    keys = ["demo", "path", "reason", "sha256", "standard_error", "status", "value"]
    assert sorted(values["seeds"][0]["a"]) == keys
    assert values["seeds"][1]["b"]["value"] == 3.5
    weights = {
        "kind": "weights", "role": "input", "name": "weights sha256", "a": "b" * 64,
        "b": "bbbbbbbbbb" + "c" * 54, "seeds": [0, 1],
    }  # fmt: skip
    assert values["differences"][0] == weights
    assert {difference["role"] for difference in values["differences"]} == {"input", "derived"}


def test_csv_has_a_row_a_claim_and_no_formula(pair):
    rows = list(csv.DictReader(io.StringIO(render_csv(compared(*pair)))))
    assert len(rows) == len(campaign.CLAIMS)
    row = next(row for row in rows if row["claim"] == "c-open")
    assert (row["change"], row["verdict_a"], row["verdict_b"]) == ("verdict", "inconclusive", "not_reproduced")
    assert (row["measured_b"], row["low_b"], row["high_b"], row["seeds_b"]) == ("3.45", "3.1", "3.7", "0 1")
    assert row["reason_b"] == f"'{SHOWN}"
    assert "weights sha256: bbbbbbbbbbb… in A, bbbbbbbbbbc… in B" in row["explanation"]
    alone = next(row for row in rows if row["claim"] == "f-sum")
    assert (alone["verdict_b"], alone["measured_b"], alone["explanation"]) == ("", "", "")


def test_plain_text_spells_out_what_a_terminal_would_obey():
    assert plain(HOSTILE) == SHOWN
    assert plain("Fréchet ± 0,5 שלום") == "Fréchet ± 0,5 שלום"
    assert plain("\ud800") == "\\ud800"


@pytest.mark.parametrize("sign", ["=", "+", "-", "@"])
def test_a_cell_of_text_is_no_formula_and_a_number_stays_one(sign):
    assert csv_cell(f" {sign}cmd") == f"'{sign}cmd"
    assert no_formula(f" {sign}cmd") == f"' {sign}cmd"
    assert no_formula(-1.5) == -1.5
    assert csv_cell(-1.5) == "-1.5"
    assert csv_cell(None) == ""


@pytest.mark.parametrize("write", [json_text, json_rows])
def test_json_is_printable_ascii_and_says_the_same(write):
    said = {"a": [HOSTILE, {HOSTILE: [1.5, None, True]}], HOSTILE: {"b": []}, "none": []}
    text = write(said)
    assert json.loads(text) == said
    assert all(" " <= sign <= "~" or sign == "\n" for sign in text)
    assert not set("<>&") & set(text)
