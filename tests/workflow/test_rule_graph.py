"""The graph of rules in the documentation is that of the paper's matrix."""

import re
import subprocess
import sys

from stylenat.core.registry import ROOT


def edges(graph):
    """The arrows of a Mermaid graph, by the names of its nodes."""
    names = dict(re.findall(r"^\s*(\w+)\[(\w+)\]", graph, flags=re.M))
    return {tuple(names.get(x, x) for x in arrow) for arrow in re.findall(r"^\s*(\w+) --> (\w+)", graph, flags=re.M)}


def test_the_documented_rule_graph_is_the_workflows():
    command = [sys.executable, "-m", "snakemake", "--configfile", "config/paper.yaml", "--rulegraph", "mermaid-js"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    documented = (ROOT / "docs/workflow.md").read_text().split("```mermaid\n")[1].split("```")[0]
    assert len(edges(done.stdout)) > 20
    assert edges(documented) == edges(done.stdout)
