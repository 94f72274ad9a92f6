"""What somebody asks of a search: a search file, what is minimised, and which limits hold."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from math import isfinite
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from autoscaler.model.errors import ConfigurationError, Problem
from autoscaler.policy.record import Record
from autoscaler.policy.units import FromList
from autoscaler.simulate.compare.gate import parse_gate
from autoscaler.simulate.tune.search import Goal
from autoscaler.simulate.tune.trial import OBJECTIVES, USUAL_LIMITS, USUAL_OBJECTIVES


def _range(value: object) -> object:
    """Let texts through, and lists of texts and numbers as the choices that they are."""
    if isinstance(value, list) and all(isinstance(item, str | int | float) for item in value):
        if any(isinstance(item, float) and not isfinite(item) for item in value):
            raise PydanticCustomError("vary", "has a choice that is no finite number; write it in digits")
        return ",".join(str(item).lower() if isinstance(item, bool) else str(item) for item in value)
    if isinstance(value, str):
        return value
    raise PydanticCustomError("vary", "is neither a range, 90..150, nor a list of choices")


Wish = Annotated[
    str,
    BeforeValidator(
        _range,
        json_schema_input_type=Annotated[str, Field(examples=["90..150", "0%..20%"])] | list[str | int | float | bool],
    ),
]
"""A range or choices, as `--vary` has them."""


class SearchFile(Record):
    """`--search FILE`: what is searched, and for what. Options of the command come before it."""

    version: Literal[1] = Field(description="of this format")
    vary: dict[str, Wish] = Field(
        min_length=1, max_length=100, description="ranges or choices, by their paths in the policy"
    )
    minimise: Annotated[tuple[str, ...], FromList] = Field(default=(), description="measures, as `--minimise`")
    limits: Annotated[tuple[str, ...], FromList] = Field(default=(), description="expressions, as `--limit`")


def make_goal(objectives: Sequence[str], limits: Sequence[str]) -> Goal:
    """Return what is better and what must hold; raises ConfigurationError for what means nothing."""
    chosen = tuple(dict.fromkeys(objectives)) or USUAL_OBJECTIVES
    problems = [_unknown(name) for name in chosen if name not in OBJECTIVES]
    if problems:
        raise ConfigurationError(problems)
    given = [parse_gate(limit, "--limit") for limit in limits]
    spoken = {name.partition(".")[2] for gate in given for name in gate.names}
    usual = [parse_gate(limit, "--limit") for limit in USUAL_LIMITS]
    return Goal(chosen, (*(gate for gate in usual if gate.names[0].partition(".")[2] not in spoken), *given))


def parse_vary(texts: Sequence[str]) -> dict[str, str]:
    """Read `PATH=RANGE`; raises ConfigurationError."""
    wishes: dict[str, str] = {}
    problems: list[Problem] = []
    for text in texts:
        path, sign, wish = text.partition("=")
        if not (sign and path.strip() and wish.strip()) or path.strip() in wishes:
            why = "is given twice" if path.strip() in wishes else "is not PATH=RANGE"
            problems.append(Problem(f"--vary {text}", 0, 0, "usage", why, "such as headroom.percent=0%..20%"))
        wishes[path.strip()] = wish.strip()
    if problems:
        raise ConfigurationError(problems)
    return wishes


def _unknown(name: str) -> Problem:
    close = get_close_matches(name, OBJECTIVES, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(OBJECTIVES)}"
    return Problem("--minimise", 0, 0, "usage", f"there is nothing called {name!r} to minimise", hint)
