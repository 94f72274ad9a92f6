"""The words of a policy test: readings, counts, codes, and what must never happen."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StrictInt
from pydantic_core import PydanticCustomError

from autoscaler.policy.record import Faults, Record, cross_check

Missing = Literal["missing"]
MISSING: Missing = "missing"

_LARGEST = sys.float_info.max
"""Readings are floats; YAML's whole numbers have no end."""

REASONS = (
    "target_tracking", "step", "headroom", "stabilization", "scale_in_control", "cooldown_out", "cooldown_in",
    "rate_limit_out", "rate_limit_in", "flap_budget", "schedule", "reservation", "forecast", "below_min", "above_max",
    "gap", "scale_out_unfulfilled", "capacity_lost", "fleet_unknown",
)  # fmt: skip
"""Every code that a reason of a decision can have."""

REFUSALS = (
    "protected", "no_free_slot", "publisher_live", "min_in_service", "max_instances", "not_drained", "sessions_live",
    "was_in_service", "too_many_lost", "fleet_unknown", "both_ways", "foreign_server", "stock_out",
)  # fmt: skip
"""Every code that a refusal of a plan can have."""

NEVERS = {
    "scale_out": "the group is never told to grow",
    "scale_in": "the group is never told to shrink",
    "launch": "nothing is launched",
    "drain": "no node is set to drain",
    "drain_of_publisher": "no node is set to drain that somebody publishes on, or may",
    "drain_of_viewer": "no node is set to drain that has sessions, or may have",
    "terminate": "no node is ended",
    "terminate_in_use": "no node is stopped or ended that somebody is on, or may be",
    "out_of_bounds": "the desired size never leaves the policy's bounds",
}
"""What a test can rule out, and what that means."""


def parse_reading(value: object) -> object:
    """Read a number, or the word `missing`."""
    if value == MISSING:
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST:
        return value
    raise PydanticCustomError("reading", "is neither a number nor missing")


def parse_whole(value: object) -> object:
    """Read a count of people or streams, or the word `missing`."""
    if value == MISSING or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value
    raise PydanticCustomError("reading", "is neither a whole number nor missing")


Reading = Annotated[float | Missing, BeforeValidator(parse_reading)]
WholeReading = Annotated[int | Missing, BeforeValidator(parse_whole)]


class Range(Record):
    """A number that is expected, or the numbers between which it must lie."""

    at_least: StrictInt | None = None
    at_most: StrictInt | None = None

    @cross_check
    def _some(self) -> Faults:
        if self.at_least is None and self.at_most is None:
            yield PydanticCustomError("count", "needs at_least or at_most")

    def holds(self, number: int) -> bool:
        """Whether `number` is as expected."""
        above = self.at_least is None or number >= self.at_least
        return above and (self.at_most is None or number <= self.at_most)

    def __str__(self) -> str:
        """Render as `5`, `at least 3` or `3 to 5`."""
        if self.at_most is None:
            return f"at least {self.at_least}"
        if self.at_least is None:
            return f"at most {self.at_most}"
        return str(self.at_least) if self.at_least == self.at_most else f"{self.at_least} to {self.at_most}"


def parse_count(value: object) -> object:
    """Read `5`, or `{at_least: 3, at_most: 5}`."""
    if isinstance(value, int) and not isinstance(value, bool):
        return Range(at_least=value, at_most=value)
    if isinstance(value, dict):
        return value
    raise PydanticCustomError("count", "is a whole number, or {{at_least: 3, at_most: 5}}")


Count = Annotated[Range, BeforeValidator(parse_count, json_schema_input_type=int | Range)]


def one_of(words: Iterable[str], what: str) -> Callable[[object], object]:
    """Return a check that lets only these words through."""
    known = tuple(words)

    def check(value: object) -> object:
        if value in known:
            return value
        close = get_close_matches(str(value), known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
        message = "there is no {what} {word}; {hint}"
        raise PydanticCustomError("word", message, {"what": what, "word": repr(value), "hint": hint})

    return check


ReasonCode = Annotated[str, BeforeValidator(one_of(REASONS, "reason")), Field(json_schema_extra={"enum": [*REASONS]})]
RefusalCode = Annotated[
    str, BeforeValidator(one_of(REFUSALS, "refusal")), Field(json_schema_extra={"enum": [*REFUSALS]})
]
Never = Annotated[str, BeforeValidator(one_of(NEVERS, "such event")), Field(json_schema_extra={"enum": [*NEVERS]})]
