"""How sure a difference is: the mean over seeds, and the interval in which its true value lies with 95 %.

Both sides get the same seeds, thus the same people, so a seed's two runs are a pair and only their difference is
judged: what differs between seeds cancels out. The interval is Student's t for paired samples,
mean +- t(0.975, n - 1) s / sqrt(n).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import cos, pi, sin, sqrt, tan
from statistics import fmean, stdev

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Spread:
    """A difference over seeds. Of a single seed there is no interval: `low` and `high` are None."""

    mean: float
    low: float | None = None
    high: float | None = None

    @property
    def sign(self) -> int:
        """1 or -1 when the interval lies on one side of zero, else 0: nothing is proved."""
        if self.low is None or self.high is None:
            return 0
        return (self.low > 0) - (self.high < 0)


def spread(differences: Sequence[float]) -> Spread:
    """Judge one difference a seed; at least one."""
    mean, count = fmean(differences), len(differences)
    if count == 1:
        return Spread(mean)
    half = t_quantile(count - 1) * stdev(differences) / sqrt(count)
    return Spread(mean, mean - half, mean + half)


@cache
def t_quantile(freedom: int) -> float:
    """Return how far from 0 Student's t is with 5 %, either way; `freedom` counts its degrees of freedom, from 1.

    Found by halving, for the share within is a finite sum for whole degrees (Abramowitz and Stegun, 26.7.3 and 26.7.4).
    """
    low, high = 0.0, pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, freedom) < CONFIDENCE else (low, middle)
    return tan(low) * sqrt(freedom)


def _within(angle: float, freedom: int) -> float:
    """Return the share of Student's t between -t and t, where t is sqrt(freedom) tan(angle)."""
    odd = freedom % 2
    term = cos(angle) if odd else 1.0
    total = 0.0
    for power in range(1 + odd, freedom, 2):
        total += term
        term *= cos(angle) ** 2 * power / (power + 1)
    if odd:
        return 2 / pi * (angle + sin(angle) * total)
    return sin(angle) * total
