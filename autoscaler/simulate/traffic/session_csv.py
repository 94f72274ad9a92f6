"""CSV of sessions: `start_s,duration_s,kind,stream`, one a row, in order of their start."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from autoscaler.simulate.traffic.rows import LONGEST_S, Block, Complaints, blocks, numbers
from autoscaler.simulate.traffic.sessions import MONDAY, Event, Flags, Floats, Sessions

COLUMNS = ("start_s", "duration_s", "kind", "stream")
_PUBLISHER, _VIEWER = "publisher", "viewer"
_LONGEST_NAME = 255


@dataclass(frozen=True, slots=True)
class RecordedSessions:
    """Implements `sessions.Traffic` by a file of sessions, which is read again at every call.

    `streams`: their numbers by name, the one with most viewers first. It lasts until the last of them ends.
    """

    path: Path
    name: str
    length_s: float
    streams: Mapping[str, int]
    begin: datetime = MONDAY
    events: tuple[Event, ...] = ()

    def chunks(self) -> Iterator[Sessions]:
        """Yield the rows; raises ConfigurationError when the file has changed and is broken since."""
        complaints, last = Complaints(str(self.path)), 0.0
        for block in blocks(self.path, complaints):
            start, duration, publisher = _read(block, complaints, last)
            last = _last(start, last)
            known = [self.streams.get(name, -1) for name in block.texts("stream")]
            for row in (row for row, stream in enumerate(known) if stream < 0):
                complaints.add(block.lines[row], block.column_of(row, "stream"), "value", "this stream is new")
            complaints.tell()
            yield Sessions(start, duration, publisher, np.array(known, dtype=np.int32))
        complaints.tell()


def read_sessions(path: Path) -> RecordedSessions:
    """Check a file of sessions from end to end; raises ConfigurationError with all that is wrong."""
    complaints, last, end, rows = Complaints(str(path)), 0.0, 0.0, 0
    viewers: Counter[str] = Counter()
    for block in blocks(path, complaints):
        start, duration, publisher = _read(block, complaints, last)
        last, rows = _last(start, last), rows + len(start)
        end = _last(start + duration, end)
        names = block.texts("stream")
        _check_names(block, names, complaints)
        for name, publishes in zip(names, publisher.tolist(), strict=True):
            viewers[name] += not publishes
    if not rows and not complaints.problems:
        complaints.add(1, 1, "empty", "holds no session")
    complaints.tell()
    order = sorted(viewers, key=lambda name: -viewers[name])  # of equals, the first that was named
    return RecordedSessions(path, path.stem, end, {name: number for number, name in enumerate(order)})


def _read(block: Block, complaints: Complaints, last: float) -> tuple[Floats, Floats, Flags]:
    """Return starts, durations and whether they publish; `last` is the start before the block."""
    start = numbers(block, "start_s", complaints, most=LONGEST_S)
    duration = numbers(block, "duration_s", complaints, most=LONGEST_S, above=True)
    before = np.fmax.accumulate(np.concatenate([[last], start]))[:-1]
    for row in np.flatnonzero(start < before).tolist():
        message = f"starts at {start[row]:g}, before the one above it at {before[row]:g}"
        hint = "sort the rows by start_s"
        complaints.add(block.lines[row], block.column_of(row, "start_s"), "order", message, hint)
    kinds = block.texts("kind")
    for row, kind in enumerate(kinds):
        if kind not in (_VIEWER, _PUBLISHER):
            message = f"kind is {kind[:40]!r}; viewer or publisher is needed"
            complaints.add(block.lines[row], block.column_of(row, "kind"), "value", message)
    return start, duration, np.array([kind == _PUBLISHER for kind in kinds], dtype=np.bool_)


def _last(start: Floats, last: float) -> float:
    return float(np.fmax.reduce(start, initial=last))


def _check_names(block: Block, names: list[str], complaints: Complaints) -> None:
    for row, name in enumerate(names):
        if not 0 < len(name) <= _LONGEST_NAME:
            message = f"stream needs a name of 1 to {_LONGEST_NAME} characters"
            complaints.add(block.lines[row], block.column_of(row, "stream"), "value", message)
