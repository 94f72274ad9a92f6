"""Durations and percentages as people write them in a policy: `5s`, `10m`, `4h`, `1d`, `10%`."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from math import isfinite
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer
from pydantic_core import PydanticCustomError

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", re.ASCII)
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)%", re.ASCII)
_LONGEST = timedelta(days=366)
_LARGEST_PERCENT = 1e300
"""No share of any group of nodes is infinite below it."""


def parse_duration(value: object) -> timedelta:
    """Read `90s` or `1.5h`. A bare number has no unit and is refused, as is anything longer than 366 days."""
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise PydanticCustomError("duration", "is not a duration; write a number and a unit: 500ms, 5s, 10m, 4h, 1d")
    seconds = float(match[1]) * _SECONDS[match[2]]
    if seconds > _LONGEST.total_seconds():
        raise PydanticCustomError("duration", "is longer than 366 days")
    return timedelta(seconds=seconds)


def _some_time(value: timedelta) -> timedelta:
    if not value:
        raise PydanticCustomError("duration", "is no time at all; a period is above 0s")
    return value


def format_duration(value: timedelta) -> str:
    """Write a duration so that `parse_duration` reads the same one back: `90s`, `10m`."""
    microseconds = value // timedelta(microseconds=1)
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)):
        if microseconds and microseconds % (size * 1_000_000) == 0:
            return f"{microseconds // (size * 1_000_000)}{unit}"
    return f"{format_number(microseconds / 1000)}ms" if microseconds else "0s"


def format_number(value: float) -> str:
    """Write a number in plain digits so that the very same one is read back: `10`, `12.5`, `1000000`."""
    return format(Decimal(repr(value)).normalize(), "f")


def format_percent(value: float) -> str:
    """Write a percentage so that `parse_percent` reads the same one back: `10%`."""
    return f"{format_number(value)}%"


def parse_percent(value: object) -> float:
    """Read `10%` as 10.0. A bare number is refused: 0.1 and 10 are both somebody's ten percent."""
    if isinstance(value, float) and isfinite(value):
        return value
    match = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    if match is None or float(match[1]) > _LARGEST_PERCENT:
        raise PydanticCustomError("percent", "is not a percentage; write a number and the sign: 10%")
    return float(match[1])


def _number(value: object) -> object:
    """Let numbers through and nothing that only looks like one: `"60"`, `true`, `.nan` and `.inf` are mistakes."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PydanticCustomError("number", "is not a number")
    if not isfinite(value):  # by its limits `.nan` would be too high
        raise PydanticCustomError("finite_number", "is no finite number; write it in digits, such as 2.5")
    return value


def _as_tuple(value: Any) -> Any:  # noqa: ANN401 - whatever YAML held; pydantic checks the items
    return tuple(value) if isinstance(value, list) else value


Share = Annotated[str, Field(pattern=rf"^{_PERCENT.pattern}$", examples=["10%"])]
"""A percentage as it is written, for editors."""

Duration = Annotated[
    timedelta,
    BeforeValidator(
        parse_duration,
        json_schema_input_type=Annotated[str, Field(pattern=rf"^{_DURATION.pattern}$", examples=["30s", "10m"])],
    ),
    PlainSerializer(format_duration, return_type=str),
]
Period = Annotated[Duration, AfterValidator(_some_time)]
"""A duration that is not zero."""

Percent = Annotated[
    float,
    BeforeValidator(parse_percent, json_schema_input_type=Share),
    PlainSerializer(format_percent, return_type=str),
]
Number = Annotated[float, BeforeValidator(_number)]
FromList = BeforeValidator(_as_tuple)
