from support import campaign

from stylenat.core.records import write_record
from stylenat.report.trail import trail


def test_what_records_share_is_told_once(complete):
    found = trail(campaign.data(complete))
    records = sum(entry.record is not None for entry in campaign.data(complete).entries)
    assert sum(count for _, _, count in found.makings.rows) == records
    assert {making.protocol for _, making, _ in found.makings.rows} == {"parameters", "flops", "fid-demo"}
    assert [(file, count) for _, file, count in found.inputs.rows] == [((f"x/{campaign.EVIL}", "a" * 64), records)]
    assert [(number, pairs, count) for number, pairs, count in found.libraries.rows] == [
        (1, (("python", "3.11.7"),), records)
    ]


def test_records_made_otherwise_stand_apart(complete):
    before = trail(campaign.data(complete))
    entry = next(e for e in campaign.data(complete).entries if e.planned.path == campaign.FIRST)
    neighbour = campaign.MISSING
    assert before.of[campaign.FIRST][0] == before.of[neighbour][0]
    for change in (
        {"code": "other"},
        {"command": "stylenat measure again"},
        {"git": {"revision": "a" * 40, "dirty": True}},
        {"git": {"revision": "f" * 40, "dirty": False}},
        {"flags": {"allow_tf32": True}},
        {"versions": {"python": "3.12.0"}},
        {"metric_version": 7},
        {"comparable_reason": "otherwise"},
        {"detector": entry.record.detector.model_copy(update={"weights_sha256": "0" * 64})},
    ):
        write_record(complete / campaign.FIRST, entry.record.model_copy(update=change))
        found = trail(campaign.data(complete))
        assert found.of[campaign.FIRST][0] != found.of[neighbour][0], change
        assert len(found.makings.rows) == len(before.makings.rows) + 1, change


def test_a_record_names_its_own_inputs(complete):
    entry = next(e for e in campaign.data(complete).entries if e.planned.path == campaign.FIRST)
    inputs = {"b.json": "b" * 64, "a.json": "c" * 64}
    write_record(complete / campaign.FIRST, entry.record.model_copy(update={"inputs": inputs}))
    found = trail(campaign.data(complete))
    files = {number: file for number, file, _ in found.inputs.rows}
    own = found.of[campaign.FIRST][1]
    assert [files[number] for number, _ in own] == [("a.json", "c" * 64), ("b.json", "b" * 64)]
    assert [digest for _, digest in own] == ["c" * 64, "b" * 64]
