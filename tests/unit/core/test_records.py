import pytest

from stylenat.core.errors import InputError
from stylenat.core.files import write_json
from stylenat.core.records import Measurement, failed_path, read_measurement, write_record

OK = {
    "protocol": "p",
    "protocol_version": 1,
    "metric": "fid",
    "metric_version": 1,
    "model": "m",
    "seed": 0,
    "status": "ok",
    "value": 1.5,
    "unit": "1",
    "direction": "lower",
    "comparable": True,
    "demo": False,
    "code": "c",
    "created": "2026-01-01T00:00:00+00:00",
    "wall_seconds": 1.0,
}


def test_a_record_reads_back(tmp_path):
    record = Measurement.model_validate(OK)
    write_record(tmp_path / "a.json", record)
    assert read_measurement(tmp_path / "a.json") == record


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"value": None}, "a value exactly when its status is ok"),
        ({"status": "failed", "value": None}, "must give its reason"),
        ({"status": "failed", "reason": "x"}, "a value exactly when"),
        ({"value": float("nan")}, "finite"),
        ({"colour": "red"}, "unknown key 'colour'"),
        ({"schema_version": 2}, "schema_version"),
    ],
)
def test_an_unsound_record_is_refused_with_the_files_name(tmp_path, change, says):
    path = tmp_path / "a.json"
    if change.get("value") != change.get("value"):
        path.write_text('{"value": NaN}')
        says = "protocol|finite"
    else:
        write_json(path, {**OK, **change})
    with pytest.raises(InputError, match=rf"a\.json: .*({says})"):
        read_measurement(path)


def test_the_failed_record_lies_beside(tmp_path):
    assert failed_path(tmp_path / "seed0.json").name == "seed0.failed.json"
