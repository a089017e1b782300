"""Stage `plan`: resolve a run into its measurements, claims and cards, before any work starts."""

from pathlib import Path
from typing import Any

from stylenat.core.catalog import Catalog, Run
from stylenat.core.files import write_json
from stylenat.core.plan import make_plan


def run(config: dict[str, Any], catalog_root: Path, out: Path) -> None:
    """Write the plan of the run that `config` asks for; an unknown name or key raises InputError."""
    plan = make_plan(Run(Catalog(catalog_root), config))
    write_json(out, plan.model_dump(mode="json", by_alias=True))
