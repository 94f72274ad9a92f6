"""Quick records are what frozen ones are, but for who keeps them frozen."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import astuple, dataclass, field, replace
from typing import Any

import pytest

from autoscaler.model.quick import quick


@dataclass(frozen=True, slots=True)
class Frozen:
    """The way it would be."""

    name: str
    count: int = 1
    parts: dict[str, int] = field(default_factory=dict)
    note: str = field(default="", compare=False)


@quick
@dataclass(frozen=True, slots=True)
class Quick:
    """The way it is."""

    name: str
    count: int = 1
    parts: dict[str, int] = field(default_factory=dict)
    note: str = field(default="", compare=False)


@quick
@dataclass(frozen=True, slots=True)
class Place:
    """Something that is a key."""

    row: int
    column: int = 0


@pytest.mark.parametrize(
    "told", [{}, {"count": 2}, {"count": 2, "parts": {"x": 1}}, {"parts": {"x": 1}, "note": "seen"}]
)  # fmt: skip
def test_it_is_made_and_compared_as_before(told: dict[str, Any]) -> None:
    made, frozen = Quick("a", **told), Frozen("a", **told)
    assert astuple(made) == astuple(frozen)
    assert made == Quick("a", **{**told, "note": "is not compared"})
    assert made != Quick("b", **told)
    assert repr(made) == repr(frozen).replace("Frozen", "Quick")
    assert replace(made, count=7) == Quick("a", **{**told, "count": 7})
    assert deepcopy(made) == made


def test_each_has_a_default_of_its_own() -> None:
    one, other = Quick("a"), Quick("a")
    assert one.parts == other.parts
    assert one.parts is not other.parts


@pytest.mark.parametrize(("told", "wrong"), [({}, "name"), ({"name": "a", "height": 3}, "height")])
def test_what_is_missing_or_too_much_is_an_error(told: dict[str, Any], wrong: str) -> None:
    with pytest.raises(TypeError, match=wrong):
        Quick(**told)


def test_it_is_a_key_as_before() -> None:
    assert {Place(1): "here"}[Place(1, 0)] == "here"
