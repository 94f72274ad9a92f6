"""The fewest node-hours, by hand."""

from __future__ import annotations

from itertools import pairwise, product

import pytest

from autoscaler.simulate.oracle import Oracle


def hours(needs: list[int], boot: float, least: int = 0) -> float:
    oracle = Oracle(3600.0, boot, least)
    for need in needs:
        oracle.add(need)
    return oracle.node_hours


@pytest.mark.parametrize(
    ("needs", "boot", "expected"),
    [
        ([1, 1, 1], 0.5, 3.0),  # who is needed at the begin is there
        ([0, 1, 1], 0.5, 2.5),
        ([1, 2, 1, 2], 0.5, 7.0),  # the second: 0.5 + 1, ended and booted again for 0.5, 1
        ([1, 2, 1, 2], 3.0, 8.0),  # there all along, for a boot takes three hours
        ([1, 3, 1, 1, 1, 3], 2.0, 6 + 2 * (1.0 + 1 + 2.0 + 1)),
        ([], 1.0, 0.0),
        ([0, 0], 1.0, 0.0),
    ],
)
def test_the_cheapest_plan_is_found(needs: list[int], boot: float, expected: float) -> None:
    assert hours(needs, boot) == expected


def test_the_least_is_always_there() -> None:
    assert hours([0, 0, 3], 1.0, least=2) == 2 * 3 + 1.0 + 1


@pytest.mark.parametrize("boot", [0.0, 1.0, 2.5])
def test_no_plan_of_one_node_is_cheaper(boot: float) -> None:
    """Every way to be there or not in six hours, for every need: on at least when needed, a boot for every rise."""
    for needs in product((0, 1), repeat=6):
        plans = [
            sum(there) + boot * sum(b > a for a, b in pairwise(there))
            for there in product((0, 1), repeat=6)
            if all(on >= need for on, need in zip(there, needs, strict=True))
        ]
        assert hours(list(needs), boot) == min(plans)
