import pytest
from support import campaign


@pytest.fixture
def results(tmp_path):
    return campaign.make(tmp_path)


@pytest.fixture
def complete(results):
    return campaign.complete(results)
