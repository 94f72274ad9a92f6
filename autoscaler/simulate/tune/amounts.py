"""Numbers, percentages and durations of a search space: read, stepped through, and written as a policy has them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum

from autoscaler.policy.units import format_duration, format_number, format_percent, parse_duration, parse_percent

_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,9})?", re.ASCII)
_STEPS = 25
"""So many at least are made of a range whose step nobody gave: finer than a simulation tells apart."""

_ROUND_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 43_200, 86_400, 604_800)


class Unit(StrEnum):
    """What an amount counts, in words for people."""

    NUMBER = "a number"
    PERCENT = "a percentage"
    DURATION = "a duration"


@dataclass(frozen=True, slots=True)
class Amount:
    """So much of a unit; durations are in seconds."""

    value: Decimal
    unit: Unit

    def __str__(self) -> str:
        """Write it as a policy would: `110`, `12.5%`, `10m`."""
        if self.unit is Unit.DURATION:
            return format_duration(timedelta(microseconds=int(self.value * 1_000_000)))
        number = float(self.value)
        return format_percent(number) if self.unit is Unit.PERCENT else format_number(number)


def read_amount(text: str) -> Amount | None:
    """Read a number, a percentage or a duration; None for anything else."""
    if _NUMBER.fullmatch(text):
        return Amount(Decimal(text), Unit.NUMBER)
    try:
        return Amount(Decimal(repr(parse_percent(text))), Unit.PERCENT)
    except ValueError:
        pass
    try:
        return Amount(Decimal(parse_duration(text) // timedelta(microseconds=1)) / 1_000_000, Unit.DURATION)
    except ValueError:
        return None


def step_of(low: Amount, high: Amount) -> Amount:
    """Return a round step that makes some 25 values of a range; of whole numbers a whole one, of seconds a second."""
    least = (high.value - low.value) / _STEPS
    if low.unit is Unit.DURATION:
        known = next((Decimal(seconds) for seconds in _ROUND_SECONDS if seconds >= least), Decimal(_ROUND_SECONDS[-1]))
        return Amount(known if _whole(low, high) else _round(least), low.unit)
    return Amount(max(Decimal(1), _round(least)) if _whole(low, high) else _round(least), low.unit)


def values(low: Amount, high: Amount, step: Amount) -> Iterator[Amount]:
    """Yield from low to high, both included."""
    value = low.value
    while value < high.value:
        yield Amount(value, low.unit)
        value += step.value
    yield high


def _whole(*amounts: Amount) -> bool:
    return all(amount.value == int(amount.value) for amount in amounts)


def _round(least: Decimal) -> Decimal:
    """Return the first of 1, 2, 5, 10, ... and 0.5, 0.2, 0.1, ... that is not below."""
    power = Decimal(10) ** least.adjusted()
    return next(power * digit for digit in (1, 2, 5, 10) if power * digit >= least)
