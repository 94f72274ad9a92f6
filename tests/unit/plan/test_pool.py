"""The warm pool: what goes into it, what comes out of it, and what must leave it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from autoscaler.decide.pipeline import decide
from autoscaler.model.decision import Phase
from autoscaler.model.memory import DrainRecord, EndingRecord, LaunchRecord, Memory, WakeRecord
from autoscaler.model.plan import Launch, Plan, Stop, Wake
from autoscaler.model.snapshot import Gap, Heartbeat, InstanceState, Node, ServerStatus
from autoscaler.plan.guard import guard
from autoscaler.plan.planner import plan
from autoscaler.policy.schema import Policy
from tests.support.fleet import LONG_AGO, MONGO_GAP, NOW, PROXY_GAP, node, policy, seasoned, seconds, snapshot, view

EMPTY = DrainRecord(LONG_AGO, empty_since=NOW - seconds(30))


def pooled(stopped: int = 2, **changes: Any) -> Policy:
    launch = {"launch_template": "ams-edge", "subnets": ["subnet-a", "subnet-b"], **changes.pop("launch", {})}
    return policy(launch={**launch, "warm_pool": {"stopped": stopped}}, **changes)


def asleep(number: int, **facts: Any) -> Node:
    """A stopped node, whose row in MongoDB is of its last life."""
    about = {"state": InstanceState.STOPPED, "status": None, "heartbeat": Heartbeat(LONG_AGO, 5.0), **facts}
    return node(number, **about)


def filling(number: int, **facts: Any) -> Node:
    return node(number, **{"status": None, "answers": True, "launched_at": NOW - seconds(90), **facts})


def booting(number: int, **facts: Any) -> Node:
    return filling(number, heartbeat=None, answers=False, **facts)


def drained(number: int, **facts: Any) -> Node:
    return node(number, status=ServerStatus.MAINT, **facts)


def remembered(*serving: int, pool: tuple[int, ...] = (), **facts: Any) -> Memory:
    return seasoned(*serving, pool={f"i-{number}": LONG_AGO for number in pool}, **facts)


def made(*nodes: Node, memory: Memory, rules: Policy | None = None, cpu: float = 55.0, **facts: Any) -> Plan:
    """The plan for node 1, in service at `cpu` percent, and for others."""
    rules = rules or pooled()
    shot = snapshot(node(1), *nodes, cpu={1: cpu}, **facts)
    decision, after = decide(shot, rules, memory)
    return plan(decision, view(shot, rules, after))


def told(steps: Plan) -> list[str]:
    return [f"{type(action).__name__} {action.subject} {action.why}" for action in steps.actions]


def filled(steps: Plan) -> int:
    """How many nodes are launched for the pool; none for the group itself."""
    launches = [action for action in steps.actions if isinstance(action, Launch)]
    assert all(launch.pool and launch.why == "pool_short" and not launch.spec.spot for launch in launches)
    return sum(launch.count for launch in launches)


# What goes in -------------------------------------------------------------------------------------------------------


def test_a_drained_node_is_stopped_while_the_pool_has_room() -> None:
    memory = remembered(1, 2, 3, 4, pool=(5,), drains=dict.fromkeys(("i-2", "i-3"), EMPTY))
    steps = made(drained(2), drained(3), asleep(5), memory=memory)
    assert told(steps) == ["Stop i-2 drained", "Terminate i-3 drained"]


@pytest.mark.parametrize(
    ("facts", "rules"),
    [
        ({"spot": True}, pooled()),
        ({"launched_at": NOW - timedelta(days=8)}, pooled()),
        ({"subnet": "subnet-c"}, pooled()),
        ({}, pooled(launch={"types": ["c7i.xlarge"]})),
        ({}, policy()),
    ],
    ids=["spot", "old", "of a subnet of the past", "of a type of the past", "without a pool"],
)
def test_what_would_not_be_launched_now_is_ended(facts: dict[str, Any], rules: Policy) -> None:
    steps = made(drained(2, **facts), memory=remembered(1, 2, drains={"i-2": EMPTY}), rules=rules)
    assert [line for line in told(steps) if "i-2" in line] == ["Terminate i-2 drained"]


def test_a_lost_node_and_one_that_failed_to_join_are_ended() -> None:
    stale = Heartbeat(NOW - seconds(60))
    nodes = [node(2, status=None, heartbeat=stale, answers=False), node(3, status=None, heartbeat=None)]
    steps = made(*nodes, memory=remembered(1, suspects={"i-2": LONG_AGO}, pool=(3,)))
    assert [line for line in told(steps) if "Launch" not in line] == [
        "Terminate i-2 lost",
        "Terminate i-3 failed_to_join",
    ]


def test_a_short_pool_is_filled_no_faster_than_the_surge() -> None:
    assert filled(made(memory=remembered(1))) == 1
    assert filled(made(memory=remembered(1), rules=pooled(9, bounds={"min": 1, "max": 30}))) == 3
    assert filled(made(booting(2), memory=remembered(1, pool=(2,)))) == 0
    promised = LaunchRecord("t", "subnet-a", "", 1, NOW, ("i-9",), pool=True)
    assert filled(made(memory=remembered(1, launches=(promised,)))) == 0
    assert filled(made(asleep(2), memory=remembered(1, pool=(2,)))) == 1
    assert filled(made(asleep(2), asleep(3), memory=remembered(1, pool=(2, 3)))) == 0
    assert filled(made(memory=remembered(1), rules=policy())) == 0


def test_what_is_stopped_in_this_cycle_is_not_launched_as_well() -> None:
    steps = made(drained(2), memory=remembered(1, 2, drains={"i-2": EMPTY}), rules=pooled(1))
    assert told(steps) == ["Stop i-2 drained"]


def test_who_drains_is_not_lacking_in_the_pool() -> None:
    memory = remembered(1, 2, drains={"i-2": DrainRecord(NOW)})
    watched = node(2, status=ServerStatus.DRAIN, sessions=1)
    assert told(made(watched, memory=memory, rules=pooled(1))) == []
    assert filled(made(watched, memory=memory)) == 1
    shrinking = snapshot(node(1), node(2), cpu={1: 10.0, 2: 10.0})
    decision, after = decide(shrinking, pooled(1), remembered(1, 2))
    assert told(plan(decision, view(shrinking, pooled(1), after))) == ["Drain i-1 above_desired"]
    spot = node(2, status=ServerStatus.DRAIN, sessions=1, spot=True)
    assert filled(made(spot, memory=memory, rules=pooled(1))) == 1  # it will not be stopped


def test_no_pool_is_filled_while_the_group_grows_or_everything_is_out_of_stock() -> None:
    growing = made(memory=remembered(1), cpu=120.0)
    assert [action.pool for action in growing.actions if isinstance(action, Launch)] == [False]
    gone = {"/subnet-a": NOW + seconds(9), "/subnet-b": NOW + seconds(9)}
    assert told(made(memory=remembered(1, stock_outs=gone))) == []


def test_a_pool_never_holds_what_max_would_not_let_start() -> None:
    full = pooled(bounds={"min": 1, "max": 2})
    assert filled(made(asleep(2), memory=remembered(1, pool=(2,)), rules=full)) == 0
    assert filled(made(memory=remembered(1), rules=full)) == 1
    leaving = [drained(number, sessions=1, spot=True) for number in (2, 3)]  # all that max and the surge allow
    memory = remembered(1, 2, 3, drains=dict.fromkeys(("i-2", "i-3"), EMPTY))
    steps = made(*leaving, memory=memory, rules=full)
    assert (filled(steps), steps.refusals) == (0, ())


def test_who_fills_the_pool_is_no_capacity_and_is_never_registered() -> None:
    starting = booting(4, state=InstanceState.PENDING)
    shot = snapshot(node(1), filling(2), booting(3), starting, cpu={1: 55.0})
    decision, after = decide(shot, pooled(3), remembered(1, pool=(2, 3, 4)))
    assert decision.current == decision.desired == 1
    assert [decision.phases[f"i-{number}"] for number in (2, 3, 4)] == [Phase.FILLING] * 3
    assert told(plan(decision, view(shot, pooled(3), after))) == ["Stop i-2 pool_joined"]


def test_what_a_launch_brought_is_known_as_the_pools_once_it_is_listed() -> None:
    answered = LaunchRecord("t", "subnet-a", "", 2, NOW, ("i-2", "i-3"), pool=True)
    unanswered = LaunchRecord("u", "subnet-a", "", 1, NOW, pool=True)
    shot = snapshot(node(1), booting(2, token="t"), booting(4, token="u"), booting(5, token="v"), cpu={1: 55.0})
    decision, after = decide(shot, pooled(), remembered(1, launches=(answered, unanswered)))
    assert {*after.pool} == {"i-2", "i-4"}
    assert [launch.instance_ids for launch in after.launches] == [("i-3",)]
    assert (decision.current, decision.phases["i-5"]) == (2, Phase.BOOTING)


def test_an_unanswered_launch_for_the_pool_is_repeated_for_the_pool() -> None:
    record = LaunchRecord("fill-before-the-crash", "subnet-b", "", 1, NOW, pool=True)
    (launch,) = made(memory=remembered(1, launches=(record,))).actions
    assert isinstance(launch, Launch)
    assert (launch.token, launch.pool, launch.why) == ("fill-before-the-crash", True, "launch_unanswered")


def test_a_node_of_the_pool_that_somebody_put_into_service_is_the_pools_no_more() -> None:
    _, after = decide(snapshot(node(1), node(2), cpu={1: 55.0}), pooled(), remembered(1, pool=(2,)))
    assert after.pool == {}


# What comes out -----------------------------------------------------------------------------------------------------


def test_who_joined_serves_first_then_who_sleeps_then_who_boots_and_then_new_ones() -> None:
    starting = booting(5, state=InstanceState.PENDING, launched_at=NOW - seconds(95))
    steps = made(
        booting(2), asleep(3), filling(4), starting,
        memory=remembered(1, pool=(2, 3, 4, 5)), rules=pooled(4), cpu=360.0,
    )  # fmt: skip
    assert told(steps) == [
        "Wake i-4 below_desired", "Wake i-3 below_desired", "Wake i-5 below_desired", "Wake i-2 below_desired",
        "Launch subnet-b below_desired",
    ]  # fmt: skip
    (_, wake, *_) = steps.actions
    assert isinstance(wake, Wake)
    assert (wake.instance_type, wake.subnet) == ("c5.xlarge", "subnet-a")  # by which a stock-out is remembered


def test_only_as_many_as_wanted_are_woken() -> None:
    steps = made(asleep(2), asleep(3), memory=remembered(1, pool=(2, 3)), cpu=120.0)
    assert told(steps) == ["Wake i-2 below_desired"]


def test_what_still_stops_cannot_be_woken() -> None:
    stopping = asleep(2, state=InstanceState.STOPPING)
    assert told(made(stopping, memory=remembered(1, pool=(2,)), rules=pooled(1), cpu=120.0)) == [
        "Launch subnet-b below_desired"
    ]
    assert told(made(stopping, memory=remembered(1, pool=(2,)), rules=pooled(1))) == []  # it is as good as there


def test_a_woken_node_takes_a_slot_that_no_launch_may_count_on() -> None:
    steps = made(asleep(2), memory=remembered(1, pool=(2,)), cpu=180.0, free=1)
    assert told(steps) == ["Wake i-2 below_desired"]
    assert [(r.code, r.before, r.after) for r in steps.refusals] == [("no_free_slot", 1, 0)]


@pytest.mark.parametrize(
    ("memory", "told_so"),
    [
        ({"stock_outs": {"c5.xlarge/subnet-a": NOW + seconds(1)}}, "Launch"),
        ({"wakes": {"i-2": WakeRecord(NOW - seconds(179), answered=True, failed=True)}}, "Launch"),
        ({"wakes": {"i-2": WakeRecord(NOW - seconds(180), answered=True, failed=True)}}, "Wake"),
    ],
    ids=["out of stock", "just refused", "refused long ago"],
)
def test_where_waking_failed_something_is_launched(memory: dict[str, Any], told_so: str) -> None:
    steps = made(asleep(2), memory=remembered(1, pool=(2,), **memory), rules=pooled(1), cpu=120.0)
    assert [type(action).__name__ for action in steps.actions] == [told_so]


@pytest.mark.parametrize("now_listed_as", [InstanceState.STOPPED, InstanceState.PENDING, InstanceState.RUNNING])
def test_a_woken_node_is_capacity_on_its_way_whatever_ec2_lists(now_listed_as: InstanceState) -> None:
    woken = asleep(2, state=now_listed_as, heartbeat=None, launched_at=NOW)
    memory = remembered(1, pool=(2,), wakes={"i-2": WakeRecord(NOW - seconds(60), answered=True)})
    steps = made(woken, memory=memory, rules=pooled(1), cpu=120.0)
    assert steps.decision.phases["i-2"] in {Phase.PENDING, Phase.BOOTING}
    assert (steps.decision.current, [line for line in told(steps) if "i-2" in line]) == (2, [])


def test_a_wake_that_was_never_answered_is_asked_for_again() -> None:
    asked = {"i-2": WakeRecord(NOW - seconds(60))}
    steps = made(asleep(2), memory=remembered(1, pool=(2,), wakes=asked), rules=pooled(1), cpu=120.0)
    assert (told(steps)[0], steps.decision.current) == ("Wake i-2 wake_unanswered", 2)
    started = asleep(2, state=InstanceState.PENDING, launched_at=NOW)
    steps = made(started, memory=remembered(1, pool=(2,), wakes=asked), rules=pooled(1), cpu=120.0)
    assert not any("i-2" in line for line in told(steps))
    long_ago = remembered(1, pool=(2,), wakes={"i-2": WakeRecord(NOW - seconds(61))})
    assert told(made(asleep(2), memory=long_ago, rules=pooled(1))) == []  # nobody wants it any more
    assert told(made(asleep(2), memory=long_ago, rules=pooled(1), cpu=120.0)) == ["Wake i-2 below_desired"]


def test_a_woken_node_has_to_join_anew() -> None:
    memory = remembered(1, pool=(2,), wakes={"i-2": WakeRecord(NOW - seconds(60), answered=True)})
    awake = node(2, status=None, answers=True, launched_at=NOW - seconds(60))
    assert told(made(awake, memory=memory, rules=pooled(0))) == ["Register i-2 joined"]
    never = node(2, status=None, heartbeat=None, answers=False, launched_at=NOW - seconds(600))
    assert told(made(never, memory=memory, rules=pooled(0))) == ["Terminate i-2 failed_to_join"]


def test_once_it_serves_a_woken_node_is_like_any_other() -> None:
    memory = remembered(1, pool=(2,), wakes={"i-2": WakeRecord(NOW - seconds(90))})
    _, after = decide(snapshot(node(1), node(2), cpu={1: 55.0}), pooled(), memory)
    assert (after.pool, after.wakes, after.admitted["i-2"]) == ({}, {}, NOW)


# What never comes ---------------------------------------------------------------------------------------------------


def hung(number: int, **facts: Any) -> Node:
    """It joined once and answers, but its heartbeat fell silent; and it was launched ten minutes ago."""
    about = {"heartbeat": Heartbeat(NOW - seconds(120), 5.0), "launched_at": NOW - timedelta(minutes=10), **facts}
    return filling(number, **about)


def test_a_node_that_hangs_on_its_way_into_the_pool_is_ended_and_replaced() -> None:
    steps = made(hung(2), memory=remembered(1, pool=(2,)), rules=pooled(1))
    assert (steps_for(steps, "i-2"), filled(steps)) == (["Terminate i-2 pool_hung"], 1)
    in_time = hung(2, launched_at=NOW - timedelta(minutes=10) + seconds(1))
    assert told(made(in_time, memory=remembered(1, pool=(2,)), rules=pooled(1))) == []


@pytest.mark.parametrize(
    ("node_2", "why"),
    [
        (hung(2, publishers=1), "publisher_live"),
        (hung(2, publishers=MONGO_GAP), "publisher_live"),
        (hung(2, sessions=PROXY_GAP), "sessions_live"),
        (hung(2, status=ServerStatus.DOWN), "was_in_service"),
        (hung(2, status=ServerStatus.MAINT, publishers=1), "publisher_live"),
        (hung(2, status=ServerStatus.MAINT, sessions=1), "sessions_live"),
        (hung(2, status=ServerStatus.MAINT, sessions=PROXY_GAP), "sessions_live"),
        (hung(2, sessions=PROXY_GAP, heartbeat=Heartbeat(NOW)), "sessions_live"),
    ],
)
def test_who_hangs_and_may_not_be_ended_holds_up_nobody_and_is_told(node_2: Node, why: str) -> None:
    steps = made(node_2, memory=remembered(1, pool=(2,)), rules=pooled(1))
    assert [refusal.code for refusal in steps.refusals] == [why]
    assert filled(steps) == 1
    assert steps_for(steps, "i-2") == []


@pytest.mark.parametrize(
    ("node_2", "then"), [(filling(2), "Stop i-2 pool_joined"), (hung(2), "Terminate i-2 pool_hung")]
)
def test_a_slot_that_was_left_at_the_address_of_a_pools_node_is_freed_first(node_2: Node, then: str) -> None:
    """EC2 gives addresses again. Nobody is on such a slot and nobody can come; then the node is as any other."""
    closed = replace(node_2, servers=node(2, status=ServerStatus.MAINT).servers)
    for each, step in ((closed, "Forget slot2 slot_left_over"), (node_2, then)):
        steps = made(each, memory=remembered(1, pool=(2,)), rules=pooled(1))
        assert ([line for line in told(steps) if "Launch" not in line], steps.refusals) == ([step], ())


@pytest.mark.parametrize("facts", [{"servers": PROXY_GAP}, {"status": ServerStatus.CHECKING}])
def test_a_slot_that_may_be_of_use_is_left(facts: dict[str, Any]) -> None:
    steps = made(filling(2, **facts), memory=remembered(1, pool=(2,)), rules=pooled(1))
    assert (steps_for(steps, "slot2"), [refusal.code for refusal in steps.refusals]) == ([], ["was_in_service"])


def test_who_hangs_is_not_counted_on_when_nodes_are_wanted() -> None:
    steps = made(hung(2), memory=remembered(1, pool=(2,)), cpu=95.0)
    assert steps_for(steps, "i-2") == ["Terminate i-2 pool_hung"]
    assert [action.pool for action in steps.actions if isinstance(action, Launch)] == [False]


# What must leave ----------------------------------------------------------------------------------------------------


def test_beyond_its_size_the_oldest_and_what_is_of_the_past_leave_the_pool() -> None:
    nodes = [
        asleep(2, launched_at=NOW - timedelta(days=2)),
        asleep(3, launched_at=NOW - timedelta(days=3)),
        asleep(4, launched_at=NOW - timedelta(days=1), subnet="subnet-c"),
    ]
    assert told(made(*nodes, memory=remembered(1, pool=(2, 3, 4)))) == ["Terminate i-4 pool_surplus"]
    assert told(made(*nodes, memory=remembered(1, pool=(2, 3, 4)), rules=pooled(1))) == [
        "Terminate i-4 pool_surplus",
        "Terminate i-3 pool_surplus",
    ]


def test_an_old_node_is_replaced_before_it_is_ended() -> None:
    old = asleep(2, launched_at=NOW - timedelta(days=7))
    short = made(old, memory=remembered(1, pool=(2,)), rules=pooled(1))
    assert (filled(short), [line for line in told(short) if "i-2" in line]) == (1, [])
    full = made(old, asleep(3), memory=remembered(1, pool=(2, 3)), rules=pooled(1))
    assert told(full) == ["Terminate i-2 pool_surplus"]


def test_when_the_policy_has_no_pool_any_more_it_is_dissolved() -> None:
    nodes = [asleep(2), filling(3), booting(4)]
    steps = made(*nodes, memory=remembered(1, pool=(2, 3, 4)), rules=policy())
    assert sorted(told(steps)) == [f"Terminate i-{number} pool_surplus" for number in (2, 3, 4)]


@pytest.mark.parametrize("rules", [policy(), pooled(1)])
def test_what_somebody_else_stopped_is_never_ended(rules: Policy) -> None:
    assert told(made(asleep(2), asleep(3), memory=remembered(1), rules=rules)) == []


def test_a_node_that_was_started_and_sleeps_again_is_replaced() -> None:
    memory = remembered(1, pool=(2,), wakes={"i-2": WakeRecord(NOW - seconds(61), answered=True)})
    steps = made(asleep(2), memory=memory, rules=pooled(1))
    assert told(steps) == ["Terminate i-2 wake_failed", "Launch subnet-b pool_short"]
    steps = made(asleep(2), memory=memory, rules=pooled(1), cpu=120.0)
    assert told(steps) == ["Launch subnet-b below_desired", "Terminate i-2 wake_failed"]


def test_sleepers_that_cannot_start_make_room_for_nodes_that_serve() -> None:
    rules = pooled(2, bounds={"min": 1, "max": 3})
    gone = {"c5.xlarge/subnet-a": NOW + seconds(9)}
    sleepers = [asleep(number) for number in (2, 3)]
    steps = made(*sleepers, memory=remembered(1, pool=(2, 3), stock_outs=gone), rules=rules, cpu=180.0)
    assert told(steps) == ["Launch subnet-b below_desired", "Terminate i-2 pool_surplus"]
    assert [(r.code, r.before, r.after) for r in steps.refusals] == [("max_instances", 2, 1)]


@pytest.mark.parametrize(
    ("until", "expected"),
    [(NOW + seconds(1), "Terminate i-2 drained"), (NOW, "Stop i-2 drained")],
    ids=["lately", "long ago"],
)
def test_while_ec2_stops_nothing_drained_nodes_are_ended(until: datetime, expected: str) -> None:
    memory = remembered(1, 2, drains={"i-2": EMPTY}, no_stops_until=until)
    assert told(made(drained(2), memory=memory, rules=pooled(1))) == [expected]


def test_while_ec2_stops_nothing_the_pool_is_not_filled_and_who_sleeps_stays() -> None:
    memory = remembered(1, pool=(2, 3), no_stops_until=NOW + seconds(1))
    assert told(made(asleep(2), filling(3), memory=memory)) == ["Terminate i-3 pool_surplus"]


# What EC2 does not show yet -----------------------------------------------------------------------------------------


def ending(seconds_ago: float, *, stop: bool, answered: bool = True) -> dict[str, EndingRecord]:
    return {"i-2": EndingRecord(NOW - seconds(seconds_ago), stop=stop, answered=answered)}


def steps_for(steps: Plan, subject: str) -> list[str]:
    return [line for line in told(steps) if subject in line]


@pytest.mark.parametrize("stop", [True, False])
@pytest.mark.parametrize(
    "shown",
    [
        drained(2),
        node(2),  # even while a balancer says it is up
        filling(2),
        booting(2, state=InstanceState.PENDING),
        node(2, status=None, heartbeat=Heartbeat(NOW - seconds(60)), answers=False),
    ],
    ids=["drained", "up", "joined", "pending", "lost"],
)
def test_who_was_told_to_go_is_never_taken_back_nor_told_again(shown: Node, *, stop: bool) -> None:
    memory = remembered(1, drains={"i-2": EMPTY} if shown == drained(2) else {}, endings=ending(5, stop=stop))
    steps = made(shown, memory=replace(memory, pool={"i-2": LONG_AGO}), cpu=95.0)
    assert steps.decision.phases["i-2"] is (Phase.STOPPED if stop else Phase.TERMINATING)
    assert steps_for(steps, "i-2") == []
    assert sum(action.count for action in steps.actions if isinstance(action, Launch)) == 1
    assert steps.decision.current == 1


@pytest.mark.parametrize(("stop", "step"), [(True, "Stop"), (False, "Terminate")])
@pytest.mark.parametrize(("answered", "patience"), [(True, 180), (False, 15)])
def test_when_ec2_did_not_act_it_is_asked_again(step: str, patience: int, *, stop: bool, answered: bool) -> None:
    memory = remembered(1, 2, drains={"i-2": EMPTY})
    rules = pooled() if stop else policy()
    told = ending(patience, stop=stop, answered=answered)
    assert steps_for(made(drained(2), memory=replace(memory, endings=told), rules=rules), "i-2") == []
    told = ending(patience + 1, stop=stop, answered=answered)
    asked = made(drained(2), memory=replace(memory, endings=told), rules=rules)
    assert steps_for(asked, "i-2") == [f"{step} i-2 drained"]


def test_a_sleeper_that_was_ended_is_not_woken() -> None:
    memory = remembered(1, pool=(2,), endings=ending(5, stop=False))
    assert steps_for(made(asleep(2), memory=memory, cpu=95.0), "i-2") == []


def test_what_sleeps_as_it_was_told_may_be_woken_at_once() -> None:
    memory = remembered(1, pool=(2,), endings=ending(60, stop=True))
    assert told(made(asleep(2), memory=memory, cpu=95.0)) == ["Wake i-2 below_desired"]


def test_what_was_started_since_lives_again() -> None:
    memory = remembered(1, endings=ending(60, stop=True))
    assert steps_for(made(filling(2, launched_at=NOW - seconds(40)), memory=memory), "i-2") == ["Register i-2 joined"]


def test_the_pool_does_not_forget_whom_ec2_shows_stopped_later() -> None:
    memory = remembered(1, 2, pool=(2,), drains={"i-2": EMPTY}, endings=ending(5, stop=True))
    shot = snapshot(node(1), drained(2), cpu={1: 55.0})
    _, after = decide(shot, pooled(), memory)
    assert after.pool == {"i-2": LONG_AGO}
    assert filled(made(drained(2), memory=memory, rules=pooled(1))) == 0


# The guard ----------------------------------------------------------------------------------------------------------


def verdict(action: str, *nodes: Node, memory: Memory, **facts: Any) -> list[str]:
    """Which code strikes a stop, or an end, of node 2."""
    shot = snapshot(node(1), *nodes, cpu={1: 55.0}, **facts)
    decision, after = decide(shot, pooled(), memory)
    about: dict[str, Any] = {"token": "t", "why": "test", "instance_id": "i-2", "ip": "10.0.0.2", "endpoints": ()}
    steps = (Stop(**about),) if action == "stop" else made(asleep(2), memory=remembered(1, pool=(2,)), rules=policy())
    actions = steps if isinstance(steps, tuple) else steps.actions
    guarded = guard(Plan(decision, actions), view(shot, pooled(), after))
    assert len(guarded.actions) + len(guarded.refusals) == 1
    return [reason.code for reason in guarded.refusals]


IN_POOL = remembered(1, pool=(2,))
DRAINING = remembered(1, 2, drains={"i-2": EMPTY})


@pytest.mark.parametrize(
    ("nodes", "memory", "why"),
    [
        ([drained(2)], DRAINING, []),
        ([filling(2)], IN_POOL, []),
        ([node(2)], remembered(1, 2), ["not_drained"]),
        ([drained(2, sessions=1)], DRAINING, ["not_drained"]),
        ([drained(2, publishers=1)], DRAINING, ["publisher_live"]),
        ([filling(2, publishers=1)], IN_POOL, ["publisher_live"]),
        ([filling(2, publishers=MONGO_GAP)], IN_POOL, ["publisher_live"]),
        ([filling(2, sessions=1)], IN_POOL, ["sessions_live"]),
        ([filling(2, sessions=PROXY_GAP)], IN_POOL, ["sessions_live"]),
        ([filling(2, status=ServerStatus.CHECKING)], IN_POOL, ["was_in_service"]),
        ([node(2, status=None, heartbeat=None)], IN_POOL, ["not_drained"]),  # it failed to join: it is ended
        ([asleep(2)], IN_POOL, ["not_drained"]),
        ([], IN_POOL, ["fleet_unknown"]),
    ],
)
def test_a_stop_breaks_no_invariant(nodes: list[Node], memory: Memory, why: list[str]) -> None:
    assert verdict("stop", *nodes, memory=memory) == why


@pytest.mark.parametrize(("memory", "why"), [(IN_POOL, []), (remembered(1), ["not_drained"])])
def test_only_what_we_stopped_is_ended_in_its_sleep(memory: Memory, why: list[str]) -> None:
    assert verdict("end", asleep(2), memory=memory) == why


def test_nothing_is_stopped_without_a_list_of_instances() -> None:
    gap = Gap("ec2", "*", NOW, "")
    assert verdict("stop", drained(2), memory=DRAINING, gaps=(gap,)) == ["fleet_unknown"]


def test_sleepers_count_against_max() -> None:
    about: dict[str, Any] = {"group": "edge", "spec": pooled().launch, "subnet": "subnet-a", "token": "t", "why": "w"}
    shot = snapshot(node(1), asleep(2), asleep(3), node(4, state=InstanceState.SHUTTING_DOWN, status=None))
    decision, after = decide(shot, pooled(), remembered(1, pool=(2, 3)))
    guarded = guard(Plan(decision, (Launch(count=20, **about),)), view(shot, pooled(), after))
    assert [action.count for action in guarded.actions if isinstance(action, Launch)] == [8]


def test_what_was_launched_for_the_pool_counts_against_max_before_it_is_listed() -> None:
    about: dict[str, Any] = {"group": "edge", "spec": pooled().launch, "subnet": "subnet-a", "token": "t", "why": "w"}
    promised = LaunchRecord("u", "subnet-a", "", 3, NOW, pool=True)
    shot = snapshot(node(1))
    decision, after = decide(shot, pooled(), remembered(1, launches=(promised,)))
    guarded = guard(Plan(decision, (Launch(count=20, **about),)), view(shot, pooled(), after))
    assert [action.count for action in guarded.actions if isinstance(action, Launch)] == [7]


def test_who_is_woken_is_not_stopped_as_well() -> None:
    about: dict[str, Any] = {"token": "t", "why": "w", "instance_id": "i-2", "ip": "10.0.0.2"}
    shot = snapshot(node(1), filling(2))
    decision, after = decide(shot, pooled(), IN_POOL)
    guarded = guard(Plan(decision, (Wake(**about), Stop(**about, endpoints=()))), view(shot, pooled(), after))
    assert [type(action) for action in guarded.actions] == [Wake]
    assert [reason.code for reason in guarded.refusals] == ["both_ways"]


# HAProxy ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "status", "steps"),
    [
        (InstanceState.STOPPED, ServerStatus.MAINT, ["Forget slot2 instance_stopped"]),
        (InstanceState.STOPPED, ServerStatus.DOWN, ["Forget slot2 instance_stopped"]),
        (InstanceState.STOPPED, ServerStatus.UP, []),  # its health check will fail
        (InstanceState.STOPPING, ServerStatus.MAINT, []),
    ],
)
def test_a_sleeper_leaves_its_slot_to_others(state: InstanceState, status: ServerStatus, steps: list[str]) -> None:
    found = made(asleep(2, state=state, status=status), memory=remembered(1, pool=(2,)), rules=pooled(1))
    assert (told(found), found.refusals) == (steps, ())
