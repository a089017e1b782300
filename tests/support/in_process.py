"""Stage `features` without processes of its own: what a test that asks for no processes need not wait for."""

from contextlib import contextmanager

import torch

from stylenat.data.stream import Pool
from stylenat.stages import features


@contextmanager
def here(shared, workers, single_threaded=False):
    """A pool that works in this process, with nothing left open from an earlier one."""
    features._opened, threads = None, torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield Pool(shared, None, 1)
    finally:
        torch.set_num_threads(threads)
        features._opened = None
