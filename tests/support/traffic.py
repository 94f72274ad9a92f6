"""Traces for tests: written, read, and summed up."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from autoscaler.model.errors import ConfigurationError
from autoscaler.simulate.traffic.load import load_traffic, read_generator
from autoscaler.simulate.traffic.sessions import Floats, Ints, Sessions, Traffic

GENERATOR = """\
trace: small
begin: 2026-03-03T18:00:00
timezone: Europe/Istanbul
length: 2h
viewers:
  base: 100
"""


def generated(text: str = GENERATOR, seed: int = 1) -> Traffic:
    return read_generator(text, "small.yaml", seed)


def whole(traffic: Traffic) -> Sessions:
    """All sessions of a trace at once."""
    chunks = list(traffic.chunks())
    return Sessions(
        np.concatenate([chunk.start_s for chunk in chunks]),
        np.concatenate([chunk.duration_s for chunk in chunks]),
        np.concatenate([chunk.publisher for chunk in chunks]),
        np.concatenate([chunk.stream for chunk in chunks]),
    )


def digest(traffic: Traffic) -> str:
    """The same for the same sessions, whatever chunks they came in."""
    seen = hashlib.sha256()
    for chunk in traffic.chunks():
        columns = [chunk.start_s * 10, chunk.duration_s * 10, chunk.publisher, chunk.stream]
        seen.update(np.stack([np.rint(column).astype("<i8") for column in columns], axis=1).tobytes())
    return seen.hexdigest()[:16]


def there(sessions: Sessions, at: Floats, *, publisher: bool = False) -> Ints:
    """How many of one kind are there at each moment."""
    mine = sessions.publisher == publisher
    start, end = sessions.start_s[mine], np.sort(sessions.start_s[mine] + sessions.duration_s[mine])
    return np.searchsorted(start, at, side="right") - np.searchsorted(end, at + 1e-6, side="right")


def refused(path: Path, text: str | bytes, seed: int = 1) -> list[str]:
    """What is said about a broken trace, line by line, without the file's folder; and again by what it yields."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    try:
        load_traffic(path, seed)
    except ConfigurationError as error:
        return [str(problem).replace(str(path), path.name) for problem in error.problems]
    return []
