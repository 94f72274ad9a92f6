"""What a schedule changes in this process is put back: other tests log, too."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _level() -> Iterator[None]:
    log = logging.getLogger("apscheduler")
    before = log.level
    yield
    log.setLevel(before)
