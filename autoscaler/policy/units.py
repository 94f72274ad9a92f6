"""Durations and percentages as people write them in a policy: `5s`, `10m`, `4h`, `1d`, `10%`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer
from pydantic_core import PydanticCustomError

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)%")
_LONGEST = timedelta(days=366)


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


def format_duration(value: timedelta) -> str:
    """Write a duration so that `parse_duration` reads the same one back: `90s`, `10m`."""
    milliseconds = round(value / timedelta(milliseconds=1))
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if milliseconds and milliseconds % size == 0:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds}ms" if milliseconds else "0s"


def parse_percent(value: object) -> float:
    """Read `10%` as 10.0. A bare number is refused: 0.1 and 10 are both somebody's ten percent."""
    if isinstance(value, float):
        return value
    match = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise PydanticCustomError("percent", "is not a percentage; write a number and the sign: 10%")
    return float(match[1])


def _number(value: object) -> object:
    """Let numbers through and nothing that only looks like one: `"60"` and `true` are mistakes."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PydanticCustomError("number", "is not a number")
    return value


def _as_tuple(value: Any) -> Any:  # noqa: ANN401 - whatever YAML held; pydantic checks the items
    return tuple(value) if isinstance(value, list) else value


Duration = Annotated[timedelta, BeforeValidator(parse_duration), PlainSerializer(format_duration, return_type=str)]
Percent = Annotated[float, BeforeValidator(parse_percent), PlainSerializer(lambda v: f"{v:g}%", return_type=str)]
Number = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
FromList = BeforeValidator(_as_tuple)
