"""What is heard today is what is foreseen in weeks: recorded by the daemon that acts, and by no other."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from autoscaler.cycle.cycle import run_cycle
from autoscaler.cycle.dry_run import DryRunExecutor
from autoscaler.decide.past import history_key
from autoscaler.model.errors import ActionError
from autoscaler.model.memory import Memory
from autoscaler.model.report import CycleReport
from autoscaler.policy.schema import Policy
from autoscaler.simulate.stores import SimulatedMemoryStore
from tests.support.fleet import policy, seconds
from tests.support.stage import Stage

WEEK, HOUR = timedelta(days=7), timedelta(hours=1)
SIGNAL = {"from": "mongodb.viewers", "aggregate": "sum"}
FORECAST = {"forecast": {"signal": "viewers", "target_per_node": 100, "seasons": 3}}
RULES = policy(
    bounds={"min": 1, "max": 6},
    signals={"viewers": SIGNAL},
    scale=[{"target_tracking": {"signal": "viewers", "target_per_node": 100}}, FORECAST],
)
KEY = history_key("viewers", RULES)


class Evenings(Stage):
    """Three nodes, and an audience that comes at the same hour every week."""

    def __init__(self) -> None:
        super().__init__()
        for slot in (1, 2, 3):
            self.serving(slot)
        self.start = self.world.now

    def at(self, moment: timedelta, viewers: int, *, rules: Policy = RULES, live: bool = True) -> CycleReport:
        self.world.now = self.start + moment
        self.world.viewers = {"webrtc": viewers}
        for node in self.world.nodes.values():
            self.world.beat(node, 20.0)
        if live:
            return self.cycle(rules)
        return run_cycle(self.senses, DryRunExecutor(), rules, self.store.load("edge"))

    def season(self, number: int, viewers: int, *, live: bool = True) -> None:
        """An hour of cycles in this week, with a peak in the middle."""
        for minute in range(0, 60, 4):
            self.at(number * WEEK + minute * seconds(60), viewers if 30 <= minute < 45 else 10, live=live)


@pytest.fixture
def evenings() -> Evenings:
    return Evenings()


def test_the_third_evening_is_foreseen(evenings: Evenings) -> None:
    evenings.season(0, 290)
    evenings.season(1, 270)
    early = evenings.at(2 * WEEK + timedelta(minutes=10), 10)
    assert [reason.code for reason in early.decision.reasons if reason.code == "forecast"] == []
    grown = evenings.at(2 * WEEK + timedelta(minutes=15), 10)
    verdict = grown.decision.verdicts[-1]
    assert (verdict.value, verdict.needed) == (290.0, 3)
    assert grown.decision.desired == 3
    assert grown.decision.reasons[-1].code == "forecast"
    assert {sample.value for sample in grown.snapshot.history[KEY]} == {10.0, 290.0, 270.0}


def test_one_evening_is_not_enough(evenings: Evenings) -> None:
    evenings.season(0, 290)
    verdict = evenings.at(WEEK + timedelta(minutes=15), 10).decision.verdicts[-1]
    assert verdict.needed is None
    assert verdict.detail == "of 00:15 UTC 1 of the last 3 times 7d are recorded, and 2 are needed"


def test_what_is_recorded_is_the_highest_total_of_each_five_minutes(evenings: Evenings) -> None:
    for second, viewers in ((0, 30), (5, 50), (10, 40), (300, 7)):
        evenings.at(seconds(second), viewers)
    start = evenings.start
    assert evenings.history.rows == {("edge", KEY, start): 50, ("edge", KEY, start + seconds(300)): 7}


def test_without_a_forecast_nothing_is_recorded_or_asked(evenings: Evenings) -> None:
    evenings.history.available = False
    shot = evenings.at(seconds(0), 30, rules=policy()).snapshot
    assert (shot.history, shot.gaps, evenings.history.rows) == ({}, (), {})


def test_a_dry_run_reads_and_does_not_record(evenings: Evenings) -> None:
    evenings.season(0, 290)
    evenings.season(1, 270)
    before = dict(evenings.history.rows)
    report = evenings.at(2 * WEEK + timedelta(minutes=15), 10, live=False)
    assert report.decision.verdicts[-1].needed == 3
    assert evenings.history.rows == before


def test_a_cycle_that_did_not_hear_everybody_records_nothing(evenings: Evenings) -> None:
    evenings.world.dead.add("mongodb")
    evenings.at(seconds(0), 30)
    evenings.world.dead = {"ec2"}
    evenings.at(seconds(5), 30)
    assert evenings.history.rows == {}


def test_history_that_cannot_be_read_shrinks_nothing_and_costs_nothing_else(evenings: Evenings) -> None:
    evenings.history.available = False
    report = evenings.at(seconds(0), 10)
    (gap,) = report.snapshot.gaps
    assert (gap.source, gap.subject, gap.detail) == ("history", "*", "does not answer")
    assert (report.decision.current, report.decision.desired) == (3, 3)
    assert [reason.code for reason in report.decision.reasons] == ["target_tracking", "gap"]
    busy = evenings.at(seconds(5), 600)
    assert busy.decision.desired == 6  # what is heard now still grows the group
    assert Evenings().at(seconds(0), 10).decision.desired == 1  # as it is when the history can be read


def test_who_lost_the_group_to_another_process_records_nothing(evenings: Evenings) -> None:
    class Lost(SimulatedMemoryStore):
        def save(self, group: str, memory: Memory) -> Memory:
            raise ActionError("state_unavailable", f"{group} {memory.revision}")

    evenings.hands = replace(evenings.hands, store=Lost())
    with pytest.raises(ActionError):
        evenings.at(seconds(0), 30)
    assert evenings.history.rows == {}
