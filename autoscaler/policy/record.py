"""What every part of a file is: a strict, frozen record with a name or two, and what one key asks of another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Annotated, ClassVar, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationInfo,
    model_validator,
)
from pydantic_core import PydanticCustomError

from autoscaler.policy.examination import CrossCheck, Examination

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]

MOST_NODES = 10_000
"""More than any group has. What is beyond it is a slip of the hand, and nothing that anybody wants to wait for."""

MOST_VIEWERS = 100_000_000

Place = tuple[str | int, ...]
"""The keys and indexes from a record to something in it."""

Faults = Iterator[PydanticCustomError]
Method = TypeVar("Method", bound=Callable[..., Faults])

_MARK = "_asks_each"


def _one_word(value: str) -> str:
    if not value or any(character.isspace() for character in value):
        raise PydanticCustomError("blank", "is empty, or has blanks in it; leave the key out where nothing is meant")
    return value


def _no_blank(value: str) -> str:
    if not value or value != value.strip():
        raise PydanticCustomError("blank", "is empty, or begins or ends with a blank")
    return value


Word = Annotated[str, AfterValidator(_one_word)]
"""What EC2 calls something: an id or a name, without blanks."""

Phrase = Annotated[str, AfterValidator(_no_blank)]
"""The same, where blanks within are allowed."""


def cross_check(method: Method) -> Method:
    """Mark a method that yields what does not fit together among a record's keys, each with a reason of its own.

    The context of what it yields may hold `at`, the path from the record to the place, and `doubts`, the fields that
    no other check may rely on now; a field that is the whole of `at` is one. A check never asks whether a field is
    right: while a field that it reads is wrong it is not heard, here or in the records around this one.
    """
    setattr(method, _MARK, "")
    return method


def cross_check_each(name: str) -> Callable[[Method], Method]:
    """Mark one that is asked about each item of a list or mapping, with its index or key: one hides no other."""

    def marked(method: Method) -> Method:
        setattr(method, _MARK, name)
        return method

    return marked


class Record(BaseModel):
    """Strict and frozen: an unknown key is an error, and nothing changes a policy after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True, ignored_types=(cached_property,))
    cross_checks: ClassVar[tuple[CrossCheck, ...]] = ()

    @classmethod
    def __pydantic_init_subclass__(cls, **_: object) -> None:
        """Collect the marked methods, in their order."""
        own = [method for method in vars(cls).values() if hasattr(method, _MARK)]
        cls.cross_checks = tuple(CrossCheck(method, getattr(method, _MARK)) for method in own)

    @model_validator(mode="wrap")
    @classmethod
    def _checked(cls, data: object, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo) -> Self:
        """Fail at the first fault; an examination goes on instead, and tells them all."""
        if isinstance(info.context, Examination) and isinstance(data, dict):
            return info.context.examine(cls, data)
        record = handler(data)
        for check in cls.cross_checks:
            for part in check.parts(record):
                for fault in part:
                    raise fault
        return record
