import io
import math

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support import campaign

from stylenat.report import evidence, parquet, tables
from stylenat.report.rows import ClaimRow, MeasurementRow, PublishedRow

TABLES = {
    "claims": (tables.claim_rows, tables.claims, ClaimRow),
    "measurements": (evidence.measurement_rows, evidence.measurements, MeasurementRow),
    "published": (tables.published_rows, tables.published, PublishedRow),
}


def written(tmp_path, data, name):
    rows, _, model = TABLES[name]
    path = tmp_path / f"{name}.parquet"
    parquet.write(path, rows(data), model)
    return path


@pytest.mark.parametrize("name", TABLES)
def test_parquet_holds_the_rows_of_the_csv(results, tmp_path, name):
    data = campaign.data(results)
    text = TABLES[name][1](data).to_csv(index=False, lineterminator="\n")
    csv = pd.read_csv(io.StringIO(text), keep_default_na=False, dtype=str)
    found = pd.read_parquet(written(tmp_path, data, name))
    assert list(found) == list(csv)
    assert len(found) == len(csv) > 4
    for column in csv:
        for one, other in zip(found[column], csv[column], strict=True):
            if pd.isna(one):
                assert other == ""
            elif isinstance(one, str):
                assert one == other
            elif other in ("True", "False"):
                assert str(one) == other
            else:
                assert math.isclose(one, float(other))


def test_numbers_and_flags_have_types_and_what_is_missing_is_null(results, tmp_path):
    data = campaign.data(results)
    schema = pq.read_schema(written(tmp_path, data, "measurements"))
    types = {field.name: field.type for field in schema}
    for name in ("value", "standard_error", "fid_infinity", "wall_seconds"):
        assert types[name] == pa.float64()
    for name in ("seed", "protocol_version", "fake_count", "real_count", "subset_seed"):
        assert types[name] == pa.int64()
    assert (types["comparable"], types["dirty"]) == (pa.bool_(), pa.bool_())
    assert types["reason"] in (pa.string(), pa.large_string())
    rows = {row["path"]: row for row in pq.read_table(tmp_path / "measurements.parquet").to_pylist()}
    missing, made = rows[campaign.MISSING], rows[campaign.FIRST]
    for name in ("value", "unit", "fake_count", "comparable", "flag", "sha256"):
        assert missing[name] is None
    assert (missing["reason"], missing["status"]) == ("not measured yet", "missing")
    assert (made["value"], made["fake_count"], made["comparable"]) == (2.4444, 40, False)
    assert made["reason"] is None
    claims = pq.read_schema(written(tmp_path, data, "claims"))
    assert [claims.field(name).type for name in ("published", "measured", "low", "high")] == [pa.float64()] * 4


def test_a_column_without_any_value_keeps_its_type(tmp_path):
    path = tmp_path / "empty.parquet"
    parquet.write(path, [], ClaimRow)
    assert pq.read_schema(path).field("low").type == pa.float64()
    assert list(pd.read_parquet(path)) == list(ClaimRow.model_fields)


def test_harmful_text_comes_back_word_for_word(complete, tmp_path):
    found = pd.read_parquet(written(tmp_path, campaign.data(complete), "claims")).set_index("claim")
    assert found.loc["a-reproduced", "title"] == f"Title {campaign.EVIL}"


@pytest.mark.parametrize(("seed", "kept"), [(2**63 - 1, 2**63 - 1), (2**63, None)])
def test_a_number_beyond_64_bits_is_left_out_and_stops_nothing(tmp_path, seed, kept):
    path = tmp_path / "odd.parquet"
    parquet.write(path, [{"seed": seed, "subset_seed": seed}], MeasurementRow)
    assert pq.read_table(path)["subset_seed"].to_pylist() == [kept]


def test_every_table_has_the_columns_of_its_rows(complete):
    data = campaign.data(complete)
    for rows, _, model in TABLES.values():
        assert {name for row in rows(data) for name in row} == set(model.model_fields)
