from types import SimpleNamespace

import pytest
import torch
from support.toys import ToyFamily, ToyGenerator, model_card, protocol_card

from stylenat import cli, subcommands
from stylenat.core import paths, provenance
from stylenat.core.catalog import Catalog, Job, Run
from stylenat.core.device import flags
from stylenat.core.errors import InputError
from stylenat.core.lookup import Lookup
from stylenat.core.registry import ROOT
from stylenat.core.strict import read_yaml
from stylenat.metrics import throughput as metric
from stylenat.sampling import build
from stylenat.stages import throughput
from stylenat.timing.session import read_session

PARAMETERS = {"mode": "throughput", "precision": "bf16", "batch_size": 2, "calls": 3, "warmup": 1, "rounds": 4}
MODELS = [model_card(name="toy-a"), model_card(name="toy-b"), model_card(name="bad", arch={"scal": 1})]


@pytest.fixture(autouse=True)
def toy_family(monkeypatch):
    monkeypatch.setattr(build, "load_family", lambda dotted: ToyFamily())


@pytest.fixture
def session(tmp_path):
    """Runs one session; keywords replace the defaults."""

    def run(**changes):
        defaults = {"protocol": protocol_card("throughput", timed=True, parameters=PARAMETERS), "models": MODELS}
        defaults |= {"seed": 5, "out": tmp_path / "out/session.json", "device": "cpu", "code": "c0de", "command": "me"}
        throughput.run(**(defaults | changes))
        return read_session(tmp_path / "out/session.json")

    run.out = tmp_path / "out/session.json"
    return run


def test_a_session_holds_every_sample_and_what_made_it(session):
    found = session()
    assert (found.protocol, found.protocol_version, found.seed) == ("toy-throughput", 3, 5)
    assert (found.parameters, found.code, found.command) == (PARAMETERS, "c0de", "me")
    assert [sorted(one.seconds) for one in found.rounds] == [["toy-a", "toy-b"]] * 4
    assert all(sample > 0 for one in found.rounds for samples in one.seconds.values() for sample in samples)
    assert (found.device["kind"], found.flags["precision"]) == ("cpu", "bf16")
    assert found.versions["torch"]
    assert set(found.git) == {"revision", "dirty"}
    assert "cpu" in found.state_before
    assert "cpu" in found.state_after
    assert found.wall_seconds > sum(sample for one in found.rounds for (sample,) in one.seconds.values())


def test_a_network_that_can_not_be_built_is_told_and_the_others_are_measured(session, capsys):
    found = session()
    assert {name: entry.status for name, entry in found.entries.items()} == {
        "toy-a": "ok",
        "toy-b": "ok",
        "bad": "failed",
    }
    assert found.entries["bad"].reason == "building: unknown key in ['scal']"
    assert "'bad' under 'toy-throughput', seed 5: building: unknown key" in capsys.readouterr().err
    assert metric.compute(session.out, "toy-a", **PARAMETERS).value > 0
    with pytest.raises(InputError, match="unknown key in"):
        metric.compute(session.out, "bad", **PARAMETERS)


def test_weights_follow_from_the_seed_and_the_global_generator_and_switches_are_left_alone(session, monkeypatch):
    made = []

    class Kept(ToyFamily):
        def build_generator(self, arch):
            made.append(super().build_generator(arch))
            return made[-1]

    monkeypatch.setattr(build, "load_family", lambda dotted: Kept())
    before = flags()
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    session(models=MODELS[:1])
    assert torch.equal(torch.rand(1), expected)
    assert flags() == before
    torch.manual_seed(5)
    assert torch.equal(made[0].mapping.weight, ToyGenerator().mapping.weight)
    assert not made[0].training


@pytest.mark.parametrize(
    ("protocol", "message"),
    [
        ({"parameters": PARAMETERS}, "protocol 'toy-throughput' is no timing: its card has no 'timed: true'"),
        (
            {"timed": True, "parameters": {**PARAMETERS, "rouns": 3}},
            "protocol 'toy-throughput': parameters: unknown key 'rouns'; did you mean 'rounds'",
        ),
    ],
)
def test_what_is_no_timing_is_refused(session, protocol, message):
    with pytest.raises(InputError, match=message):
        session(protocol=protocol_card("throughput", **protocol))
    assert not session.out.exists()


def test_the_command_line_measures_each_model_once(monkeypatch, tmp_path):
    given = {}
    monkeypatch.setattr(subcommands, "_stage", lambda name: lambda **arguments: given.update(arguments, stage=name))
    models = ["stylenat-demo-32", "hit-demo-32", "stylenat-demo-32"]
    command = ["throughput", "--protocol", "throughput-demo", "--models", *models, "--seed", "4", "--out", "x.json"]
    cli.main(command)
    assert [model.name for model in given["models"]] == models[:2]
    assert (given["stage"], given["protocol"].name, given["seed"]) == ("throughput", "throughput-demo", 4)
    assert given["code"] == provenance.timing_code(given["models"])


CATALOG = Catalog(ROOT / "config")
RUN = read_yaml(ROOT / "config/paper.yaml") | {"machine": "a100"}


def wildcards(**changes):
    return SimpleNamespace(**({"protocol": "throughput-official-script", "machine": "a100", "seed": "1"} | changes))


def test_one_session_serves_all_models_of_a_protocol():
    lookup = Lookup(Run(CATALOG, RUN))
    jobs = [Job("throughput-official-script", name, 1) for name in lookup.timed_models(wildcards())]
    assert {job for job in lookup.run.jobs if (job.protocol, job.seed) == (jobs[0].protocol, 1)} == set(jobs)
    assert len(jobs) > 5
    assert jobs == sorted(jobs)
    assert {paths.session_path(job, lookup.card) for job in jobs} == {paths.THROUGHPUT.format(**vars(wildcards()))}
    for other in ({"machine": "h100"}, {"seed": "9"}, {"protocol": "stylenat-50k"}):
        with pytest.raises(InputError, match="is not part of run 'paper'"):
            lookup.timed_models(wildcards(**other))


def test_a_session_is_made_again_when_its_card_its_models_or_the_code_change(monkeypatch):
    lookup = Lookup(Run(CATALOG, RUN))
    digest = lookup.timing_digest(wildcards())
    assert digest == Lookup(Run(CATALOG, RUN)).timing_digest(wildcards(seed="2"))
    row = {"models": lookup.timed_models(wildcards()), "protocols": ["latency-fp32"]}
    other_card = Lookup(Run(CATALOG, RUN | {"measure": [*RUN["measure"], row]}))
    assert digest == other_card.timing_digest(wildcards())
    assert digest != other_card.timing_digest(wildcards(protocol="latency-fp32"))
    fewer = {"models": ["stylenat-ffhq-256"], "protocols": ["throughput-official-script"]}
    assert digest != Lookup(Run(CATALOG, RUN | {"measure": [fewer]})).timing_digest(wildcards())
    monkeypatch.setattr(provenance, "timing_code", lambda models: "other")
    assert digest == lookup.timing_digest(wildcards())  # of one planning
    assert digest != Lookup(Run(CATALOG, RUN)).timing_digest(wildcards())


def test_a_session_s_code_depends_on_all_its_networks():
    stylenat, hit = CATALOG.model("stylenat-ffhq-256"), CATALOG.model("hit-l-ffhq-256")
    found = {provenance.timing_code(models) for models in ([stylenat], [hit], [stylenat, hit])}
    assert len(found) == 3
    assert provenance.timing_code([hit, stylenat]) in found


@pytest.mark.parametrize(
    ("file", "counts"),
    [
        ("timing/rounds.py", True),
        ("stages/throughput.py", True),
        ("core/device.py", True),
        ("network/generator.py", True),
        ("metrics/throughput.py", False),  # it reads sessions, and makes none
        ("training/step.py", False),
    ],
)
def test_the_code_of_a_session_is_what_takes_time_and_what_is_timed(monkeypatch, file, counts):
    read = []
    monkeypatch.setattr(provenance, "fingerprint", lambda found: read.extend(provenance._files(found)) or "0")
    provenance.timing_code([CATALOG.model("stylenat-ffhq-256")])
    assert (ROOT / "stylenat" / file in read) is counts
