"""Who is looked at one by one, and that the others are what they would be if they were, too."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings

from autoscaler.decide.capacity import next_type, weight
from autoscaler.decide.classify import classify, overdue, suspect, unseen, used
from autoscaler.decide.roster import Member, Roster, call_roll
from autoscaler.decide.track import track
from autoscaler.decide.view import View
from autoscaler.model.decision import LEAVING, WARMING, Phase
from autoscaler.model.memory import LONGEST_BLINK, DrainRecord, EndingRecord, Memory, WakeRecord
from autoscaler.model.snapshot import InstanceState, Node, ServerStatus
from autoscaler.policy.schema import Policy
from tests.support.facts import Facts, facts, memories, rules
from tests.support.fleet import (
    BACKEND,
    LONG_AGO,
    NOW,
    PORT,
    PROXY_GAP,
    node,
    policy,
    seasoned,
    seconds,
    server,
    snapshot,
    view,
)

STOPPED = {"state": InstanceState.STOPPED, "status": None}


def apart(*nodes: Node, **memory: Any) -> tuple[set[str], set[str], list[str]]:
    looked = view(snapshot(*nodes), memory=seasoned(1, 2, **memory))
    return {*looked.settled}, {*looked.asleep}, [node.instance_id for node in looked.others]


@pytest.mark.parametrize(
    ("facts", "memory", "expected"),
    [
        ({}, {}, "settled"),
        ({"heartbeat": None}, {}, "settled"),
        ({"sessions": PROXY_GAP, "answers": False}, {}, "settled"),
        ({}, {"drains": {"i-2": DrainRecord(NOW)}}, "others"),
        ({}, {"endings": {"i-2": EndingRecord(NOW)}}, "others"),
        ({"servers": PROXY_GAP}, {}, "others"),
        ({"status": None}, {}, "others"),
        *(({"status": status}, {}, "others") for status in ServerStatus if status is not ServerStatus.UP),
        *(({"state": state}, {}, "others") for state in InstanceState if state not in {"running", "stopped"}),
        ({"state": InstanceState.STOPPED}, {}, "asleep"),  # until its health check fails, it seems to serve
        (STOPPED, {}, "asleep"),
        (STOPPED, {"drains": {"i-2": DrainRecord(NOW)}, "pool": {"i-2": NOW}}, "asleep"),
        (STOPPED, {"wakes": {"i-2": WakeRecord(NOW)}}, "others"),
        (STOPPED, {"endings": {"i-2": EndingRecord(NOW, stop=True)}}, "others"),
    ],
)
def test_who_is_looked_at_one_by_one(facts: dict[str, Any], memory: dict[str, Any], expected: str) -> None:
    settled, asleep, others = apart(node(1), node(2, **facts), **memory)
    assert "i-1" in settled
    assert {"settled": "i-2" in settled, "asleep": "i-2" in asleep, "others": "i-2" in others} == {
        name: name == expected for name in ("settled", "asleep", "others")
    }


def test_nobody_serves_without_a_balancer_or_short_of_a_backend() -> None:
    shot = snapshot(node(1))
    both = policy(load_balancer=[{"backend": name, "port": PORT} for name in (BACKEND, "backend_rtmp")])
    assert view(shot).serving == {"i-1"}
    assert view(replace(shot, proxies=())).serving == frozenset()
    assert view(shot, both).serving == frozenset()


def test_the_others_stand_in_their_order() -> None:
    nodes = [node(number, status=ServerStatus.UP if number == 3 else ServerStatus.DOWN) for number in (4, 3, 1, 2)]
    assert apart(*nodes) == ({"i-3"}, set(), ["i-4", "i-1", "i-2"])


def test_members_are_the_same_for_as_long_as_who_they_are_and_what_they_are_worth() -> None:
    large = node(2, instance_type="c5.2xlarge")
    looked = view(snapshot(node(1), large), policy(), seasoned(1, 2))
    members = call_roll(looked).in_service
    assert members == (Member("i-1", 1.0, cold=False), Member("i-2", 1.0, cold=False))
    busier = replace(looked, snapshot=replace(looked.snapshot, samples={}))
    assert call_roll(busier).in_service is members
    types = policy(launch={"launch_template": "t", "subnets": ["subnet-a"], "types": ["c5.xlarge", "c5.2xlarge"]})
    sized = View(replace(looked.snapshot, vcpus={"c5.xlarge": 4, "c5.2xlarge": 8}), types, looked.memory)
    assert call_roll(sized).in_service == (members[0], Member("i-2", 2.0, cold=False))
    assert call_roll(looked).in_service == members


@pytest.mark.parametrize(
    ("admitted", "cold"), [(LONG_AGO, False), (NOW - seconds(60), False), (NOW - seconds(59), True), (None, True)]
)
def test_who_warms_up_is_cold_and_makes_nobody_else_so(admitted: Any, cold: bool) -> None:  # noqa: FBT001 - a case
    warm = policy(warm_up="60s")
    memory = Memory(admitted={"i-1": LONG_AGO} | ({"i-2": admitted} if admitted else {}))
    roster = call_roll(view(snapshot(node(1), node(2)), warm, memory))
    assert [member.cold for member in roster.in_service] == [False, cold]
    assert roster.cold is cold


def test_a_node_that_its_balancers_silence_keeps_in_service_stands_in_its_place() -> None:
    nodes = [node(1), node(2, servers=PROXY_GAP), node(3)]
    roster = call_roll(view(snapshot(*nodes), memory=seasoned(1, 2, 3)))
    assert [member.instance_id for member in roster.in_service] == ["i-1", "i-2", "i-3"]


def test_who_served_and_is_out_of_service_stays_admitted_in_its_place_until_it_is_started_anew() -> None:
    down = server(2, ServerStatus.DOWN)
    nodes = [node(1), node(2, servers=(down,)), node(3, servers=(down,), launched_at=NOW), node(4)]
    memory = track(view(snapshot(*nodes), memory=seasoned(1, 2, 3, 4)))
    assert list(memory.admitted) == ["i-1", "i-2", "i-4"]
    assert memory.outside == {"i-2": NOW, "i-3": NOW}


def test_a_wake_is_remembered_without_a_pool() -> None:
    """Somebody stopped the node by hand; it is not woken again while EC2 still lists it as stopped."""
    wakes = {"i-1": WakeRecord(NOW)}
    asleep, gone = view(snapshot(node(1, **STOPPED)), memory=Memory(wakes=wakes)), view(snapshot(), memory=Memory())
    assert track(asleep).wakes == wakes
    assert call_roll(asleep).phases == {"i-1": Phase.PENDING}
    assert track(replace(gone, memory=asleep.memory)).wakes == {}


@given(facts(), rules(), memories())
@settings(max_examples=100)
@pytest.mark.usefixtures("untraced")
def test_a_roll_is_what_each_node_answers(told: Facts, policy: Policy, memory: Memory) -> None:
    looked = View(told.seen(policy, memory), policy, memory)
    roster = call_roll(looked)
    expected = one_by_one(looked)
    assert list(roster.phases) == list(expected.phases)
    assert replace(roster, capacity=expected.capacity) == expected
    assert roster.capacity == pytest.approx(expected.capacity)


_NOT_AT_WORK = {Phase.IN_SERVICE, Phase.STOPPED, Phase.PENDING, Phase.TERMINATING, Phase.LOST}


def one_by_one(view: View) -> Roster:
    """Call the roll without knowing anything of the nodes as a whole."""
    nodes = view.snapshot.nodes
    phases = {node.instance_id: classify(node, view) for node in nodes}
    in_service = [_member(node, view) for node in nodes if phases[node.instance_id] is Phase.IN_SERVICE]
    coming = [node for node in nodes if phases[node.instance_id] in WARMING and not overdue(node, view)]
    outside = [n for n in nodes if phases[n.instance_id] in {*Phase} - LEAVING - _NOT_AT_WORK]
    partly = [_member(node, view) for node in outside if used(node)]
    launched = unseen(view)
    serving = [member.weight for member in in_service]
    sizes = [*serving, *(weight(kind, view) for kind in (*(n.instance.instance_type for n in coming), *launched))]
    return Roster(
        phases=phases,
        in_service=tuple(in_service),
        at_work=(*in_service, *partly),
        leaving=tuple(_member(node, view) for node in nodes if phases[node.instance_id] in LEAVING),
        warming=len(coming),
        unseen=len(launched),
        sizes=tuple(sorted(sizes, reverse=True)),
        next_size=weight(next_type(view), view),
        capacity=sum(sizes),
        serving=sum(serving),
        sharing=sum(
            [member.weight for member in partly if member.instance_id in {n.instance_id for n in coming}], sum(serving)
        ),
        cold=any(member.cold for member in (*in_service, *partly)),
    )


def _member(node: Node, view: View) -> Member:
    since = view.memory.admitted.get(node.instance_id)
    cold = since is None or view.now - since < view.policy.warm_up
    return Member(node.instance_id, weight(node.instance.instance_type, view), cold)


@given(facts(), rules(), memories())
@settings(max_examples=100)
@pytest.mark.usefixtures("untraced")
def test_what_is_remembered_is_told_of_each_node(told: Facts, policy: Policy, memory: Memory) -> None:
    looked = View(told.seen(policy, memory), policy, memory)
    after = track(looked)
    if looked.snapshot.lacks("ec2"):
        assert after is memory
        return
    watched = memory.looked_at is not None and NOW - memory.looked_at <= LONGEST_BLINK
    running = [node for node in looked.snapshot.nodes if node.instance.state is InstanceState.RUNNING]
    serves = {node.instance_id: _serves(node, looked) for node in running}
    served = [node.instance_id for node in running if serves[node.instance_id] or _was_admitted(node, memory)]
    outside = [key for key, serving in serves.items() if not serving]
    assert list(after.admitted.items()) == [(key, memory.admitted.get(key, NOW)) for key in served]
    assert after.outside == {key: memory.outside.get(key, NOW) if watched else NOW for key in outside}
    assert after.suspects == {
        node.instance_id: memory.suspects.get(node.instance_id, NOW) if watched else NOW
        for node in running if suspect(node, looked)
    }  # fmt: skip
    assert after.drains.keys() == memory.drains.keys() & serves.keys()
    assert (after.lost_at == NOW) is bool(memory.admitted.keys() - serves.keys() - memory.drains.keys())
    ended = {*after.endings}
    beside = {node.instance_id for node in looked.snapshot.nodes} - ({*served} - ended)
    assert after.wakes.keys() == memory.wakes.keys() & beside
    assert memory.pool.keys() & beside <= after.pool.keys() <= beside


def _serves(node: Node, view: View) -> bool:
    lines = node.servers if isinstance(node.servers, tuple) else ()
    places = {(line.balancer, line.backend) for line in lines if line.status is ServerStatus.UP}
    return len(places) >= view.places > 0


def _was_admitted(node: Node, memory: Memory) -> bool:
    at = memory.admitted.get(node.instance_id)
    return at is not None and at >= node.instance.launched_at
