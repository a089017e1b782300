import os
import signal

import pytest

from stylenat.core.errors import InputError
from stylenat.data.stream import THREAD_COUNTS, open_pool


def scaled(shared, item):
    return shared * item, os.getpid()


def killed(shared, item):
    if item == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


def refused(shared, item):
    raise InputError(f"item {item}")


def test_results_come_in_order_from_other_processes_or_this_one():
    with open_pool(10, 2) as pool:
        found = list(pool.in_order(scaled, range(40)))
        again = list(pool.in_order(scaled, range(3)))
    assert [value for value, _ in found] == [10 * item for item in range(40)]
    assert [value for value, _ in again] == [0, 10, 20]
    assert os.getpid() not in {process for _, process in found}
    with open_pool(10, 1) as pool:
        assert set(pool.in_order(scaled, [5])) == {(50, os.getpid())}


@pytest.mark.parametrize("workers", [1, 2])
def test_few_items_are_taken_ahead(workers):
    taken = []

    def items():
        for item in range(100):
            taken.append(item)
            yield item

    with open_pool(1, workers) as pool:
        results = pool.in_order(scaled, items())
        next(results)
        assert len(taken) <= 8 * workers + 1


def test_a_worker_that_is_killed_is_one_line():
    with open_pool(None, 2) as pool, pytest.raises(InputError, match="a worker process died"):
        list(pool.in_order(killed, range(10)))


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_of_the_work_is_the_caller_s(workers):
    with open_pool(None, workers) as pool, pytest.raises(InputError, match="item 0"):
        list(pool.in_order(refused, range(10)))


def threads_seen(shared, item):
    return os.getpid(), [os.environ.get(name) for name in THREAD_COUNTS]


@pytest.mark.parametrize("workers", [1, 2])
def test_processes_of_one_thread_are_told_so_before_they_start(workers, monkeypatch):
    monkeypatch.setenv(THREAD_COUNTS[0], "7")
    monkeypatch.delenv(THREAD_COUNTS[1], raising=False)
    with open_pool(None, workers, single_threaded=True) as pool:
        found = list(pool.in_order(threads_seen, range(4)))
    assert {tuple(counts) for _, counts in found} == {("1", "1", "1")}
    assert os.getpid() not in {pid for pid, _ in found}
    assert os.environ[THREAD_COUNTS[0]] == "7"
    assert THREAD_COUNTS[1] not in os.environ
