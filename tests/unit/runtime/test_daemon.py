"""The daemon over a made-up world: what it does about failures, crashes, late cycles and signals."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from autoscaler.cycle.execute import LiveExecutor
from autoscaler.model.errors import ActionError, AutoscalerError, ConfigurationError, ObservationError, Problem
from autoscaler.model.memory import (
    DrainRecord,
    EndingRecord,
    LaunchRecord,
    Memory,
    Recommendation,
    ScaleEvent,
    WakeRecord,
)
from autoscaler.model.report import CycleReport
from autoscaler.policy.schema import Policy
from autoscaler.runtime.daemon import Daemon, KeptMemory
from autoscaler.runtime.preflight import PoliciesInForce
from autoscaler.runtime.score import EVERY, Scoreboard
from autoscaler.runtime.signals import Signals
from tests.support.fleet import NOW, policy
from tests.support.logs import captured_log
from tests.support.stage import Stage

OFTEN = timedelta(milliseconds=20)
WRONG = ConfigurationError([Problem("edge.yaml", 3, 1, "bounds", "min 5 is above max 2")])
AWAY = ObservationError("haproxy:lb1", "Connection refused")
IN_USE = ConfigurationError([Problem("policies", 0, 0, "backend-in-use", "slot1")])
REFUSED = ActionError("ec2_not_found", "no such template", retryable=False)


@dataclass
class Source:
    """Policies, or what is wrong with them; and what the cluster has against them."""

    policies: tuple[Policy, ...]
    wrong: ConfigurationError | None = None
    against: list[AutoscalerError] = field(default_factory=list)
    forgets: list[AutoscalerError] = field(default_factory=list)
    checked: list[int] = field(default_factory=list)
    compared: list[tuple[int, int]] = field(default_factory=list)

    def load(self) -> tuple[Policy, ...]:
        if self.wrong:
            raise self.wrong
        return self.policies

    def check(self, policies: Sequence[Policy]) -> list[AutoscalerError]:
        self.checked.append(len(policies))
        return self.against

    def compare(self, before: Sequence[Policy], after: Sequence[Policy]) -> list[AutoscalerError]:
        self.compared.append((len(before), len(after)))
        return self.forgets


class Troubled:
    """Memories that fail to load as told, by group."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.raises: dict[str, Exception] = {}

    def load(self, group: str) -> Memory:
        if group in self.raises:
            raise self.raises[group]
        return self.stage.store.load(group)


class Rig:
    """A daemon of two groups."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.memories = Troubled(self.stage)
        self.source = Source((policy(group="edge"), policy(group="origin", slots="o")))
        self.in_force = PoliciesInForce(self.source, self.source.check, self.source.compare)
        assert self.in_force.reload() == []
        self.reports: list[CycleReport] = []
        self.signals = Signals()
        executor = LiveExecutor(self.stage.senses, self.stage.hands)
        self.daemon = Daemon(
            self.stage.senses, executor, self.memories, self.in_force, self.reports.append, self.signals
        )


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    with captured_log() as stream:
        yield stream


def events(log: io.StringIO, event: str) -> list[dict[str, Any]]:
    entries = [json.loads(line) for line in log.getvalue().splitlines()]
    return [entry for entry in entries if entry["event"] == event]


def groups(rig: Rig) -> list[str]:
    return [report.decision.group for report in rig.reports]


def test_every_group_has_its_turn(rig: Rig) -> None:
    assert [report.decision.group for report in rig.daemon.cycle()] == ["edge", "origin"]
    assert groups(rig) == ["edge", "origin"]


def test_a_group_that_fails_costs_the_others_nothing(rig: Rig, log: io.StringIO) -> None:
    rig.memories.raises["edge"] = ObservationError("mongodb", "does not answer")
    with pytest.raises(ObservationError):
        rig.daemon.cycle()
    assert groups(rig) == ["origin"]
    [failed] = events(log, "cycle_failed")
    assert (failed["group"], failed["error"]) == ("edge", "mongodb: does not answer")


def test_a_bug_is_told_with_its_traceback_and_costs_the_others_nothing(rig: Rig, log: io.StringIO) -> None:
    rig.memories.raises["edge"] = KeyError("a bug")
    with pytest.raises(KeyError):
        rig.daemon.cycle()
    assert groups(rig) == ["origin"]
    [crashed] = events(log, "cycle_crashed")
    assert crashed["group"] == "edge"
    assert "KeyError: 'a bug'" in crashed["exception"]


def test_a_fleet_that_cannot_be_listed_is_a_failed_cycle(rig: Rig, log: io.StringIO) -> None:
    rig.stage.world.dead.add("ec2")
    with pytest.raises(ObservationError, match="ec2"):
        rig.daemon.cycle()
    assert len(rig.reports) == 2  # what was seen is told all the same
    assert len(events(log, "cycle_failed")) == 2


@pytest.mark.parametrize(
    ("error", "code"),
    [(ObservationError("mongodb", "x"), 3), (ActionError("state_unavailable", "x"), 4), (KeyError("a bug"), 1)],
)
def test_failures_in_a_row_end_it_with_the_last_ones_code(
    rig: Rig, log: io.StringIO, error: Exception, code: int
) -> None:
    rig.memories.raises["edge"] = error
    assert rig.daemon.run(OFTEN, give_up_after=3) == code
    [end] = events(log, "giving_up")
    assert (end["failed_in_a_row"], end["exit_code"]) == (3, code)
    assert len(groups(rig)) >= 3


def test_who_only_looks_never_gives_up(rig: Rig, log: io.StringIO) -> None:
    rig.stage.world.dead.add("ec2")

    def publish(report: CycleReport) -> None:
        rig.reports.append(report)
        if len(rig.reports) > 40:
            rig.signals.stop.set()

    rig.daemon._publish = publish
    assert rig.daemon.run(OFTEN, give_up_after=None) == 0
    assert len(events(log, "cycle_failed")) > 40
    assert events(log, "giving_up") == []


def test_a_cycle_that_goes_well_starts_the_count_anew(rig: Rig, log: io.StringIO) -> None:
    seen: list[CycleReport] = []

    def publish(report: CycleReport) -> None:
        seen.append(report)
        turn = len(seen) % 4
        rig.memories.raises = {"edge": ObservationError("mongodb", "x")} if turn else {}
        if len(seen) > 16:
            rig.signals.stop.set()

    rig.daemon._publish = publish
    assert rig.daemon.run(OFTEN, give_up_after=4) == 0
    assert events(log, "cycle_failed")
    assert events(log, "giving_up") == []


def test_a_stop_lets_the_running_cycle_finish(rig: Rig) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def publish(report: CycleReport) -> None:
        begun.set()
        assert go_on.wait(20)
        rig.reports.append(report)

    rig.daemon._publish = publish
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(rig.daemon.run(OFTEN, give_up_after=1)))
    thread.start()
    assert begun.wait(20)
    rig.signals.stop.set()
    go_on.set()
    thread.join(20)
    assert codes == [0]
    assert groups(rig) == ["edge", "origin"]


def test_a_cycle_that_takes_too_long_is_told_and_not_doubled(rig: Rig, log: io.StringIO) -> None:
    def publish(report: CycleReport) -> None:
        rig.reports.append(report)
        while not events(log, "cycle_late"):
            assert not rig.signals.stop.wait(0.01)
        rig.signals.stop.set()

    rig.daemon._publish = publish
    assert rig.daemon.run(OFTEN, give_up_after=1) == 0
    assert groups(rig) == ["edge", "origin"]


def reload(rig: Rig) -> list[str]:
    """Ask for a reload, run a cycle, and return the groups that had their turn."""
    rig.signals.reload.set()
    names = [report.decision.group for report in rig.daemon.cycle()]
    assert not rig.signals.reload.is_set()
    return names


def test_a_reload_takes_new_policies(rig: Rig, log: io.StringIO) -> None:
    rig.source.policies = (policy(group="edge"),)
    assert reload(rig) == ["edge"]
    [told] = events(log, "policies_reloaded")
    assert told["groups"] == ["edge"]


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda source: setattr(source, "wrong", WRONG), "edge.yaml:3:1: bounds min 5 is above max 2"),
        (lambda source: source.against.append(WRONG), "edge.yaml:3:1: bounds min 5 is above max 2"),
        (lambda source: source.against.append(REFUSED), "ec2_not_found: no such template"),
        (lambda source: source.forgets.append(IN_USE), "policies: backend-in-use slot1"),
    ],
    ids=["a broken file", "what the balancers do not have", "what ec2 refuses", "what would be forgotten"],
)
def test_a_bad_reload_keeps_the_last_good_policies(
    rig: Rig, log: io.StringIO, spoil: Callable[[Source], None], told: str
) -> None:
    rig.source.policies = (policy(group="edge"),)
    spoil(rig.source)
    assert reload(rig) == ["edge", "origin"]
    assert [entry["problem"] for entry in events(log, "policy_reload_failed")] == [told]
    assert events(log, "policies_reloaded") == []


def test_new_policies_are_held_against_those_in_force(rig: Rig) -> None:
    rig.source.policies = (policy(group="edge"),)
    reload(rig)
    assert rig.source.compared == [(0, 2), (2, 1)]


def test_a_source_that_is_away_keeps_no_new_policy_out(rig: Rig) -> None:
    rig.source.policies = (policy(group="edge"),)
    rig.source.against = [AWAY, ActionError("ec2_throttled", "slow down")]
    assert reload(rig) == ["edge"]


def test_the_first_policies_must_be_without_fault() -> None:
    source = Source((policy(group="edge"),), against=[AWAY])
    first = PoliciesInForce(source, source.check, source.compare)
    assert first.reload() == [AWAY]
    assert first.policies == ()


def test_at_the_start_the_sources_are_asked_even_without_a_policy() -> None:
    source = Source((), wrong=WRONG, against=[AWAY])
    assert PoliciesInForce(source, source.check, source.compare).reload() == [WRONG, AWAY]
    assert source.checked == [0]


def test_a_dry_run_begins_with_the_daemons_memory_and_keeps_its_own(rig: Rig) -> None:
    kept = KeptMemory(rig.stage.store)
    rig.stage.store.save("edge", Memory())
    assert kept.load("edge").revision == 1
    report = replace(rig.daemon.cycle()[0], memory=Memory(recommendations=(Recommendation(NOW, 4),)))
    kept.keep(report)
    rig.stage.store.memories.clear()
    assert kept.load("edge") == report.memory
    assert kept.load("other").revision == 0


def test_a_dry_run_knows_what_the_live_daemon_did_and_nothing_else_of_it(rig: Rig) -> None:
    kept = KeptMemory(rig.stage.store)
    with pytest.raises(ObservationError):
        _without_store(rig, kept)
    own = Memory(recommendations=(Recommendation(NOW, 4),), drains={"i-9": DrainRecord(NOW)})
    kept.keep(replace(rig.daemon.cycle()[0], memory=own))
    launch = LaunchRecord("t", "subnet-a", "c5.xlarge", 1, NOW)
    pool, wakes = {"i-2": NOW, "i-3": NOW}, {"i-3": WakeRecord(NOW)}
    events = (ScaleEvent(NOW, 1),)
    live = Memory(
        drains={"i-1": DrainRecord(NOW)},
        launches=(launch,),
        events=events,
        pool=pool,
        wakes=wakes,
        no_stops_until=NOW,
        endings={"i-4": EndingRecord(NOW)},
    )
    rig.stage.store.memories["edge"] = replace(live, recommendations=(Recommendation(NOW, 9),))
    assert kept.load("edge") == replace(live, recommendations=own.recommendations)
    assert _without_store(rig, kept) == own


def _without_store(rig: Rig, kept: KeptMemory) -> Memory:
    rig.stage.store.available = False
    try:
        return kept.load("edge")
    finally:
        rig.stage.store.available = True


def test_a_score_is_told_now_and_then_and_in_the_end(rig: Rig, log: io.StringIO) -> None:
    board = Scoreboard()
    report = rig.daemon.cycle()[0]
    for number in range(EVERY + 1):
        at = NOW + timedelta(seconds=5 * number)
        board.add(replace(report, decision=replace(report.decision, at=at)))
    board.add(replace(report, decision=replace(report.decision, group="origin")))
    board.end()
    told = events(log, "dry_run_score")
    assert [(each["group"], each["cycles"], each["final"]) for each in told] == [
        ("edge", EVERY, False), ("edge", EVERY + 1, True), ("origin", 1, True),
    ]  # fmt: skip
    assert told[1]["hours"] == round(EVERY * 5 / 3600, 4)


def test_without_a_dry_run_there_is_no_score(log: io.StringIO) -> None:
    Scoreboard().end()
    assert log.getvalue() == ""
