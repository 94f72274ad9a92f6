"""Round numbers along the edges of a plot, and times in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_PACES = (
    *(1, 2, 5, 10, 15, 30),
    *(60 * minutes for minutes in (1, 2, 5, 10, 15, 30)),
    *(3600 * hours for hours in (1, 2, 3, 6, 12)),
    *(86400 * days for days in (1, 2, 5, 7, 14, 28, 56, 112, 224, 448)),
)
_THOUSANDS = 100_000


@dataclass(frozen=True, slots=True)
class Mark:
    """A labelled place along an edge, from 0 to 100 %."""

    label: str
    percent: float


def in_words(seconds: float) -> str:
    """Say a time: 93660 is `1 d 2 h 1 min`."""
    rest, words = round(seconds), []
    for size, unit in _UNITS:
        amount, rest = divmod(rest, size)
        if amount:
            words.append(f"{amount} {unit}")
    return " ".join(words) or "0"


def time_marks(length_s: float, most: int = 6) -> list[Mark]:
    """Choose round times from 0 to `length_s`, `most` at most; the end has no room for a label."""
    pace = next((pace for pace in _PACES if length_s / pace <= most), _PACES[-1])
    times = range(0, int(length_s * 0.97) + 1, pace)
    return [Mark(in_words(at_s), round(100 * at_s / length_s, 3)) for at_s in times]


def value_marks(most: int, marks: int = 4) -> tuple[int, list[Mark]]:
    """Return the round number at which an axis ends that holds `most`, and its labels, 0 among them."""
    pace = next(pace for pace in _round_numbers() if most <= pace * marks)
    top = max(-(-most // pace), 1) * pace
    return top, [Mark(short(value), round(100 * value / top, 3)) for value in range(0, top + 1, pace)]


def short(value: int) -> str:
    """Write a count so that it fits beside a plot."""
    return f"{value / 1000:,.0f}k" if value >= _THOUSANDS else f"{value:,}"


def _round_numbers() -> Iterator[int]:
    for power in count():
        yield from (digit * 10**power for digit in (1, 2, 5))
