"""Who would be here if nobody were ever refused, held to a count of everybody in every step."""

from __future__ import annotations

from math import ceil
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.simulate.crowd import Visit
from autoscaler.simulate.life import size_of
from autoscaler.simulate.spec import WorldSpec
from autoscaler.simulate.stays import Audience
from tests.support.crowd import coming

STEPS = 6
visits = st.tuples(st.integers(0, STEPS), st.integers(1, STEPS), st.booleans(), st.integers(0, 2))
"""When one comes, for how many steps, whether to publish, and which stream."""


@pytest.mark.parametrize("fetching", [{}, {"streams": 5}])
@given(st.lists(visits))
def test_as_many_nodes_are_needed_as_carry_whoever_is_there(
    fetching: dict[str, Any], told: list[tuple[int, int, bool, int]]
) -> None:  # fmt: skip
    # as far as AMS lets them, 1.9 viewers fill the memory and 2.2 publishers the CPU: a node carries one, or two
    kind = {"vcpus": 4, "viewers": 4, "publishers": 3, "memory": {"viewers": 3, "publishers": 7}, **fetching}
    size = size_of(WorldSpec.model_validate({"types": {"a": kind}}), "a")
    audience = Audience(size)
    for step in range(2 * STEPS):
        new = [Visit(publisher, begin + steps, stream) for begin, steps, publisher, stream in told if begin == step]
        audience.step(step, coming(new))
        there = [(publisher, stream) for begin, steps, publisher, stream in told if begin <= step < begin + steps]
        watched, published = ({stream for kind, stream in there if kind is publisher} for publisher in (False, True))
        publishers = sum(publisher for publisher, _ in there)
        fetched = len(watched - published) if fetching else 0
        cpu, memory = size.filled(len(there) - publishers, publishers, fetched)
        divided = max(-(-cpu // size.most.cpu), -(-memory // size.most.memory))
        assert audience.needed == max(divided, len(there) - publishers, ceil(publishers / 2))
