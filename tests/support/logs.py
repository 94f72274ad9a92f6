"""Logs as a daemon writes them, caught in a string."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from autoscaler.adapters.journal import configure_logging


@contextmanager
def captured_log(stream: io.StringIO | None = None) -> Iterator[io.StringIO]:
    """Log into `stream` within the block, and as before after it."""
    stream = stream or io.StringIO()
    root, ours = logging.getLogger(), logging.getLogger("autoscaler")
    handlers, levels = root.handlers[:], (root.level, ours.level)
    root.handlers = []  # pytest's own: configure_logging closes what it replaces
    configure_logging(stream)
    try:
        yield stream
    finally:
        structlog.reset_defaults()
        root.handlers = handlers
        root.setLevel(levels[0])
        ours.setLevel(levels[1])
