"""What is taken from cycles: who is a reading, who is not and why, boots, and how fast load ever rose."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from autoscaler.model.decision import Decision, Phase
from autoscaler.model.memory import Memory
from autoscaler.model.plan import Plan
from autoscaler.model.report import CycleReport
from autoscaler.model.snapshot import Gap, Heartbeat, InstanceState, Node, Sample
from autoscaler.policy.schema import Policy
from autoscaler.simulate.learn.learnt import Finding, Limits
from autoscaler.simulate.learn.lesson import conclude
from autoscaler.simulate.learn.readings import Count, LeftOut, Reader, Reading, count_of, counted_by, viewers_key
from autoscaler.simulate.learn.recorded import CPU, CPU_MOST, MEMORY, PUBLISHERS, VIEWERS, Recorded, Rise
from tests.support.fleet import LONG_AGO, NOW, SESSIONS, node, policy, seconds, snapshot

GAP = Gap("mongodb", "i-1", NOW, "late")
COUNT = Count(SESSIONS)
BUSY: dict[str, Any] = {"heartbeat": Heartbeat(NOW, 40.0, 50.0), "sessions": 90}


def cycle(*nodes: Node, at: datetime = NOW, sessions: dict[int, float] | None = None, **facts: Any) -> CycleReport:
    """A cycle in which these nodes, long in service, have so many sessions each, by their numbers."""
    samples = {SESSIONS: {f"i-{number}": Sample(value, at) for number, value in (sessions or {}).items()}}
    shot = snapshot(*nodes, at=at, samples=facts.pop("samples", samples))
    phases = {each.instance_id: Phase.IN_SERVICE for each in nodes} | facts.pop("phases", {})
    memory = Memory(admitted=facts.pop("admitted", {each.instance_id: LONG_AGO for each in nodes}))
    decision = Decision("edge", at, len(nodes), len(nodes), (), (), phases)
    return CycleReport(shot, decision, Plan(decision, ()), (), memory, memory, "")


def read(report: CycleReport, count: Count = COUNT, rules: Policy | None = None) -> list[Reading | LeftOut]:
    return list(Reader(count).read(report, rules or policy()))


def test_a_node_at_work_is_a_reading() -> None:
    (found,) = read(cycle(node(1, publishers=2, **BUSY), sessions={1: 90}))
    assert found == Reading("i-1", "c5.xlarge", NOW, 90.0, 2.0, 40.0, 50.0)


@pytest.mark.parametrize("role", ["edge", "both"])
def test_publishers_that_cannot_be_read_are_not_none(role: str) -> None:
    """Not even an edge's: where they come when viewers go, what is said of viewers would be too many."""
    report = cycle(node(1, publishers=GAP, **BUSY), node(2, **BUSY), sessions={1: 90, 2: 80})
    blind, seeing = read(report, rules=policy(role=role))
    assert blind is LeftOut.NO_PUBLISHERS
    assert isinstance(seeing, Reading)
    rules = policy(role="both")
    assert read(report, counted_by(SESSIONS, rules), rules)[0] is LeftOut.NO_VIEWERS  # nothing to take off them


@pytest.mark.parametrize(
    ("changes", "facts", "why"),
    [
        ({"heartbeat": None}, {}, LeftOut.NO_HEARTBEAT),
        ({"heartbeat": GAP}, {}, LeftOut.NO_HEARTBEAT),
        ({"heartbeat": Heartbeat(NOW)}, {}, LeftOut.NO_HEARTBEAT),
        ({"heartbeat": Heartbeat(NOW - seconds(21), 40.0)}, {}, LeftOut.STALE),
        ({"heartbeat": Heartbeat(NOW, float("nan"))}, {}, LeftOut.NO_HEARTBEAT),
        ({"heartbeat": Heartbeat(NOW, 40.0, float("nan"))}, {}, LeftOut.NO_HEARTBEAT),
        ({"heartbeat": Heartbeat(NOW, -1.0)}, {}, LeftOut.NO_HEARTBEAT),
        ({}, {"sessions": {}}, LeftOut.NO_VIEWERS),
        ({}, {"samples": {SESSIONS: {"i-1": Sample(90, NOW, partial=True)}}}, LeftOut.NO_VIEWERS),
        ({}, {"samples": {SESSIONS: {"i-1": Sample(90, NOW - seconds(21))}}}, LeftOut.NO_VIEWERS),
        *(({}, {"sessions": {1: absurd}}, LeftOut.NO_VIEWERS) for absurd in (float("nan"), -1, 1e308, 10**400)),
        *(({"publishers": absurd}, {}, LeftOut.NO_PUBLISHERS) for absurd in (-1, 10**400)),
        ({}, {"admitted": {"i-1": NOW - seconds(59)}}, LeftOut.WARM_UP),
        ({}, {"admitted": {}}, LeftOut.WARM_UP),
        *(({}, {"phases": {"i-1": phase}}, why) for phase, why in (
            (Phase.DRAINING, LeftOut.LEAVING), (Phase.DRAINED, LeftOut.LEAVING), (Phase.LOST, LeftOut.NOT_IN_SERVICE),
            (Phase.BOOTING, LeftOut.NOT_IN_SERVICE), (Phase.JOINED, LeftOut.NOT_IN_SERVICE),
        )),
    ],
)  # fmt: skip
def test_what_is_not_known_or_not_at_work_is_no_reading(
    changes: dict[str, Any], facts: dict[str, Any], why: LeftOut
) -> None:
    report = cycle(node(1, **BUSY | changes), **{"sessions": {1: 90}, **facts})
    assert read(report) == [why]


@pytest.mark.parametrize(
    "beat",
    [Heartbeat(NOW, 99.5), Heartbeat(NOW, float("inf")), Heartbeat(NOW, 50.0, 99.5)],
    ids=["cpu", "inf", "memory"],
)
def test_who_was_on_a_saturated_node_is_kept_by_itself(beat: Heartbeat) -> None:
    found = Recorded("edge", COUNT)
    found.add(cycle(node(1, **BUSY), node(2, heartbeat=beat, sessions=90), sessions={1: 90, 2: 70}), policy())
    assert (found.readings, found.left_out) == (1, {LeftOut.SATURATED: 1})
    for saturated, viewers in ((False, [90]), (True, [70])):
        (table,) = found.minutes(saturated=saturated).values()
        assert table[:, VIEWERS].tolist() == viewers


def test_a_type_of_which_every_reading_was_saturated_is_told() -> None:
    found = Recorded("edge", COUNT)
    found.add(cycle(node(1, heartbeat=Heartbeat(NOW, 99.5), sessions=90), sessions={1: 70}), policy())
    (kind,) = conclude(found, Limits()).types
    assert (kind.blocked, kind.seen, kind.full) == (True, (70, 0), (70, 0))
    assert [finding.code for finding in kind.findings] == ["saturated", "at-limit"]


def test_a_stopped_instance_is_nothing_to_speak_of() -> None:
    assert read(cycle(node(1, state=InstanceState.STOPPED, **BUSY), sessions={1: 90})) == []


def test_a_heartbeat_counts_once() -> None:
    reader = Reader(COUNT)
    beat, late = cycle(node(1, **BUSY), sessions={1: 90}), cycle(node(1, **BUSY), sessions={1: 95}, at=NOW + seconds(5))
    assert isinstance(next(reader.read(beat, policy())), Reading)
    assert list(reader.read(late, policy())) == [LeftOut.REPEATED]


def test_publishers_that_come_through_the_balancer_are_no_viewers() -> None:
    count = counted_by(SESSIONS, policy(role="both"))
    report = cycle(node(1, publishers=10, **BUSY), node(2, publishers=10, **BUSY), sessions={1: 90, 2: 9})
    one, other = read(report, count)
    assert isinstance(one, Reading)
    assert one.viewers == 80
    assert other is LeftOut.NO_VIEWERS  # a stream came by another way, so nobody knows who is a viewer


def signals(**about: Any) -> dict[str, Any]:
    return {"s": {"aggregate": "sum", **about}}


@pytest.mark.parametrize(
    ("signal", "key"),
    [
        ({"from": SESSIONS, "backend": "web"}, f"{SESSIONS}:web"),
        ({"from": "haproxy.backend.sessions"}, SESSIONS),
        ({"from": "ams.node.viewers"}, "ams.node.viewers"),
        ({"from": "mongodb.viewers.webrtc"}, "ams.node.viewers.webrtc"),
        ({"from": "mongodb.viewers.rtmp"}, ""),
        ({"from": "mongodb.viewers", "application": "live"}, ""),
        ({"from": SESSIONS, "aggregate": "mean"}, ""),
        ({"from": "mongodb.node.publishers"}, ""),
        ({"expr": "sessions * 2"}, ""),
    ],
)  # fmt: skip
def test_viewers_are_counted_as_the_policy_counts_them(signal: dict[str, Any], key: str) -> None:
    also = {"sessions": {"from": SESSIONS}} if "expr" in signal else {}
    steering = [{"step": {"signal": "s", "steps": [{"above": 1, "add": 1}]}}]
    rules = policy(signals=signals(**signal) | also, scale=steering)
    assert viewers_key(rules.signals["s"]) == key
    assert count_of(rules) == Count(key or SESSIONS)


def test_origins_have_no_viewers_unless_the_policy_measures_them() -> None:
    by_publishers = {"signals": {"p": {"from": "mongodb.node.publishers", "aggregate": "sum"}},
                     "scale": [{"target_tracking": {"signal": "p", "target_per_node": 10}}]}  # fmt: skip
    count = count_of(policy(role="origin", **by_publishers))
    assert count == Count("")
    (found,) = read(cycle(node(1, publishers=10, **BUSY)), count)
    assert isinstance(found, Reading)
    assert (found.viewers, found.publishers) == (0, 10)
    assert count_of(policy(role="both", **by_publishers)) == Count(SESSIONS, less_publishers=True)


def test_what_steers_goes_before_what_is_only_measured() -> None:
    rules = policy(
        signals={"other": {"from": "ams.node.viewers", "aggregate": "sum"}, **signals(**{"from": SESSIONS})},
        scale=[{"target_tracking": {"signal": "s", "target_per_node": 100}}],
    )
    assert count_of(rules) == Count(SESSIONS)


def story(minutes: int, **changes: Any) -> Iterator[CycleReport]:
    """Two nodes, a cycle every ten seconds; one more viewer on each in every cycle."""
    for number in range(6 * minutes):
        at = NOW + seconds(10 * number)
        beat = Heartbeat(at, 10.0 + number, changes.get("memory", 50.0))
        nodes = [node(each, heartbeat=beat, publishers=each) for each in (1, 2)]
        yield cycle(*nodes, at=at, sessions={1: number, 2: number})


def test_a_minute_is_its_means_and_its_highest() -> None:
    found = Recorded("edge", COUNT)
    for report in story(2):
        found.add(report, policy())
    (table,) = found.minutes().values()
    assert table[:, VIEWERS].tolist() == [2.5, 2.5, 8.5, 8.5]
    assert table[:, CPU].tolist() == [12.5, 12.5, 18.5, 18.5]
    assert table[:, CPU_MOST].tolist() == [15, 15, 21, 21]
    assert sorted(table[:, PUBLISHERS]) == [1, 1, 2, 2]
    assert table[:, MEMORY].tolist() == [50] * 4
    assert (found.cycles, found.readings, found.step()) == (12, 24, seconds(10))


def test_memory_that_is_told_now_and_then_is_none() -> None:
    found = Recorded("edge", COUNT)
    for number, report in enumerate(story(1)):
        nodes = tuple(
            replace(each, heartbeat=Heartbeat(report.snapshot.taken_at, 10.0, 50.0 if number else None))
            for each in report.snapshot.nodes
        )
        found.add(replace(report, snapshot=replace(report.snapshot, nodes=nodes)), policy())
    (table,) = found.minutes().values()
    assert np.isnan(table[:, MEMORY]).all()


@pytest.mark.parametrize("absurd", [-1, 10**400])
def test_of_absurd_counts_no_rise_is_known_either(absurd: int) -> None:
    found = Recorded("both", counted_by(SESSIONS, policy(role="both")))
    for number in range(3):
        beat = Heartbeat(NOW, 40.0, 50.0)
        one = node(1, heartbeat=beat, publishers=absurd)
        found.add(cycle(one, at=NOW + seconds(10 * number), sessions={1: 90}), policy(role="both"))
    assert found.rise(seconds(30)) == (Rise(None, 0), Rise(None, 0))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"state": InstanceState.STOPPED}, "no node was ever seen at work"),
        ({"heartbeat": None}, "nodes were at work, and none of them is a reading: no-heartbeat 3 of 3 times"),
        ({"publishers": -1}, "nodes were at work, and none of them is a reading: publishers-unknown 1 of 1 times"),
    ],
)
def test_why_nothing_is_left_is_told(changes: dict[str, Any], why: str) -> None:
    found = Recorded("edge", COUNT)
    for later_s in range(3):  # within one heartbeat
        report = cycle(node(1, **BUSY | changes), at=NOW + seconds(later_s), sessions={1: 90})
        found.add(report, policy())
    assert conclude(found, Limits()).findings[0] == Finding("no-readings", why, blocks=True)
    warming = Recorded("edge", COUNT)
    warming.add(cycle(node(1, **BUSY), sessions={1: 90}, admitted={}), policy())
    assert conclude(warming, Limits()).findings[0].message == "no node was ever seen at work"


def test_vcpus_that_no_type_has_are_not_known() -> None:
    found = Recorded("edge", COUNT)
    report = cycle(node(1, **BUSY), sessions={1: 90})
    vcpus = {"a": 4, "b": 0, "c": 10**400}
    found.add(replace(report, snapshot=replace(report.snapshot, vcpus=vcpus)), policy())
    assert found.vcpus == {"a": 4}


def test_types_are_never_thrown_together() -> None:
    found = Recorded("edge", COUNT)
    nodes = [node(1, **BUSY), node(2, instance_type="c5.large", **BUSY)]
    found.add(cycle(*nodes, sessions={1: 90, 2: 40}), policy())
    tables = found.minutes()
    assert {name: table[:, VIEWERS].tolist() for name, table in tables.items()} == {"c5.large": [40], "c5.xlarge": [90]}


def test_a_cycle_that_two_recordings_hold_counts_once() -> None:
    once, twice = Recorded("edge", COUNT), Recorded("edge", COUNT)
    reports = list(story(3))
    for report in reports:
        once.add(report, policy())
    for report in (*reports[6:], *reports[:12]):  # in any order, and with an overlap
        twice.add(report, policy())
    assert (twice.cycles, twice.repeated) == (18, 6)
    (one,), (two,) = once.minutes().values(), twice.minutes().values()
    assert sorted(map(tuple, one)) == sorted(map(tuple, two))
    assert once.rise(seconds(60)) == twice.rise(seconds(60))


def levels(*counts: tuple[float, float, int]) -> Recorded:
    """Cycles as (seconds, sessions a node, nodes)."""
    found = Recorded("edge", COUNT)
    for at_s, each, nodes in counts:
        at, numbers = NOW + seconds(at_s), range(1, nodes + 1)
        beat = Heartbeat(at, 10.0, 50.0)
        found.add(
            cycle(*(node(n, heartbeat=beat) for n in numbers), at=at, sessions=dict.fromkeys(numbers, each)), policy()
        )
    return found


def test_the_steepest_rise_is_told_for_each_node_that_was_there() -> None:
    found = levels((0, 10, 2), (30, 40, 2), (60, 20, 4), (90, 15, 4), (120, 15, 4))
    assert found.rise(seconds(30)) == (Rise(30, 1), Rise(0, 1))
    assert found.rise(seconds(60)) == (Rise(30, 1), Rise(0, 1))


def test_a_rise_over_a_hole_is_none_that_was_watched() -> None:
    viewers, _ = levels((0, 10, 1), (50, 10, 1), (600, 80, 1), (610, 81, 1)).rise(timedelta(minutes=20))
    assert viewers == Rise(1, 1)


def test_what_was_watched_has_no_holes() -> None:
    """However many nodes there are: a rise is of the group."""
    assert Recorded("edge", COUNT).watched() == timedelta(0)
    later, sooner = [(at_s, 10.0, 15) for at_s in (600, 660)], [(at_s, 10.0, 15) for at_s in (0, 30, 60)]
    assert levels(*later, *sooner).watched() == timedelta(minutes=2)


def test_a_rise_that_nobody_could_watch_is_unknown_and_not_none() -> None:
    unknown = Rise(None, 0), Rise(None, 0)
    assert Recorded("edge", COUNT).rise(seconds(60)) == unknown
    assert levels((0, 10, 1)).rise(seconds(60)) == unknown
    assert levels((0, 10, 1), (90, 70, 1), (180, 70, 1)).rise(timedelta(minutes=5)) == unknown  # holes all over
    assert levels((0, 10, 2), (30, 40, 2)).rise(seconds(10)) == unknown


def gaps(sessions: int = 0, publishers: int = 0) -> Recorded:
    """Twenty cycles of two nodes, of which the last rise; in so many of these one node's count is not known."""
    found = Recorded("edge", COUNT)
    for number in range(20):
        at, each = NOW + seconds(10 * number), 10 * max(0, number - 10)
        blind, mute = number >= 20 - sessions, number >= 20 - publishers
        nodes = [node(1, publishers=each), node(2, publishers=GAP if mute else each)]
        found.add(cycle(*nodes, at=at, sessions={1: each} if blind else {1: each, 2: each}), policy())
    return found


def test_viewers_and_publishers_are_known_each_by_themselves() -> None:
    assert gaps(publishers=20).rise(seconds(20)) == (Rise(20, 1), Rise(None, 0))
    assert gaps(sessions=20).rise(seconds(20)) == (Rise(None, 0), Rise(20, 1))


def test_a_rise_is_unknown_if_it_is_in_too_few_of_the_cycles() -> None:
    assert gaps(sessions=2).rise(seconds(20))[0] == Rise(20, 0.9)
    assert gaps(sessions=3).rise(seconds(20))[0] == Rise(None, 0.85)


def test_who_is_on_a_leaving_node_is_not_new() -> None:
    found = Recorded("edge", COUNT)
    for number, phase in enumerate((Phase.DRAINING, Phase.IN_SERVICE)):
        nodes = [node(1, **BUSY), node(2, **BUSY)]
        found.add(
            cycle(*nodes, at=NOW + seconds(10 * number), sessions={1: 90, 2: 90}, phases={"i-2": phase}), policy()
        )
    assert found.rise(seconds(30)) == (Rise(0, 1), Rise(0, 1))


def coming(number: int, *phases: Phase | None) -> list[CycleReport]:
    """A node launched now, in these phases ten seconds apart; None while EC2 does not list it."""
    one = node(number, launched_at=NOW, **BUSY)
    return [
        cycle(one, at=NOW + seconds(10 * count), sessions={number: 0}, phases={one.instance_id: phase})
        for count, phase in enumerate(phases, 1)
        if phase
    ]


def test_boots_are_timed_from_launch_to_membership_and_to_service() -> None:
    found = Recorded("edge", COUNT)
    for report in coming(1, None, Phase.PENDING, Phase.BOOTING, Phase.JOINED, Phase.IN_SERVICE, Phase.IN_SERVICE):
        found.add(report, policy())
    (boot,) = found.boots()
    assert (boot.joined_s, boot.serving_s) == (40, 50)


@pytest.mark.parametrize(
    ("phases", "slowest_s"),
    [
        ((Phase.JOINED, Phase.IN_SERVICE), None),  # nobody saw when it joined
        ((Phase.BOOTING,), None),
        ((Phase.BOOTING, Phase.JOINED), 20),  # it never served
        ((Phase.STOPPED, Phase.PENDING, Phase.JOINED, Phase.IN_SERVICE), 40),  # it knew the cluster
    ],
)
def test_what_was_not_a_whole_boot_is_none(phases: tuple[Phase, ...], slowest_s: float | None) -> None:
    found = Recorded("edge", COUNT)
    for report in coming(1, *phases):
        found.add(report, policy())
    assert (found.boots(), found.slowest_s()) == ([], slowest_s)
