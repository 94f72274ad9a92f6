"""How many viewers are expected to arrive in each minute of a generator file, as whole numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from autoscaler.policy.times import DAYS
from autoscaler.simulate.traffic.draws import UNIT, Draws, LogNormal, Purpose, gaps
from autoscaler.simulate.traffic.exact import exp, normal
from autoscaler.simulate.traffic.schema import Daily, FlashCrowds, Lasting, Noise, Viewers
from autoscaler.simulate.traffic.sessions import Floats, Ints

MINUTE = 60
_QUARTER = 15
_NOISE_MINUTES = 5
_HALF_LIVES = 12
"""After so many of them a crowd's tail ends: one in 4,000 comes later."""

_LARGEST_CROWD = 1_000_000
_LN2 = 0.6931471805599453


def stay_of(lasting: Lasting) -> LogNormal:
    """Return the distribution of stays that a file describes."""
    return LogNormal(lasting.median.total_seconds(), float(lasting.sigma))


def present(viewers: Viewers, zone: ZoneInfo, begin: datetime, minutes: int, seed: int) -> Floats:
    """Return how many viewers the file wants to be there in each minute from `begin` on, crowds left out."""
    hours, days = _wall_clock(begin, zone, minutes)
    weeks = np.arange(minutes) / (7 * 24 * 60)
    week = np.array([float(getattr(viewers.weekday, day)) for day in DAYS])
    shares = _diurnal(viewers.daily, hours) * week[days] * exp(weeks * viewers.drift)
    found: Floats = shares * (viewers.base * _noise(viewers.noise, minutes, seed))
    return found


def arrivals(wanted: Floats, stay: LogNormal) -> Ints:
    """Return expected arrivals in UNITs a minute that keep so many there, by Little's law."""
    return np.rint(wanted * (MINUTE / stay.mean_s * UNIT)).astype(np.int64)


def _wall_clock(begin: datetime, zone: ZoneInfo, minutes: int) -> tuple[Floats, Ints]:
    """Return the hour of day and the day of week at each minute; clocks change on a quarter of an hour."""
    start = begin.astimezone(UTC)
    quarters = [
        (start + timedelta(minutes=minute)).astimezone(zone).utcoffset() or timedelta(0)
        for minute in range(0, minutes, _QUARTER)
    ]
    offset = np.repeat(np.array([found // timedelta(seconds=1) for found in quarters]), _QUARTER)[:minutes]
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    local = np.arange(minutes) * MINUTE + (start - midnight) // timedelta(seconds=1) + offset
    return (local % 86_400) / 3600, (local // 86_400 + midnight.weekday()) % 7


def _diurnal(daily: Daily, hours: Floats) -> Floats:
    found = np.full_like(hours, daily.floor)
    for peak in daily.peaks:
        center = peak.at.hour + peak.at.minute / 60
        away = np.abs(hours - center)
        away = np.minimum(away, 24 - away) / (peak.width.total_seconds() / 3600)  # the nearest one, also over midnight
        found += peak.height * exp(-0.5 * away * away)
    return found


def _noise(noise: Noise, minutes: int, seed: int) -> Floats:
    """Return exp of the AR(1) process, begun as if it had always been."""
    steps = -(-minutes // _NOISE_MINUTES)
    shocks = noise.sigma * normal(Draws(seed, Purpose.NOISE).first(steps))
    here = float(shocks[0]) / float(np.sqrt(1 - noise.rho * noise.rho))
    path = [here]
    for shock in shocks[1:].tolist():
        here = noise.rho * here + shock
        path.append(here)
    return np.repeat(exp(np.array(path)), _NOISE_MINUTES)[:minutes]


def shape(bin_s: int, rise_s: float, half_life_s: float) -> Floats:
    """Return how a crowd's arrivals are spread over bins from its begin on, as shares of the largest.

    The rise is three equal steps, at a third, two thirds and all of its height; then half as many in each half-life.
    """
    count = max(1, int(-(-(rise_s + _HALF_LIVES * half_life_s) // bin_s)))
    at = (np.arange(count, dtype=np.float64) + 0.5) * bin_s
    rising = np.floor(at * 3 / rise_s + 1) / 3 if rise_s else np.zeros(count)
    falling = exp((rise_s - at) * (_LN2 / half_life_s)) if half_life_s else np.zeros(count)
    found = np.where(at < rise_s, rising, falling)
    return found if found.any() else np.ones(count)


def crowds(told: FlashCrowds, minutes: int, seed: int) -> Ints:
    """Return the arrivals in UNITs a minute that all flash crowds together bring."""
    every = told.every.total_seconds() / MINUTE
    weights = shape(MINUTE, told.rise.total_seconds(), told.half_life.total_seconds())
    begins = _begins(every, minutes, seed)
    sizes = _sizes(told, len(begins), seed)
    found = np.zeros(minutes, dtype=np.int64)
    total = float(np.cumsum(weights)[-1])
    for begin, size in zip(begins.tolist(), sizes.tolist(), strict=True):
        part = found[begin : begin + len(weights)]
        part += np.rint(weights[: len(part)] * (size / total * UNIT)).astype(np.int64)
    return found


def crowded(told: FlashCrowds, length_s: float) -> float:
    """Return how many are expected to come with all flash crowds of a trace, without drawing one."""
    size = told.viewers * float(exp(np.array([told.sigma * told.sigma / 2]))[0])
    return length_s / told.every.total_seconds() * min(size, _LARGEST_CROWD)


def _begins(every: float, minutes: int, seed: int) -> Ints:
    """Return the minutes in which crowds begin: a Poisson process."""
    draws, found = Draws(seed, Purpose.CROWDS), np.zeros(0, dtype=np.int64)
    most = int(minutes / every * 2) + 64
    while not len(found) or found[-1] < minutes:
        found = (np.cumsum(gaps(draws.first(most))) * (every / UNIT)).astype(np.int64)
        most *= 2
    return found[found < minutes]


def _sizes(told: FlashCrowds, count: int, seed: int) -> Floats:
    uniform = Draws(seed, Purpose.CROWD_SIZES).first(count)
    return np.minimum(told.viewers * exp(told.sigma * normal(uniform)), _LARGEST_CROWD)
