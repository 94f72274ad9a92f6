"""Coverage's tracer, set aside: it slows whole programs and thousands of random inputs down by the factor 3.

Full coverage is asked of the tests that say what each part does. What a random input happens to reach, or a program in
its own time, does not count, and so never decides whether the gate opens.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import pytest


@pytest.fixture
def untraced() -> Iterator[None]:
    """Run the test, and the threads that it starts, without a tracer."""
    here, in_threads = sys.gettrace(), threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)
    yield
    sys.settrace(here)
    threading.settrace(in_threads)
