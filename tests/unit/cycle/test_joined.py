"""Nodes that are joined when they are looked at are what they would be, had each been made at once."""

from __future__ import annotations

import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings

from autoscaler.cycle.samples import sample
from autoscaler.decide.past import heard
from autoscaler.decide.pipeline import decide
from autoscaler.decide.view import View
from autoscaler.model.codec import from_plain, to_plain
from autoscaler.model.decision import Decision
from autoscaler.model.layout import layout_of
from autoscaler.model.memory import DrainRecord, Memory
from autoscaler.model.nodes import Given, Nodes
from autoscaler.model.plan import Plan
from autoscaler.model.recent import KEPT
from autoscaler.model.snapshot import (
    FleetSnapshot,
    Gap,
    Heartbeat,
    InstanceState,
    Server,
    ServerStatus,
    Streams,
)
from autoscaler.plan.planner import plan
from autoscaler.plan.remember import intend
from autoscaler.policy.schema import Policy
from tests.support.facts import BACKENDS, BALANCERS, Facts, facts, line, memories, proxy, rules, served, stories
from tests.support.fleet import LONG_AGO, NOW, instance, policy, seconds

_, RTMP = BACKENDS
LB1, LB2 = BALANCERS


def nodes(told: Facts, memory: Memory | None = None) -> Nodes:
    found = told.seen(policy(), memory or Memory()).nodes
    assert isinstance(found, Nodes)
    return found


def as_one(fleet: Nodes) -> dict[str, Any]:
    """Everything that is asked of nodes as a whole."""
    keys = [one.instance_id for one in fleet.instances]
    return {
        "nodes": list(fleet),
        "parts": [fleet[1:], fleet[-1:], fleet[::-1], [fleet[at] for at in range(-len(fleet), len(fleet))]],
        "instances": fleet.instances,
        "where": fleet.where,
        "found": [fleet.find(key) for key in (*keys, "i-99")],
        "of": fleet.of(keys[::-1]),
        "places up": fleet.places_up,
        "heartbeats": list(fleet.heartbeats),
        "uncounted": fleet.uncounted,
        "partly": [fleet.partly(key) for key in (*keys, "i-99")],
        "served": {
            (figure, backend): fleet.served(figure, backend)
            for figure in ("sessions", "queued")
            for backend in ("", *BACKENDS, "nowhere")
        },
        "text": repr(fleet),
    }


def two_balancers(**second: Any) -> Facts:
    """Nodes on two balancers, of which the second may be anything."""
    told = served(1, 2)
    lines = [line(1, balancer=LB2, sessions=4), line(2, ServerStatus.DOWN, balancer=LB2)]
    return replace(told, readings={**told.readings, LB2: proxy(LB2, lines, **second)})


def on_one(*lines: Server, **changes: Any) -> Facts:
    """Two nodes, and these servers."""
    return served(1, 2, readings={LB1: proxy(LB1, lines)}, **changes)


LATE = NOW - seconds(60)
OLD_ROW = Heartbeat(LONG_AGO - seconds(1), 50.0)
STATES = [instance(number, state=state) for number, state in enumerate(InstanceState)]

CASES = {
    "nobody": Facts(),
    "in service": served(1, 2),
    "on no balancer": served(1, 2, readings={}),
    "on a balancer without servers": on_one(),
    "on two balancers": two_balancers(),
    "on two of which one is deaf": replace(two_balancers(), readings={**two_balancers().readings, LB1: None}),
    "on two that are deaf": replace(two_balancers(), readings={LB1: None, LB2: None}),
    "reloaded": two_balancers(started_at=LATE),
    "reloaded, with its older workers": two_balancers(started_at=LATE, sees_old_workers=True),
    "one that is younger than the reload": replace(
        two_balancers(started_at=LATE), instances=(instance(1), instance(2, launched_at=NOW - seconds(5)))
    ),
    "in two backends": on_one(line(1), line(2), line(1, backend=RTMP, sessions=2, queued=1)),
    "on an older worker": on_one(line(1, ServerStatus.MAINT), line(1, name="77/slot1", sessions=9), line(2)),
    "two of one address": served(1, instances=(instance(1), replace(instance(2), ip="10.0.0.1"))),
    "one without an address": served(1, 2, instances=(replace(instance(1), ip=""), instance(2))),
    "up in any state": served(*range(6), instances=tuple(STATES)),
    "a row of an earlier launch": served(1, 2, heartbeats={"10.0.0.1": OLD_ROW, "10.0.0.2": Heartbeat(NOW, 1.0)}),
    "stale rows": served(1, 2, heartbeats={f"10.0.0.{n}": Heartbeat(NOW - seconds(19 + n), 50.0) for n in (1, 2)}),
    "a silent MongoDB": served(1, 2, heartbeats=None, streams=None),
    "streams": served(1, 2, streams=Streams({"10.0.0.2": 3}, {})),
    "an answer of one of two": on_one(answers={"10.0.0.2": False}),
    "a silent EC2": served(1, 2, instances=None),
}


@pytest.mark.parametrize("told", CASES.values(), ids=CASES)
def test_what_is_asked_of_all_nodes_is_what_each_of_them_says(told: Facts) -> None:
    fleet = nodes(told)
    assert as_one(fleet) == as_one(Given(tuple(fleet)))


@given(facts(), rules(), memories())
@settings(max_examples=60)
@pytest.mark.usefixtures("untraced")
def test_it_is_so_whatever_there_is_to_join(told: Facts, policy: Policy, memory: Memory) -> None:
    shot = told.seen(policy, memory)
    fleet, given = shot.nodes, Given(tuple(shot.nodes))
    assert isinstance(fleet, Nodes)
    assert as_one(fleet) == as_one(given)
    streams = shot.streams
    assert streams is not None
    assert sample(fleet, streams, NOW, ["live"]) == sample(given, streams, NOW, ["live"])


def test_threads_do_not_mix_up_what_they_look_at() -> None:
    told = [*CASES.values()] * 5
    alone = [as_one(nodes(each)) for each in told]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda each: as_one(nodes(each)), told)) == alone


def test_a_node_is_joined_once() -> None:
    fleet = nodes(served(1, 2))
    assert fleet[1] is fleet[1]
    assert fleet.find("i-2") is fleet[1]
    with pytest.raises(IndexError):
        fleet[2]


@pytest.mark.parametrize(
    ("case", "facts_of_the_second"),
    [
        ("in service", (20.0, 2, 0, None)),
        ("on two that are deaf", (20.0, Gap, 0, None)),
        ("reloaded", (20.0, Gap, 0, None)),
        ("reloaded, with its older workers", (20.0, 2, 0, None)),
        ("one that is younger than the reload", (20.0, 2, 0, None)),
        ("stale rows", (50.0, 2, Gap, None)),
        ("a silent MongoDB", (Gap, 2, Gap, None)),
        ("streams", (20.0, 2, 3, None)),
        ("an answer of one of two", (20.0, 0, 0, False)),
    ],
)
def test_what_is_joined(case: str, facts_of_the_second: tuple[object, ...]) -> None:
    node = nodes(CASES[case])[1]
    cpu = node.heartbeat.cpu_percent if isinstance(node.heartbeat, Heartbeat) else node.heartbeat
    found = (cpu, node.sessions, node.publishers, node.answers)
    assert tuple(Gap if isinstance(value, Gap) else value for value in found) == facts_of_the_second


@pytest.mark.parametrize(
    ("case", "asked"),
    [
        ("in service", []),
        ("on no balancer", ["10.0.0.1", "10.0.0.2"]),
        ("on two balancers", ["10.0.0.2"]),
        ("on two of which one is deaf", ["10.0.0.1", "10.0.0.2"]),
        ("on an older worker", ["10.0.0.1"]),
        ("up in any state", []),
    ],
)
def test_who_is_asked_directly_runs_and_is_not_up_in_all_its_servers(case: str, asked: list[str]) -> None:
    told = replace(CASES[case], answers={f"10.0.0.{number}": True for number in range(9)})
    assert [node.instance.ip for node in nodes(told) if node.answers] == asked
    draining = Memory(drains={"i-2": DrainRecord(NOW)})
    assert [node.instance.ip for node in nodes(told, draining) if node.answers] == [ip for ip in asked if "2" not in ip]


@pytest.mark.parametrize("told", CASES.values(), ids=CASES)
def test_it_is_kept_copied_and_sent_as_any_other_sequence_of_nodes(told: Facts) -> None:
    shot = told.seen(policy(), Memory())
    again = from_plain(FleetSnapshot, json.loads(json.dumps(to_plain(shot))))
    assert again == shot
    assert isinstance(again.nodes, tuple)
    assert replace(shot, gaps=()).nodes is shot.nodes
    assert deepcopy(shot) == shot
    assert pickle.loads(pickle.dumps(told.seen(policy(), Memory()).nodes)) == shot.nodes  # noqa: S301 - our own


@given(stories(), rules(), memories())
@settings(max_examples=60)
@pytest.mark.usefixtures("untraced")
def test_a_journal_that_is_read_again_leads_to_the_same(story: list[Facts], policy: Policy, memory: Memory) -> None:
    """There the nodes are a plain tuple, and the samples a plain mapping."""
    for told in story:
        shot = told.seen(policy, memory)
        again = from_plain(FleetSnapshot, to_plain(shot))
        steps = cycle(shot, policy, memory)
        assert cycle(again, policy, memory) == steps
        memory = intend(steps[1], steps[2], told.now)


@given(stories(), rules(), memories())
@settings(max_examples=60)
@pytest.mark.usefixtures("untraced")
def test_nothing_that_is_remembered_is_taken_for_what_is_there_now(
    story: list[Facts], policy: Policy, memory: Memory
) -> None:
    """What cycle after cycle leads to is what each of them leads to when it knows nothing of the others."""
    told = []
    for now in story:
        shot = now.seen(policy, memory)
        steps = cycle(shot, policy, memory)
        told.append((now, memory, shot, steps))
        memory = intend(steps[1], steps[2], now.now)
    for now, before, shot, steps in told:
        for number in range(KEPT):  # no layout is known any more
            layout_of((line(number, name=f"{number}"),))
        fresh, rules, known = deepcopy((now, policy, before))  # and no object is one that was seen before
        anew = fresh.seen(rules, known)
        assert anew == shot
        assert cycle(anew, rules, known) == steps


def cycle(shot: FleetSnapshot, policy: Policy, memory: Memory) -> tuple[Decision, Memory, Plan, object]:
    """Everything that a snapshot leads to."""
    decision, after = decide(shot, policy, memory)
    view = View(shot, policy, after)
    return decision, after, plan(decision, view), heard(view)
