import gc
import os
import signal
import time

import pytest

from stylenat.report.parallel import begun, uncollected


def test_results_come_in_the_order_of_the_work_and_from_other_processes():
    work = [
        lambda pause=pause: (pause, os.getpid()) if time.sleep(pause) is None else None for pause in (0.2, 0.0, 0.1)
    ]
    found = [result() for result in begun(work, processes=2)]
    assert [pause for pause, _ in found] == [0.2, 0.0, 0.1]
    assert os.getpid() not in {process for _, process in found}


def test_a_fault_of_a_piece_is_raised_where_its_result_is_asked_for():
    first, second = begun([lambda: 1, lambda: 1 / 0], processes=2)
    assert first() == 1
    with pytest.raises(ZeroDivisionError):
        second()


def test_what_a_killed_process_leaves_is_done_here():
    own = os.getpid()

    def piece():
        if os.getpid() != own:
            os.kill(os.getpid(), signal.SIGKILL)
        return os.getpid()

    assert [result() for result in begun([piece, piece], processes=2)] == [own, own]


def test_an_interrupt_of_the_terminal_leaves_the_processes_to_this_one():
    handlers = [result() for result in begun([lambda: signal.getsignal(signal.SIGINT)] * 2, processes=2)]
    assert handlers == [signal.SIG_IGN] * 2


def test_one_process_does_it_all_here_and_not_before_it_is_asked_for():
    done = []
    first, second = begun([lambda: done.append(1), lambda: done.append(2)], processes=1)
    assert done == []
    second(), first()
    assert done == [2, 1]


def test_garbage_is_searched_for_again_afterwards():
    seen = []

    @uncollected()
    def fails():
        seen.append(gc.isenabled())
        raise RuntimeError("whatever it was")

    with pytest.raises(RuntimeError, match="whatever it was"):
        fails()
    assert seen == [False]
    assert gc.isenabled()
