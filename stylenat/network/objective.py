"""What StyleNAT minimises: StyleSwin's objective (arXiv 2211.05770; 2112.10762)."""

from collections.abc import Mapping
from typing import Any

from stylenat.objectives.base import Objective
from stylenat.objectives.logistic import LogisticObjective


def build_objective(options: Mapping[str, Any]) -> Objective:
    """Logistic loss, lazy R1 and balanced consistency, from a training card's `objective`."""
    return LogisticObjective(options)
