"""Sessions as arrays, and what every trace offers whatever it was made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

SECOND = 10
"""Times are whole tenths of a second until they leave: sums of them are exact, whatever the machine."""

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
"""When a trace begins that names no day."""

MOST_SESSIONS = 30_000_000
"""A trace that is expected to have more is refused: twice a month of fifty busy nodes, and some ten minutes to play."""

EventKind = Literal[
    "node_crash", "stop_heartbeats", "spot_interruption", "cut_viewers", "stock_out", "source_down", "haproxy_reload"
]


@dataclass(frozen=True, slots=True)
class Sessions:
    """A chunk of a trace: arrays of one length, sorted by start.

    `start_s` counts from the trace's begin. `duration_s`, above 0, is how long it would stay if nobody cut it, also
    beyond the trace's end. `publisher`: else a viewer. `stream`: which one; 0 is the most popular.
    """

    start_s: Floats
    duration_s: Floats
    publisher: Flags
    stream: NDArray[np.int32]

    def __len__(self) -> int:
        """Count the sessions."""
        return len(self.start_s)

    def part(self, begin: int, end: int) -> Sessions:
        """Return those from place `begin` to before `end`, without a copy."""
        cut = slice(begin, end)
        return Sessions(self.start_s[cut], self.duration_s[cut], self.publisher[cut], self.stream[cut])


@dataclass(frozen=True, slots=True)
class Event:
    """What the world does to the cluster at `at_s`; which of the others mean something depends on the kind.

    `nodes`: how many, of the groups of `role` ("" for any). `share`: of all viewers, 0 to 1. `lasts_s`: for how long.
    `source`: which cannot be read.
    """

    at_s: float
    kind: EventKind
    nodes: int = 0
    role: str = ""
    share: float = 0.0
    lasts_s: float = 0.0
    source: str = ""


class Traffic(Protocol):
    """One trace, made ready."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def begin(self) -> datetime:
        """What the clock says at 0 s, in UTC; schedules and forecasts depend on it."""
        ...

    @property
    def length_s(self) -> float:
        """For how long sessions come."""
        ...

    @property
    def events(self) -> tuple[Event, ...]:
        """What happens to the cluster meanwhile, in order of time."""
        ...

    def chunks(self) -> Iterator[Sessions]:
        """Yield all sessions in order of their start, a bounded number at a time; the same ones at every call."""
        ...


def from_tenths(start: Ints, duration: Ints, stream: Ints, *, publisher: bool) -> Sessions:
    """Make sessions of one kind from tenths of seconds."""
    flags = np.full(len(start), fill_value=publisher)
    return Sessions(start / SECOND, duration / SECOND, flags, stream.astype(np.int32))


def merge(sources: Sequence[Iterator[Sessions]]) -> Iterator[Sessions]:
    """Put sorted sources together into one, holding one chunk of each; of equal starts the earlier source is first."""
    heads = [(chunk, source) for source in sources if (chunk := _next(source))]
    while heads:
        horizon = min(chunk.start_s[-1] for chunk, _ in heads)
        cuts = [int(np.searchsorted(chunk.start_s, horizon, side="right")) for chunk, _ in heads]
        yield _sorted([chunk.part(0, cut) for (chunk, _), cut in zip(heads, cuts, strict=True) if cut])
        rests = [(chunk.part(cut, len(chunk)), source) for (chunk, source), cut in zip(heads, cuts, strict=True)]
        heads = [(chunk, source) for rest, source in rests if (chunk := rest if len(rest) else _next(source))]


def _next(source: Iterator[Sessions]) -> Sessions | None:
    """Return the next chunk that holds anything."""
    return next((chunk for chunk in source if len(chunk)), None)


def _sorted(parts: Sequence[Sessions]) -> Sessions:
    if len(parts) == 1:
        return parts[0]
    start = np.concatenate([part.start_s for part in parts])
    order = np.argsort(start, kind="stable")
    return Sessions(
        start[order],
        np.concatenate([part.duration_s for part in parts])[order],
        np.concatenate([part.publisher for part in parts])[order],
        np.concatenate([part.stream for part in parts])[order],
    )
