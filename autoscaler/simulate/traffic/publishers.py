"""Publishers of a generator file: one a stream, on air and off in turns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from autoscaler.simulate.traffic.draws import Draws, LogNormal, Purpose
from autoscaler.simulate.traffic.sessions import SECOND, Floats, Ints, Sessions, from_tenths

_CHUNK = 1 << 14
"""About so many sessions are drawn at once."""


@dataclass(frozen=True, slots=True)
class OnAir:
    """How `streams` of them publish."""

    streams: int
    on_air: LogNormal
    pause: LogNormal
    seed: int

    def sessions(self, length: int) -> Iterator[Sessions]:
        """Yield all that begin before `length`, in tenths of seconds. Who is on air at 0 begins then."""
        start, duration = self._at_begin()
        turn = np.zeros(self.streams, dtype=np.int64)
        turn_s = self.on_air.mean_s + self.pause.mean_s
        window = max(SECOND, int(turn_s * SECOND * _CHUNK / self.streams))
        until = 0
        while until < length:
            until = min(until + window, length)
            found: list[tuple[Ints, Ints, Ints]] = []
            while len(now := np.flatnonzero(start < until)):
                found.append((start[now], duration[now], now))
                turn[now] += 1
                start[now] += duration[now] + self.pause.tenths(self._draws(Purpose.PAUSES, turn, now))
                duration[now] = self.on_air.tenths(self._draws(Purpose.ON_AIR, turn, now))
            if found:
                begins, lasts, streams = map(np.concatenate, zip(*found, strict=True))
                order = np.lexsort((streams, begins))
                yield from_tenths(begins[order], lasts[order], streams[order], publisher=True)

    def _at_begin(self) -> tuple[Ints, Ints]:
        """Return when each first begins and for how long, as if it had always been so."""
        share = self.on_air.mean_s / (self.on_air.mean_s + self.pause.mean_s)
        there = Draws(self.seed, Purpose.AT_BEGIN).first(self.streams) < share
        drawn = Draws(self.seed, Purpose.RESIDUALS)
        met, passed = drawn.first(self.streams), drawn.first(self.streams, start=self.streams)
        every, turn = np.arange(self.streams), np.zeros(self.streams, dtype=np.int64)
        start = np.where(there, 0, self.pause.rest_tenths(met, passed))
        first = self.on_air.tenths(self._draws(Purpose.ON_AIR, turn, every))
        return start, np.where(there, self.on_air.rest_tenths(met, passed), first)

    def _draws(self, purpose: Purpose, turn: Ints, streams: Ints) -> Floats:
        return Draws(self.seed, purpose).at(turn[streams] * self.streams + streams)
