"""Fixtures that more than one test file needs live in `tests/support/`, one topic a file."""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import settings

# A slow machine is no reason to fail; how long a property may take is asserted nowhere.
settings.register_profile("calm", deadline=None)
settings.load_profile("calm")

# A shell that starts the suite in the background makes it ignore Ctrl-C, and so would every process that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["tests.support.mongo", "tests.support.ec2", "tests.support.trace"]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Say how many tests run at once with `-n auto`: one more than there are processors, for most tests wait.

    On a MongoDB that was lent it is one: its failpoints and its list of databases are everybody's.
    """
    return 0 if os.environ.get("MONGODB_URI") else min(len(os.sched_getaffinity(0)) + 1, 6)
