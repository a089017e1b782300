import time

import pytest
from support.fake_slurm import SILENT, FakeSlurm

from stylenat.core import slurm
from stylenat.core.errors import InputError
from stylenat.core.slurm import ask, ask_slurm
from stylenat.core.slurm_values import minutes, parse_gpus, parse_nodes, parse_partitions

SHOW = "scontrol show config"
LIST = "scontrol --oneliner show partition"


@pytest.fixture
def fake(tmp_path, monkeypatch):
    commands = FakeSlurm(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(commands.folder))
    return commands


def test_a_real_clusters_words_become_values(fake):
    fake.partition("big", nodes="mixed|gpu:a100:4(S:0-1)\ndown*|gpu:a100:8,gpu:v100:2", MaxTime="UNLIMITED")
    found = ask_slurm()
    assert (found.min_job_age, found.default_partition) == (300, "cpu")
    assert found.config["SLURM_VERSION"] == "22.05.8"
    assert list(found.partitions) == ["cpu", "gpu", "big"]
    big = found.partitions["big"]
    assert (big.max_minutes, big.grace_s) == (float("inf"), 0)
    assert [nodes.ready for nodes in big.nodes] == [True, False]
    assert [big.most_gpus(model) for model in ("a100", "v100", "h200", None)] == [8, 2, 0, 10]


def test_accounts_are_asked_for_only_on_request(fake):
    fake.account("toyacct", "root")
    assert ask_slurm().accounts == frozenset()
    assert "sacctmgr" not in fake.asked()
    assert ask_slurm(accounts=True).accounts == {"toyacct", "root"}


def test_accounts_come_from_the_controller_where_the_database_is_silent(fake):
    fake.says("sacctmgr *", "sacctmgr: error: Sending PersistInit msg: Connection refused", 1)
    fake.says("sshare *", "toyacct\nroot")
    assert ask_slurm(accounts=True).accounts == {"toyacct", "root"}


def test_accounting_that_is_set_but_does_not_answer_counts_as_none(fake):
    fake.configure(AccountingStorageType="accounting_storage/slurmdbd")
    fake.says("sacct *", "sacct: error: Sending PersistInit msg: Connection refused", 1)
    assert "Connection refused" in ask_slurm().no_accounting
    fake.says("sacct *", "")
    assert ask_slurm().no_accounting == ""


def test_accounting_that_is_off_is_not_asked(fake):
    assert ask_slurm().no_accounting == "AccountingStorageType is accounting_storage/none"
    assert "sacct" not in fake.asked()


def test_without_slurm_the_missing_commands_are_named(fake):
    (fake.folder / "squeue").unlink()
    (fake.folder / "scontrol").unlink()
    with pytest.raises(InputError, match=r"found no squeue, scontrol on PATH; run this where jobs"):
        ask_slurm()


@pytest.mark.parametrize(
    ("text", "status"),
    [("Slurmctld(primary) at vm is DOWN\n****", 1), ("Slurmctld(primary) at vm is DOWN", 0), ("", 0), ("", 127)],
)
def test_a_controller_that_is_down_stops_the_asking_at_once(fake, text, status):
    fake.says("scontrol ping", text, status)
    with pytest.raises(InputError, match=r"^SLURM: no controller answers \(.+\); try again"):
        ask_slurm()
    assert SHOW not in fake.asked()


def test_a_backup_controller_that_is_up_is_enough(fake):
    fake.says("scontrol ping", "Slurmctld(primary) at a is DOWN\nSlurmctld(backup) at b is UP")
    assert ask_slurm().default_partition == "cpu"


@pytest.mark.parametrize("command", [SHOW, LIST, "sinfo --noheader --format=%R|%T|%G"])
def test_a_command_that_fails_is_named_with_what_it_said(fake, command):
    fake.says(command, "slurm_load: Unable to contact slurm controller (connect failure)", 1)
    with pytest.raises(InputError) as raised:
        ask_slurm()
    assert f"no answer to `{command}`" in str(raised.value)
    assert "Unable to contact slurm controller" in str(raised.value)


def test_a_hanging_command_is_given_up_with_its_children(fake, monkeypatch):
    monkeypatch.setattr(slurm, "TIMEOUT_S", 0.3)
    fake.says(SHOW, SILENT)
    began = time.monotonic()
    with pytest.raises(InputError, match=r"scontrol gave no answer within 0\.3 s"):
        ask_slurm()
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    "text", ["", "garbage", "===\n=\n= =", "\xff\xfe\x80", "a=b=c | d", "PartitionName", "|||\n||"]
)
def test_broken_output_gives_values_and_no_traceback(fake, text):
    for command in (SHOW, LIST, "sinfo --noheader --format=%R|%T|%G"):
        fake.says(command, text)
    found = ask_slurm(accounts=True)
    assert found.min_job_age is None
    assert found.default_partition is None


def test_a_command_that_is_no_program_is_an_answer_too(tmp_path):
    (tmp_path / "file").write_text("")
    assert "can't be run: Permission denied" in ask(str(tmp_path / "file")).fault


@pytest.mark.parametrize(
    ("text", "gpus"),
    [
        ("(null)", {}),
        ("gpu:8", {"": 8}),
        ("gpu:h200:8", {"h200": 8}),
        ("gpu:h200:8(S:0,1)", {"h200": 8}),
        ("gpu:3090:4", {"3090": 4}),
        ("gpu:1g.5gb:7,gpu:a100:1", {"1g.5gb": 7, "a100": 1}),
        ("mps:400,gpu:a:2(S:0),gpu:a:2(S:1)", {"a": 4}),
        ("craynetwork:4,nogpu:3", {}),
    ],
)
def test_gpus_are_counted_by_model(text, gpus):
    assert parse_gpus(text) == gpus


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1-00:00:00", 1440),
        ("01:30:00", 90),
        ("00:00:30", 0.5),
        ("UNLIMITED", float("inf")),
        ("soon", None),
        ("", None),
    ],
)
def test_times_are_read_as_minutes(text, expected):
    assert minutes(text) == expected


def test_nodes_belong_to_the_partition_of_their_line():
    nodes = parse_nodes("a|IDLE|(null)\nb|drained|gpu:2\n")
    found = parse_partitions("PartitionName=a State=UP\nPartitionName=b\nPartitionName=c", nodes)
    assert [node.state for node in found["a"].nodes] == ["idle"]
    assert not found["b"].nodes[0].ready
    assert found["c"].nodes == ()
