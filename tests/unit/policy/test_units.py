from __future__ import annotations

from datetime import timedelta
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from autoscaler.policy.units import format_duration, parse_duration, parse_percent


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("5s", 5), ("1.5m", 90), ("10m", 600), ("4h", 14400), ("1d", 86400), ("0s", 0)],
)
def test_a_duration_has_a_unit(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("bad", ["5", 5, 5.0, True, None, "5 s", "-5s", "5sec", "s", "", "367d", ["5s"]])
def test_anything_else_is_refused(bad: object) -> None:
    with pytest.raises(PydanticCustomError):
        parse_duration(bad)


@given(st.integers(min_value=0, max_value=366 * 86_400_000).map(lambda ms: timedelta(milliseconds=ms)))
def test_a_printed_duration_reads_back(value: timedelta) -> None:
    assert parse_duration(format_duration(value)) == value


def test_a_duration_passes_through() -> None:
    assert parse_duration(timedelta(seconds=3)) == timedelta(seconds=3)


def test_a_percentage_has_its_sign() -> None:
    assert parse_percent("12.5%") == 12.5
    assert parse_percent(12.5) == 12.5


@pytest.mark.parametrize("bad", ["10", 10, "-1%", "%", "9" * 400 + "%", None, nan, inf])
def test_a_bare_number_is_no_percentage(bad: object) -> None:
    with pytest.raises(PydanticCustomError):
        parse_percent(bad)
