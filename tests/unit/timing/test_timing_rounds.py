from functools import partial

import pytest
import torch
from support.fake_clock import FakeClock, Timed
from support.toys import ToyGenerator

from stylenat.core.errors import InputError
from stylenat.core.interface import GeneratorSpec
from stylenat.timing import rounds
from stylenat.timing.settings import parse_settings
from stylenat.timing.turns import order

CPU = torch.device("cpu")
FIXED = {"mode": "throughput", "precision": "fp32", "batch_size": 4, "calls": 5, "warmup": 2, "rounds": 4}
SWEEP = FIXED | {"sweep": True, "batch_size": None, "largest_batch": 64, "rounds": 3}


@pytest.fixture
def clock():
    return FakeClock()


def session(clock, networks, parameters, state=lambda device: {}, **changes):
    makers = {name: (lambda one=one: one) for name, one in networks.items()}
    return rounds.measure(makers, parse_settings(parameters | changes, "x"), CPU, 0, clock=clock, state=state)


def samples(measured, name):
    return [one.seconds[name] for one in measured.rounds if name in one.seconds]


def test_throughput_is_the_calls_of_a_round_together(clock):
    measured = session(clock, {"a": Timed(clock, fixed=2, each=0.5)}, FIXED)
    assert samples(measured, "a") == [[20.0]] * 4  # 5 calls of 2 + 4 * 0.5 s
    assert clock.calls == [1, 1, 5, 5, 5, 5]
    entry = measured.entries["a"]
    assert (entry.status, entry.batch_size, entry.calls, entry.warmup_seconds) == ("ok", 4, 5, [4.0, 4.0])


@pytest.mark.parametrize("mode", ["latency", "official"])
def test_latency_is_each_call_alone(clock, mode):
    measured = session(clock, {"a": Timed(clock, fixed=2, each=0.5)}, FIXED, mode=mode)
    assert samples(measured, "a") == [[4.0] * 5] * 4
    assert clock.calls == [1] * 22


def test_every_call_has_latents_of_its_own_but_for_the_official_script(clock):
    network, fixed = Timed(clock), Timed(clock)
    session(clock, {"a": network}, FIXED)
    assert {tuple(z.shape) for z in network.latents} == {(4, 3)}
    assert len({z.numpy().tobytes() for z in network.latents}) == len(network.latents) == 22
    session(clock, {"a": fixed}, FIXED, mode="official")
    assert len({z.numpy().tobytes() for z in fixed.latents}) == 1
    assert len(fixed.latents) == 22


def test_networks_of_one_session_see_the_same_latents(clock):
    a, b = Timed(clock), Timed(clock, each=3)
    session(clock, {"a": a, "b": b}, FIXED)
    assert all(torch.equal(x, y) for x, y in zip(a.latents, b.latents, strict=True))


def test_each_round_is_a_turn_of_every_network_in_an_order_of_its_own(clock):
    measured = session(clock, {name: Timed(clock) for name in "abc"}, FIXED)
    found = ["".join(one.order) for one in measured.rounds]
    assert found == ["abc", "cba", "bca", "acb"]
    assert all(set(one.seconds) == set("abc") for one in measured.rounds)


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_a_pair_of_rounds_gives_every_network_the_same_mean_place(count):
    names = [str(index) for index in range(count)]
    for first in range(0, 2 * count, 2):
        pair = [order(names, first), order(names, first + 1)]
        assert {sum(one.index(name) for one in pair) for name in names} == {count - 1}
    assert {order(names, index)[0] for index in range(0, 2 * count, 2)} == set(names)


def test_a_drifting_machine_hits_equal_networks_alike(clock):
    """Twice as slow at the end: measured one behind the other, the second would look slower by a third."""
    measured = session(clock, {name: Timed(clock, drift=1e-3) for name in "ab"}, FIXED, rounds=8)
    total = {name: sum(one for (one,) in samples(measured, name)) for name in "ab"}
    last, first = samples(measured, "a")[-1][0], samples(measured, "a")[0][0]
    assert last > 1.2 * first
    assert total["a"] == pytest.approx(total["b"], rel=0.01)


def test_warm_up_goes_on_until_its_time_is_over(clock):
    measured = session(clock, {"a": Timed(clock, each=0.25)}, FIXED, warmup_seconds=2.5)
    # The first call, which may compile, does not count towards the time.
    assert measured.entries["a"].warmup_seconds == [1.0, 1.0, 1.0, 1.0]


def test_a_round_has_fewer_calls_where_it_would_take_too_long(clock):
    networks = {"slow": Timed(clock, each=1), "slower": Timed(clock, each=9), "fast": Timed(clock, each=0.1)}
    measured = session(clock, networks, FIXED, round_seconds=10)
    assert {name: entry.calls for name, entry in measured.entries.items()} == {"slow": 2, "slower": 1, "fast": 5}
    assert samples(measured, "slow")[0] == [8.0]


def failing():
    raise RuntimeError("no\nsuch layer")


def conditional(clock):
    network = Timed(clock)
    network.spec = GeneratorSpec(z_dim=3, resolution=2, num_classes=10)
    return network


def test_a_network_that_fails_gives_its_reason_and_the_others_go_on(clock):
    makers = {
        "big": partial(Timed, clock, largest=3),
        "breaking": partial(Timed, clock, breaks_at=12),  # in its third round: 2 + 5 + 5 calls before
        "conditional": partial(conditional, clock),
        "unbuilt": failing,
        "well": partial(Timed, clock),
    }
    measured = rounds.measure(makers, parse_settings(FIXED, "x"), CPU, 0, clock=clock)
    reasons = {name: entry.reason for name, entry in measured.entries.items() if entry.status == "failed"}
    assert reasons == {
        "big": "warm-up: OutOfMemoryError: CUDA out of memory. Tried to allocate",
        "breaking": "round 3: RuntimeError: broken",
        "conditional": "building: the generator is conditional; only unconditional ones are timed",
        "unbuilt": "building: RuntimeError: no such layer",
    }
    assert samples(measured, "well") == [[20.0]] * 4
    assert len(samples(measured, "breaking")) == 2
    assert [set(one.order) for one in measured.rounds] == [{"breaking", "well"}] * 2 + [{"well"}] * 2


def test_a_sweep_doubles_the_batch_until_it_does_not_fit(clock):
    measured = session(clock, {"a": Timed(clock, fixed=8, each=1, largest=11)}, SWEEP)
    entry = measured.entries["a"]
    assert [(point.batch_size, point.seconds) for point in entry.curve] == [
        (size, [5.0 * (8 + size)] * 3) for size in (1, 2, 4, 8)
    ]
    assert entry.sweep_end == "batch 16: OutOfMemoryError: CUDA out of memory. Tried to allocate"
    assert (entry.status, entry.reason, entry.batch_size) == ("ok", "", 8)
    assert entry.warmup_seconds == [16.0, 16.0]  # before the rounds, at their batch size
    assert samples(measured, "a") == [[80.0]] * 3  # rounds of their own: 5 calls of 8 + 8 s


def test_the_best_batch_is_the_fastest_not_the_largest(clock):
    class Thrashing(Timed):
        def forward(self, z_BZ, labels_B=None):
            if len(z_BZ) > 4:
                self.clock.now += 100
            return super().forward(z_BZ)

    measured = session(clock, {"a": Thrashing(clock, fixed=8, each=1)}, SWEEP)
    entry = measured.entries["a"]
    assert [point.batch_size for point in entry.curve] == [1, 2, 4, 8, 16, 32, 64]
    assert entry.sweep_end == "the protocol's largest batch on a CPU is 64"
    # 64 images in 172 s are 0.37 a second, 4 in 12 s are 0.33; without the thrashing's end 4 would be the best.
    assert entry.batch_size == 64
    short = session(clock, {"a": Thrashing(clock, fixed=8, each=1)}, SWEEP, largest_batch=32)
    assert short.entries["a"].batch_size == 4


def test_one_network_s_limit_ends_nobody_else_s_sweep(clock):
    networks = {
        "big": Timed(clock, fixed=8, largest=2),
        "none": Timed(clock, largest=0),
        "small": Timed(clock, fixed=8),
    }
    measured = session(clock, networks, SWEEP)
    assert [point.batch_size for point in measured.entries["big"].curve] == [1, 2]
    assert measured.entries["big"].batch_size == 2
    assert measured.entries["small"].batch_size == 64
    assert measured.entries["none"].status == "failed"
    assert measured.entries["none"].reason.startswith("batch 1: OutOfMemoryError")
    assert measured.entries["none"].batch_size is None
    assert set(measured.rounds[0].order) == {"big", "small"}


def test_a_sweep_on_a_cpu_needs_an_end(clock):
    with pytest.raises(InputError, match="a sweep on a CPU needs 'largest_batch'"):
        session(clock, {"a": Timed(clock)}, SWEEP, largest_batch=None)
    with pytest.raises(InputError, match="found no model to measure"):
        session(clock, {}, FIXED)


def test_a_precision_that_the_device_lacks_fails_every_network(clock):
    measured = session(clock, {"a": Timed(clock), "b": Timed(clock)}, FIXED, precision="fp16")
    assert {entry.reason for entry in measured.entries.values()} == {"fp16 exists on CUDA GPUs only"}
    assert {entry.status for entry in measured.entries.values()} == {"failed"}
    assert all(one.order == [] for one in measured.rounds)


@pytest.mark.parametrize(("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_a_call_runs_at_the_protocol_s_precision(clock, precision, dtype):
    network = Timed(clock)
    session(clock, {"a": network}, FIXED, precision=precision)
    assert set(network.outputs) == {dtype}


def test_the_state_is_read_behind_the_warm_up_and_behind_the_rounds(clock):
    measured = session(clock, {"a": Timed(clock)}, FIXED, state=lambda device: {"now": clock.now})
    assert measured.state_before == {"now": 8.0}  # 2 calls of 4 s
    assert measured.state_after == {"now": 88.0}  # and 4 rounds of 5
    assert measured.flags["precision"] == "fp32"


def test_no_gradients_are_kept(clock):
    class Checked(Timed):
        def forward(self, z_BZ, labels_B=None):
            assert torch.is_inference_mode_enabled()
            return super().forward(z_BZ)

    assert session(clock, {"a": Checked(clock)}, FIXED).entries["a"].status == "ok"


def test_a_compiled_network_is_called_in_its_compiled_form(clock, monkeypatch):
    limits = []

    def fake_compile(network, dynamic):
        assert dynamic is False

        def run(z_BZ):
            clock.now += 0 if network.latents else 60  # the first call compiles
            config = torch._dynamo.config
            limits.append((config.recompile_limit, config.fail_on_recompile_limit_hit))
            return network(z_BZ)

        return run

    before = torch._dynamo.config.recompile_limit
    monkeypatch.setattr(torch, "compile", fake_compile)
    measured = session(clock, {name: Timed(clock) for name in "abc"}, FIXED, compiled=True)
    assert measured.entries["a"].first_call_seconds == 64.0
    assert samples(measured, "a") == [[20.0]] * 4
    assert measured.flags["compiled"] is True
    assert set(limits) == {(24, True)}  # as many versions as three networks of one class may need
    assert torch._dynamo.config.recompile_limit == before


class Parted(ToyGenerator):
    """A mapping of 1 s and a synthesis of 3 s a call."""

    def __init__(self, clock):
        super().__init__()
        self.clock = clock
        self.mapping.register_forward_hook(partial(self.passed, 1))
        self.synthesis.register_forward_hook(partial(self.passed, 3))

    def passed(self, seconds, *ignored):
        self.clock.now += seconds


@pytest.mark.parametrize(("mode", "count"), [("throughput", 4), ("latency", 20)])
def test_parts_are_timed_in_rounds_of_their_own(clock, mode, count):
    measured = session(clock, {"a": Parted(clock), "b": Timed(clock)}, FIXED, mode=mode, parts=True)
    parts = measured.entries["a"].parts
    assert parts["call"] == [4.0] * count
    assert parts["mapping"] == [1.0] * count
    assert parts["to_uint8"] == [0.0] * count  # this clock moves with the networks alone
    assert "to_host" not in parts  # the images are there
    assert set(measured.entries["b"].parts) == {"call", "to_uint8"}  # it has no part of that name
    assert session(clock, {"a": Parted(clock)}, FIXED).entries["a"].parts == {}


def test_parts_that_can_not_be_timed_leave_the_rounds(clock):
    measured = session(clock, {"a": Timed(clock, breaks_at=22), "b": Timed(clock)}, FIXED, parts=True)
    entry = measured.entries["a"]
    assert (entry.status, entry.reason, entry.parts_end) == ("ok", "", "parts: RuntimeError: broken")
    assert samples(measured, "a") == [[20.0]] * 4
    assert len(measured.entries["b"].parts["call"]) == 4
