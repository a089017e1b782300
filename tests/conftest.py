"""Settings of all tests."""

from hypothesis import settings

# Deadlines measure the machine's load, not the code.
settings.register_profile("project", deadline=None)
settings.load_profile("project")
