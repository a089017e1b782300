"""Several processes of one training on this machine, a GPU each, by torchrun's own launcher.

torchrun's exit status is 1 whatever its processes end with; here theirs is seen, so that work that stopped in good
order is told from work that failed. Over several machines torchrun itself starts the same command.
"""

import logging
import os
import sys
import uuid
from collections.abc import Sequence

from torch.distributed.elastic.multiprocessing import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from stylenat.core.errors import InputError, Unfinished

SIGNALS = "SIGTERM,SIGHUP,SIGQUIT,SIGUSR1"  # passed on to the processes


def launch(count: int, arguments: Sequence[str], unfinished: int) -> None:
    """Run `python -m stylenat` with these arguments in `count` processes, and wait for them.

    `unfinished` is the exit status of a process whose work goes on when it is run again.

    Raises:
        Unfinished: the processes stopped in good order.
        InputError: one of them failed; it has said why.
    """
    for name in [name for name in logging.root.manager.loggerDict if name.startswith("torch.distributed.elastic")]:
        logging.getLogger(name).setLevel(logging.CRITICAL)  # the processes speak for themselves
    threads = int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)
    os.environ["OMP_NUM_THREADS"] = str(max(1, threads // count))
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        signals_to_handle=SIGNALS,
    )
    try:
        elastic_launch(config, sys.executable)("-m", "stylenat", *arguments)
    except SignalException as error:
        raise Unfinished(f"{error.sigval.name} came, and was passed on to {count} processes") from None
    except ChildFailedError as error:
        found = {rank: failure.exitcode for rank, failure in sorted(error.failures.items())}
        if unfinished in found.values() and all(code == unfinished or code < 0 for code in found.values()):
            raise Unfinished(f"{count} processes stopped in good order") from None
        words = ", ".join(f"process {rank + 1} with {code}" for rank, code in found.items())
        raise InputError(f"of {count} processes of the training, failed: {words}; see above") from None
