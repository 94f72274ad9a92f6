"""Sessions of which as many are there as a level asks for, every ten seconds.

Stays are drawn; who comes fills what is missing at the end of a step, and where a level falls faster than people leave
by themselves, as many of those who are there leave, by lot. A session is known when it has ended, so those who stay
longest hold the others up: the longest stay bounds what is held.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from autoscaler.simulate.traffic.draws import Draws, LogNormal, Popularity, Purpose
from autoscaler.simulate.traffic.sessions import SECOND, Floats, Ints, Sessions, from_tenths

STEP = 10 * SECOND
VIEWER_STAY = LogNormal(median_s=600.0, sigma=1.0, most_s=4 * 3600.0, least_s=STEP / SECOND)
PUBLISHER_STAY = LogNormal(median_s=2700.0, sigma=0.8, most_s=12 * 3600.0, least_s=STEP / SECOND)
_ZIPF = 1.0
_STREAMS = 10_000
_TELL_EVERY = 360
"""Steps between two looks at which sessions are known."""

_DRAWN = 1 << 14

_START, _END, _STREAM = range(3)
_NOBODY = np.zeros((3, 0), dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Levels:
    """How many are there at consecutive steps."""

    viewers: Ints
    publishers: Ints


def viewers(levels: Iterator[Levels], seed: int) -> Iterator[Sessions]:
    """Yield the viewers; they choose by Zipf's law among as many streams as there are publishers, at least one."""
    crowd = _Crowd(seed, VIEWER_STAY, publisher=False)
    steps = ((wanted, max(1, streams)) for chunk in levels for wanted, streams in _pairs(chunk))
    return crowd.sessions(steps)


def publishers(levels: Iterator[Levels], seed: int) -> Iterator[Sessions]:
    """Yield the publishers; who comes takes the first stream that is free."""
    crowd = _Crowd(seed, PUBLISHER_STAY, publisher=True)
    return crowd.sessions((streams, streams) for chunk in levels for _, streams in _pairs(chunk))


def _pairs(chunk: Levels) -> Iterator[tuple[int, int]]:
    return zip(chunk.viewers.tolist(), chunk.publishers.tolist(), strict=True)


def come(times: Floats, viewers: Floats, publishers: Floats) -> Floats:
    """Return about how many sessions begin from each row to the next: who leaves is replaced, a rise is on top."""
    found = np.zeros(len(times) - 1)
    for level, stay in ((viewers, VIEWER_STAY), (publishers, PUBLISHER_STAY)):
        found += np.diff(times) * (level[1:] + level[:-1]) / (2 * stay.mean_s) + np.maximum(np.diff(level), 0.0)
    return found


class _Ahead:
    """What newcomers draw, drawn for thousands at once: how long they stay, how early in a step they come, a chance."""

    def __init__(self, seed: int, stay: LogNormal, row: int) -> None:
        self._stay, self._drawn, self._used = stay, 0, 0
        purposes = (Purpose.LEVEL_STAYS, Purpose.LEVEL_STARTS, Purpose.LEVEL_STREAMS)
        self._draws = [Draws(seed, purpose, row) for purpose in purposes]
        self._stays, self._early, self._chances = self._more(0)

    def take(self, count: int) -> tuple[Ints, Ints, Floats]:
        """Return the next `count` of each."""
        if self._used + count > len(self._stays):
            rest = slice(self._used, None)
            more = self._more(count)
            self._stays = np.concatenate([self._stays[rest], more[0]])
            self._early = np.concatenate([self._early[rest], more[1]])
            self._chances = np.concatenate([self._chances[rest], more[2]])
            self._used = 0
        taken = slice(self._used, self._used + count)
        self._used += count
        return self._stays[taken], self._early[taken], self._chances[taken]

    def _more(self, count: int) -> tuple[Ints, Ints, Floats]:
        count += _DRAWN
        stays, starts, chances = (draws.first(count, start=self._drawn) for draws in self._draws)
        self._drawn += count
        return self._stay.tenths(stays), np.floor(starts * STEP).astype(np.int64), chances


class _Crowd:
    """Those who are there, and those who have left and are not told yet: tables of start, end and stream."""

    def __init__(self, seed: int, stay: LogNormal, *, publisher: bool) -> None:
        self._here, self._left = _NOBODY, [_NOBODY]
        self._stay, self._publisher = stay, publisher
        row = int(publisher)
        self._ahead = _Ahead(seed, stay, row)
        self._at_begin = [Draws(seed, Purpose.LEVEL_BEGIN, 3 * row + number) for number in range(3)]
        self._cuts, self._cut = Draws(seed, Purpose.LEVEL_CUTS, row), 0
        self._popularity = Popularity(_STREAMS, _ZIPF)

    def sessions(self, steps: Iterator[tuple[int, int]]) -> Iterator[Sessions]:
        """Yield sessions by what is wanted at each step, and how many streams there are then."""
        for number, (wanted, streams) in enumerate(steps):
            self._step(number, wanted, streams)
            if number % _TELL_EVERY == 0:
                yield self._known()
        self._left.append(self._here)
        self._here = _NOBODY
        yield self._known()

    def _step(self, number: int, wanted: int, streams: int) -> None:
        """Let a step end: those leave whose time is up, and the others are made as many as wanted."""
        until = number * STEP
        stays = self._here[_END] > until
        if not stays.all():
            self._left.append(self._here.take(np.flatnonzero(~stays), axis=1))
            self._here = self._here.take(np.flatnonzero(stays), axis=1)
        missing = wanted - self._here.shape[1]
        if missing < 0:
            self._send_away(-missing, until)
        elif missing:
            self._let_in(missing, until, streams)

    def _send_away(self, count: int, until: int) -> None:
        there = self._here.shape[1]
        lots, when = self._cuts.first(there, start=self._cut), self._cuts.first(count, start=self._cut + there)
        self._cut += there + count
        order = np.argsort(lots, kind="stable")
        left = self._here[:, order[:count]]
        left[_END] = until - np.floor(when * STEP).astype(np.int64)
        self._left.append(left)
        self._here = self._here[:, np.sort(order[count:])]

    def _let_in(self, count: int, until: int, streams: int) -> None:
        new = np.empty((3, count), dtype=np.int64)
        if until:
            stay, early, chances = self._ahead.take(count)
            new[_START] = until if self._publisher else until - early  # a stream's last one may end in this step
            new[_START].sort()
            new[_END] = new[_START] + stay
        else:  # who is there from the first row on came some time before it
            met, passed, chances = (draws.first(count) for draws in self._at_begin)
            new[_START] = 0
            new[_END] = self._stay.rest_tenths(met, passed)
        new[_STREAM] = self._free(count) if self._publisher else self._popularity.choose(chances, among=streams)
        self._here = np.concatenate([self._here, new], axis=1)

    def _free(self, count: int) -> Ints:
        taken = self._here[_STREAM]
        return np.setdiff1d(np.arange(len(taken) + count), taken)[:count]

    def _known(self) -> Sessions:
        """Take those who left, as far as nobody who is still there came before them."""
        left = np.hstack(self._left)
        oldest = self._here[_START].min() if self._here.size else np.iinfo(np.int64).max
        known = left[_START] < oldest
        self._left = [left[:, ~known]]
        told = left[:, known]
        start, end, stream = told[:, np.lexsort((told[_STREAM], told[_END], told[_START]))]
        return from_tenths(start, end - start, stream, publisher=self._publisher)
