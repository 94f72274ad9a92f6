"""Who comes in which step, held to what a trace says of each session by itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.simulate.arrivals import by_step
from autoscaler.simulate.crowd import Visit
from autoscaler.simulate.traffic.sessions import Sessions
from tests.support.crowd import Told

tenths = st.integers(0, 600).map(lambda tenth: tenth / 10)
people = st.tuples(st.just(1), tenths, tenths.filter(bool), st.booleans())


class Chopped(Told):
    """Comes in chunks of two."""

    def chunks(self) -> Iterator[Sessions]:
        (whole,) = super().chunks()
        return (whole.part(at, at + 2) for at in range(0, len(whole), 2))


@given(st.lists(people), st.sampled_from([1.0, 3.0, 10.0]), st.sampled_from(["edge", "origin", "both"]))
def test_everybody_comes_and_goes_in_time(
    told: list[tuple[int, float, float, bool]], step_s: float, role: str
) -> None:  # fmt: skip
    expected: defaultdict[int, list[Visit]] = defaultdict(list)
    in_order = sorted(told, key=lambda row: row[1])
    for number, (_, start_s, duration_s, publisher) in enumerate(in_order):
        if role == "both" or publisher is (role == "origin"):
            comes = int(start_s // step_s)
            leaves = max(comes + 1, int((start_s + duration_s) // step_s))
            expected[comes].append(Visit(publisher, leaves, number % 5))
    assert {step: new.visits() for step, new in by_step(Chopped(told), step_s, role)} == expected


steps = st.integers(0, 60)


@given(st.lists(st.tuples(steps, steps.filter(bool))), st.sampled_from([1.0, 3.0, 10.0, 60.0]))
def test_as_many_are_there_in_each_step_as_the_trace_says(told: list[tuple[int, int]], step_s: float) -> None:
    """What levels say is so: who comes and goes with the steps is there for exactly as long as he stays."""
    people = Told([(1, begin * step_s, stays * step_s, False) for begin, stays in told])
    came = [(number, leaves) for number, new in by_step(people, step_s, "edge") for leaves in new.last_step]
    for step in range(120):
        there = sum(begin <= step < begin + stays for begin, stays in told)
        assert sum(number <= step < leaves for number, leaves in came) == there


def test_nobody_stays_longer_than_told_however_long_the_steps() -> None:
    people = Told([(1, 0.5 * number, 600.0, False) for number in range(7200)])
    for step_s in (1.0, 10.0, 60.0, 300.0):
        stays = [leaves - number for number, new in by_step(people, step_s, "edge") for leaves in new.last_step]
        assert sum(stays) * step_s / len(stays) == pytest.approx(600.0, abs=0.01)


def test_whoever_comes_in_one_step_comes_together_though_chunks_part_them() -> None:
    found = by_step(Chopped([(7, 1.0, 5.0, False), (2, 30.0, 5.0, False)]), 10.0, "edge")
    assert [(number, len(new)) for number, new in found] == [(0, 7), (3, 2)]


@pytest.mark.parametrize("told", [[], [(1, 1.0, 5.0, True)]])
def test_nobody_comes(told: list[tuple[int, float, float, bool]]) -> None:
    assert list(by_step(Told(told), 10.0, "edge")) == []
