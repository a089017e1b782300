import json
import subprocess
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.settings.types import DeploymentMethod

sys.path.insert(0, str(workflow.basedir))

from stylenat.core import paths, provenance
from stylenat.core.catalog import Catalog, Run
from stylenat.core.cluster import FILE, read_cluster
from stylenat.core.errors import InputError
from stylenat.core.files import sha256_json
from stylenat.core.lookup import Lookup, isolate_conda, use_checkout
from stylenat.core.passes import Passes
from stylenat.core.requests import Requests
from stylenat.core.slurm_checks import refuse_what_hangs

use_checkout(Path(workflow.basedir))
try:
    if DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method:
        shell.prefix(isolate_conda(Path(workflow.basedir)))
    RUN = Lookup(Run(Catalog(Path(workflow.basedir) / "config"), config))
    RUN.check_results()
    PASSES, CLUSTER = Passes(RUN.run), read_cluster(FILE)
    ASKS = Requests(RUN.run, CLUSTER, PASSES)
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
    seed=r"\d+",
    num=r"\d+",


def measure_inputs(w):
    return RUN.measure_inputs(w)


def training_files(w):
    return RUN.training_inputs(w)


# Only at the start is it known which executor runs; a job's own Snakemake calls no handlers and has another executor.
def check_cluster():
    if workflow.is_main_process and workflow.executor_plugin.name == "slurm":
        try:
            slurm = workflow.executor_settings
            waits = slurm.init_seconds_before_status_checks
            refuse_what_hangs(CLUSTER, ASKS.cuda, slurm.status_command, waits)
        except InputError as error:
            raise WorkflowError(str(error))


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
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:  # as where Snakemake's own Python lacks what the report needs: its jobs have another
            why = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            print(f"stylenat: the report was not rendered again, and is as before the failure ({why})", file=sys.stderr)
