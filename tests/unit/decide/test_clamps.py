"""What slows a change down, bounds it, or refuses it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.decide.limits import keep_max, keep_min, refuse_to_shrink_blindly
from autoscaler.decide.pace import cool_down, keep_calm, limit_rate
from autoscaler.decide.pipeline import decide
from autoscaler.decide.roster import call_roll
from autoscaler.decide.stabilize import remember, stabilize_in, stabilize_out, stay_near_peak
from autoscaler.model.decision import Direction, Proposal
from autoscaler.model.memory import DrainRecord, LaunchRecord, Memory, Recommendation, ScaleEvent
from autoscaler.model.snapshot import Gap, Heartbeat, InstanceState
from autoscaler.policy.schema import Bounds, FlapBudget, RateLimit
from tests.support.fleet import MONGO_GAP, NOW, node, policy, seasoned, seconds, snapshot, view

WINDOW = seconds(600)


def history(*entries: tuple[float, int]) -> tuple[Recommendation, ...]:
    return tuple(Recommendation(NOW - seconds(age), desired) for age, desired in entries)


@pytest.mark.parametrize(
    ("entries", "desired", "code"),
    [
        ([(600, 5), (300, 7), (0, 2)], 7, "stabilization"),
        ([(600, 2), (300, 2), (0, 2)], 2, None),
        ([(601, 9), (599, 2), (0, 2)], 2, None),  # the 9 is older than the window
        ([(599, 2), (0, 2)], 10, "stabilization"),  # one second of the window was not watched
        ([(600, 12), (0, 2)], 10, "stabilization"),  # never above the current size
    ],
)
def test_shrinking_waits_for_the_window(entries: list[tuple[float, int]], desired: int, code: str | None) -> None:
    found = stabilize_in(Proposal(10, 2), history(*entries), NOW, WINDOW)
    assert found.desired == desired
    assert [reason.code for reason in found.reasons] == ([code] if code else [])


def test_growing_does_not_wait() -> None:
    assert stabilize_in(Proposal(2, 5), history((0, 5)), NOW, WINDOW).desired == 5


entries = st.lists(st.tuples(st.integers(0, 900), st.integers(0, 9)), max_size=20)


@given(entries, entries, st.integers(1, 900).map(seconds))
def test_a_window_reaches_as_far_as_it_says(
    before_pause: list[tuple[int, int]], watched: list[tuple[int, int]], window: timedelta
) -> None:
    """What is found by bisection is what a look at every entry finds."""
    older = [replace(entry, before_pause=True) for entry in history(*((900 + age, want) for age, want in before_pause))]
    told = sorted([*older, *history(*watched, (30, 1))], key=lambda entry: entry.at)
    kept = remember(told, Recommendation(NOW, 4), window)
    inside = [entry for entry in told if NOW - entry.at < window]
    outside = [entry for entry in told if NOW - entry.at >= window and not entry.before_pause]
    assert kept == (*outside[-1:], *inside, Recommendation(NOW, 4))
    peak = max(entry.desired for entry in kept if NOW - entry.at <= window)
    assert stay_near_peak(Proposal(99, 0), kept, NOW, [RateLimit(nodes=1, per=window)]).desired == max(0, peak - 1)


def test_the_history_keeps_the_window_and_what_proves_it() -> None:
    kept = remember(history((900, 1), (700, 2), (590, 3), (60, 3)), Recommendation(NOW, 4), WINDOW)
    assert kept == history((700, 2), (590, 3), (60, 3), (0, 4))


def test_a_pause_starts_every_window_anew() -> None:
    """Nobody knows what was wanted meanwhile, however long the longest window is."""
    kept = remember(history((1300, 9), (61, 2)), Recommendation(NOW, 4), seconds(6 * 3600))
    assert [(entry.desired, entry.before_pause) for entry in kept] == [(9, True), (2, True), (4, False)]
    assert stabilize_in(Proposal(10, 4), kept, NOW, seconds(30)).desired == 10
    assert stabilize_out(Proposal(3, 4), kept, NOW, seconds(90)).desired == 4  # the 2 delays nothing any more
    assert stay_near_peak(Proposal(10, 4), kept, NOW, [RateLimit(nodes=2, per=seconds(6 * 3600))]).desired == 7
    assert remember(history((59, 2)), Recommendation(NOW, 4), seconds(5)) == history(
        (59, 2), (0, 4)
    )  # slow cycles are no pause


def test_a_cooldown_holds_its_own_direction() -> None:
    events = (ScaleEvent(NOW - seconds(59), 1), ScaleEvent(NOW - seconds(200), -1))
    assert cool_down(Proposal(4, 6), events, NOW, seconds(60)).desired == 4
    assert cool_down(Proposal(4, 6), events, NOW, seconds(59)).desired == 6
    assert cool_down(Proposal(4, 2), events, NOW, seconds(60)).desired == 2
    assert cool_down(Proposal(4, 2), events, NOW, seconds(201)).reasons[0].code == "cooldown_in"
    assert cool_down(Proposal(4, 4), events, NOW, seconds(999)).reasons == ()


@pytest.mark.parametrize(
    ("limit", "events", "current", "desired", "expected"),
    [
        (RateLimit(nodes=3, per=seconds(60)), [], 4, 9, 7),
        (RateLimit(nodes=3, per=seconds(60)), [(30, 2)], 6, 9, 7),
        (RateLimit(nodes=3, per=seconds(60)), [(30, 3)], 7, 9, 7),
        (RateLimit(nodes=3, per=seconds(60)), [(60, 3)], 7, 9, 9),  # the period is over
        (RateLimit(nodes=3, per=seconds(60)), [(30, -3)], 7, 9, 9),  # the other direction
        (RateLimit(percent=10.0, per=seconds(60)), [], 40, 30, 36),
        (RateLimit(percent=10.0, per=seconds(60)), [(30, -4)], 36, 30, 36),  # a tenth of the 40 went already
        (RateLimit(percent=10.0, per=seconds(60)), [], 4, 2, 3),  # at least one
        (RateLimit(nodes=3, per=seconds(60)), [], 4, 4, 4),
        (RateLimit(nodes=3, per=seconds(60)), [], 4, 5, 5),
    ],
)
def test_a_rate_counts_what_really_happened(
    limit: RateLimit, events: list[tuple[float, int]], current: int, desired: int, expected: int
) -> None:
    happened = [ScaleEvent(NOW - seconds(age), nodes) for age, nodes in events]
    found = limit_rate(Proposal(current, desired), happened, NOW, [limit])
    assert found.desired == expected
    assert len(found.reasons) == int(expected != desired)


def test_bounds_clamp_both_ways() -> None:
    bounds = Bounds(min=2, max=5)
    assert [keep_max(Proposal(3, wish), bounds).desired for wish in (1, 2, 5, 9)] == [1, 2, 5, 5]
    assert [keep_min(Proposal(3, wish), bounds).desired for wish in (1, 2, 5, 9)] == [2, 2, 5, 9]
    assert keep_max(Proposal(3, 9), bounds).reasons[0].code == "above_max"
    assert keep_min(Proposal(3, 0), bounds).reasons[0].code == "below_min"


def test_shrinking_is_refused_on_what_we_cannot_see() -> None:
    def refusal(shot_changes: dict[str, object], *extra: object, memory: Memory | None = None) -> list[str]:
        shot = replace(snapshot(node(1), node(2), node(3), *extra), **shot_changes)  # type: ignore[arg-type] # test data
        scene = view(shot, memory=memory or seasoned(1, 2, 3))
        return [r.code for r in refuse_to_shrink_blindly(Proposal(3, 1), scene, call_roll(scene)).reasons]

    assert refusal({}) == []
    assert refusal({"gaps": (MONGO_GAP,)}) == ["gap"]
    assert refusal({}, node(4, state=InstanceState.PENDING)) == ["scale_out_unfulfilled"]
    promised = seasoned(1, 2, 3, launches=(LaunchRecord("t", "subnet-a", "", 1, NOW),))
    assert refusal({}, memory=promised) == ["scale_out_unfulfilled"]
    silent = node(4, status=None, heartbeat=Heartbeat(NOW - seconds(500)), answers=False)
    lost = seasoned(1, 2, 3, 4, suspects={"i-4": NOW - seconds(500)})
    assert refusal({}, silent, memory=lost) == ["capacity_lost"]


@pytest.mark.parametrize(
    ("facts", "after_loss", "reasons"),
    [
        ({}, "5m", ["capacity_lost"]),
        ({}, "0s", []),
        ({"drains": {"i-4": DrainRecord(since=NOW)}}, "5m", []),  # it went because we sent it
        ({"admitted": {}}, "5m", []),
    ],
)
def test_nothing_shrinks_for_a_while_after_a_node_went_away_by_itself(
    facts: dict[str, Any], after_loss: str, reasons: list[str]
) -> None:
    idle, nodes = {1: 5.0, 2: 5.0, 3: 5.0}, [node(number) for number in (1, 2, 3)]
    shot = snapshot(*nodes, cpu=idle)
    rules = policy(scale_in={"stabilization": "0s", "after_loss": after_loss})
    memory = replace(seasoned(1, 2, 3, 4), **facts)
    decision, after = decide(shot, rules, memory)
    assert [reason.code for reason in decision.reasons if reason.code == "capacity_lost"] == reasons
    assert decide(snapshot(*nodes, cpu=idle, at=NOW + seconds(301)), rules, after)[0].desired == 1


def test_growing_is_never_refused_for_a_gap() -> None:
    shot = replace(snapshot(node(1)), gaps=(MONGO_GAP,))
    assert refuse_to_shrink_blindly(Proposal(1, 3), view(shot), call_roll(view(shot))).desired == 3


def test_without_a_list_of_instances_there_is_no_decision() -> None:
    blind = replace(snapshot(), gaps=(Gap("ec2", "*", NOW, "does not answer"),))
    decision, _ = decide(blind, policy(bounds={"min": 3, "max": 9}), Memory())
    assert (decision.current, decision.desired, decision.direction) == (0, 0, Direction.HOLD)
    assert [reason.code for reason in decision.reasons] == ["fleet_unknown"]


def test_min_outranks_a_cooldown() -> None:
    memory = seasoned(1, events=(ScaleEvent(NOW, 1),))
    rules = policy(bounds={"min": 3, "max": 9}, scale_out={"cooldown": "1h"})
    decision, _ = decide(snapshot(node(1), cpu={1: 60.0}), rules, memory)
    assert (decision.desired, decision.direction) == (3, Direction.OUT)


def test_each_step_names_itself_with_before_and_after() -> None:
    rules = policy(bounds={"min": 1, "max": 5}, scale_out={"max": [{"nodes": 2, "per": "1m"}]})
    decision, memory = decide(snapshot(node(1), node(2), cpu={1: 300.0, 2: 300.0}), rules, seasoned(1, 2))
    assert [(r.code, r.before, r.after) for r in decision.reasons] == [
        ("target_tracking", 2, 10),
        ("above_max", 10, 5),
        ("rate_limit_out", 5, 4),
    ]
    assert memory.recommendations == (Recommendation(NOW, 10),)


def test_a_group_shrinks_when_everything_agrees() -> None:
    decision, _ = decide(snapshot(node(1), node(2), cpu={1: 5.0, 2: 5.0}), policy(), seasoned(1, 2))
    assert (decision.current, decision.desired, decision.direction) == (2, 1, Direction.IN)


def test_growing_waits_for_its_own_window_only_where_it_was_watched() -> None:
    window = seconds(60)
    assert stabilize_out(Proposal(4, 9), history((61, 4), (59, 6), (0, 9)), NOW, window).desired == 6
    assert stabilize_out(Proposal(4, 9), history((59, 2), (0, 9)), NOW, window).desired == 4
    assert stabilize_out(Proposal(4, 9), history((0, 9)), NOW, window).desired == 9  # a start delays nothing
    assert stabilize_out(Proposal(4, 4), history((0, 4)), NOW, window).reasons == ()


def test_a_group_stays_near_its_peak() -> None:
    controls = [RateLimit(nodes=2, per=seconds(60)), RateLimit(percent=50.0, per=seconds(600))]
    wanted = history((500, 12), (50, 8), (0, 3))
    found = stay_near_peak(Proposal(8, 3), wanted, NOW, controls)
    assert [(r.code, r.before, r.after) for r in found.reasons] == [("scale_in_control", 3, 6)]
    assert stay_near_peak(Proposal(8, 7), wanted, NOW, controls).reasons == ()
    assert stay_near_peak(Proposal(8, 9), wanted, NOW, controls).reasons == ()
    assert stay_near_peak(Proposal(4, 3), history((50, 12), (0, 3)), NOW, controls).desired == 4  # never above current


def test_a_group_that_turned_too_often_stays_as_it_is() -> None:
    budget = FlapBudget(turns=2, per=seconds(600))
    flapping = [ScaleEvent(NOW - seconds(age), nodes) for age, nodes in ((700, -1), (500, 1), (300, -1), (100, 2))]
    assert keep_calm(Proposal(4, 2), flapping, NOW, budget).reasons[0].code == "flap_budget"
    assert keep_calm(Proposal(4, 6), flapping, NOW, budget).desired == 6  # growth is never refused
    assert keep_calm(Proposal(4, 2), flapping[:3], NOW, budget).desired == 2
    assert keep_calm(Proposal(4, 2), flapping, NOW, None).desired == 2


def test_the_history_is_kept_for_the_longest_window() -> None:
    rules = policy(scale_in={"stabilization": "0s", "control": [{"nodes": 1, "per": "1h"}]})
    before = seasoned(1, 2, 3, recommendations=history((3000, 9), (1000, 3), (30, 3)))
    decision, memory = decide(snapshot(node(1), node(2), node(3), cpu={1: 1.0, 2: 1.0, 3: 1.0}), rules, before)
    assert decision.desired == 3
    assert len(memory.recommendations) == 4
