"""The first hours of a trace, and how many people are there in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from autoscaler.simulate.traffic.sessions import Event, Sessions, Traffic


@dataclass(frozen=True, slots=True)
class Beginning:
    """The first `length_s` of a trace."""

    whole: Traffic
    length_s: float

    @property
    def name(self) -> str:
        """The trace's."""
        return self.whole.name

    @property
    def begin(self) -> datetime:
        """The trace's."""
        return self.whole.begin

    @property
    def events(self) -> tuple[Event, ...]:
        """Those that happen within it."""
        return tuple(event for event in self.whole.events if event.at_s < self.length_s)

    def chunks(self) -> Iterator[Sessions]:
        """Yield the sessions that begin within it."""
        for chunk in self.whole.chunks():
            kept = int(np.searchsorted(chunk.start_s, self.length_s))
            if kept:
                yield chunk.part(0, kept)
            if kept < len(chunk):
                return


def crowd(traffic: Traffic, step_s: float, *, publishers: bool) -> tuple[int, int]:
    """Return how many are there in the first step, and how many at once at most."""
    chunks = [(chunk.start_s, chunk.duration_s, chunk.publisher == publishers) for chunk in traffic.chunks()]
    if not chunks:
        return 0, 0
    starts = np.concatenate([start[kind] for start, _, kind in chunks])
    ends = starts + np.concatenate([duration[kind] for _, duration, kind in chunks])
    moments = np.concatenate([starts, ends])
    changes = np.concatenate([np.ones(len(starts), np.int64), -np.ones(len(ends), np.int64)])
    present = np.cumsum(changes[np.argsort(moments, kind="stable")])
    return int(np.count_nonzero(starts < step_s)), int(max(present, default=0))
