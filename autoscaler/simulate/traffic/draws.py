"""Random numbers that are the same for ever: SplitMix64 by position, and what is drawn from it by inversion.

A draw is named by seed, purpose and place, so that it does not depend on how many were taken before, nor on chunks.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from autoscaler.simulate.traffic.exact import exp, ln, normal
from autoscaler.simulate.traffic.sessions import SECOND, Floats, Ints

_MASK = (1 << 64) - 1
_GOLDEN, _MIX1, _MIX2 = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
UNIT = 1 << 24
"""One expected arrival. Whole numbers, for their sums over months do not depend on rounding."""


class Purpose(IntEnum):
    """What a row of draws is for. The numbers are part of every digest: never change one, add at the end."""

    NOISE = 1
    CROWDS = 2
    CROWD_SIZES = 3
    ARRIVALS = 4
    STAYS = 5
    STREAMS = 6
    SURGE_STAYS = 7
    SURGE_ENDS = 8
    ON_AIR = 9
    PAUSES = 10
    AT_BEGIN = 11
    RESIDUALS = 12
    LEVEL_STARTS = 13
    LEVEL_CUTS = 14
    LEVEL_STAYS = 15
    LEVEL_STREAMS = 16
    LEVEL_BEGIN = 17


@dataclass(frozen=True, slots=True)
class Draws:
    """An endless row of uniform numbers. `of` tells apart rows of one purpose."""

    seed: int
    purpose: Purpose
    of: int = 0

    def first(self, count: int, *, start: int = 0) -> Floats:
        """Return `count` of them, from place `start` on: above 0 and below 1, in steps of 2^-53."""
        return self.at(np.arange(start, start + count, dtype=np.int64))

    def at(self, places: Ints) -> Floats:
        """Return those at the places."""
        state = places.astype(np.uint64) * np.uint64(_GOLDEN) + np.uint64(self._key())
        return ((_mixed(state) >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53

    def _key(self) -> int:
        key = self.seed & _MASK
        for part in (self.purpose, self.of):
            key = _mixed_int(key + (part + 1) * _GOLDEN)
        return key


def _mixed(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Mix as Steele, Lea and Flood (2014) do, for arrays, which wrap by themselves."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(_MIX1)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(_MIX2)
    return x ^ (x >> np.uint64(31))


def _mixed_int(x: int) -> int:
    x &= _MASK
    x = ((x ^ (x >> 30)) * _MIX1) & _MASK
    x = ((x ^ (x >> 27)) * _MIX2) & _MASK
    return x ^ (x >> 31)


def gaps(uniform: Floats) -> Ints:
    """Return what lies between two arrivals of a Poisson process, in UNITs."""
    return np.rint(-ln(uniform) * UNIT).astype(np.int64)


@dataclass(frozen=True, slots=True)
class LogNormal:
    """How long somebody stays: half of them less than `median_s`; e to the `sigma` is how far the others spread.

    Nobody stays shorter than `least_s` or longer than `most_s`; the mean is that without the limits.
    """

    median_s: float
    sigma: float
    most_s: float = 86_400.0
    least_s: float = 0.1

    @property
    def mean_s(self) -> float:
        """The mean stay, in seconds."""
        return self.median_s * float(exp(np.array([self.sigma * self.sigma / 2]))[0])

    def tenths(self, uniform: Floats) -> Ints:
        """Draw stays, in tenths of seconds."""
        return self._limited(self.median_s * exp(self.sigma * normal(uniform)))

    def rest_tenths(self, uniform: Floats, passed: Floats) -> Ints:
        """Draw what is left of the stays of those who are there at a random moment; the long ones are met more often.

        Weighted by its own length a log-normal stay is log-normal again, about e to the sigma squared longer.
        """
        met = self.median_s * exp(self.sigma * normal(uniform) + self.sigma * self.sigma)
        return self._limited(np.minimum(met, self.most_s) * (1.0 - passed))

    def _limited(self, seconds: Floats) -> Ints:
        return np.rint(np.clip(seconds, self.least_s, self.most_s) * SECOND).astype(np.int64)


class Popularity:
    """Streams by Zipf's law: the n-th is chosen n to the `exponent` times less often than the first."""

    def __init__(self, count: int, exponent: float) -> None:
        """Know `count` streams, 0 the most popular."""
        weights = exp(-exponent * ln(np.arange(1, count + 1, dtype=np.float64))) * 2.0**38
        self._sums: Ints = np.cumsum(np.maximum(1, np.rint(weights)).astype(np.int64))

    def choose(self, uniform: Floats, among: int | None = None) -> Ints:
        """Choose a stream for each, of the first `among` ones."""
        total = self._sums[(len(self._sums) if among is None else min(among, len(self._sums))) - 1]
        found: Ints = np.searchsorted(self._sums, np.floor(uniform * total).astype(np.int64), side="right")
        return found
