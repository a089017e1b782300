import copy
import json

import jsonschema
import pytest
from support import campaign

from stylenat.core.records import write_record
from stylenat.core.registry import ROOT
from stylenat.report import evidence, machine, tables
from stylenat.report.document import Document, schema
from stylenat.report.figures import figures

SHIPPED = json.loads((ROOT / "stylenat/report/report.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SHIPPED)


def render(results):
    data = campaign.data(results)
    return machine.render(data, figures(data))


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    return render(campaign.complete(campaign.make(tmp_path_factory.mktemp("campaign"))))


@pytest.fixture(scope="module")
def found(text):
    return json.loads(text)


def test_the_shipped_schema_is_the_document_s():
    again = "json.dumps(stylenat.report.document.schema(), indent=2)"
    assert schema() == SHIPPED, f"stale: write {again} into stylenat/report/report.schema.json"
    VALIDATOR.check_schema(SHIPPED)


def test_the_document_keeps_to_the_schema_with_and_without_records(found, results):
    VALIDATOR.validate(found)
    for path in results.rglob("*.json"):
        if "plan" not in path.parts:
            path.unlink()
    empty = json.loads(render(results))
    VALIDATOR.validate(empty)
    assert {one["status"] for one in empty["measurements"]} == {"missing"}
    assert empty["counts"]["not_run"] == len(campaign.CLAIMS)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("schema_version",), 2),
        (("claims", 0, "verdict"), "maybe"),
        (("measurements", 0, "value"), "2.046"),
        (("measurements", 0, "odd"), 1),
        (("published", 0, "value"), None),
        (("networks", 0, "parts"), None),
    ],
)
def test_the_schema_refuses_what_is_not_the_document(found, where, value):
    broken = copy.deepcopy(found)
    *path, last = where
    inner = broken
    for key in path:
        inner = inner[key]
    inner[last] = value
    assert not VALIDATOR.is_valid(broken)


def test_a_key_that_is_left_out_is_refused(found):
    for name in SHIPPED["required"]:
        assert not VALIDATOR.is_valid({key: value for key, value in found.items() if key != name}), name


def test_it_reads_back_as_the_document_and_holds_what_the_tables_hold(found, complete):
    data, read = campaign.data(complete), Document.model_validate(found)
    assert [one.claim for one in read.claims] == tables.claims(data)["claim"].tolist()
    assert [one.path for one in read.measurements] == evidence.measurements(data)["path"].tolist()
    assert {f"{one.card}/{one.id}": one.value for one in read.published} == {
        "own/fid": 2.046, "own/size": 48.92, "own/rival-size": 67.93, "own/rival-fid": 2.19, "others/speed": 45.5,
    }  # fmt: skip
    assert sum(read.counts.values()) == len(read.claims) == len(campaign.CLAIMS)
    first = {one.claim: one for one in read.claims}["a-reproduced"]
    assert (first.title, first.quote) == (f"Title {campaign.EVIL}", f"quoted {campaign.EVIL}")
    assert (first.measured, first.records, first.versions) == (48_921_000.0, [campaign.SIZE], ["v1"])
    size = {one.path: one for one in read.measurements}[campaign.SIZE]
    assert size.inputs == {f"x/{campaign.EVIL}": "a" * 64}
    assert {one.record: one for one in read.networks}[campaign.SIZE].parts[0].count == 46_921_000
    assert {one.kind for one in read.comparison} == {"published", "measured", "not measured"}
    assert [(one.value, one.fits) for one in read.arithmetic] == [(27.9847, True)]
    assert any(one.files == ["figures/fid-parameters.svg", "figures/fid-parameters.png"] for one in read.figures)


def test_nothing_is_null_and_never_an_empty_text(found):
    def walk(value):
        for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else []:
            assert item != ""
            walk(item)

    walk(found)
    assert {one["path"]: one for one in found["measurements"]}[campaign.SKIPPED]["value"] is None


def test_harmful_text_is_inert_wherever_the_document_is_pasted(text):
    assert campaign.EVIL not in text
    assert not set(text) & set("<>&")
    assert text.isascii()
    assert text.count("\\u003cscript\\u003e") > 5


@pytest.mark.parametrize("flags", [{"x": [float("nan"), {"y": float("inf")}]}, {"tf32": True}])
def test_odd_records_do_not_stop_the_document(complete, flags):
    odd = {"device": {"name": ["a", 1]}, "git": {"revision": 5, "dirty": "perhaps"}, "seed": 0, "flags": flags}
    write_record_with_nan(complete / campaign.FIRST, campaign.record("fid-demo", campaign.DEMO, value=2.4, **odd))
    made = {one["path"]: one for one in json.loads(render(complete))["measurements"]}[campaign.FIRST]
    assert (made["value"], made["device"], made["revision"], made["dirty"]) == (2.4, "['a', 1]", "5", None)
    assert made["switches"] == ({"x": [None, {"y": None}]} if "x" in flags else flags)


def write_record_with_nan(path, record):
    """As another program could write it: Python's own JSON has NaN."""
    if "x" in record.flags:
        path.write_text(json.dumps(record.model_dump(mode="json")))
    else:
        write_record(path, record)
