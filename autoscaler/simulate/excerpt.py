"""A part of a trace: from one time to another, as if it began there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from autoscaler.model.errors import ConfigurationError, Problem
from autoscaler.simulate.traffic.sessions import Event, Sessions, Traffic


@dataclass(frozen=True)
class Excerpt:
    """Implements `Traffic`. Who was there when the part begins arrives then, for the rest of its time.

    So does what was going on with the cluster.
    """

    whole: Traffic
    from_s: float
    to_s: float

    @property
    def name(self) -> str:
        """The trace's own."""
        return self.whole.name

    @property
    def begin(self) -> datetime:
        """What the clock says when the part begins."""
        return self.whole.begin + timedelta(seconds=self.from_s)

    @property
    def length_s(self) -> float:
        """How long the part is."""
        return self.to_s - self.from_s

    @property
    def events(self) -> tuple[Event, ...]:
        """What happens within the part, after what began before it and goes on: that begins with it."""
        return tuple(
            replace(event, at_s=event.at_s - self.from_s)
            if event.at_s >= self.from_s
            else replace(event, at_s=0.0, lasts_s=event.at_s + event.lasts_s - self.from_s)
            for event in self.whole.events
            if event.at_s < self.to_s and (event.at_s >= self.from_s or event.at_s + event.lasts_s > self.from_s)
        )

    def chunks(self) -> Iterator[Sessions]:
        """Yield who is there; nobody who left before, or comes after."""
        for chunk in self.whole.chunks():
            if len(chunk) and chunk.start_s[0] >= self.to_s:
                return
            ends = chunk.start_s + chunk.duration_s
            there = (chunk.start_s < self.to_s) & (ends > self.from_s)
            start = np.maximum(chunk.start_s[there] - self.from_s, 0.0)
            yield Sessions(start, ends[there] - self.from_s - start, chunk.publisher[there], chunk.stream[there])


def part(traffic: Traffic, from_s: float, to_s: float | None) -> Traffic:
    """Return the part of a trace between two times, or all of it; raises ConfigurationError when nothing is left."""
    end_s = traffic.length_s if to_s is None else min(traffic.length_s, to_s)
    nothing = f"leaves nothing of {traffic.name}"
    if from_s >= traffic.length_s:
        message = f"{nothing}, a trace of {traffic.length_s:g} s"
        raise ConfigurationError([Problem("--from", 0, 0, "usage", message)])
    if from_s >= end_s:
        message = f"{nothing}: it has to be later than --from, which is {from_s:g} s"
        raise ConfigurationError([Problem("--to", 0, 0, "usage", message)])
    return traffic if (from_s, end_s) == (0, traffic.length_s) else Excerpt(traffic, from_s, end_s)
