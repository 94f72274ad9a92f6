"""Amounts are read, stepped through and written as a policy has them."""

from __future__ import annotations

import pytest

from autoscaler.simulate.tune.amounts import Unit, read_amount, step_of, values


@pytest.mark.parametrize(
    ("text", "unit", "written"),
    [
        ("110", Unit.NUMBER, "110"),
        ("0.50", Unit.NUMBER, "0.5"),
        ("-3", Unit.NUMBER, "-3"),
        ("12.5%", Unit.PERCENT, "12.5%"),
        ("600s", Unit.DURATION, "10m"),
        ("1.5h", Unit.DURATION, "90m"),
        ("250ms", Unit.DURATION, "250ms"),
        ("0s", Unit.DURATION, "0s"),
    ],
)
def test_an_amount_is_read_and_written(text: str, unit: Unit, written: str) -> None:
    amount = read_amount(text)
    assert amount is not None
    assert (amount.unit, str(amount)) == (unit, written)


@pytest.mark.parametrize("text", ["", "mean", "1e3", "10 m", "400d", "%", "1..2", "٣"])
def test_what_is_no_amount(text: str) -> None:
    assert read_amount(text) is None


@pytest.mark.parametrize(
    ("low", "high", "step", "count"),
    [
        ("90", "150", "5", 13),
        ("2", "6", "1", 5),
        ("1", "400", "20", 21),
        ("0.5", "0.9", "0.02", 21),
        ("0%", "20%", "1%", 21),
        ("0%", "7.5%", "0.5%", 16),
        ("2m", "20m", "1m", 19),
        ("1h", "3d", "6h", 13),
        ("500ms", "2s", "100ms", 16),
        ("1d", "360d", "7d", 53),
    ],
)
def test_a_range_has_round_steps_and_both_ends(low: str, high: str, step: str, count: int) -> None:
    first, last = read_amount(low), read_amount(high)
    assert first
    assert last
    found = step_of(first, last)
    assert str(found) == str(read_amount(step))
    steps = list(values(first, last, found))
    assert (steps[0], steps[-1], len(steps)) == (first, last, count)
