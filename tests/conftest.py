"""Settings of all tests."""

from hypothesis import settings

# Deadlines measure the machine's load, not the code.
settings.register_profile("project", deadline=None)
settings.load_profile("project")

LONGEST = ("tests/workflow/test_dag.py", "tests/workflow/", "tests/unit/training/")


def pytest_collection_modifyitems(items):
    """Files that take long come first, so that none is left to one process at the end while the others idle."""

    def place(item):
        return [item.nodeid.startswith(part) for part in LONGEST]

    items.sort(key=place, reverse=True)
