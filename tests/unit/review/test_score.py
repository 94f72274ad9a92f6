"""What a dry run would have done against what happened: counted once, while watched, never when blind."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from autoscaler.model.decision import Decision, Phase, Verdict
from autoscaler.model.decision import Direction as To
from autoscaler.model.plan import Drain, Plan, Terminate
from autoscaler.model.report import CycleReport
from autoscaler.model.snapshot import FleetSnapshot, Gap, Sample
from autoscaler.review.score import Score
from tests.support.fleet import NOW
from tests.support.records import REPORT, node

ONE_MINUTE = timedelta(minutes=1)


def cycle(current: int, desired: int, minute: float, *drains: str, needed: int = 0, **facts: object) -> CycleReport:
    """A cycle of so many real and so many wanted nodes; all that are real are in service."""
    at = NOW + minute * ONE_MINUTE
    verdicts = (
        Verdict("target_tracking:cpu", To.HOLD, desired, "", needed=needed or None),
        Verdict("forecast:viewers", To.HOLD, desired, "", needed=99),
    )
    phases = {f"i-{number}": Phase.IN_SERVICE for number in range(current)}
    decision = Decision("edge", at, current, desired, verdicts=verdicts, phases=phases)
    about: dict[str, Any] = {"token": "t", "ip": "", "endpoints": ()}
    others = (
        Drain(why="drain_unfinished", instance_id="i-8", **about),
        Terminate(why="drained", instance_id="i-9", **about),
    )
    steps = (*others, *(Drain(why="above_desired", instance_id=name, **about) for name in drains))
    snapshot = FleetSnapshot("edge", at, **facts)  # type: ignore[arg-type]  # whatever a test sets
    return replace(REPORT, snapshot=snapshot, decision=decision, plan=Plan(decision, steps))


def score(*reports: CycleReport) -> dict[str, int | float | None]:
    made = Score()
    for report in reports:
        made.add(report)
    return made.figures()


def test_nothing_seen_is_nothing_scored() -> None:
    figures = score()
    assert figures.pop("refusing_cycles") is None
    assert set(figures.values()) == {0}


def test_sizes_are_compared_in_every_cycle() -> None:
    told = score(cycle(3, 3, 0), cycle(3, 5, 1), cycle(3, 2, 2), cycle(3, 4, 3))
    assert (told["cycles"], told["same_cycles"], told["larger_cycles"], told["smaller_cycles"]) == (4, 1, 2, 1)
    assert (told["hours"], told["node_hours"], told["wanted_node_hours"]) == (0.05, 0.15, round((3 + 5 + 2) / 60, 4))


@pytest.mark.parametrize(
    ("lacks", "launched"),
    [([2, 2, 2], 2), ([1, 3, 2], 3), ([3, 1, 3], 3), ([2, 0, 2], 4), ([2, -1, 1], 3), ([0, -2], 0)],
)
def test_a_launch_is_counted_once_for_as_long_as_it_is_wanted(lacks: list[int], launched: int) -> None:
    told = score(*(cycle(4, 4 + lack, minute) for minute, lack in enumerate(lacks)))
    assert told["would_launch"] == launched


def test_a_node_is_drained_once_whoever_repeats_it() -> None:
    here = tuple(node(number) for number in range(3))
    one, two, three = (each.instance_id for each in here)
    first, again = (cycle(4, 2, minute, one, two, nodes=here) for minute in (0, 1))
    assert score(first, again, cycle(4, 3, 2, three, nodes=here))["would_drain"] == 3


@pytest.mark.parametrize(("hours", "drained"), [(1, 1), (25, 2)])
def test_a_node_to_drain_is_forgotten_a_day_after_it_went(hours: int, drained: int) -> None:
    """For a dry run may go on for years; EC2's list may lack one that is there, though for no day."""
    here = node(1)
    to_drain = [cycle(1, 0, minute, here.instance_id, nodes=(here,)) for minute in (0, 60 * hours + 2)]
    assert score(to_drain[0], cycle(0, 0, 1), cycle(0, 0, 60 * hours + 1.5), to_drain[1])["would_drain"] == drained


def test_time_that_nobody_watched_is_nobodys() -> None:
    assert score(cycle(3, 3, 0), cycle(3, 3, 1), cycle(3, 3, 9), cycle(3, 3, 10))["hours"] == round(2 / 60, 4)
    assert score(cycle(3, 3, 1), cycle(3, 3, 0))["hours"] == 0  # a clock that was set back


def test_a_blind_cycle_is_no_opinion() -> None:
    blind = cycle(0, 0, 1, gaps=(Gap("ec2", "*", NOW, "away"),))
    told = score(cycle(3, 4, 0), blind, cycle(3, 4, 2), cycle(3, 4, 2.5))
    assert (told["cycles"], told["blind_cycles"], told["larger_cycles"], told["same_cycles"]) == (4, 1, 3, 0)
    assert (told["hours"], told["would_launch"]) == (1.5 / 60, 1)


def test_a_load_that_needs_more_than_serve_is_told() -> None:
    told = score(cycle(3, 3, 0, needed=3), cycle(3, 3, 1, needed=4), cycle(3, 3, 2))
    assert told["short_cycles"] == 1


def test_refusals_are_counted_where_they_are_heard() -> None:
    def refused(minute: float, *counts: int) -> CycleReport:
        samples = {"ams.node.refusals": {f"i-{n}": Sample(count, NOW) for n, count in enumerate(counts)}}
        return cycle(2, 2, minute, samples=samples)

    assert score(refused(0, 0, 0), refused(1, 0, 3), refused(2, 1, 1))["refusing_cycles"] == 2
    assert score(refused(0, 0, 0))["refusing_cycles"] == 0
    assert score(refused(0))["refusing_cycles"] is None
