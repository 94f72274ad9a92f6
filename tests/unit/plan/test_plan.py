"""Which steps a decision becomes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from autoscaler.decide.pipeline import decide
from autoscaler.model.memory import DrainRecord, LaunchRecord, Memory
from autoscaler.model.plan import Action, CancelDrain, Drain, Launch, Plan, Wake
from autoscaler.model.snapshot import FleetSnapshot, Gap, Heartbeat, InstanceState, ServerStatus
from autoscaler.plan.planner import plan
from autoscaler.plan.supply import first_choices
from autoscaler.policy.schema import Policy
from tests.support.fleet import (
    LONG_AGO,
    MONGO_GAP,
    NOW,
    PROXY_GAP,
    node,
    policy,
    seasoned,
    seconds,
    server,
    snapshot,
    view,
)

DRAINING = DrainRecord(NOW - seconds(10))
PARKABLE = DrainRecord(NOW - seconds(120))
EMPTY = DrainRecord(LONG_AGO, empty_since=NOW - seconds(30))
STALE = Heartbeat(NOW - seconds(60))


def made(shot: FleetSnapshot, memory: Memory, rules: Policy | None = None) -> Plan:
    rules = rules or policy()
    decision, after = decide(shot, rules, memory)
    return plan(decision, view(shot, rules, after))


def told(steps: Plan) -> list[str]:
    return [f"{type(action).__name__} {action.subject} {action.why}" for action in steps.actions]


def refused(steps: Plan) -> list[tuple[str, int, int]]:
    return [(reason.code, reason.before, reason.after) for reason in steps.refusals]


def only(steps: Plan, kind: type[Action]) -> list[Any]:
    return [action for action in steps.actions if isinstance(action, kind)]


def hot(*numbers: int) -> dict[int, float]:
    return dict.fromkeys(numbers, 180.0)  # three nodes' work each


def test_draining_nodes_come_back_first_then_stopped_ones_then_new_ones() -> None:
    shot = snapshot(
        node(1), node(2, status=ServerStatus.DRAIN, sessions=3), node(3, status=ServerStatus.MAINT, sessions=9),
        node(4, status=ServerStatus.DOWN), node(5, state=InstanceState.STOPPED, status=None), cpu={1: 300.0},
    )  # fmt: skip
    steps = made(shot, seasoned(1, 2, 3, 4, drains=dict.fromkeys(("i-2", "i-3", "i-4"), DRAINING)))
    assert told(steps) == [
        "CancelDrain i-3 below_desired",  # the busier first
        "CancelDrain i-2 below_desired",
        "Wake i-5 below_desired",
        "Launch subnet-b below_desired",  # the emptier subnet
    ]
    assert only(steps, CancelDrain)[0].slot == "slot3"


def test_only_as_many_as_wanted_come_back() -> None:
    shot = snapshot(node(1), node(2, status=ServerStatus.DRAIN), node(3, status=ServerStatus.DRAIN), cpu={1: 120.0})
    steps = made(shot, seasoned(1, 2, 3, drains={"i-2": DRAINING, "i-3": DRAINING}))
    assert told(steps) == ["CancelDrain i-2 below_desired"]


def test_stopped_nodes_are_woken_only_when_wanted() -> None:
    shot = snapshot(node(1), node(2, state=InstanceState.STOPPED, status=None), cpu={1: 60.0})
    assert only(made(shot, seasoned(1)), Wake) == []


def test_launches_spread_over_subnets() -> None:
    shot = snapshot(node(1, subnet="subnet-a"), node(2, subnet="subnet-a"), cpu=hot(1, 2))
    launches = only(made(shot, seasoned(1, 2)), Launch)
    assert {launch.subnet: launch.count for launch in launches} == {"subnet-a": 1, "subnet-b": 3}
    assert len({launch.token for launch in launches}) == 2
    assert all(len(launch.token) <= 64 and launch.token.isascii() for launch in launches)


def test_what_is_out_of_stock_is_left_alone_for_a_while() -> None:
    rules = policy(launch={"launch_template": "t", "types": ["big", "small"], "subnets": ["subnet-a", "subnet-b"]})
    shot = snapshot(node(1), cpu=hot(1))

    def offerings(**stock_outs: bool) -> list[tuple[str, str, int]]:
        gone = {name.replace("_", "/subnet-"): NOW + seconds(1) for name in stock_outs}
        launches = only(made(shot, seasoned(1, stock_outs=gone), rules), Launch)
        return [(launch.spec.instance_type, launch.subnet, launch.count) for launch in launches]

    assert offerings() == [("big", "subnet-a", 1), ("big", "subnet-b", 1)]
    assert offerings(big_a=True) == [("big", "subnet-b", 2)]
    assert offerings(big_a=True, big_b=True) == [("small", "subnet-a", 1), ("small", "subnet-b", 1)]
    assert offerings(big_a=True, big_b=True, small_a=True, small_b=True) == []


def test_an_unanswered_launch_is_repeated_with_its_token_and_counted_once() -> None:
    record = LaunchRecord("launch-before-the-crash", "subnet-b", "", 2, NOW)
    shot = snapshot(node(1), cpu=hot(1))
    (launch,) = only(made(shot, seasoned(1, launches=(record,))), Launch)
    assert (launch.token, launch.subnet, launch.count, launch.why) == (
        "launch-before-the-crash", "subnet-b", 2, "launch_unanswered",
    )  # fmt: skip
    arrived = snapshot(node(1), node(2, token=record.token, status=None, heartbeat=None, launched_at=NOW), cpu=hot(1))
    assert all(launch.token != record.token for launch in only(made(arrived, seasoned(1, launches=(record,))), Launch))


def test_no_node_is_launched_that_would_find_no_slot() -> None:
    steps = made(snapshot(node(1), cpu=hot(1), free=1), seasoned(1))
    assert sum(launch.count for launch in only(steps, Launch)) == 1
    assert refused(steps) == [("no_free_slot", 2, 1)]


def test_nodes_on_their_way_have_a_slot_coming() -> None:
    booting = node(2, status=None, heartbeat=None, launched_at=NOW)
    steps = made(snapshot(node(1), booting, cpu=hot(1), free=1), seasoned(1))
    assert only(steps, Launch) == []
    assert refused(steps) == [("no_free_slot", 1, 0)]


def test_a_silent_balancer_does_not_stop_growth() -> None:
    shot = snapshot(node(1, servers=PROXY_GAP), cpu=hot(1), proxies=(), gaps=(PROXY_GAP,))
    assert sum(launch.count for launch in only(made(shot, seasoned(1)), Launch)) == 2


def test_total_instances_stay_within_max_and_surge() -> None:
    lost = [node(n, status=None, heartbeat=STALE, answers=False) for n in range(2, 7)]
    memory = seasoned(*range(1, 7), suspects={f"i-{n}": LONG_AGO for n in range(2, 7)})
    steps = made(snapshot(node(1), *lost, cpu={1: 60.0}), memory, policy(bounds={"min": 6, "max": 6}))
    assert sum(launch.count for launch in only(steps, Launch)) == 1  # a surge of one above max
    assert ("max_instances", 5, 1) in refused(steps)
    assert [code for code, *_ in refused(steps)].count("too_many_lost") == 5


@pytest.mark.parametrize("free", [0, 1])
def test_a_node_that_joined_is_registered_in_a_free_slot(free: int) -> None:
    joined = node(2, status=None, answers=True)
    steps = made(snapshot(node(1), joined, cpu={1: 60.0}, free=free), seasoned(1))
    assert told(steps) == (["Register i-2 joined"] if free else [])
    assert refused(steps) == ([] if free else [("no_free_slot", 1, 0)])


def test_a_node_that_is_half_registered_keeps_its_slot() -> None:
    joined = node(2, status=ServerStatus.CHECKING, answers=True)
    (register,) = made(snapshot(node(1), joined, cpu={1: 60.0}), seasoned(1)).actions
    assert (register.subject, getattr(register, "slot", None)) == ("i-2", "slot2")


def test_nothing_is_registered_where_we_cannot_see() -> None:
    joined = node(2, servers=PROXY_GAP, answers=True)
    assert (
        made(
            snapshot(joined, cpu={}, proxies=(), gaps=(PROXY_GAP,)), Memory(), policy(bounds={"min": 0, "max": 1})
        ).actions
        == ()
    )


def test_the_emptiest_node_without_publishers_goes() -> None:
    shot = snapshot(
        node(1, sessions=0, publishers=1), node(2, sessions=9), node(3, sessions=4), node(4, sessions=MONGO_GAP),
        cpu=dict.fromkeys((1, 2, 3, 4), 40.0),
    )  # fmt: skip
    assert told(made(shot, seasoned(1, 2, 3, 4))) == ["Drain i-3 above_desired"]


def test_between_equals_the_fullest_zone_and_then_the_oldest_goes() -> None:
    other_zone = node(1, subnet="subnet-b", launched_at=LONG_AGO - seconds(9))
    older = node(3, launched_at=LONG_AGO - seconds(5))
    shot = snapshot(other_zone, node(2), older, cpu=dict.fromkeys((1, 2, 3), 40.0))
    assert told(made(shot, seasoned(1, 2, 3))) == ["Drain i-3 above_desired"]


@pytest.mark.parametrize("publishers", [1, MONGO_GAP])
def test_a_node_with_publishers_or_unknown_ones_is_never_drained(publishers: int | Gap) -> None:
    shot = snapshot(node(1, publishers=publishers), node(2, publishers=publishers), cpu={1: 1.0, 2: 1.0})
    steps = made(shot, seasoned(1, 2))
    assert steps.actions == ()
    assert refused(steps) == [("protected", 1, 0)]


def test_in_service_never_falls_below_min() -> None:
    coming = [node(n, status=None, heartbeat=None, launched_at=NOW) for n in (3, 4)]
    shot = snapshot(node(1), node(2), *coming, cpu={1: 1.0, 2: 1.0})
    decision, memory = decide(shot, policy(bounds={"min": 2, "max": 9}), seasoned(1, 2))
    careless = replace(decision, desired=2)  # what a bug in the pipeline might ask for
    steps = plan(careless, view(shot, policy(bounds={"min": 2, "max": 9}), memory))
    assert steps.actions == ()
    assert [code for code, *_ in refused(steps)] == ["min_in_service", "min_in_service"]


def test_a_draining_node_goes_on_step_by_step() -> None:
    def steps(record: DrainRecord, **facts: Any) -> list[str]:
        shot = snapshot(node(1), node(2, **facts), cpu={1: 60.0, 2: 0.0})
        return told(made(shot, seasoned(1, 2, drains={"i-2": record})))

    assert steps(DRAINING, status=ServerStatus.DRAIN, sessions=2) == []
    assert steps(DRAINING, status=ServerStatus.UP) == ["Drain i-2 drain_unfinished"]
    assert steps(PARKABLE, status=ServerStatus.DRAIN, sessions=2) == ["Deregister i-2 move_cookie_holders"]
    assert steps(PARKABLE, status=ServerStatus.MAINT, sessions=2) == []
    assert steps(PARKABLE, servers=PROXY_GAP) == []
    assert steps(EMPTY, status=ServerStatus.MAINT) == ["Terminate i-2 drained"]
    assert steps(EMPTY, status=ServerStatus.MAINT, sessions=1) == []
    assert steps(EMPTY, status=ServerStatus.MAINT, publishers=1) == []


def test_a_node_that_failed_to_join_is_ended_unless_it_could_have_served() -> None:
    failed: dict[str, Any] = {"heartbeat": None, "launched_at": LONG_AGO}
    ended = made(snapshot(node(1), node(2, status=None, **failed), cpu={1: 60.0}), seasoned(1))
    assert told(ended) == ["Terminate i-2 failed_to_join"]
    seen = made(snapshot(node(1), node(2, status=ServerStatus.CHECKING, **failed), cpu={1: 60.0}), seasoned(1))
    assert (told(seen), refused(seen)) == ([], [("was_in_service", 1, 0)])


@pytest.mark.parametrize(("publishers", "steps"), [(0, ["Terminate i-4 lost"]), (1, []), (MONGO_GAP, [])])
def test_a_lost_node_is_ended_unless_mongodb_may_know_a_publisher(publishers: int | Gap, steps: list[str]) -> None:
    shot = snapshot(
        node(1), node(2), node(3), node(4, status=None, heartbeat=STALE, answers=False, publishers=publishers),
        cpu=dict.fromkeys((1, 2, 3), 60.0),
    )  # fmt: skip
    found = made(shot, seasoned(1, 2, 3, 4, suspects={"i-4": LONG_AGO}))
    assert [line for line in told(found) if "i-4" in line] == steps


def test_the_slot_of_an_instance_that_is_gone_is_freed() -> None:
    shot = snapshot(node(1), cpu={1: 60.0})
    lines = (*shot.proxies[0].servers, server(99, ServerStatus.DOWN))
    steps = made(replace(shot, proxies=(replace(shot.proxies[0], servers=lines),)), seasoned(1))
    assert told(steps) == ["Forget slot99 instance_gone"]


def test_nothing_is_planned_without_a_list_of_instances() -> None:
    blind = snapshot(gaps=(Gap("ec2", "*", NOW, "does not answer"),))
    assert made(blind, seasoned(1)).actions == ()


def test_the_first_choice_is_the_preferred_type() -> None:
    rules = policy(launch={"image": "ami-1", "types": ["big", "small"], "subnets": ["subnet-a"]})
    (choice,) = first_choices(rules)
    assert (choice.instance_type, choice.image, choice.spot) == ("big", "ami-1", False)
    assert [choice.instance_type for choice in first_choices(policy())] == [""]


def test_both_markets_are_first_choices_where_some_of_the_group_is_spot() -> None:
    rules = policy(launch={"launch_template": "t", "subnets": ["subnet-a"], "spot": {"percent": "1%"}})
    assert [choice.spot for choice in first_choices(rules)] == [False, True]


def test_a_launch_that_was_answered_is_not_repeated() -> None:
    record = LaunchRecord("t", "subnet-a", "", 1, NOW, ("i-9",))
    assert only(made(snapshot(node(1), cpu={1: 60.0}), seasoned(1, launches=(record,))), Launch) == []


@pytest.mark.parametrize("record", [EMPTY, PARKABLE])
def test_a_node_that_is_taken_back_is_not_sent_further_away(record: DrainRecord) -> None:
    status = ServerStatus.MAINT if record is EMPTY else ServerStatus.DRAIN
    shot = snapshot(node(1), node(2, status=status), cpu={1: 120.0, 2: 0.0})
    assert told(made(shot, seasoned(1, 2, drains={"i-2": record}))) == ["CancelDrain i-2 below_desired"]


def test_a_lost_node_is_not_ended_while_anybody_is_on_it() -> None:
    silent = node(4, status=ServerStatus.DOWN, sessions=7, heartbeat=STALE, answers=False)
    shot = snapshot(node(1), node(2), node(3), silent, cpu=dict.fromkeys((1, 2, 3), 60.0))
    steps = made(shot, seasoned(1, 2, 3, 4, suspects={"i-4": LONG_AGO}))
    assert (told(steps), refused(steps)) == ([], [("sessions_live", 1, 0)])


def test_a_lost_nodes_own_silence_does_not_keep_it_for_ever() -> None:
    frozen = Gap("mongodb", "i-4", LONG_AGO, "its heartbeat is stale")
    silent = node(4, status=None, heartbeat=STALE, answers=False, publishers=frozen)
    shot = snapshot(node(1), node(2), node(3), silent, cpu=dict.fromkeys((1, 2, 3), 60.0))
    assert told(made(shot, seasoned(1, 2, 3, 4, suspects={"i-4": LONG_AGO}))) == ["Terminate i-4 lost"]


def test_a_slot_that_serves_a_stranger_is_told_and_left() -> None:
    shot = snapshot(node(1), cpu={1: 60.0})
    lines = (*shot.proxies[0].servers, server(99, ServerStatus.UP))
    steps = made(replace(shot, proxies=(replace(shot.proxies[0], servers=lines),)), seasoned(1))
    assert (steps.actions, refused(steps)) == ((), [("foreign_server", 1, 0)])


def test_nothing_in_stock_is_a_reason() -> None:
    gone = {"/subnet-a": NOW + seconds(9), "/subnet-b": NOW + seconds(9)}
    steps = made(snapshot(node(1), cpu=hot(1)), seasoned(1, stock_outs=gone))
    assert (steps.actions, refused(steps)) == ((), [("stock_out", 2, 0)])


def test_a_node_stopped_while_it_drained_is_only_woken() -> None:
    stopped = node(2, state=InstanceState.STOPPED, status=None)
    steps = made(snapshot(node(1), stopped, cpu={1: 120.0}), seasoned(1, 2, drains={"i-2": EMPTY}))
    assert told(steps) == ["Wake i-2 below_desired"]


def test_tokens_of_another_origin_are_others() -> None:
    shot = snapshot(node(1), cpu=hot(1))
    tokens = [{a.token for a in made(shot, seasoned(1, origin=origin)).actions} for origin in ("one", "two")]
    assert not tokens[0] & tokens[1]


SIZES = {"launch_template": "t", "types": ["small", "big"], "weights": {"small": 1, "big": 4}, "subnets": ["subnet-a"]}
TOO_MANY = {"bounds": {"min": 1, "max": 4}, "launch": SIZES}
REMOVING = [{"step": {"signal": "cpu", "steps": [{"below": 20, "remove": 2}]}}]


def drained_of(publishers: int, busy: float, **rules: Any) -> tuple[list[str], list[tuple[str, int, int]]]:
    """Two empty big nodes, and four small ones with sessions, some with publishers too."""
    big = [node(number, instance_type="big") for number in (1, 2)]
    small = [
        node(number, instance_type="small", sessions=number, publishers=int(number < 3 + publishers))
        for number in (3, 4, 5, 6)
    ]
    steps = made(
        snapshot(*big, *small, cpu=dict.fromkeys(range(1, 7), busy)), seasoned(*range(1, 7)), policy(**rules)
    )  # fmt: skip
    return [action.instance_id for action in only(steps, Drain)], refused(steps)


@pytest.mark.parametrize(("busy", "rules"), [(55.0, TOO_MANY), (10.0, {"launch": SIZES, "scale": REMOVING})])
def test_of_so_many_nodes_the_smallest_go(busy: float, rules: dict[str, Any]) -> None:
    """Two of six are two of the twelve that they are worth, and not eight; and who publishes stays."""
    assert drained_of(0, busy, **rules) == (["i-3", "i-4"], [])
    assert drained_of(2, busy, **rules) == (["i-5", "i-6"], [])
    assert drained_of(3, busy, **rules) == (["i-6"], [("protected", 2, 1)])
    assert drained_of(4, busy, **rules) == ([], [("protected", 2, 0)])


def test_a_load_that_can_spare_the_largest_lets_the_emptiest_go() -> None:
    """At 30 % of twelve six are needed, at 60 %: one goes, as it may be worth four."""
    assert drained_of(0, 30.0, launch=SIZES) == (["i-1"], [])
