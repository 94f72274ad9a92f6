"""Records of which a cycle makes thousands."""

from __future__ import annotations

from dataclasses import MISSING, Field, field, fields, make_dataclass
from typing import Any, TypeVar

Made = TypeVar("Made")


def quick(cls: type[Made]) -> type[Made]:
    """Let the type checker alone keep a frozen dataclass frozen: making one then takes a fifth of the time.

    A frozen dataclass sets each of its fields by a call of `object.__setattr__`; in a cycle of a large group that was
    most of what observing took. All else (equality, hashing, `replace`) stays as it was.
    """
    parts = [(part.name, part.type, _like(part)) for part in fields(cls)]  # type: ignore[arg-type]  # it is a dataclass
    cls.__init__ = make_dataclass(cls.__name__, parts).__init__  # type: ignore[misc, method-assign]  # the same fields
    del cls.__setattr__, cls.__delattr__
    return cls


def _like(part: Field[Any]) -> Any:  # noqa: ANN401 - what `field` returns
    if part.default_factory is not MISSING:
        return field(default_factory=part.default_factory)
    return field() if part.default is MISSING else field(default=part.default)
