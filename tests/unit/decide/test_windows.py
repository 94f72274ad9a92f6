"""The mean of a while: of what, since when, and what it must not hide."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.decide.pipeline import decide
from autoscaler.decide.windows import smooth
from autoscaler.model.codec import from_plain, to_plain
from autoscaler.model.decision import Direction
from autoscaler.model.memory import LONGEST_BLINK, Memory
from autoscaler.model.snapshot import GROUP, Sample
from tests.support.fleet import CPU, NOW, node, policy, seasoned, seconds, snapshot

KEY = f"{CPU}:/1m"


def rules(window: str = "1m", **changes: Any) -> Any:
    return policy(signals={"cpu": {"from": CPU, "window": window}}, **changes)


class Watch:
    """One node in service, looked at every five seconds unless told otherwise."""

    def __init__(self, window: str = "1m") -> None:
        self.policy, self.memory, self.now = rules(window), seasoned(1), NOW
        (signal,) = self.policy.signals.values()
        self.key = signal.key

    def see(self, value: float | None, after: float = 5, *, partial: bool = False, age: float = 0) -> Sample | None:
        self.now += seconds(after)
        told = {} if value is None else {"i-1": Sample(value, self.now - seconds(age), partial)}
        return self.look({CPU: told})

    def look(self, samples: dict[str, dict[str, Sample]]) -> Sample | None:
        shot = smooth(self.policy, self.memory, snapshot(node(1), samples=samples, at=self.now))
        self.decision, self.memory = decide(shot, self.policy, self.memory)
        self.shot = shot
        return shot.samples.get(self.key, {}).get("i-1")

    def for_a_minute(self, value: float) -> Sample:
        seen = [self.see(value) for _ in range(13)][-1]
        assert seen
        return seen


def test_the_mean_of_all_that_was_seen_and_the_latest() -> None:
    watch = Watch()
    values = [watch.see(value) for value in (10, 20, 60)]
    assert [seen.value for seen in values if seen] == [10, 15, 30]
    assert watch.shot.samples[CPU]["i-1"].value == 60  # the latest stays as it is


def test_what_is_older_than_the_window_counts_no_more() -> None:
    watch = Watch()
    watch.see(1000)
    assert watch.for_a_minute(10) == Sample(10, watch.now)


def test_no_window_is_the_latest_value() -> None:
    watch = Watch("0s")
    watch.see(10)
    assert watch.see(90) == Sample(90, watch.now)
    assert watch.memory.windows == {}


def test_a_window_that_was_not_watched_to_its_end_may_grow_the_group_and_not_shrink_it() -> None:
    watch = Watch()
    watch.policy = rules(bounds={"min": 0, "max": 9})
    seen = watch.see(0)
    assert seen
    assert seen.partial
    assert (watch.decision.direction, watch.decision.verdicts[0].missing) == (Direction.HOLD, ("i-1",))
    assert not watch.for_a_minute(0).partial
    assert (watch.decision.direction, watch.decision.desired) == (Direction.IN, 0)
    other = Watch()
    other.see(100)
    assert (other.decision.direction, other.decision.desired) == (Direction.OUT, 2)


@pytest.mark.parametrize(("value", "age"), [(None, 0), (50, 21)])
def test_smoothing_never_hides_a_gap(value: float | None, age: float) -> None:
    """Neither a value that is not there nor one that is too old."""
    watch = Watch()
    watch.for_a_minute(50)
    assert watch.see(value, age=age) is None
    assert watch.decision.verdicts[0].missing == ("i-1",)


def test_a_gap_of_a_blink_is_no_break_and_a_longer_one_begins_anew() -> None:
    watch = Watch()
    watch.for_a_minute(10)
    watch.see(None, after=30)
    assert watch.see(10, after=30) == Sample(10, watch.now)
    assert watch.see(90, after=LONGEST_BLINK.total_seconds() + 1) == Sample(90, watch.now, partial=True)
    watch.see(None, after=61)
    assert watch.memory.windows[KEY].members == {}


def test_a_part_of_a_value_makes_its_window_a_part() -> None:
    watch = Watch()
    watch.for_a_minute(10)
    watch.see(10, partial=True)
    seen = [watch.see(10) for _ in range(12)]
    assert [sample.partial for sample in seen if sample] == [True] * 11 + [False]


def test_a_clock_that_goes_back_begins_anew() -> None:
    watch = Watch()
    watch.for_a_minute(10)
    assert watch.see(90, after=-30) == Sample(90, watch.now, partial=True)


def test_the_values_of_a_group_have_a_window_too() -> None:
    viewers = policy(signals={"viewers": {"from": "mongodb.viewers", "aggregate": "sum", "window": "10s"}},
                     scale=[{"target_tracking": {"signal": "viewers", "target_per_node": 100}}])  # fmt: skip
    before, at = snapshot(node(1), samples={"mongodb.viewers": {GROUP: Sample(100, NOW)}}), NOW + seconds(1)
    _, memory = decide(before, viewers, seasoned(1))
    now = snapshot(node(1), samples={"mongodb.viewers": {GROUP: Sample(500, at)}}, at=at)
    shot = smooth(viewers, memory, now)
    assert shot.samples["mongodb.viewers:/10s"][GROUP] == Sample(300, at, partial=True)
    assert decide(shot, viewers, memory)[0].verdicts[0].needed == 3


def test_nothing_is_remembered_of_nodes_that_are_gone() -> None:
    watch = Watch()
    watch.see(10)
    watch.look({CPU: {"i-2": Sample(5, watch.now)}})
    assert watch.memory.windows[KEY].members.keys() == {"i-1", "i-2"}
    watch.now += LONGEST_BLINK + seconds(1)
    watch.look({CPU: {"i-2": Sample(5, watch.now)}})
    assert watch.memory.windows[KEY].members.keys() == {"i-2"}


@given(st.lists(st.tuples(st.floats(0.01, 70), st.floats(0, 1e6)), min_size=1, max_size=60))
def test_the_memory_is_bounded_and_survives_json_at_any_length_of_cycle(looks: Sequence[tuple[float, float]]) -> None:
    watch = Watch()
    for after, value in looks:
        watch.see(value, after=after)
        (past,) = watch.memory.windows[KEY].members.values()
        assert len(past.sums) == len(past.counts) <= 10
        assert from_plain(Memory, json.loads(json.dumps(to_plain(watch.memory)))) == watch.memory


@given(
    st.lists(st.tuples(st.floats(0.5, 70), st.floats(0, 1e6), st.booleans()), min_size=1, max_size=30),
    st.floats(0, 1e6), st.data(),
)  # fmt: skip
def test_a_higher_value_never_gives_a_smaller_mean(
    looks: Sequence[tuple[float, float, bool]], more: float, data: st.DataObject
) -> None:
    raised = data.draw(st.integers(0, len(looks) - 1))
    lower, higher = Watch(), Watch()
    for number, (after, value, partial) in enumerate(looks):
        low = lower.see(value, after, partial=partial)
        high = higher.see(value + more if number == raised else value, after, partial=partial)
        assert low
        assert high
        assert high.value >= low.value or high.value == pytest.approx(low.value)
        assert high.partial == low.partial


def test_a_change_of_the_window_begins_anew() -> None:
    watch = Watch()
    watch.for_a_minute(10)
    watch.policy = rules("2m")
    watch.see(10)
    assert watch.memory.windows.keys() == {f"{CPU}:/2m"}


def test_a_window_is_seen_through_by_who_decides_again() -> None:
    """The snapshot holds the mean, so that no memory of other cycles is needed to explain one."""
    watch = Watch()
    watch.for_a_minute(90)
    shot = replace(watch.shot, samples={**watch.shot.samples, KEY: {"i-1": Sample(10, watch.now)}})
    assert decide(shot, watch.policy, watch.memory)[0].verdicts[0].value == 10
