"""The checks warn of what decisions really do: each claim that could be wrong is held to the pipeline."""

from __future__ import annotations

from typing import Any

import pytest

from autoscaler.decide.pipeline import decide
from autoscaler.model.memory import ScaleEvent
from autoscaler.model.snapshot import Sample
from autoscaler.policy.lint.bounds import stuck_at_zero
from autoscaler.policy.lint.gaps import heartbeats_only
from tests.support.fleet import CPU, NOW, SESSIONS, node, policy, seasoned, seconds, snapshot

HOLD = {"target_tracking": {"signal": "cpu", "target": 60}}
COUNT = {"target_tracking": {"signal": "sessions", "target_per_node": 100}}
SESSIONS_SUM = {"from": SESSIONS, "aggregate": "sum"}


def desired(
    cpu: list[float | None], sessions: list[float | None], events: tuple[ScaleEvent, ...] = (), **rules: Any
) -> int:
    """How many nodes are wanted of a group whose nodes, all in service, measure so."""
    numbers = range(1, len(cpu) + 1)

    def samples(values: list[float | None]) -> dict[str, Sample]:
        return {f"i-{n}": Sample(v, NOW) for n, v in zip(numbers, values, strict=True) if v is not None}

    shot = snapshot(*(node(number) for number in numbers), samples={CPU: samples(cpu), SESSIONS: samples(sessions)})
    return decide(shot, policy(**rules), seasoned(*numbers, events=events))[0].desired


@pytest.mark.parametrize(("on_missing", "wanted"), [("ignore", (1, 1)), ("hold", (5, 4)), ("scale_out_only", (6, 4))])
def test_absence_shrinks_when_it_is_ignored(on_missing: str, wanted: tuple[int, int]) -> None:
    signals = {"cpu": {"from": CPU, "on_missing": on_missing}, "sessions": SESSIONS_SUM}
    of_one = desired([90, 90, 90, None], [10] * 4, signals=signals, scale=[HOLD, COUNT])
    of_all = desired([None] * 4, [10] * 4, signals=signals, scale=[HOLD, COUNT])
    assert (of_one, of_all) == wanted


@pytest.mark.parametrize("label", [{"group": "load"}, {}])
def test_absence_is_not_outvoted_not_even_in_a_rule_group(label: dict[str, str]) -> None:
    rules = [{**HOLD, **label}, {**COUNT, **label}]
    assert desired([None] * 4, [10] * 4, scale=rules) == 4
    assert desired([60, 60, None, 60], [10] * 4, scale=rules) == 4
    assert desired([60] * 4, [10] * 4, scale=rules) == (1 if label else 4)


@pytest.mark.parametrize(("expr", "wanted"), [("coalesce(sessions / capacity, 0)", 1), ("sessions / capacity", 4)])
def test_a_number_that_stands_in_shrinks(expr: str, wanted: int) -> None:
    signals = {"cpu": {"from": CPU}, "sessions": SESSIONS_SUM, "busy": {"expr": expr}}
    rules = [{"target_tracking": {"signal": "busy", "target": 100}}]
    assert desired([10] * 4, [None] * 4, signals=signals, scale=rules) == wanted


@pytest.mark.parametrize(("assumed", "wanted"), [(90, 6), (60, 4)])
def test_silence_that_is_assumed_to_be_overload_grows_the_group(assumed: int, wanted: int) -> None:
    assert desired([None] * 4, [0] * 4, signals={"cpu": {"from": CPU, "on_missing": f"assume({assumed})"}}) == wanted


def test_an_empty_group_is_stuck_without_headroom() -> None:
    bounds = {"min": 0, "max": 9}
    assert desired([], [], bounds=bounds, scale=[HOLD, COUNT]) == 0
    assert desired([], [], bounds=bounds, scale=[HOLD, COUNT], headroom={"nodes": 1}) == 1


@pytest.mark.parametrize(
    ("expr", "aggregate", "sessions", "busy", "wanted"),
    [
        ("viewers", "sum", "hold", "hold", 9),
        ("viewers", "mean", "hold", "hold", 0),
        ("viewers + sessions", "sum", "hold", "hold", 0),
        ("viewers + sessions", "sum", "assume(50)", "hold", 9),
        ("viewers + sessions", "sum", "hold", "assume(50)", 1),
        ("viewers + sessions", "sum", "hold", "assume(0)", 0),
        ("viewers + sessions", "mean", "hold", "assume(50)", 0),
        ("2 * sessions", "sum", "assume(50)", "hold", 0),
        ("coalesce(sessions, viewers)", "sum", "hold", "hold", 9),
        ("coalesce(sessions, viewers)", "sum", "assume(50)", "hold", 0),
        ("max(viewers, coalesce(sessions, 0))", "sum", "hold", "hold", 9),
        ("viewers / capacity", "sum", "hold", "hold", 0),
    ],
)
def test_an_empty_group_is_stuck_with_an_expression_that_needs_nodes(
    expr: str, aggregate: str, sessions: str, busy: str, wanted: int
) -> None:
    """And the check says so of these and of no other."""
    signals = {
        "viewers": {"from": "mongodb.viewers", "aggregate": "sum"},
        "sessions": {**SESSIONS_SUM, "on_missing": sessions},
        "busy": {"expr": expr, "aggregate": aggregate, "on_missing": busy},
    }
    rule = {"signal": "busy", "target_per_node" if aggregate == "sum" else "target": 100}
    rules = policy(bounds={"min": 0, "max": 9}, signals=signals, scale=[{"target_tracking": rule}])
    shot = snapshot(samples={"mongodb.viewers": {"*": Sample(2000.0, NOW)}})
    assert decide(shot, rules, seasoned())[0].desired == wanted
    assert bool(list(stuck_at_zero(rules))) == (wanted == 0)


@pytest.mark.parametrize(
    ("silent", "busy", "wanted"),
    [("hold", "hold", 4), ("hold", "scale_out_only", 4), ("scale_out_only", "hold", 6), ("hold", "assume(90)", 6)],
)
def test_an_expression_of_heartbeats_is_as_deaf_as_its_signals(silent: str, busy: str, wanted: int) -> None:
    """And the check says so of these and of no other."""
    rules: dict[str, Any] = {
        "signals": {"cpu": {"from": CPU, "on_missing": silent}, "busy": {"expr": "cpu", "on_missing": busy}},
        "scale": [{"target_tracking": {"signal": "busy", "target": 60}}],
    }
    assert desired([90, None, 90, None], [0] * 4, **rules) == wanted
    assert bool(list(heartbeats_only(policy(**rules)))) == (wanted == 4)


@pytest.mark.parametrize(("turns", "wanted"), [(1, 4), (2, 1)])
def test_the_first_node_to_leave_uses_up_a_budget_of_one(turns: int, wanted: int) -> None:
    events = (ScaleEvent(NOW - seconds(1800), 2), ScaleEvent(NOW - seconds(60), -1))
    assert desired([5] * 4, [0] * 4, events, flap_budget={"turns": turns, "per": "1h"}) == wanted


@pytest.mark.parametrize(("level", "wanted"), [(65.9, 4), (66.1, 5)])
def test_growth_begins_at_target_and_tolerance(level: float, wanted: int) -> None:
    assert desired([level] * 4, [0] * 4) == wanted


@pytest.mark.parametrize(("level", "wanted"), [(50.0, 6), (50.1, 8)])
def test_growth_begins_earlier_with_headroom(level: float, wanted: int) -> None:
    """60 / 1.2 = 50: of six nodes five are needed, and one is spare. A little more needs six, and two spare."""
    assert desired([level] * 6, [0] * 6, headroom={"percent": "20%"}) == wanted


def test_the_stricter_of_two_targets_decides() -> None:
    loose = {"target_tracking": {"signal": "cpu", "target": 66}}
    for level in range(5, 100, 5):
        assert desired([level] * 4, [0] * 4, scale=[HOLD, loose]) == desired([level] * 4, [0] * 4, scale=[HOLD])
