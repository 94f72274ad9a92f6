"""Viewers of a generator file: those who come by themselves, and the surges that are told."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from autoscaler.simulate.traffic.draws import Draws, LogNormal, Popularity, Purpose, gaps
from autoscaler.simulate.traffic.rate import MINUTE, shape, stay_of
from autoscaler.simulate.traffic.schema import Surge
from autoscaler.simulate.traffic.sessions import SECOND, Floats, Ints, Sessions, from_tenths

CHUNK = 1 << 15
"""Sessions drawn at once: their arrays fit into a processor's cache."""

_BIN = 1


def poisson(arrivals: Ints, seed: int) -> Iterator[Ints]:
    """Yield the moments of a Poisson process in order, CHUNK at a time at most, in tenths of seconds.

    `arrivals` are those that are expected in each minute, in UNITs. Gaps of a process with one arrival a unit are laid
    along their sum, in whole numbers throughout.
    """
    draws, sums = Draws(seed, Purpose.ARRIVALS), np.concatenate([[0], np.cumsum(arrivals)])
    at, taken = 0, 0
    while at < sums[-1]:
        positions = at + np.cumsum(gaps(draws.first(CHUNK, start=taken)))
        at, taken = int(positions[-1]), taken + CHUNK
        inside = positions[: int(np.searchsorted(positions, sums[-1]))]
        minute = np.searchsorted(sums, inside, side="right") - 1
        tenths = (inside - sums[minute]) * (MINUTE * SECOND) // arrivals[minute]
        yield minute * (MINUTE * SECOND) + tenths


def come(arrivals: Ints, lead: int, length: int, stay: LogNormal, streams: Popularity, seed: int) -> Iterator[Sessions]:
    """Yield those who come by themselves. They begin to come `lead` before 0; who is there at 0 begins then.

    `lead` and `length` are tenths of seconds.
    """
    stays, choices, taken = Draws(seed, Purpose.STAYS), Draws(seed, Purpose.STREAMS), 0
    for moments in poisson(arrivals, seed):
        start = moments - lead
        duration = stay.tenths(stays.first(len(start), start=taken))
        stream = streams.choose(choices.first(len(start), start=taken))
        taken += len(start)
        before = np.minimum(start, 0)
        seen = (start < length) & (duration + before > 0)
        yield from_tenths((start - before)[seen], (duration + before)[seen], stream[seen], publisher=False)


def surge(told: Surge, number: int, length: int, stay: LogNormal, seed: int) -> Iterator[Sessions]:
    """Yield the viewers of one surge: as many as are told, spread evenly under its shape, those before `length`."""
    stay = stay_of(told.stay) if told.stay else stay
    stays, sums = Draws(seed, Purpose.SURGE_STAYS, number), _come_sums(told)
    for first in range(0, told.viewers, CHUNK):
        count = min(CHUNK, told.viewers - first)
        offset = _tenths((np.arange(first, first + count) + 0.5) / told.viewers, sums)
        duration = stay.tenths(stays.first(count, start=first))
        if told.ends is not None:
            uniform = Draws(seed, Purpose.SURGE_ENDS, number).first(count, start=first)
            late = np.floor(uniform * (told.ends_within.total_seconds() * SECOND)).astype(np.int64)
            over = int(told.ends.total_seconds() * SECOND) + late
            duration = np.maximum(1, np.minimum(duration, over - offset))
        start = offset + int(told.at.total_seconds() * SECOND)
        seen = start < length
        yield from_tenths(start[seen], duration[seen], np.full(count, told.stream)[seen], publisher=False)


def _come_sums(told: Surge) -> Floats:
    """Return how many have come after each second, as shares of nothing in particular; nobody comes when it is over."""
    if not told.rise and not told.half_life:
        return np.zeros(1)
    shares = shape(_BIN, told.rise.total_seconds(), told.half_life.total_seconds())
    if told.ends is not None:
        shares = shares[: max(1, int(told.ends.total_seconds()) // _BIN)]
    return np.concatenate([[0.0], np.cumsum(shares)])


def _tenths(share: Floats, sums: Floats) -> Ints:
    """Return when each share of a crowd has come, in tenths of seconds from its begin; 0 for a crowd at once."""
    if len(sums) == 1:
        return np.zeros(len(share), dtype=np.int64)
    position = share * sums[-1]
    cell = np.minimum(np.searchsorted(sums, position, side="right") - 1, len(sums) - 2)
    inside = np.floor((position - sums[cell]) / (sums[cell + 1] - sums[cell]) * (_BIN * SECOND))
    found: Ints = cell * (_BIN * SECOND) + inside.astype(np.int64)
    return found
