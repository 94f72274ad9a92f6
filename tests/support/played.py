"""Simulations that were never played: timelines written by hand, for whoever only reads them."""

from __future__ import annotations

from collections.abc import Iterable
from math import cos, pi

from autoscaler.simulate.measures import Measures, measure
from autoscaler.simulate.oracle import Oracle
from autoscaler.simulate.run import Played, Totals
from autoscaler.simulate.timeline import Tick, Timeline, Turn

Reasons = tuple[tuple[str, str], ...]

WANTED: Reasons = (("target_tracking", "cpu 71.3 % for a target of 60 %: 4 x 71.3 / 60 = 4.75"), ("headroom", "1 more"))
FEWER: Reasons = (("scale_in_control", "3 were wanted within the last hour"),)


def tick(at_s: float, **changes: int) -> Tick:
    """Two nodes serve nobody, except for what is changed."""
    numbers = {
        "viewers": 0,
        "publishers": 0,
        "rejected": 0,
        "cut": 0,
        "serving": 2,
        "draining": 0,
        "coming": 0,
        "desired": 2,
    }
    assert not changes.keys() - numbers.keys()
    return Tick(at_s=at_s, direction="hold", reasons=(), **(numbers | changes))


def played(ticks: Iterable[Tick], turns: Iterable[Turn] = ()) -> Played:
    """As if it had been played; the sums are those of the ticks."""
    totals, timeline = Totals(min_nodes=2), Timeline()
    for each in ticks:
        timeline.add(each)
        totals.sessions += each.viewers // 50
        totals.rejected_sessions += each.rejected
        totals.node_seconds += (each.serving + each.draining + each.coming) * 10
        totals.max_nodes = max(totals.max_nodes, each.serving + each.draining + each.coming)
    timeline.turns.extend(turns)
    totals.scale_outs = sum(turn.after > turn.before for turn in timeline.turns)
    totals.scale_ins = len(timeline.turns) - totals.scale_outs
    return Played(totals, timeline, Oracle(10, 9, least=2, _steps=totals.node_seconds / 13), cycles=timeline.count)


def measured(run: Played, policy: str = "edge", trace: str = "evening") -> Measures:
    return measure(run, policy, trace, seed=7, wall_s=1.25)


def evening(hours: int = 24, reasons: Reasons = WANTED) -> Played:
    """A day's wave of viewers at a cycle of 10 s, followed by nodes that come late and leave late; some are refused."""
    ticks, turns, size = [], [], 2
    for number in range(hours * 360):
        viewers, soon, late = (_crowd(number + shift, hours) for shift in (0, 12, -60))
        wish = max(2, -(-max(soon, late) // 110))
        if abs(wish - size) > (wish < size):
            why = reasons if wish > size else FEWER
            turns.append(Turn(number * 10.0, size, wish, why))
            size = wish
        serving = max(2, -(-max(viewers, late) // 110))
        ticks.append(
            tick(
                number * 10.0,
                viewers=viewers,
                publishers=4 + number // 900,
                rejected=viewers % 7 if 0.47 < number / hours / 360 < 0.48 else 0,
                serving=serving,
                coming=max(0, size - serving),
                draining=max(0, -(-_crowd(number - 200, hours) // 110) - serving),
                desired=size,
            )
        )
    return played(ticks, turns)


def _crowd(number: int, hours: int) -> int:
    """Return a wave with its top in the middle, and ripples on it."""
    share = number / (hours * 360)
    return max(0, round(700 * (1 - cos(2 * pi * share)) + 60 * (1 - cos(2 * pi * 16 * share))))
