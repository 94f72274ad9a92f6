"""Fixtures that more than one test file needs live in `tests/support/`, one topic a file."""

pytest_plugins = ["tests.support.mongo"]
