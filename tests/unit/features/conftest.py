import pytest
import torch

from stylenat.features.random_inception import random_inception


@pytest.fixture(scope="session")
def inception_weights(tmp_path_factory):
    """Random weights as a file, made once."""
    path = tmp_path_factory.mktemp("weights") / "inception.pth"
    torch.save(random_inception(0), path)
    return path
