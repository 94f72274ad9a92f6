"""How a plan is carried out, and what a crash in the middle of it leaves behind."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from autoscaler.cycle.cycle import run_cycle
from autoscaler.cycle.dry_run import DryRunExecutor
from autoscaler.cycle.execute import LiveExecutor
from autoscaler.model.decision import Decision
from autoscaler.model.errors import ActionError, StateConflict
from autoscaler.model.memory import DrainRecord, Memory
from autoscaler.model.plan import (
    Action,
    Deregister,
    Done,
    Drain,
    Ending,
    Failed,
    Forget,
    Launch,
    LaunchSpec,
    Outcome,
    Plan,
    Register,
    Result,
    Skipped,
    Stop,
    Terminate,
    Wake,
)
from autoscaler.model.snapshot import InstanceState, ServerStatus
from autoscaler.simulate.ports import SimulatedProxyControl
from autoscaler.simulate.stores import RecordingJournal
from autoscaler.simulate.world import SimulatedNode
from tests.support.fleet import BACKEND, policy, seconds
from tests.support.stage import PLACES, Stage


@pytest.fixture
def stage() -> Stage:
    return Stage()


def about(node: SimulatedNode) -> dict[str, Any]:
    return {"token": "t", "why": "test", "instance_id": node.instance.instance_id, "ip": node.instance.ip}


def launch(*, token: str) -> Launch:
    return Launch(token=token, why="below_desired", group="edge", spec=LaunchSpec(), subnet="subnet-a", count=1)


def ends(node: SimulatedNode, why: str = "drained") -> Terminate:
    return Terminate(**{**about(node), "why": why}, endpoints=PLACES)


def test_every_kind_of_step_is_carried_out(stage: Stage) -> None:
    joined, leaving, empty = stage.world.add_node(), stage.serving(2), stage.serving(3)
    stopped = stage.world.add_node(state=InstanceState.STOPPED)
    stage.world.join(joined)
    asleep = stage.serving(4)
    outcomes = stage.do(
        Register(**about(joined), slot="slot1", endpoints=PLACES),
        launch(token="t"),
        Wake(**about(stopped)),
        Drain(**about(leaving), endpoints=PLACES),
        Deregister(**about(empty), endpoints=PLACES),
        ends(empty),
        Stop(**about(asleep), endpoints=PLACES),
        Forget(token="t", why="instance_gone", slot="slot3", ip=empty.instance.ip, endpoints=PLACES),
    )
    assert all(isinstance(outcome.result, Done) for outcome in outcomes), outcomes
    assert [stage.status(slot) for slot in (1, 2, 3)] == [ServerStatus.UP, ServerStatus.DRAIN, ServerStatus.MAINT]
    assert stopped.instance.state is InstanceState.PENDING
    assert empty.instance.state is InstanceState.TERMINATED
    assert asleep.instance.state is InstanceState.STOPPED
    assert stage.world.servers["lb1", BACKEND, "slot3"].ip == "127.0.0.1"


def test_a_step_is_journalled_before_and_after(stage: Stage) -> None:
    action = launch(token="t")
    (outcome,) = stage.do(action)
    assert stage.journal.records == [("edge", action), ("edge", outcome)]


def test_a_step_that_cannot_be_journalled_is_not_taken(stage: Stage) -> None:
    stage.journal.available = False
    (outcome,) = stage.do(launch(token="t"))
    assert isinstance(outcome.result, Failed)
    assert outcome.result.error == "journal_unavailable"
    assert stage.world.writes == []


def test_nothing_is_done_when_the_intent_cannot_be_saved(stage: Stage) -> None:
    stage.store.available = False
    with pytest.raises(ActionError):
        stage.do(launch(token="t"), memory=Memory())
    assert stage.world.writes == []


def test_of_two_processes_one_loses_before_it_wrote_anything(stage: Stage) -> None:
    stale = stage.store.load("edge")
    stage.do(launch(token="t"))
    written = list(stage.world.writes)
    with pytest.raises(StateConflict):
        stage.do(launch(token="u"), memory=stale)
    assert stage.world.writes == written


def test_a_failure_is_an_outcome_and_the_rest_goes_on(stage: Stage) -> None:
    node = stage.serving(1)
    stage.world.dead.add("ec2")
    launched, drained = stage.do(launch(token="t"), Drain(**about(node), endpoints=PLACES))
    assert launched.result == Failed("ec2_unreachable", "does not answer", retryable=True)
    assert drained.result == Done()


def test_a_crash_after_the_launch_launches_nothing_twice(stage: Stage) -> None:
    rules = policy(bounds={"min": 2, "max": 4})
    journal = stage.hands.journal
    stage.hands = replace(stage.hands, journal=CrashingJournal())
    with pytest.raises(Crash):
        stage.cycle(rules)
    launched = dict(stage.world.nodes)
    assert len(launched) == 2
    stage.world.nodes.clear()  # EC2 does not list them yet
    stage.hands = replace(stage.hands, journal=journal)
    again = stage.cycle(rules)
    assert again.failures == ()
    assert [action.why for action in again.plan.actions] == ["launch_unanswered", "launch_unanswered"]
    assert {*again.memory.launches[0].instance_ids, *again.memory.launches[1].instance_ids} == {*launched}
    assert stage.world.nodes == {}  # the same tokens brought the same instances


class Crash(Exception):
    """The process dies."""


class CrashingJournal(RecordingJournal):
    """Dies between the call and its record."""

    def outcome(self, group: str, outcome: Outcome) -> None:
        raise Crash(group, outcome)


@pytest.mark.parametrize(
    ("arrange", "result"),
    [
        (lambda _, node: setattr(node, "publishers", 1), Skipped("publisher_live")),
        (lambda stage, node: stage.world.serve(node, BACKEND, "slot1", sessions=1), Skipped("sessions_live")),
        (lambda stage, _: stage.world.dead.add("mongodb"), Skipped("no_second_look:mongodb")),
        (lambda stage, _: stage.world.dead.add("haproxy:lb1"), Skipped("no_second_look:haproxy:lb1")),
    ],
)
@pytest.mark.parametrize("kind", [Stop, Terminate])
def test_a_node_is_looked_at_again_before_it_is_stopped_or_ended(
    stage: Stage, arrange: Any, result: Skipped, kind: type[Ending]
) -> None:
    node = stage.serving(1)
    arrange(stage, node)
    (outcome,) = stage.do(kind(**about(node), endpoints=PLACES))
    assert outcome.result == result
    assert node.instance.state is InstanceState.RUNNING


@pytest.mark.parametrize(
    ("status", "sessions", "result"),
    [
        (ServerStatus.UP, 0, Skipped("served_elsewhere")),
        (ServerStatus.MAINT, 1, Skipped("sessions_live")),
        (ServerStatus.DOWN, 0, Done()),
        (ServerStatus.MAINT, 0, Done()),
    ],
)
@pytest.mark.parametrize("why", ["drained", "lost", "failed_to_join"])
def test_backends_that_the_policy_does_not_name_are_looked_at_too(
    stage: Stage, why: str, status: ServerStatus, sessions: int, result: Result
) -> None:
    node = stage.serving(1)
    server = stage.world.servers["lb1", BACKEND, "slot1"]
    stage.world.servers["lb1", "dropped", "slot1"] = replace(
        server, backend="dropped", status=status, sessions=sessions
    )
    (outcome,) = stage.do(ends(node, why=why))
    assert outcome.result == result


@pytest.mark.parametrize("why", ["lost", "failed_to_join"])
def test_whatever_the_reason_nobody_is_ended_with_sessions(stage: Stage, why: str) -> None:
    node = stage.serving(1, sessions=2)
    (outcome,) = stage.do(ends(node, why=why))
    assert outcome.result == Skipped("sessions_live")


@pytest.mark.parametrize(("trouble", "code"), [("other", "taken_over"), ("dead", "no_second_look:mongodb")])
def test_nobody_is_ended_once_another_process_has_the_group(stage: Stage, trouble: str, code: str) -> None:
    node, steps = stage.serving(1), stage.hands.proxies

    class Meanwhile(SimulatedProxyControl):
        def park(self, parks: Sequence[Deregister]) -> list[Result]:
            if trouble == "other":
                stage.store.save("edge", stage.store.load("edge"))
            stage.store.available = trouble == "other"
            return steps.park(parks)

    stage.hands = replace(stage.hands, proxies=Meanwhile(stage.world))
    memory = stage.store.load("edge")
    now = stage.world.now
    plan = Plan(Decision("edge", now, 1, 1), (Deregister(**about(node), endpoints=PLACES), ends(node)))
    with suppress(ActionError):  # the outcomes cannot be saved any more, and that is reported
        LiveExecutor(stage.senses, stage.hands).execute(plan, memory, now)
    assert node.instance.state is InstanceState.RUNNING
    results = [record.result for _, record in stage.journal.records if isinstance(record, Outcome)]
    assert results == [Done(), Skipped(code)]


@pytest.mark.parametrize("kind", [Stop, Terminate])
def test_a_foreign_instance_is_never_stopped_or_ended(stage: Stage, kind: type[Ending]) -> None:
    node = stage.serving(1)
    node.ours = False
    (outcome,) = stage.do(kind(**about(node), endpoints=PLACES))
    assert outcome.result == Failed("not_ours", f"{node.instance.instance_id} does not carry our tags", retryable=False)
    assert node.instance.state is InstanceState.RUNNING


def test_a_dry_run_says_what_it_would_do_and_does_nothing(stage: Stage) -> None:
    report = run_cycle(stage.senses, DryRunExecutor(), policy(bounds={"min": 2, "max": 4}), Memory())
    assert [type(action).__name__ for action in report.plan.actions] == ["Launch", "Launch"]
    assert {outcome.result for outcome in report.outcomes} == {Skipped("dry_run")}
    assert report.memory.launches == ()
    assert stage.world.writes == []


def test_a_crash_after_a_stop_stops_nothing_else_and_loses_no_node(stage: Stage) -> None:
    rules = policy(
        bounds={"min": 1, "max": 4},
        drain={"sticky_for": "0s", "empty_for": "0s"},
        launch={"launch_template": "t", "subnets": ["subnet-a"], "warm_pool": {"stopped": 1}},
    )
    first, leaving = stage.serving(1), stage.serving(2)
    crashed_at = stage.world.now
    stage.do(Deregister(**about(leaving), endpoints=PLACES), memory=Memory())
    drains = {leaving.instance.instance_id: DrainRecord(stage.world.now, stage.world.now)}
    stage.store.memories["edge"] = replace(stage.store.load("edge"), drains=drains, looked_at=stage.world.now)
    journal = stage.hands.journal
    stage.hands = replace(stage.hands, journal=CrashingJournal())
    with pytest.raises(Crash):
        stage.cycle(rules)
    assert leaving.instance.state is InstanceState.STOPPED
    leaving.instance = replace(leaving.instance, state=InstanceState.RUNNING)  # as EC2 lists it for a while
    stage.hands = replace(stage.hands, journal=journal)
    again = stage.cycle(rules)
    assert again.plan.actions == ()
    assert {*again.memory.pool} == {leaving.instance.instance_id}
    while not again.plan.actions:  # nobody knows whether EC2 heard
        stage.world.advance(timedelta(seconds=5))
        for node in (first, leaving):
            stage.world.beat(node, 50.0)
        again = stage.cycle(rules)
    assert stage.world.now - crashed_at == timedelta(seconds=20)
    assert [(type(action).__name__, action.subject) for action in again.plan.actions] == [
        ("Stop", leaving.instance.instance_id)
    ]
    assert again.failures == ()
    after = stage.cycle(rules)
    assert [type(action).__name__ for action in after.plan.actions] == ["Forget"]
    assert (after.memory.drains, {*after.memory.pool}) == ({}, {leaving.instance.instance_id})
    assert after.memory.lost_at is None
    assert stage.cycle(rules).plan.actions == ()


def test_an_action_that_nobody_carries_out_is_a_bug(stage: Stage) -> None:
    with pytest.raises(AssertionError):
        stage.do(Action(token="t", why="test"))


def test_a_second_cycle_continues_the_first(stage: Stage) -> None:
    rules = policy(bounds={"min": 1, "max": 4})
    stage.cycle(rules)
    (node,) = stage.world.nodes.values()
    stage.world.advance(seconds(5))
    stage.world.join(node, 50.0)
    registered = stage.cycle(rules)
    assert [type(action).__name__ for action in registered.plan.actions] == ["Register"]
    idle = stage.cycle(rules)
    assert idle.plan.actions == ()
    assert list(idle.decision.phases.values()) == ["in_service"]
