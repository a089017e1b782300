"""Both networks of a published checkpoint as targets of their own; the run itself asks for the generator alone."""

import json

import pytest
import torch
import yaml
from safetensors.torch import load_file
from support import official, tree

from stylenat.core import paths
from stylenat.network import FAMILY

ARCH = {**official.ARCH, "max_channels": 8}
PAIRS = {
    "generator": (paths.IMPORTED, paths.IMPORTED_CARD),
    "discriminator": (paths.DISCRIMINATOR, paths.DISCRIMINATOR_CARD),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The project with a small model whose checkpoint lies in `weights`, and its networks."""
    folder = tree.copy(tmp_path_factory.mktemp("project"))
    torch.manual_seed(0)
    networks = FAMILY.build_generator(ARCH), FAMILY.build_discriminator(ARCH)
    (folder / "weights").mkdir()
    torch.save(official.content("legacy", *(x.state_dict() for x in networks)), folder / "weights/small.pt")
    card = {"title": "Small", "method": "StyleNAT", "family": "stylenat.network", "arch": ARCH, "reference": "none"}
    card |= {"licence": "MIT", "weights": {"import": {"file": "small.pt"}}}
    (folder / "config/models/small.yaml").write_text(yaml.safe_dump(card))
    return folder, dict(zip(PAIRS, networks, strict=True))


@pytest.mark.long
def test_each_network_is_made_on_demand_with_its_card(project):
    folder, networks = project
    pairs = {part: [f"results/{path.format(model='small')}" for path in pair] for part, pair in PAIRS.items()}
    result = tree.snakemake(folder, *(snapshot for snapshot, _ in pairs.values()), env=tree.offline(folder))
    assert result.returncode == 0, result.stdout + result.stderr
    assert (folder / "offline.txt").read_text().count("-m stylenat --log results/logs/import") == 2
    for part, (snapshot, card) in pairs.items():
        state = load_file(folder / snapshot)
        assert all(torch.equal(state[name], value) for name, value in networks[part].state_dict().items())
        assert json.loads((folder / card).read_text())["part"] == part
    assert tree.planned(folder, *(snapshot for snapshot, _ in pairs.values())) == {}
    (folder / pairs["discriminator"][1]).unlink()
    assert tree.planned(folder, pairs["discriminator"][1]) == {"import_discriminator": 1}


def test_no_run_needs_a_discriminator(project):
    folder, _ = project
    for file in ("config/config.yaml", "config/paper.yaml"):
        assert "import_discriminator" not in tree.planned(folder, "--configfile", file)
