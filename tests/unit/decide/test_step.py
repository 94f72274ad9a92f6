"""Step scaling: thresholds that were passed for long enough."""

from __future__ import annotations

from typing import Any

import pytest

from autoscaler.decide.pipeline import Judgement, decide, judge
from autoscaler.decide.roster import call_roll
from autoscaler.model.decision import Direction
from autoscaler.model.memory import Memory
from autoscaler.model.snapshot import InstanceState, Sample
from tests.support.fleet import NOW, SESSIONS, node, policy, seasoned, seconds, snapshot, view

STEPS: list[dict[str, Any]] = [
    {"above": 70, "add": 1},
    {"above": 80, "for": "30s", "add": "50%"},
    {"below": 20, "for": "60s", "remove": 1},
    {"below": 10, "for": "60s", "remove": 3},
]


def asked(cpu: dict[int, float], memory: Memory, *extra: Any, **changes: Any) -> Judgement:
    rules = policy(**{"scale": [{"step": {"signal": "cpu", "steps": STEPS}}], **changes})
    scene = view(snapshot(node(1), node(2), node(3), node(4), *extra, cpu=cpu), rules, memory)
    return judge(rules.scale[0], scene, call_roll(scene))


def level(value: float) -> dict[int, float]:
    return dict.fromkeys((1, 2, 3, 4), value)


def since(**ages: float) -> Memory:
    names = {"above70": "cpu above 70", "above80": "cpu above 80", "below20": "cpu below 20", "below10": "cpu below 10"}
    return seasoned(1, 2, 3, 4, breaches={names[name]: NOW - seconds(age) for name, age in ages.items()})


@pytest.mark.parametrize(
    ("value", "memory", "direction", "desired"),
    [
        (50.0, since(), Direction.HOLD, 4),  # it says when to shrink, and that is not now
        (70.0, since(), Direction.HOLD, 4),  # at the threshold is not above it
        (75.0, since(), Direction.OUT, 5),
        (85.0, since(), Direction.OUT, 5),  # the higher step still waits
        (85.0, since(above80=29), Direction.OUT, 5),
        (85.0, since(above80=30), Direction.OUT, 6),
        (15.0, since(), Direction.HOLD, 4),
        (15.0, since(below20=60), Direction.IN, 3),
        (5.0, since(below20=60), Direction.IN, 3),
        (5.0, since(below20=60, below10=60), Direction.IN, 1),
    ],
)
def test_the_highest_step_that_was_held_wins(value: float, memory: Memory, direction: Direction, desired: int) -> None:
    verdict = asked(level(value), memory).verdict
    assert (verdict.direction, verdict.desired) == (direction, desired)


def test_a_breach_is_remembered_from_its_first_look_and_forgotten_after_its_last() -> None:
    first = asked(level(85.0), since(above70=100)).breaches
    assert first == {"cpu above 70": NOW - seconds(100), "cpu above 80": NOW}
    assert asked(level(50.0), since(above70=100)).breaches == {}


def test_nodes_on_their_way_are_part_of_an_addition() -> None:
    coming = node(5, state=InstanceState.PENDING)
    verdict = asked(level(75.0), since(above70=9), coming).verdict
    assert (verdict.direction, verdict.desired) == (Direction.HOLD, 5)


@pytest.mark.parametrize(
    ("cpu", "direction"),
    [
        ({1: 5.0, 2: 5.0, 3: 5.0}, Direction.HOLD),  # one is silent: no lull is proven
        ({1: 100.0, 2: 100.0, 3: 100.0}, Direction.OUT),  # 300 over four nodes is above 70, whatever the fourth does
        ({1: 90.0, 2: 90.0, 3: 90.0}, Direction.HOLD),
        ({}, Direction.HOLD),
    ],
)
def test_a_silent_member_ends_a_lull_and_no_peak(cpu: dict[int, float], direction: Direction) -> None:
    assert asked(cpu, since(below20=99, below10=99)).verdict.direction is direction


def test_a_node_in_warm_up_starts_no_step() -> None:
    fresh = Memory(admitted={f"i-{n}": NOW for n in (1, 2, 3, 4)})
    assert asked(level(99.0), fresh).verdict.direction is Direction.HOLD


@pytest.mark.parametrize(
    ("value", "direction"), [(50.0, Direction.ABSTAIN), (75.0, Direction.HOLD), (85.0, Direction.OUT)]
)
def test_a_rule_that_only_adds_is_no_veto_against_shrinking(value: float, direction: Direction) -> None:
    steps = [{"above": 70, "for": "30s", "add": 1}, {"above": 80, "add": 1}]
    verdict = asked(level(value), since(), scale=[{"step": {"signal": "cpu", "steps": steps}}]).verdict
    assert verdict.direction is direction


def test_thresholds_that_are_close_are_still_two() -> None:
    steps = [{"above": 1_000_000, "add": 1}, {"above": 1_000_001, "add": 1}]
    rules = {"scale": [{"step": {"signal": "cpu", "steps": steps}}]}
    assert len(asked(level(2e6), since(), **rules).breaches) == 2


def test_a_sum_is_held_against_its_thresholds_as_it_is() -> None:
    rules = policy(scale=[{"step": {"signal": "sessions", "steps": [{"above": 100, "add": 1}]}}])
    shot = snapshot(node(1), node(2), samples={SESSIONS: {"i-1": Sample(60, NOW), "i-2": Sample(60, NOW)}})
    scene = view(shot, rules, seasoned(1, 2))
    assert judge(rules.scale[0], scene, call_roll(scene)).verdict.desired == 3


def test_a_step_and_its_history_go_through_the_whole_pipeline() -> None:
    rules = policy(scale=[{"step": {"signal": "cpu", "steps": [{"above": 70, "for": "10s", "add": 2}]}}])
    shot = snapshot(node(1), cpu={1: 90.0})
    decision, memory = decide(shot, rules, seasoned(1))
    assert decision.desired == 1
    later = snapshot(node(1), cpu={1: 90.0}, at=NOW + seconds(10))
    decision, _ = decide(later, rules, memory)
    assert (decision.desired, decision.reasons[0].code) == (3, "step")
