"""A policy comes back from its text as the very same policy."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.policy.load import load_policies
from autoscaler.policy.text import read_policy
from autoscaler.policy.units import format_duration, format_number, format_percent, parse_duration, parse_percent
from tests.support.fleet import CPU, policy

SHIPPED = sorted(
    file for file in (Path(__file__).parents[3] / "policies").glob("*.yaml") if not file.stem.endswith(".test")
)


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_a_shipped_policy_comes_back(file: Path) -> None:
    (whole,) = load_policies({file.name: file.read_text()})
    assert read_policy(whole.text) == whole


@pytest.mark.parametrize(
    "changes",
    [
        {"scale": [{"target_tracking": {"signal": "cpu", "target": 0.1, "tolerance": "12.3456789%"}, "group": "a"}]},
        {"scale": [{"step": {"signal": "cpu", "steps": [{"above": 7, "for": "0.5ms", "add": "33.3333333%"}]}}]},
        {"scale": [{"step": {"signal": "cpu", "steps": [{"below": 1e-7, "for": "10.0005s", "remove": 2}]}}]},
        {"scale": [{"schedule": {"days": ["fri"], "from": "22:00", "to": "02:30", "timezone": "Europe/Istanbul",
                                 "first_day": "2026-01-01", "min": 3, "scale_in": False}}]},
        {"signals": {"cpu": {"from": CPU, "aggregate": "p90", "on_missing": "assume(1234567.25)"}}},
        {"signals": {"cpu": {"from": CPU}, "twice": {"expr": "cpu * 2"}}},
        {"reservations": [{"name": "final", "at": "2026-06-01T18:00:00+03:00", "until": "2026-06-01T20:00:00Z",
                           "viewers": 5000}], "viewers_per_node": 100},
        {"headroom": {"percent": "0.00001%"}, "flap_budget": {"turns": 3, "per": "1d"}},
    ],
)  # fmt: skip
def test_nothing_is_lost_on_the_way(changes: dict[str, Any]) -> None:
    whole = policy(**changes)
    assert read_policy(whole.text) == whole


@pytest.mark.parametrize("text", ["", "no json", "{}", "[]", '{"version":2}'])
def test_what_is_no_policy_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="validation error"):
        read_policy(text)


@given(st.timedeltas(timedelta(0), timedelta(days=366)))
def test_any_duration_comes_back(value: timedelta) -> None:
    assert parse_duration(format_duration(value)) == value


@given(st.decimals(0, 10**9 - 1, places=9))
def test_any_percentage_comes_back(written: Decimal) -> None:
    value = parse_percent(f"{written:f}%")
    assert parse_percent(format_percent(value)) == value


@pytest.mark.parametrize(
    ("value", "text"), [(10.0, "10"), (12.5, "12.5"), (1e6, "1000000"), (1e-7, "0.0000001"), (0.0, "0"), (-3.0, "-3")]
)
def test_numbers_are_written_in_plain_digits(value: float, text: str) -> None:
    assert format_number(value) == text
