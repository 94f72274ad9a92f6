"""Times as people write them in files: days, times of day, zones, dates and moments."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date, datetime, time
from typing import Annotated, Literal, TypeVar, get_args
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, PlainSerializer
from pydantic_core import PydanticCustomError

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = get_args(Day)

FIRST_YEAR, LAST_YEAR = 2000, 9000
"""Of moments and dates. Nobody means others, and what is near the ends of the calendar cannot be reckoned with."""


def parse_clock(value: object) -> time:
    """Read `"18:00"`. YAML 1.2 leaves it a text, with or without quotes."""
    if isinstance(value, time):
        return value
    if isinstance(value, str) and value.isascii():
        try:
            return datetime.strptime(value, "%H:%M").time()  # noqa: DTZ007 - a wall clock; its zone is another key
        except ValueError:
            pass
    raise PydanticCustomError("clock", 'is no time of day; write "18:00"')


def parse_zone(value: object) -> object:
    """Let through what the IANA database has."""
    try:
        ZoneInfo(str(value))
    except (ValueError, OSError, KeyError):
        raise PydanticCustomError("timezone", "is no IANA time zone, such as Europe/Istanbul or UTC") from None
    return value


Clock = Annotated[
    time,
    BeforeValidator(
        parse_clock,
        json_schema_input_type=Annotated[str, Field(pattern=r"^([01]?\d|2[0-3]):[0-5]?\d$", examples=["18:00"])],
    ),
    PlainSerializer(lambda v: v.strftime("%H:%M"), return_type=str),
]
Zone = Annotated[str, BeforeValidator(parse_zone), Field(examples=["Europe/Istanbul", "UTC"])]


Dated = TypeVar("Dated", date, datetime)

_DATE = r"\d{4}-\d\d-\d\d"
_MOMENT = rf"{_DATE}[T ]\d\d:\d\d(:\d\d(\.\d{{1,6}})?)?(Z|[+-]\d\d:\d\d)?"


def in_years(value: Dated) -> Dated:
    """Return a moment or date of a year that somebody can mean."""
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise PydanticCustomError("moment", "is of a year that nobody means; from 2000 to 9000")
    return value


def parse_moment(value: object) -> datetime:
    """Read `2026-06-01T18:00:00+03:00`. A number of seconds since 1970 is a moment to nobody who reads it."""
    if isinstance(value, datetime):
        return value
    moment: datetime | None = None
    if isinstance(value, str) and re.fullmatch(_MOMENT, value, re.ASCII):
        with suppress(ValueError):
            moment = datetime.fromisoformat(value)
    if moment is None:
        raise PydanticCustomError("moment", "is no moment; write 2026-06-01T18:00:00+03:00, or Z for UTC")
    return in_years(moment)


def parse_instant(value: object) -> datetime:
    """Read a moment that every clock agrees on: one with its offset."""
    moment = parse_moment(value)
    if moment.tzinfo is None:
        raise PydanticCustomError("moment", "has no offset; write 2026-06-01T18:00:00+03:00, or Z for UTC")
    return moment


def parse_date(value: object) -> date:
    """Read `2026-06-01`."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    day: date | None = None
    if isinstance(value, str) and re.fullmatch(_DATE, value, re.ASCII):
        with suppress(ValueError):
            day = date.fromisoformat(value)
    if day is None:
        raise PydanticCustomError("date", "is no date; write 2026-06-01")
    return in_years(day)


_Written = Annotated[str, Field(pattern=f"^{_MOMENT}$", examples=["2026-06-01T18:00:00+03:00"])]
Moment = Annotated[datetime, BeforeValidator(parse_moment, json_schema_input_type=_Written)]
Instant = Annotated[datetime, BeforeValidator(parse_instant, json_schema_input_type=_Written)]

Date = Annotated[
    date,
    BeforeValidator(
        parse_date, json_schema_input_type=Annotated[str, Field(pattern=f"^{_DATE}$", examples=["2026-06-01"])]
    ),
]
