import dataclasses
import io

import pandas as pd
import pytest
from support import campaign

from stylenat.report import latex, tables, wording
from stylenat.report.comparison import comparison
from stylenat.report.evidence import measurements


def read_back(frame):
    text = frame.to_csv(index=False, lineterminator="\n")
    return pd.read_csv(io.StringIO(text), keep_default_na=False, dtype=str)


def test_claims_come_back_from_csv_word_for_word(complete):
    found = read_back(tables.claims(campaign.data(complete))).set_index("claim")
    assert found.loc["a-reproduced", "title"] == f"Title {campaign.EVIL}"
    assert found.loc["a-reproduced", "quote"] == f"quoted {campaign.EVIL}"
    assert found.loc["a-reproduced", "why"] == f"because {campaign.EVIL}"
    assert float(found.loc["a-reproduced", "measured"]) == 48_921_000
    assert found.loc["c-open", ["low", "high"]].tolist() == ["2.1", "2.7"]
    assert found["verdict"].tolist() == [
        "reproduced", "not_reproduced", "inconclusive", "not_comparable", "not_run", "reproduced", "not_run"
    ]  # fmt: skip
    assert (found["why"] != "").all()


def test_every_planned_measurement_has_a_row_with_a_number_or_a_reason(results):
    data = campaign.data(results)
    found = read_back(measurements(data)).set_index("path")
    assert len(found) == len(data.plan.records)
    assert ((found["value"] != "") ^ (found["reason"] != "")).all()
    assert found.loc[campaign.SIZE, "device"] == campaign.EVIL
    assert found.loc[campaign.FIRST, "images"] == "40 fake, 1,000 real (subset seed 7)"
    assert found.loc[campaign.MISSING, "reason"] == "not measured yet"


def test_demo_numbers_are_labelled_and_counts_of_a_demo_apart(complete):
    data = campaign.data(complete)
    measured = measurements(data)
    labels = measured[measured["value"].notna()].groupby("metric")["demo"].unique().map(list).to_dict()
    assert labels == {"fid": ["demo"], "flops": ["demo run"], "parameters": ["demo run"]}
    claims = tables.claims(data).set_index("claim")["demo"]
    assert claims["a-reproduced"] == "demo run"
    assert claims["c-open"] == "demo"
    assert claims["f-sum"] == ""  # computed from published numbers


def test_the_comparison_sets_published_beside_measured(complete):
    rows = {row.method: row for row in comparison(campaign.data(complete))}
    assert list(rows) == ["StyleNAT", "Rival"]  # the method of the claims first
    own = rows["StyleNAT"].cells
    assert [quoted.key for quoted in own["fid"].published] == ["own/fid"]
    assert [mean.value for mean in own["parameters"].measured] == [48_921_000]
    assert own["fid"].measured == []  # its demo FID is of another model
    assert own["throughput"].published == []  # third parties stand apart
    assert own["throughput"].reason == "not part of this run"
    assert rows["Rival"].why_nothing == "published numbers only: no weights were published"


def test_the_audit_fills_the_numbers_in(results):
    row = tables.arithmetic(campaign.data(results)).iloc[0]
    assert row["formula"] == "(67.93 − 48.92) / 67.93 × 100"
    assert row["printed"] == "28 %"
    assert bool(row["fits"])
    assert (row["grades"], row["sources"]) == ("S A", "own/rival-size own/size")


def test_an_arithmetic_claim_without_a_verdict_says_so(results):
    (results / "judge/f-sum.json").unlink()
    assert tables.arithmetic(campaign.data(results)).iloc[0]["reading"] == "not judged yet"


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (48_921_000.0, "parameters", "48,921,000 parameters (48.92 M)"),
        (1.234e11, "FLOP", "123.4 GFLOP"),
        (2.04612, "1", "2.046"),
        (0.32154, "images/s", "0.3215 images/s"),
        (0.0, "1", "0"),
        (0.00001234, "1", "1.234e-05"),
        (4.192, "x", "4.192x"),
    ],
)
def test_numbers_have_units_and_separators(value, unit, expected):
    assert wording.with_unit(value, unit) == expected


def test_a_mean_is_told_to_the_digits_of_its_spread():
    assert wording.mean_text(2.04731, 0.00651, "1") == "2.0473 ± 0.0065"
    assert wording.mean_text(32.561, None, "images/s") == "32.56 images/s"
    assert wording.mean_text(5.0, 0.0, "1") == "5"


def test_latex_has_no_bare_special(complete):
    text = latex.table(tables.claims(campaign.data(complete))[["title", "measured"]], campaign.EVIL, "x")
    assert r"\textless{}script\textgreater{}" in text
    assert r"\& 7 \% of \$5\_000 \#1 \{a\} \textbackslash{}input\{b\} \textasciitilde{} \textasciicircum{}" in text
    assert r"\input" not in text
    assert text.count(r"\\" + "\n") == 1 + len(campaign.CLAIMS)
    assert "48,921,000" in text
    assert "& --" in text  # nothing measured


def test_a_cell_is_sorted_by_its_first_number_and_never_by_one_outside_its_controls(complete):
    data = campaign.data(complete)
    cell = comparison(data)[0].cells["parameters"]
    assert (cell.published_key, cell.measured_key) == (48.92e6, 48_921_000)
    flagged = dataclasses.replace(cell.measured[0], flag="worse than noise")
    other = dataclasses.replace(cell.measured[0], value=5.0)
    assert dataclasses.replace(cell, measured=[flagged, other]).measured_key == 5.0
    assert dataclasses.replace(cell, measured=[flagged]).measured_key is None
    assert dataclasses.replace(cell, published=[]).published_key is None
