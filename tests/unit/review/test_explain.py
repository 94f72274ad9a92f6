"""Each node's part in a cycle, and what is said of a cycle that cannot be decided again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.decide.pipeline import decide
from autoscaler.decide.view import View
from autoscaler.model.decision import Direction, Phase
from autoscaler.model.memory import DrainRecord, Memory
from autoscaler.model.plan import Drain, Terminate
from autoscaler.model.report import CycleReport
from autoscaler.model.snapshot import FleetSnapshot, Gap, Heartbeat, InstanceState, Node, ServerStatus
from autoscaler.plan.planner import plan
from autoscaler.review.explain import NodeChoice, choices, explain
from autoscaler.review.flip import Way
from tests.support.fleet import LONG_AGO, NOW, PROXY_GAP, node, policy, seasoned, seconds, snapshot
from tests.support.stage import Stage

IDLE = dict.fromkeys(range(1, 7), 10.0)


def report(shot: FleetSnapshot, memory: Memory, **changes: Any) -> CycleReport:
    """What a cycle reports that carried nothing out."""
    rules = policy(**changes)
    decision, after = decide(shot, rules, memory)
    planned = plan(decision, View(shot, rules, after))
    return CycleReport(shot, decision, planned, (), after, memory_before=memory, policy=rules.text)


def whys(*nodes: Node, memory: Memory | None = None, cpu: dict[int, float] | None = None, **changes: Any) -> list[str]:
    """Why each of the nodes goes or stays, an asterisk before those that go."""
    memory = memory or seasoned(*range(1, len(nodes) + 1))
    found = choices(report(snapshot(*nodes, cpu=IDLE if cpu is None else cpu), memory, **changes))
    return [f"{'*' if choice.chosen else ''}{choice.why}" for choice in found]


def test_the_node_with_fewest_sessions_goes() -> None:
    assert whys(node(1, sessions=9), node(2, sessions=3), node(3, sessions=3, subnet="subnet-b"),
                bounds={"min": 2, "max": 5}) == [
        "number 3 of 3 in line, with 9 sessions, behind i-2, the last to go, which has 3",
        "*nobody publishes on it, and it is number 1 of 3 in line, with 3 sessions",
        "number 2 of 3 in line, with 3 sessions, behind i-2, the last to go, in whose zone 2 could go, not 1",
    ]  # fmt: skip


def test_of_equal_nodes_the_oldest_goes_and_then_the_first() -> None:
    younger = node(1, launched_at=LONG_AGO + timedelta(hours=1))
    assert whys(younger, node(2), node(3), bounds={"min": 2, "max": 5}) == [
        "number 3 of 3 in line, with 0 sessions, behind i-2, the last to go, which is older",
        "*nobody publishes on it, and it is number 1 of 3 in line, with 0 sessions",
        "number 2 of 3 in line, with 0 sessions, behind i-2, the last to go, by its id only",
    ]


def test_what_protects_a_node_is_named() -> None:
    mongo, haproxy = Gap("mongodb", "*", NOW, "late"), Gap("haproxy:lb1", "i-3", NOW, "reloaded")
    assert whys(node(1, publishers=2), node(2, publishers=mongo), node(3, sessions=haproxy), node(4)) == [
        "it has 2 publishers",
        "whether anybody publishes on it is unknown: mongodb: late",
        "its sessions are unknown: haproxy:lb1: reloaded",
        "*nobody publishes on it, and it is number 1 of 1 in line, with 0 sessions",
    ]


def test_nobody_goes_when_nothing_is_to_go() -> None:
    assert whys(node(1, sessions=3), node(2, sessions=2), cpu={1: 60.0, 2: 60.0}) == [
        "nothing was to go; number 2 of 2 in line, with 3 sessions",
        "nothing was to go; number 1 of 2 in line, with 2 sessions",
    ]


def test_what_the_guard_struck_is_told() -> None:
    """Two were to go, and the guard of a policy with a higher `min` lets one."""
    given = report(snapshot(node(1), node(2), node(3), cpu=IDLE), seasoned(1, 2, 3))
    view = View(given.snapshot, policy(bounds={"min": 2, "max": 5}), given.memory)
    struck = replace(given, plan=plan(given.decision, view))
    assert [choice.why for choice in choices(struck)] == [
        "nobody publishes on it, and it is number 1 of 3 in line, with 0 sessions",
        "number 2 of 3 in line, with 0 sessions; refused: min_in_service",
        "number 3 of 3 in line, with 0 sessions, behind i-2, the last to go, by its id only",
    ]


@pytest.mark.parametrize(
    ("other", "facts", "phase", "why"),
    [
        (node(2, state=InstanceState.STOPPED), {}, Phase.STOPPED, "it is stopped"),
        (node(2, state=InstanceState.PENDING), {}, Phase.PENDING, "it is starting"),
        (node(2, state=InstanceState.PENDING, status=None), {"pool": {"i-2": LONG_AGO}}, Phase.FILLING,
         "*it is on its way into the warm pool, and planned was Terminate (pool_surplus)"),
        (node(2, state=InstanceState.PENDING, status=None, sessions=1), {"pool": {"i-2": LONG_AGO}}, Phase.FILLING,
         "it is on its way into the warm pool, and its end was refused: sessions_live"),
        (node(2, status=None, heartbeat=None, launched_at=NOW), {}, Phase.BOOTING, "it is booting"),
        (node(2, status=None), {}, Phase.JOINED,
         "it joined and is not in service yet, and planned was Register (joined)"),
        (node(2, status=ServerStatus.DRAIN, sessions=4), {"drains": {"i-2": DrainRecord(NOW)}}, Phase.DRAINING,
         "it is draining already, with 4 sessions and 0 publishers"),
        (node(2, status=ServerStatus.DRAIN, sessions=4), {"drains": {"i-2": DrainRecord(LONG_AGO)}}, Phase.DRAINING,
         "it is draining already, with 4 sessions and 0 publishers, and planned was Deregister (move_cookie_holders)"),
        (node(2, servers=PROXY_GAP, sessions=PROXY_GAP), {"drains": {"i-2": DrainRecord(LONG_AGO)}}, Phase.DRAINING,
         "it is draining already, with unknown: haproxy:lb1: does not answer and 0 publishers"),
        (node(2, status=ServerStatus.MAINT), {"drains": {"i-2": DrainRecord(LONG_AGO, LONG_AGO)}}, Phase.DRAINED,
         "*it is drained already, with 0 sessions and 0 publishers, and planned was Terminate (drained)"),
        (node(2, state=InstanceState.SHUTTING_DOWN), {}, Phase.TERMINATING, "it is ending already"),
        (node(2, status=None, heartbeat=Heartbeat(LONG_AGO), answers=False),
         {"suspects": {"i-2": LONG_AGO}}, Phase.LOST, "*it is lost, and planned was Terminate (lost)"),
        (node(2, status=None, heartbeat=Heartbeat(LONG_AGO), answers=False, publishers=1),
         {"suspects": {"i-2": LONG_AGO}}, Phase.LOST, "it is lost, and its end was refused: publisher_live"),
        (node(2, status=None, heartbeat=None), {}, Phase.FAILED_TO_JOIN,
         "*it never joined, and planned was Terminate (failed_to_join)"),
    ],
    ids=lambda value: str(value) if isinstance(value, Phase) else None,
)  # fmt: skip
def test_a_node_that_is_not_in_service_says_where_it_is(
    other: Node, facts: dict[str, Any], phase: Phase, why: str
) -> None:
    given = report(snapshot(node(1), other, cpu={1: 60.0}), seasoned(1, **facts))
    _, choice = choices(given)
    assert choice == NodeChoice("i-2", phase, why.startswith("*"), why.removeprefix("*"))


def test_without_a_list_of_instances_no_node_is_spoken_of() -> None:
    blind = replace(snapshot(node(1)), gaps=(Gap("ec2", "*", NOW, "down"),))
    told = explain(report(blind, seasoned(1)))
    assert (told.nodes, told.flips, told.seeing_all, told.note) == ((), (), None, "")


NODES = st.lists(
    st.builds(
        lambda sessions, publishers, zone, age: (sessions, publishers, zone, age),
        st.integers(0, 2), st.integers(0, 1), st.sampled_from("ab"), st.integers(0, 1),
    ),
    min_size=2, max_size=6,
)  # fmt: skip


@given(NODES, st.integers(1, 5))
def test_the_sentences_agree_with_the_plan(facts: list[tuple[int, int, str, int]], least: int) -> None:
    """Whoever is chosen drains or ends, and whoever is not says one true thing that puts it behind the chosen."""
    nodes = [
        node(n, sessions=sessions, publishers=publishers, subnet=f"subnet-{zone}",
             launched_at=LONG_AGO - timedelta(hours=age))
        for n, (sessions, publishers, zone, age) in enumerate(facts, 1)
    ]  # fmt: skip
    given = report(snapshot(*nodes, cpu=IDLE), seasoned(*range(1, 7)), bounds={"min": least, "max": 10})
    going = {action.instance_id for action in given.plan.actions if isinstance(action, Drain | Terminate)}
    most = max(
        (each.sessions for each in nodes if each.instance_id in going and isinstance(each.sessions, int)), default=-1
    )
    told = {choice.instance_id: choice for choice in choices(given)}
    assert {name for name, choice in told.items() if choice.chosen} == going
    for each in nodes:
        why = told[each.instance_id].why
        assert why.startswith("it has 1 publisher") is bool(each.publishers)
        if "which has" in why:
            assert isinstance(each.sessions, int)
            assert each.sessions > most


def test_a_cycle_of_the_daemon_is_decided_again_exactly() -> None:
    stage = Stage()
    rules = policy(scale_in={"stabilization": "10s"})
    for slot in (1, 2, 3):
        stage.world.beat(stage.serving(slot, sessions=slot), 30.0)
    for _ in range(6):
        told = explain(stage.cycle(rules))
        assert (told.note, {flip.way for flip in told.flips}) == ("", {Way.UP, Way.DOWN})
        stage.world.now += seconds(5)
        for each in stage.world.nodes.values():
            stage.world.beat(each, 30.0)
    assert stage.store.load("edge").drains  # the window was watched to its end, and a node went


def lowered(*nodes: Node) -> CycleReport:
    """A cycle after `max` was lowered to 2, of nodes with a load; a big one is worth four small ones."""
    launch = {"launch_template": "t", "types": ["small", "big"], "weights": {"small": 1, "big": 4}, "subnets": ["a"]}
    cpu = dict.fromkeys(range(1, len(nodes) + 1), 55.0)
    return report(snapshot(*nodes, cpu=cpu), seasoned(*cpu), bounds={"min": 1, "max": 2}, launch=launch)


def test_of_so_many_nodes_a_larger_one_stands_behind_the_smaller() -> None:
    small = [node(number, instance_type="small", sessions=number) for number in (2, 3)]
    told = explain(lowered(node(1, instance_type="big"), *small))
    assert [choice.why for choice in told.nodes] == [
        "number 3 of 3 in line, with 0 sessions, behind i-2, the last to go, which is smaller",
        "nobody publishes on it, and it is number 1 of 3 in line, with 2 sessions",
        "number 2 of 3 in line, with 3 sessions, behind i-2, the last to go, which has 2",
    ]


def test_larger_nodes_than_those_that_should_go_say_so() -> None:
    big = [node(number, instance_type="big") for number in (1, 2)]
    told = explain(lowered(*big, node(3, instance_type="small", publishers=1)))
    assert (told.report.decision.current, told.report.decision.desired, told.report.plan.actions) == (3, 2, ())
    assert [choice.why for choice in told.nodes] == [
        "larger than those that should go; number 1 of 2 in line, with 0 sessions",
        "larger than those that should go; number 2 of 2 in line, with 0 sessions",
        "it has 1 publisher",
    ]


def test_a_plan_of_a_version_that_knew_no_sizes_is_told_in_the_order_of_then() -> None:
    small = [node(number, instance_type="small", sessions=number) for number in (2, 3)]
    given = lowered(node(1, instance_type="big"), *small)
    [drain] = [action for action in given.plan.actions if isinstance(action, Drain)]
    older = replace(given, plan=replace(given.plan, actions=(replace(drain, instance_id="i-1"),)))
    assert [choice.why for choice in explain(older).nodes] == [
        "nobody publishes on it, and it is number 1 of 3 in line, with 0 sessions",
        "number 2 of 3 in line, with 2 sessions, behind i-1, the last to go, which has 0",
        "number 3 of 3 in line, with 3 sessions, behind i-1, the last to go, which has 0",
    ]


def test_what_lacked_is_told() -> None:
    blind = replace(snapshot(node(1), node(2), node(3), cpu=IDLE), gaps=(Gap("mongodb", "*", NOW, "late"),))
    told = explain(report(blind, seasoned(1, 2, 3)))
    assert told.report.decision.direction is Direction.HOLD
    assert told.seeing_all is not None
    assert told.seeing_all.direction is Direction.IN


@pytest.mark.parametrize("text", ["", "{}", '{"version":1,"group":"edge"}', "no json"])
def test_a_lost_policy_costs_the_flips_only(text: str) -> None:
    given = replace(report(snapshot(node(1), cpu=IDLE), seasoned(1)), policy=text)
    told = explain(given)
    assert told.nodes
    assert (told.flips, told.seeing_all) == ((), None)
    assert told.note == "its policy is lost, or of another version: it cannot be decided again"


def test_what_another_version_decided_is_not_flipped() -> None:
    given = report(snapshot(node(1), cpu={1: 50.0}), seasoned(1))
    told = explain(replace(given, decision=replace(given.decision, desired=3)))
    assert (told.flips, told.note) == ((), "this version would decide otherwise: 1 -> 1")
