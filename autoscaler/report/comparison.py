"""A comparison in words and numbers, whatever form they are shown in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from autoscaler.report.counts import counted
from autoscaler.simulate.compare.comparison import Match
from autoscaler.simulate.compare.diary import Told
from autoscaler.simulate.compare.review import Review
from autoscaler.simulate.compare.scales import ALWAYS_SHOWN, MEASURES, WORSE_WHEN_MORE
from autoscaler.simulate.compare.spread import Spread

MARKS = {1: "worse", -1: "better"}
_NOTABLE = 0.1
"""A change by so much of the base is worth a word, though nothing is proved."""


@dataclass(frozen=True, slots=True)
class Row:
    """A measure as it is shown. `mark` is "better" or "worse" where that is proved, else "not proved" or nothing."""

    measure: str
    base: str
    head: str
    change: str
    mark: str


def rows(match: Match) -> Iterator[Row]:
    """Yield the measures that changed, and those that are a promise; of head alone those that are not nothing."""
    for measure in MEASURES:
        head, found = match.values[f"head.{measure}"], match.delta.get(measure)
        base = match.values.get(f"base.{measure}", 0.0)
        if measure in ALWAYS_SHOWN or base != head or (found and found.sign):
            if found is None:
                yield Row(measure, "-", number(head), "", "")
            else:
                yield Row(measure, number(base), number(head), change(found, base), _mark(measure, found))


def _mark(measure: str, found: Spread) -> str:
    if measure not in WORSE_WHEN_MORE:
        return ""
    return MARKS.get(found.sign, "not proved" if _unproved(found) else "")


def _unproved(found: Spread) -> bool:
    """Whether several seeds differ, and do not agree on the way."""
    return found.low is not None and not found.sign and number(found.mean) != "0"


def proved(review: Review, sign: int) -> list[tuple[Match, str]]:
    """List what is proved to be worse (1) or better (-1), of all groups on all traces."""
    return [(match, name) for match, name, found in _judged(review) if found.sign == sign]


def suspected(review: Review) -> list[tuple[Match, str]]:
    """List what is much worse in the mean, and not proved."""
    return [
        (match, name)
        for match, name, found in _judged(review)
        if _unproved(found) and found.mean >= _NOTABLE * match.values[f"base.{name}"] and found.mean > 0
    ]


def _judged(review: Review) -> Iterator[tuple[Match, str, Spread]]:
    for match in review.matches:
        yield from ((match, name, match.delta[name]) for name in WORSE_WHEN_MORE if name in match.delta)


def partings(match: Match) -> Iterator[str]:
    """Say in lines where the sides first part, and what each rule said on both."""
    for parting in match.partings:
        yield f"{parting.at:%Y-%m-%d %H:%M:%S} UTC, cycle {parting.cycle}, for {counted(parting.lasted, 'cycle')}"
        for side, told in (("base", parting.base), ("head", parting.head)):
            yield from _told(side, told)


def _told(side: str, told: Told) -> Iterator[str]:
    yield f"  {side}: {told.current} -> {counted(told.desired, 'node')}"
    yield from (f"    rule    {rule}: {wish}, {detail}" for rule, wish, detail in told.verdicts)
    yield from (f"    because {code}: {change}, {detail}" for code, change, detail in told.reasons)


def method(review: Review, more_seeds: str) -> str:
    """Say how sure all this is; `more_seeds` is how the option for more is written."""
    shared = "With the same seed both sides get the same people."
    if len(review.seeds) == 1:
        return (
            f"{shared} One seed was played, so no difference is proved: {more_seeds} tells how far others go with it."
        )
    return (
        f"{shared} Means over {len(review.seeds)} seeds; in brackets the 95 % interval of the paired difference "
        "(Student's t). Better and worse are said only where it leaves out 0."
    )


def number(value: float, sign: str = "") -> str:
    """Write a whole number as one, any other with two digits; `sign` "+" also marks what is more."""
    rounded = round(value, 2)
    if rounded == 0:
        return "0"
    return f"{rounded:{sign},.0f}" if rounded == int(rounded) else f"{rounded:{sign},.2f}"


def change(found: Spread, base: float) -> str:
    """Write a difference, its share of the base, and its interval if there is one."""
    share = f" ({100 * found.mean / base:+.1f} %)" if base and found.mean else ""
    return f"{number(found.mean, '+')}{share}{interval(found)}"


def interval(found: Spread) -> str:
    """Write the interval in brackets; nothing when there is none, or when all seeds agree that nothing changes."""
    if found.low is None or found.high is None or found.low == found.high == 0:
        return ""
    return f" [{number(found.low, '+')}, {number(found.high, '+')}]"
