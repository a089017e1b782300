import pytest
from support.fake_slurm import FakeSlurm

from stylenat.core.cluster import Cluster
from stylenat.core.errors import InputError
from stylenat.core.slurm import ask_slurm
from stylenat.core.slurm_checks import check_slurm, refuse_what_hangs, status_command

DBD = {"AccountingStorageType": "accounting_storage/slurmdbd"}


@pytest.fixture
def fake(tmp_path, monkeypatch):
    commands = FakeSlurm(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(commands.folder))
    return commands


def found(status=None, gpu_jobs=False, **keys):
    """The findings' texts by level."""
    cluster = Cluster(**keys)
    levels = {"ok": [], "warning": [], "wrong": []}
    for finding in check_slurm(ask_slurm(accounts="account" in keys), cluster, gpu_jobs, status):
        levels[finding.level].append(finding.text)
    return levels


def only(findings, level):
    """The one text of a level; what is wrong says how to put it right."""
    assert len(findings[level]) == 1, findings
    return findings[level][0]


def test_a_sound_cluster_without_a_file_has_its_default_partition_checked(fake):
    levels = found()
    assert levels["warning"] == levels["wrong"] == []
    assert levels["ok"][:2] == [
        "SLURM 22.05.8: its commands are there, and its controller answers",
        "MinJobAge 300 s, no accounting: job states are asked with squeue",
    ]
    assert all(text.startswith("partition 'cpu' (the default)") for text in levels["ok"][2:])
    assert len(levels["ok"]) == 5


def test_both_partitions_are_checked_where_gpu_jobs_run(fake):
    text = "\n".join(found(gpu_jobs=True, partitions={"gpu": "gpu"})["ok"])
    assert "partition 'gpu' (partitions.gpu) has 8 GPUs in a node (h200); a training takes 8" in text
    assert "partition 'cpu' (the default) is up" in text


def test_one_partition_for_both_kinds_of_jobs_is_checked_once(fake):
    levels = found(gpu_jobs=True)
    assert sum("is up" in text for text in levels["ok"]) == 1
    assert any("8 GPUs in a node" in text for text in levels["ok"])


@pytest.mark.parametrize("age", ["299 sec", "10 sec", "0 sec", "(null)"])
def test_squeue_that_forgets_early_and_no_accounting_is_refused(fake, age):
    fake.configure(MinJobAge=age)
    text = only(found(), "wrong")
    assert text.startswith("MinJobAge ")
    assert "AccountingStorageType is accounting_storage/none" in text
    assert "ask the administrators for MinJobAge 300 or for accounting" in text


def test_sacct_stands_in_for_squeue_with_a_warning_about_scancel(fake):
    fake.configure(MinJobAge="60 sec", **DBD)
    fake.account("a")
    text = only(found(), "warning")
    assert text.startswith("MinJobAge 60 s, accounting: job states are asked with sacct")
    assert "scancel" in text


def test_squeue_is_taken_where_both_would_do(fake):
    fake.configure(**DBD)
    fake.account("a")
    assert "MinJobAge 300 s, accounting: job states are asked with squeue" in found()["ok"]


@pytest.mark.parametrize(
    ("in_use", "age", "accounting", "remedy"),
    [("sacct", "300 sec", False, "squeue"), ("squeue", "60 sec", True, "sacct")],
)
def test_a_status_command_in_use_that_never_sees_the_end_is_refused(fake, in_use, age, accounting, remedy):
    fake.configure(MinJobAge=age, **(DBD if accounting else {}))
    if accounting:
        fake.account("a")
    text = only(found(status=in_use), "wrong")
    assert f"job states are asked with {in_use}, which never tells" in text
    assert f"--slurm-status-command {remedy}" in text


def test_sacct_in_use_where_squeue_would_do_better_is_a_warning(fake):
    fake.configure(**DBD)
    fake.account("a")
    assert "asked with sacct" in only(found(status="sacct"), "warning")


def test_the_profile_chooses_by_the_same_rule_and_never_fails(fake):
    assert status_command() == "squeue"
    fake.configure(MinJobAge="60 sec", **DBD)
    fake.account("a")
    assert status_command() == "sacct"
    fake.says("scontrol ping", "DOWN", 1)
    assert status_command() == "squeue"


def test_a_partition_that_does_not_exist_is_named_with_the_nearest(fake):
    text = only(found(partitions={"cpu": "cpuu"}), "wrong")
    assert text == "partition 'cpuu' (partitions.cpu) does not exist, or is hidden from you; did you mean 'cpu'?"


def test_no_default_partition_and_none_named_is_refused(fake):
    fake.partition("cpu", Default="NO")
    text = only(found(gpu_jobs=True, partitions={"cpu": "cpu"}), "wrong")
    assert text == "no partition is the default: name one as partitions.gpu in cluster.yaml"


@pytest.mark.parametrize("state", ["DOWN", "DRAIN", "INACTIVE"])
def test_a_partition_that_is_not_up_is_refused(fake, state):
    fake.partition("cpu", Default="YES", State=state)
    text = only(found(), "wrong")
    assert text.endswith(f"is {state}, jobs don't start there: name another one as partitions.cpu in cluster.yaml")


@pytest.mark.parametrize(
    ("nodes", "shown"), [("drained|(null)\ndown*|(null)", "(down*, drained)"), ("", "(there are none)")]
)
def test_a_partition_none_of_whose_nodes_is_ready_is_a_warning(fake, nodes, shown):
    fake.partition("cpu", Default="YES", nodes=nodes)
    assert shown in only(found(), "warning")


def test_one_ready_node_is_enough(fake):
    fake.partition("cpu", Default="YES", nodes="drained|(null)\nmixed|(null)")
    assert found()["warning"] == []


def test_a_training_longer_than_the_partition_allows_is_refused(fake):
    fake.partition("cpu", Default="YES", MaxTime="10:00:00")
    text = only(found(), "wrong")
    assert "MaxTime 10:00:00 is less than training_minutes (1440)" in text
    assert text.endswith("set training_minutes to 600 or less in cluster.yaml")
    assert found(training_minutes=600)["wrong"] == []
    assert len(found(training_minutes=601)["wrong"]) == 1


def test_a_short_partition_that_trains_nothing_is_a_warning(fake):
    fake.partition("cpu", Default="YES", MaxTime="10:00:00")
    levels = found(gpu_jobs=True, partitions={"gpu": "gpu"})
    assert levels["wrong"] == []
    assert "no training runs there" in only(levels, "warning")


def test_a_maxtime_that_is_no_time_is_a_warning(fake):
    fake.partition("cpu", Default="YES", MaxTime="soon")
    assert "MaxTime is 'soon', which can't be understood" in only(found(), "warning")


def test_a_gpu_partition_without_gpus_is_refused(fake):
    fake.partition("gpu", nodes="idle|(null)")
    text = only(found(gpu_jobs=True, partitions={"gpu": "gpu"}), "wrong")
    assert text.endswith("has no GPUs: name another one as partitions.gpu in cluster.yaml")


def test_a_gpu_model_that_the_partition_lacks_is_refused(fake):
    text = only(found(gpu_jobs=True, partitions={"gpu": "gpu"}, gpu_model="a100"), "wrong")
    assert "has no GPUs of model 'a100', only h200: write one of these as gpu_model" in text


def test_more_gpus_than_one_node_has_are_refused(fake):
    fake.partition("gpu", nodes="idle|gpu:h200:4\nmixed|gpu:h200:4")
    text = only(found(gpu_jobs=True, partitions={"gpu": "gpu"}), "wrong")
    assert "at most 4 GPUs of any model in a node, and a training asks for 8" in text
    assert text.endswith("set gpus_per_job to 4 or less in cluster.yaml")
    assert found(gpu_jobs=True, partitions={"gpu": "gpu"}, gpus_per_job=4)["wrong"] == []


@pytest.mark.parametrize(
    ("mode", "grace", "requeue", "level", "says"),
    [
        ("OFF", "0", "1", "ok", "no job is ended before its time"),
        ("SUSPEND", "0", "1", "ok", "no job is ended before its time"),
        ("REQUEUE", "0", "1", "ok", "comes back by itself"),
        ("REQUEUE", "0", "0", "wrong", "JobRequeue 0: Snakemake does not notice"),
        ("REQUEUE", "10", "1", "warning", "a training then goes on"),
        ("REQUEUE", "10", "0", "warning", "but a job that takes longer to stop"),
        ("CANCEL", "0", "1", "wrong", "GraceTime 0 s: Snakemake does not notice"),
        ("WITHIN,CANCEL", "0", "1", "wrong", "waits for ever: name another one as partitions.cpu"),
        ("CANCEL", "10", "1", "warning", "but a job that takes longer to stop keeps Snakemake waiting for ever"),
    ],
)
def test_what_preemption_makes_of_a_job(fake, mode, grace, requeue, level, says):
    fake.configure(JobRequeue=requeue)
    fake.partition("cpu", Default="YES", PreemptMode=mode, GraceTime=grace)
    texts = [text for text in found()[level] if f"PreemptMode {mode}" in text]
    assert len(texts) == 1
    assert says in texts[0]


def test_a_requeue_in_good_order_promises_no_hang(fake):
    fake.partition("cpu", Default="YES", PreemptMode="REQUEUE", GraceTime="10")
    assert only(found(), "warning").endswith("a training then goes on")


def test_a_mode_without_any_preemption_does_not_matter(fake):
    fake.configure(PreemptType="preempt/none")
    fake.partition("cpu", Default="YES", PreemptMode="CANCEL")
    assert found()["wrong"] == []


def test_preemption_by_quality_of_service_is_a_warning(fake):
    fake.configure(PreemptType="preempt/qos")
    assert "sacctmgr show qos" in only(found(), "warning")


def test_an_account_without_accounting_is_refused(fake):
    assert only(found(account="a"), "wrong").endswith("leave account out of cluster.yaml")


@pytest.mark.parametrize(("account", "level"), [("toyacct", "ok"), ("ToyAcct", "ok"), ("toyact", "wrong")])
def test_an_account_must_be_one_of_the_users(fake, account, level):
    fake.configure(**DBD)
    fake.account("toyacct", "root")
    assert f"account '{account}'" in found(account=account)[level][-1]
    if level == "wrong":
        assert found(account=account)[level][-1].endswith("did you mean 'toyacct'?")


def test_accounts_that_slurm_does_not_list_are_a_warning(fake):
    fake.configure(**DBD)
    fake.says("sacct *", "")
    assert "was not checked" in only(found(account="a"), "warning")


def test_a_partition_for_other_accounts_is_refused_or_warned_about(fake):
    fake.configure(**DBD)
    fake.account("a", "b", "c")
    fake.partition("cpu", Default="YES", AllowAccounts="b,c")
    assert only(found(account="a"), "wrong").endswith("never starts there: name one of them in cluster.yaml")
    assert "name one as account" in only(found(), "warning")
    assert found(account="c")["wrong"] == found(account="c")["warning"] == []


def test_all_that_is_wrong_is_refused_in_one_line(fake):
    fake.partition("cpu", Default="YES", State="DOWN", PreemptMode="CANCEL")
    with pytest.raises(InputError, match=r"^nothing was submitted to this cluster: .*is DOWN.*; .*CANCEL") as raised:
        refuse_what_hangs(Cluster(), gpu_jobs=False, status="squeue", init_seconds=40)
    assert "\n" not in str(raised.value)


def test_warnings_refuse_nothing(fake):
    fake.partition("cpu", Default="YES", PreemptMode="CANCEL", GraceTime="10")
    refuse_what_hangs(Cluster(), gpu_jobs=False, status="squeue", init_seconds=40)


@pytest.mark.parametrize(("seconds", "refused"), [(100, False), (101, True)])
def test_a_first_wait_so_long_that_the_executor_leaves_squeue_is_refused(fake, seconds, refused):
    fake.configure(MinJobAge="300 sec")
    if not refused:
        refuse_what_hangs(Cluster(), gpu_jobs=False, status="squeue", init_seconds=seconds)
        return
    with pytest.raises(InputError, match="give at most 100 as --slurm-init-seconds-before-status-checks"):
        refuse_what_hangs(Cluster(), gpu_jobs=False, status="squeue", init_seconds=seconds)


def test_a_long_first_wait_is_no_fault_where_accounting_is_on(fake):
    fake.configure(MinJobAge="300 sec", **DBD)
    fake.says("sacct *", "")
    refuse_what_hangs(Cluster(), gpu_jobs=False, status="squeue", init_seconds=101)
