"""Work on many images at once, in order and in bounded memory: by processes, for some decoders keep Python's lock.

What all items share (the source, the card) goes to each process once, when it starts.
"""

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait
from typing import Any, TypeVar

from stylenat.core.errors import InputError

Shared = TypeVar("Shared")
Item = TypeVar("Item")
Result = TypeVar("Result")
THREAD_COUNTS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")  # read when a process starts
_shared: Any = None  # in a worker process: what all items share


def usable_cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0))


class Pool:
    """Workers that take items in order, or this process alone."""

    def __init__(self, shared: Any, executor: ProcessPoolExecutor | None, workers: int) -> None:
        self._shared, self._executor, self._ahead = shared, executor, 8 * workers  # enough for a pause to write

    def in_order(self, work: Callable[[Any, Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """`work(shared, item)` in the order of the items, of which few are in work at any time.

        `work` is a function of a module, so that a process can find it.
        """
        if self._executor is None:
            yield from (work(self._shared, item) for item in items)
            return
        waiting: deque[Future[Result]] = deque()
        try:
            for item in items:
                waiting.append(self._executor.submit(_call, work, item))
                if len(waiting) > self._ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool:
            raise InputError("a worker process died, perhaps for want of memory; run again to go on") from None


@contextmanager
def open_pool(shared: Any, workers: int, single_threaded: bool = False) -> Iterator[Pool]:
    """A pool of `workers` processes, of none but this one for a single worker; pending work is dropped at the end.

    With `single_threaded` even one worker is a process, and each computes with one thread: sums then have the same
    bits however many processes there are.
    """
    if workers == 1 and not single_threaded:
        yield Pool(shared, None, 1)
        return
    context = multiprocessing.get_context("spawn")  # a fork would copy other threads' locks in whatever state
    executor = ProcessPoolExecutor(workers, context, _begin, (shared,))
    try:
        with _environment(dict.fromkeys(THREAD_COUNTS, "1") if single_threaded else {}):
            yield Pool(shared, executor, workers)
    finally:
        executor.shutdown(cancel_futures=True)


@contextmanager
def _environment(changes: dict[str, str]) -> Iterator[None]:
    """Environment variables for the processes that start in the block."""
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _begin(shared: Any) -> None:
    global _shared
    _shared = shared
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for work for ever."""
    wait([multiprocessing.parent_process().sentinel])
    os._exit(1)


def _call(work: Callable[[Any, Item], Result], item: Item) -> Result:
    return work(_shared, item)
