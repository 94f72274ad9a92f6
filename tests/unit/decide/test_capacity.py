"""Nodes of different sizes: loads against capacity, plans in nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from autoscaler.decide.pipeline import decide
from autoscaler.decide.roster import call_roll
from autoscaler.model.decision import Decision
from autoscaler.model.memory import DrainRecord, LaunchRecord
from autoscaler.model.snapshot import Node, Sample, ServerStatus
from tests.support.fleet import CPU, NOW, SESSIONS, node, policy, seasoned, seconds, snapshot, view

LARGE, SMALL, OLD = "c5.2xlarge", "c5.xlarge", "m4.large"
VCPUS = {SMALL: 4, LARGE: 8}
LAUNCH = {"launch_template": "ams", "subnets": ["subnet-a"], "types": [SMALL, LARGE]}
WEIGHTS = {SMALL: 1, LARGE: 3}
COUNT = {"target_tracking": {"signal": "sessions", "target_per_node": 100}}
HOLD = {"target_tracking": {"signal": "cpu", "target": 60}}


def fleet(*types: str) -> list[Node]:
    return [node(number, instance_type=name) for number, name in enumerate(types, start=1)]


def decided(
    nodes: list[Node], values: Sequence[float | None], rule: dict[str, Any] = COUNT, *,
    vcpus: dict[str, int] | None = None, weights: Mapping[str, float] | None = None, **rules: Any,
) -> Decision:  # fmt: skip
    """What is decided of nodes in service that say so of themselves."""
    source = SESSIONS if rule is COUNT else CPU
    told = {source: {n.instance_id: Sample(v, NOW) for n, v in zip(nodes, values, strict=True) if v is not None}}
    shot = snapshot(*nodes, samples=told, vcpus=VCPUS if vcpus is None else vcpus)
    rules = {"launch": {**LAUNCH, "weights": weights or {}}, "bounds": {"min": 0, "max": 99}, **rules}
    return decide(shot, policy(scale=[rule], **rules), seasoned(*range(1, len(nodes) + 1)))[0]


@pytest.mark.parametrize(
    ("types", "total", "desired"),
    [
        ([SMALL, LARGE], 300, 2),  # worth three small ones, and full
        ([SMALL, LARGE], 400, 3),
        ([SMALL, LARGE], 500, 4),  # what is launched is small
        ([SMALL, SMALL], 400, 4),
        ([LARGE, LARGE], 400, 2),
    ],
)
def test_two_small_nodes_come_for_what_one_large_would_carry(types: list[str], total: float, desired: int) -> None:
    assert decided(fleet(*types), [total / len(types)] * len(types)).desired == desired


@pytest.mark.parametrize(
    ("total", "desired"),
    [
        (399, 3),  # worth five, and one may be spared: no large one, and the plan may choose any
        (301, 3),
        (300, 2),
        (100, 1),
        (0, 0),
    ],
)
def test_whatever_nodes_leave_the_rest_carries_the_load(total: float, desired: int) -> None:
    assert decided(fleet(SMALL, LARGE, LARGE), [total, 0, 0]).desired == desired


def test_declared_weights_go_before_vcpus_and_are_relative_to_the_first_type() -> None:
    nodes = fleet(SMALL, LARGE)
    assert decided(nodes, [200, 200], weights=WEIGHTS).desired == 2
    assert decided(nodes, [200, 200], weights={SMALL: 10, LARGE: 30}).desired == 2
    assert decided(nodes, [200, 200]).desired == 3


def test_a_type_that_the_policy_no_longer_names_counts_by_its_vcpus() -> None:
    vcpus = {**VCPUS, OLD: 2}
    assert decided(fleet(OLD, OLD), [50, 50], vcpus=vcpus, weights=WEIGHTS).desired == 2
    assert decided(fleet(OLD, OLD), [50, 55], vcpus=vcpus, weights=WEIGHTS).desired == 2
    assert decided(fleet(OLD, OLD), [60, 60], vcpus=vcpus, weights=WEIGHTS).desired == 3


def test_without_any_size_all_nodes_are_alike() -> None:
    assert decided(fleet(SMALL, LARGE), [150, 150], vcpus={}).desired == 3


def test_the_type_that_is_launched_for_want_of_the_first_counts_by_its_own_size() -> None:
    nodes, rules = fleet(SMALL), policy(scale=[COUNT], launch=LAUNCH)
    shot = snapshot(*nodes, samples={SESSIONS: {"i-1": Sample(500, NOW)}}, vcpus=VCPUS)
    memory = seasoned(1, stock_outs={f"{SMALL}/subnet-a": NOW + seconds(60)})
    assert decide(shot, rules, seasoned(1))[0].desired == 5
    assert decide(shot, rules, memory)[0].desired == 3


def test_a_mean_counts_a_node_as_often_as_it_is_worth() -> None:
    """The large one at 90 and the small one at 30 are 70 on average, not 60."""
    assert decided(fleet(SMALL, LARGE), [30, 90], HOLD).verdicts[0].value == 210
    assert decided(fleet(SMALL, LARGE), [30, 90], HOLD).desired == 3
    assert decided(fleet(SMALL, SMALL), [30, 90], HOLD).desired == 2


def test_a_silent_node_counts_by_its_size() -> None:
    signals = {"sessions": {"from": SESSIONS, "aggregate": "sum", "on_missing": "scale_out_only"}}
    assert decided(fleet(SMALL, LARGE), [150, None], signals=signals).verdicts[0].value == 450
    assumed = {"sessions": {**signals["sessions"], "on_missing": "assume(150)"}}
    assert decided(fleet(SMALL, LARGE), [150, None], signals=assumed).verdicts[0].value == 300


@pytest.mark.parametrize(("leaving", "desired"), [(SMALL, 2), (LARGE, 3)])
def test_what_is_leaving_counts_by_its_size_when_shrinking(leaving: str, desired: int) -> None:
    """Three small ones at 20 need one; what leaves at 60 may send its viewers back, one node's worth of them or two."""
    nodes = [*fleet(SMALL, SMALL, SMALL), node(4, instance_type=leaving, status=ServerStatus.DRAIN)]
    told = {CPU: {f"i-{number}": Sample(60 if number == 4 else 20, NOW) for number in range(1, 5)}}
    memory = seasoned(1, 2, 3, 4, drains={"i-4": DrainRecord(since=NOW)})
    shot = snapshot(*nodes, samples=told, vcpus=VCPUS)
    assert decide(shot, policy(scale=[HOLD], launch=LAUNCH), memory)[0].desired == desired


def test_an_expression_may_divide_by_capacity() -> None:
    signals = {"sessions": {"from": SESSIONS, "aggregate": "sum"}, "each": {"expr": "sessions / capacity"}}
    rule = {"target_tracking": {"signal": "each", "target": 100}}
    shot = snapshot(
        *fleet(SMALL, LARGE), samples={SESSIONS: {"i-1": Sample(100, NOW), "i-2": Sample(300, NOW)}}, vcpus=VCPUS
    )
    verdict = decide(shot, policy(signals=signals, scale=[rule], launch=LAUNCH), seasoned(1, 2))[0].verdicts[0]
    assert (verdict.value, verdict.needed) == (400, 4)  # small ones


def test_nodes_on_their_way_count_by_the_size_that_was_asked_for() -> None:
    launch = LaunchRecord("t", "subnet-a", LARGE, 1, NOW, ("i-9",))
    shot = snapshot(
        *fleet(SMALL), node(2, instance_type=LARGE, launched_at=NOW, status=None, heartbeat=None), vcpus=VCPUS
    )
    roster = call_roll(view(shot, policy(launch=LAUNCH), seasoned(1, launches=(launch,))))
    assert (roster.current, roster.capacity, roster.serving) == (3, 5, 1)


def test_a_large_node_in_warm_up_counts_at_most_as_its_share() -> None:
    told = {SESSIONS: {"i-1": Sample(0, NOW), "i-2": Sample(900, NOW)}}
    shot = snapshot(*fleet(SMALL, LARGE), samples=told, vcpus=VCPUS)
    rules = policy(scale=[COUNT], launch=LAUNCH)
    assert decide(shot, rules, seasoned(1, 2))[0].verdicts[0].value == 900
    assert decide(shot, rules, seasoned(1))[0].verdicts[0].value == 200


def test_what_is_reserved_is_reserved_in_nodes_of_the_first_type() -> None:
    gig = {"name": "gig", "at": "2026-03-01T12:00:00Z", "until": "2026-03-01T13:00:00Z", "viewers": 400}
    rules: dict[str, Any] = {"reservations": [gig], "viewers_per_node": 100}
    assert decided(fleet(LARGE), [0], **rules).desired == 3  # two are there, and two small ones come
    assert decided(fleet(SMALL), [0], **rules).desired == 4
    assert decided(fleet(SMALL, LARGE, LARGE), [0, 0, 0], **rules).desired == 3  # no large one can go
