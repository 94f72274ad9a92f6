"""Fixtures that more than one test file needs live in `tests/support/`, one topic a file."""

from hypothesis import settings

# A slow machine is no reason to fail; how long a property may take is asserted nowhere.
settings.register_profile("calm", deadline=None)
settings.load_profile("calm")

pytest_plugins = ["tests.support.mongo", "tests.support.ec2"]
