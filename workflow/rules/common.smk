import json
import subprocess
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

sys.path.insert(0, str(workflow.basedir))

from stylenat.core import paths, provenance
from stylenat.core.catalog import Catalog, Run
from stylenat.core.errors import InputError
from stylenat.core.files import sha256_json
from stylenat.core.lookup import Lookup, use_checkout
from stylenat.core.passes import Passes

use_checkout(Path(workflow.basedir))
try:
    RUN = Lookup(Run(Catalog(Path(workflow.basedir) / "config"), config))
    RUN.check_results()
    PASSES = Passes(RUN.run)
except InputError as error:
    raise WorkflowError(str(error))

RESULTS, LOGS = RUN.results, RUN.logs
ENVIRONMENT = "../../environment.yml"


wildcard_constraints:
    dataset=r"[a-z0-9._-]+",
    model=r"[a-z0-9._-]+",
    protocol=r"[a-z0-9._-]+",
    detector=r"[a-z0-9._-]+",
    claim=r"[a-z0-9._-]+",
    raw=r"[a-z0-9._-]+",
    variant=r"[a-z0-9._-]+",
    seed=r"\d+",
    num=r"\d+",


def measure_inputs(w):
    return RUN.measure_inputs(w)


def training_files(w):
    return RUN.training_inputs(w)


def render_after_failure():
    plan = RESULTS / paths.PLAN
    if plan.is_file():
        command = [
            "python",
            "-m",
            "stylenat",
            "report",
            "--plan",
            plan,
            "--results",
            RESULTS,
            "--out",
            RESULTS / "report",
        ]
        subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
