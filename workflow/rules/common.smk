import json
import os
import subprocess
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

# Jobs run this checkout's code with this interpreter's commands, from any working directory; an activated
# conda environment still comes first on PATH.
sys.path.insert(0, str(workflow.basedir))
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(workflow.basedir), os.environ.get("PYTHONPATH")]))
os.environ["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])

from stylenat.core import paths, provenance
from stylenat.core.catalog import Catalog, Run
from stylenat.core.errors import InputError
from stylenat.core.files import sha256_json
from stylenat.core.lookup import Lookup

try:
    RUN = Lookup(Run(Catalog(Path(workflow.basedir) / "config"), config))
except InputError as error:
    raise WorkflowError(str(error))

RESULTS, LOGS = RUN.results, RUN.logs
STYLENAT = "python -m stylenat"
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


def feature_files(w):
    return RUN.features(w)


def measure_threads(w):
    return workflow.cores if RUN.timed(w) else 1


def render_after_failure():
    plan = RESULTS / paths.PLAN
    if plan.is_file():
        command = [*STYLENAT.split(), "report", "--plan", plan, "--results", RESULTS, "--out", RESULTS / "report"]
        subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
