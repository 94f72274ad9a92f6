"""Coverage is not measured here."""

import pytest


@pytest.fixture(autouse=True)
def _untraced(untraced: None) -> None:
    """Run each test without coverage's tracer, which slows real components down."""
