"""A floor from past weeks: what it computes, when it is silent, and what it never does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.decide.forecast import quantile
from autoscaler.decide.past import ahead, heard, history_key, looked_at
from autoscaler.decide.pipeline import decide
from autoscaler.model.decision import Decision, Direction
from autoscaler.model.history import BUCKET, Recording, bucket_of
from autoscaler.model.memory import DrainRecord, Memory, ScaleEvent
from autoscaler.model.snapshot import GROUP, FleetSnapshot, Gap, Sample
from autoscaler.policy.rules import Forecast
from autoscaler.policy.schema import Policy
from tests.support.fleet import CPU, NOW, SESSIONS, node, policy, seasoned, seconds, snapshot, view

WEEK, DAY = timedelta(days=7), timedelta(days=1)
VIEWERS = {"from": "mongodb.viewers", "aggregate": "sum"}
TRACKING = {"target_tracking": {"signal": "viewers", "target_per_node": 200}}


def rules(beside: dict[str, Any] | None = None, **forecast: Any) -> Policy:
    told = {"forecast": {"signal": "viewers", "target_per_node": 200, **forecast}}
    changes: dict[str, Any] = {"bounds": {"min": 1, "max": 50}, "signals": {"viewers": VIEWERS}}
    return policy(**changes | {"scale": [TRACKING, told]} | (beside or {}))


def past(told: dict[datetime, float], by: Policy) -> dict[str, tuple[Sample, ...]]:
    return {history_key("viewers", by): tuple(Sample(value, at) for at, value in told.items())}


def weeks(*values: float | None, at: datetime = NOW, season: timedelta = WEEK) -> dict[datetime, float]:
    """What was recorded one season ago, two ago, ... in all buckets of a quarter of an hour from `at` on."""
    return {
        bucket_of(at) + number * BUCKET - back * season: value
        for back, value in enumerate(values, 1) if value is not None
        for number in range(4)
    }  # fmt: skip


def scene(
    told: dict[datetime, float] | None, by: Policy, *, nodes: int = 3, viewers: float = 500.0, at: datetime = NOW
) -> FleetSnapshot:
    shot = snapshot(*map(node, range(1, nodes + 1)), at=at, history=past(told, by) if told is not None else {})
    samples = {"mongodb.viewers": {GROUP: Sample(viewers, at)}}
    return FleetSnapshot("edge", at, shot.nodes, samples, proxies=shot.proxies, history=shot.history)


def decided(shot: FleetSnapshot, by: Policy, **memory: Any) -> Decision:
    return decide(shot, by, seasoned(*range(1, len(shot.nodes) + 1), **memory))[0]


def codes(decision: Decision) -> list[str]:
    return [reason.code for reason in decision.reasons]


def test_four_weeks_by_hand() -> None:
    """At noon 3000, 3400, 4200 and 3600: 90 % of the way up is past 3600, so 4200, and at 200 a node 21 nodes."""
    by = rules()
    decision = decided(scene(weeks(3600, 4200, 3400, 3000), by), by)
    verdict = decision.verdicts[-1]
    assert (verdict.rule, verdict.direction, verdict.desired) == ("forecast:viewers", Direction.OUT, 21)
    assert (verdict.value, verdict.target, verdict.needed) == (4200.0, 200.0, 21)
    assert (
        verdict.detail
        == "90% of the last 4 times 7d had at most 4200 viewers at 12:00 UTC; at 200 a node that is 21 nodes"
    )
    (reason,) = decision.reasons
    assert (reason.code, reason.before, reason.after, reason.detail) == ("forecast", 3, 21, verdict.detail)
    assert decision.desired == 21


@pytest.mark.parametrize(
    ("quantile", "load"),
    # sorted 3000 3400 3600 4200 stand at 0, 1/3, 2/3 and 1 of the way; between two of them the higher one counts
    [("1%", 3400), ("33%", 3400), ("34%", 3600), ("50%", 3600), ("66%", 3600), ("67%", 4200), ("100%", 4200)],
)
def test_a_quantile_is_always_a_value_that_was_recorded(quantile: str, load: float) -> None:
    by = rules(quantile=quantile)
    assert decided(scene(weeks(3600, 4200, 3400, 3000), by), by).verdicts[-1].value == load


def test_the_week_after_clocks_change_the_evening_is_foreseen_an_hour_late() -> None:
    """Berlin, 2026: until 27 March 20:00 by the wall is 19:00 UTC, from 29 March on it is 18:00 UTC.

    A season is 168 hours of absolute time, so on 3 April the crowd is foreseen at 19:00 UTC: 21:00 by the wall.
    """
    crowd = [datetime(2026, 3, day, 19, 0, tzinfo=UTC) for day in (6, 13, 20, 27)]
    recorded = {
        evening + number * BUCKET: 4200.0 if number >= 0 else 300.0 for evening in crowd for number in range(-36, 24)
    }
    friday = datetime(2026, 4, 3, 18, 0, tzinfo=UTC)
    short, long = rules(), rules(horizon="75m")
    for minute, floor in ((0, 2), (44, 2), (45, 21), (59, 21)):
        at = friday + timedelta(minutes=minute)
        assert decided(scene(recorded, short, viewers=0, nodes=2, at=at), short).desired == floor, minute
    early = decided(scene(recorded, long, viewers=0, nodes=2, at=friday - timedelta(minutes=15)), long)
    assert early.desired == 21  # 75 minutes ahead reach 19:00 UTC from 17:45, a quarter of an hour before the crowd


def test_the_highest_of_the_horizon_counts_and_nothing_beyond_it() -> None:
    by = rules()
    at = NOW + timedelta(minutes=4, seconds=59)
    told = weeks(400, 400, at=at)
    peak = {NOW + 3 * BUCKET - back * WEEK: 3000.0 for back in (1, 2)}  # 12:15 to 12:20; the horizon ends at 12:19:59
    beyond = {NOW + 4 * BUCKET - back * WEEK: 9000.0 for back in (1, 2)}
    verdict = decided(scene({**told, **peak, **beyond}, by, at=at), by).verdicts[-1]
    assert (verdict.value, verdict.needed) == (3000.0, 15)
    assert "at 12:15 UTC" in verdict.detail
    assert decided(scene({**told, **beyond}, by, at=at), by).verdicts[-1].value == 400.0


def test_other_seasons_than_weeks() -> None:
    by = rules(season="1d", seasons=3, quantile="100%")
    told = weeks(1000, 2000, 1500, 9000, season=DAY)  # the fourth day is not looked at
    assert decided(scene(told, by), by).verdicts[-1].value == 2000.0


@pytest.mark.parametrize(
    ("told", "known"),
    [({}, 0), (weeks(9000), 1), (weeks(None, 9000, None, None, 9000), 1)],  # the fifth is too old
)
def test_too_little_history_is_told_and_is_as_if_the_rule_were_not_there(
    told: dict[datetime, float], known: int
) -> None:
    by, without = rules(), rules({"scale": [TRACKING]})
    for viewers in (0, 500, 5000):
        decision, plain = (decided(scene(told, each, viewers=viewers), each) for each in (by, without))
        silent = decision.verdicts[-1]
        assert (silent.direction, silent.value, silent.needed) == (Direction.ABSTAIN, None, None)
        assert silent.detail == f"of 12:00 UTC {known} of the last 4 times 7d are recorded, and 2 are needed"
        assert (decision.desired, decision.reasons) == (plain.desired, plain.reasons)


@pytest.mark.parametrize(
    ("holes", "said"),
    [((0,), "12:00 UTC"), ((2,), "12:10 UTC"), ((3,), "12:15 UTC"), ((0, 1, 3), "12:00 UTC and 2 times more")],
)
def test_a_hole_in_the_horizon_has_no_say_and_the_rest_of_it_keeps_the_floor(holes: tuple[int, ...], said: str) -> None:
    by = rules()
    told = weeks(2000, 2000)
    for hole in holes:
        del told[NOW + hole * BUCKET - WEEK]  # one of two that are needed
        told[NOW + hole * BUCKET - 2 * WEEK] = 9000.0
    decision = decided(scene(told, by, nodes=10, viewers=10), by)
    assert (decision.desired, decision.verdicts[-1].value) == (10, 2000.0)
    assert decision.verdicts[-1].detail.endswith(f"that is 10 nodes; too little is recorded of {said}")


def test_a_hole_that_passes_by_drops_no_floor() -> None:
    """Five minutes of one of two evenings were not recorded; the evening is looked at every minute."""
    by = rules()
    evening = [NOW + number * BUCKET for number in range(-6, 24)]
    told = {at - back * WEEK: 2000.0 for at in evening for back in (1, 2)}
    del told[NOW + 2 * BUCKET - WEEK]
    for minute in range(-30, 60):
        at = NOW + timedelta(minutes=minute)
        assert decided(scene(told, by, nodes=10, viewers=10, at=at), by).desired == 10, minute


def test_a_week_with_a_hole_is_made_up_for_by_another() -> None:
    by = rules(at_least=2)
    told = weeks(1000, 2000, 3000)
    del told[NOW - WEEK], told[NOW + BUCKET - 3 * WEEK]
    assert decided(scene(told, by), by).verdicts[-1].value == 3000.0


def test_a_floor_below_the_group_has_no_vote_and_stops_only_what_would_go_below_it() -> None:
    by = rules()
    for floor, expected, reasons in ((200, 1, ["target_tracking"]), (800, 4, ["target_tracking", "forecast"])):
        decision = decided(scene(weeks(floor, floor), by, nodes=6, viewers=10), by)
        assert decision.verdicts[-1].direction is Direction.ABSTAIN
        assert decision.verdicts[-1].needed == floor / 200
        assert (decision.desired, codes(decision)) == (expected, reasons)


def test_it_never_keeps_a_group_from_growing() -> None:
    by = rules()
    assert decided(scene(weeks(200, 200), by, viewers=5000), by).desired == 25


def test_a_forecast_alone_neither_shrinks_nor_vetoes() -> None:
    by = rules({"scale": [{"forecast": {"signal": "viewers", "target_per_node": 200}}]})
    assert decided(scene(weeks(200, 200), by, nodes=5), by).desired == 5
    assert decided(scene(weeks(2000, 2000), by, nodes=5), by).desired == 10


def test_of_several_forecasts_the_highest_floor_counts() -> None:
    told = [{"forecast": {"signal": "viewers", "target_per_node": per}} for per in (200, 100, 400)]
    by = rules({"scale": [TRACKING, *told]})
    decision = decided(scene(weeks(2000, 2000), by), by)
    assert [verdict.needed for verdict in decision.verdicts[1:]] == [10, 20, 5]
    assert decision.desired == 20
    assert "at 100 a node" in decision.reasons[-1].detail


def test_no_headroom_is_kept_above_a_forecast() -> None:
    by = rules({"headroom": {"nodes": 2}})
    assert decided(scene(weeks(2000, 2000), by), by).desired == 10


def test_bounds_and_paces_hold_for_a_forecast_as_for_any_wish() -> None:
    told = weeks(20_000, 20_000)
    bounded = rules({"bounds": {"min": 1, "max": 8}})
    decision = decided(scene(told, bounded), bounded)
    assert (decision.desired, codes(decision)) == (8, ["forecast", "above_max"])
    paced = rules({"scale_out": {"max": [{"nodes": 2, "per": "1m"}]}})
    decision = decided(scene(told, paced), paced)
    assert (decision.desired, codes(decision)) == (5, ["forecast", "above_max", "rate_limit_out"])
    cooled = rules({"scale_out": {"cooldown": "5m"}})
    decision = decided(scene(told, cooled), cooled, events=(ScaleEvent(NOW - seconds(60), 1),))
    assert (decision.desired, codes(decision)) == (3, ["forecast", "above_max", "cooldown_out"])


def test_a_window_does_not_delay_a_forecast_and_does_not_remember_it() -> None:
    by = rules({"scale_out": {"stabilization": "10m"}})
    shot = scene(weeks(2000, 2000), by)
    decision, memory = decide(shot, by, seasoned(1, 2, 3))
    assert decision.desired == 10
    assert [entry.desired for entry in memory.recommendations] == [3]


def test_history_that_could_not_be_read_silences_it_and_bars_shrinking() -> None:
    by = rules()
    blind = scene(None, by, nodes=6, viewers=10)
    gap = Gap("history", GROUP, NOW, "does not answer")
    seen = FleetSnapshot("edge", NOW, blind.nodes, blind.samples, proxies=blind.proxies, gaps=(gap,))
    decision = decided(seen, by)
    assert (decision.desired, codes(decision)) == (6, ["target_tracking", "gap"])
    assert decision.verdicts[-1].detail == "its history was not read"
    assert decision.verdicts[-1].direction is Direction.ABSTAIN


def test_a_negative_load_needs_no_node() -> None:
    by = rules()
    assert decided(scene(weeks(-50, -50), by), by).verdicts[-1].needed == 0


def test_buckets_are_of_utc_and_reach_to_the_horizon() -> None:
    rule = Forecast(signal="viewers", target_per_node=200)
    assert ahead(rule, NOW) == tuple(NOW + number * BUCKET for number in range(4))
    assert ahead(rule, NOW + seconds(299)) == tuple(NOW + number * BUCKET for number in range(4))
    assert ahead(rule, NOW + seconds(300))[0] == NOW + BUCKET


def test_what_is_looked_at_is_what_the_forecasts_need_and_no_more() -> None:
    by = rules(seasons=2)
    key = history_key("viewers", by)
    expected = sorted(NOW + number * BUCKET - back * WEEK for back in (1, 2) for number in range(4))
    assert looked_at(by, NOW) == {key: tuple(expected)}
    daily = {"forecast": {"signal": "viewers", "target_per_node": 100, "season": "1d", "seasons": 8, "horizon": "5m"}}
    both = rules({"scale": [{"forecast": by.scale[1].model_dump(mode="json")["forecast"]}, daily]})
    asked = looked_at(both, NOW)[key]
    assert len(asked) == len(set(asked)) == 8 + 8 * 2 - 2  # the daily seventh day shares two with the weekly first
    assert list(asked) == sorted(asked)
    assert looked_at(policy(), NOW) == {}


def measuring(**signal: Any) -> str:
    return history_key("viewers", rules({"signals": {"viewers": {**VIEWERS, **signal}}}))


def test_history_belongs_to_what_is_measured() -> None:
    assert measuring().startswith("viewers-")
    assert measuring() == measuring(max_age="5s", on_missing="assume(3)")
    others = [
        measuring(**{"from": "mongodb.viewers.hls"}),
        measuring(**{"from": SESSIONS}),
        measuring(**{"from": SESSIONS, "backend": "a"}),
        measuring(**{"from": SESSIONS, "backend": "b"}),
    ]
    assert len({measuring(), *others}) == 5


def computed(expr: str, inner: str) -> str:
    signals = {"one": {"from": inner, "aggregate": "sum"}, "viewers": {"expr": expr, "aggregate": "sum"}}
    return history_key("viewers", rules({"signals": signals}))


def test_an_expression_measures_what_the_signals_measure_that_it_names() -> None:
    plain = computed("one * 2", SESSIONS)
    assert plain == computed("one * 2", SESSIONS)
    assert len({plain, computed("one * 3", SESSIONS), computed("one * 2", "haproxy.server.queued")}) == 3
    assert computed("one / capacity", SESSIONS) != plain


BOTH = {"signals": {"viewers": {"from": SESSIONS, "aggregate": "sum"}}}


def recorded(shot: FleetSnapshot, by: Policy, memory: Memory | None = None) -> tuple[Recording, ...]:
    return heard(view(shot, by, memory or seasoned(1, 2)))


def told(**sessions: float) -> dict[str, Any]:
    return {SESSIONS: {key.replace("_", "-"): Sample(value, NOW) for key, value in sessions.items()}}


def test_the_whole_total_is_recorded_with_nodes_that_leave_and_with_cold_ones() -> None:
    by = rules(BOTH)
    shot = snapshot(node(1), node(2), samples=told(i_1=900.0, i_2=40.0))
    expected = Recording(history_key("viewers", by), 940.0, 4 * WEEK + DAY)
    assert recorded(shot, by) == (expected,)
    assert recorded(shot, by, Memory(looked_at=NOW)) == (expected,)  # both have just entered service
    assert recorded(shot, by, seasoned(1, 2, drains={"i-2": DrainRecord(NOW)})) == (expected,)


def test_a_total_of_which_a_part_is_missing_is_not_recorded() -> None:
    by = rules(BOTH)
    assert recorded(snapshot(node(1), node(2), samples=told(i_1=900.0)), by) == ()
    partial = {SESSIONS: {"i-1": Sample(9.0, NOW), "i-2": Sample(9.0, NOW, partial=True)}}
    assert recorded(snapshot(node(1), node(2), samples=partial), by) == ()
    old = {SESSIONS: {"i-1": Sample(9.0, NOW), "i-2": Sample(9.0, NOW - seconds(21))}}
    assert recorded(snapshot(node(1), node(2), samples=old), by) == ()
    assert recorded(snapshot(samples={}), by) == ()  # no node, nobody heard: not a quiet evening
    lost = snapshot(node(1), samples=told(i_1=9.0), gaps=(Gap("ec2", GROUP, NOW, ""),))
    assert recorded(lost, by) == ()
    assert recorded(snapshot(node(1), samples={SESSIONS: {"i-1": Sample(float("inf"), NOW)}}), by) == ()


def test_what_is_assumed_of_the_silent_is_not_recorded() -> None:
    by = rules({"signals": {"viewers": {"from": SESSIONS, "aggregate": "sum", "on_missing": "assume(5)"}}})
    assert recorded(snapshot(node(1), node(2), samples=told(i_1=900.0)), by) == ()


def test_only_signals_that_a_forecast_looks_at_are_recorded_as_long_as_the_longest_look_back() -> None:
    shot = snapshot(node(1), samples={**told(i_1=9.0), CPU: {"i-1": Sample(50.0, NOW)}})
    assert recorded(shot, policy()) == ()
    short, long = ({"signal": "viewers", "target_per_node": 9, "seasons": number} for number in (3, 8))
    by = rules({**BOTH, "scale": [{"forecast": short}, {"forecast": long}]})
    assert [recording.keep for recording in recorded(shot, by)] == [8 * WEEK + DAY]


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60), st.sampled_from([0.0, 0.005, 0.25, 0.5, 0.9, 0.95, 1.0])
)
def test_quantiles_are_those_of_numpy_by_its_method_higher(values: list[float], part: float) -> None:
    assert quantile(values, part) == np.quantile(values, part, method="higher")
