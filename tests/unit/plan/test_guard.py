"""The guard against plans that no planner of ours would make."""

from __future__ import annotations

import pytest

from autoscaler.decide.pipeline import decide
from autoscaler.model.memory import DrainRecord, Memory
from autoscaler.model.plan import CancelDrain, Drain, Endpoint, Launch, Plan, Terminate
from autoscaler.model.snapshot import FleetSnapshot, Gap, ServerStatus
from autoscaler.plan.guard import guard
from autoscaler.plan.planner import plan
from tests.support.fleet import LONG_AGO, NOW, node, policy, seasoned, snapshot, view

PLACES = (Endpoint("backend_http", 5080),)
READY_TO_GO = {"i-1": DrainRecord(LONG_AGO, empty_since=LONG_AGO)}


def ends(instance_id: str) -> Terminate:
    return Terminate(token="t", why="drained", instance_id=instance_id, ip="10.0.0.1", endpoints=PLACES)


def verdict(action: Terminate | Drain, shot: FleetSnapshot, memory: Memory) -> list[str]:
    decision, after = decide(shot, policy(), memory)
    guarded = guard(Plan(decision, (action,)), view(shot, memory=after))
    assert len(guarded.actions) + len(guarded.refusals) == 1
    return [reason.code for reason in guarded.refusals]


def test_a_drained_node_may_go() -> None:
    shot = snapshot(node(1, status=ServerStatus.MAINT), node(2))
    assert verdict(ends("i-1"), shot, seasoned(1, 2, drains=READY_TO_GO)) == []


@pytest.mark.parametrize(
    ("shot", "memory", "why"),
    [
        (snapshot(node(1)), seasoned(1), "not_drained"),
        (snapshot(node(1, publishers=1)), seasoned(1), "publisher_live"),
        (snapshot(node(1, status=ServerStatus.MAINT, publishers=1)), seasoned(1, drains=READY_TO_GO), "publisher_live"),
        (snapshot(node(1, status=ServerStatus.DRAIN, sessions=1)), seasoned(1, drains=READY_TO_GO), "not_drained"),
        (snapshot(node(2)), seasoned(2), "fleet_unknown"),
        (snapshot(node(1), gaps=(Gap("ec2", "*", NOW, ""),)), seasoned(1, drains=READY_TO_GO), "fleet_unknown"),
    ],
)
def test_a_termination_that_would_break_an_invariant_is_struck(shot: FleetSnapshot, memory: Memory, why: str) -> None:
    assert verdict(ends("i-1"), shot, memory) == [why]


def test_a_drain_of_a_publishers_node_is_struck() -> None:
    drain = Drain(token="t", why="above_desired", instance_id="i-1", ip="10.0.0.1", endpoints=PLACES)
    assert verdict(drain, snapshot(node(1, publishers=2), node(2)), seasoned(1, 2)) == ["publisher_live"]
    assert verdict(drain, snapshot(node(2), node(3)), seasoned(2, 3)) == ["publisher_live"]  # nobody knows i-1
    assert verdict(drain, snapshot(node(1), node(2)), seasoned(1, 2)) == []


def test_a_schedule_that_raises_max_raises_what_may_be_launched() -> None:
    always = {"schedule": {"max": 4}}
    rules = policy(bounds={"min": 1, "max": 2}, scale=[{"target_tracking": {"signal": "cpu", "target": 60}}, always])
    scene = view(snapshot(node(1), cpu={1: 600.0}), rules, seasoned(1))
    decision, memory = decide(scene.snapshot, rules, scene.memory)
    planned = plan(decision, view(scene.snapshot, rules, memory))
    assert (decision.desired, planned.refusals) == (4, ())
    assert sum(action.count for action in planned.actions if isinstance(action, Launch)) == 3


def test_a_node_that_comes_back_is_struck_from_every_departure() -> None:
    memory = seasoned(1, 2, drains=READY_TO_GO)
    shot = snapshot(node(1, status=ServerStatus.MAINT), node(2))
    decision, after = decide(shot, policy(), memory)
    back = CancelDrain(
        token="t", why="below_desired", instance_id="i-1", ip="10.0.0.1", slot="slot1", endpoints=PLACES
    )  # fmt: skip
    guarded = guard(Plan(decision, (back, ends("i-1"))), view(shot, memory=after))
    assert guarded.actions == (back,)
    assert [reason.code for reason in guarded.refusals] == ["both_ways"]
