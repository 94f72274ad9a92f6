"""Intervals, held to printed tables and to an example done by hand."""

from __future__ import annotations

import pytest

from autoscaler.simulate.compare.spread import Spread, spread, t_quantile

TABLE = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 9: 2.262, 10: 2.228, 29: 2.045, 30: 2.042, 120: 1.980}
"""Two-sided 5 % points of Student's t, as every textbook prints them."""


@pytest.mark.parametrize(("freedom", "value"), TABLE.items())
def test_students_t_is_that_of_the_tables(freedom: int, value: float) -> None:
    assert t_quantile(freedom) == pytest.approx(value, abs=0.0006)


def test_an_interval_is_mean_and_t_times_the_standard_error() -> None:
    found = spread([1.0, 2.0, 3.0])  # s = 1, n = 3: 2 +- 4.303 / sqrt(3)
    assert (found.mean, found.low, found.high) == pytest.approx((2.0, -0.484, 4.484), abs=0.001)
    assert found.sign == 0


@pytest.mark.parametrize(
    ("differences", "sign"),
    [([5.0, 6.0, 7.0], 1), ([-5.0, -6.0, -7.0], -1), ([2.0, 2.0], 1), ([0.0, 0.0, 0.0], 0), ([1.0, -1.0], 0)],
)
def test_a_side_is_taken_only_where_zero_is_left_out(differences: list[float], sign: int) -> None:
    assert spread(differences).sign == sign


def test_one_seed_proves_nothing() -> None:
    assert spread([1000.0]) == Spread(1000.0)
    assert spread([1000.0]).sign == 0
