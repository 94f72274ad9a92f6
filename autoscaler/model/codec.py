"""Our frozen records as plain JSON values, and back, without a loss.

`from_plain(type(x), json.loads(json.dumps(to_plain(x)))) == x` for every record of `model`, and encoding that again
gives the same bytes: journals are replayed and compared byte for byte.

Records become objects, tuples lists, enums their values, times ISO 8601 in UTC, durations seconds. Actions,
results and gaps stand where several types may stand, so they carry their class's name as `kind`. Numbers that JSON
lacks (nan, inf) become strings.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from autoscaler.model.nodes import Nodes
from autoscaler.model.plan import (
    CancelDrain,
    Deregister,
    Done,
    Drain,
    Failed,
    Forget,
    Launch,
    Register,
    Skipped,
    Stop,
    Terminate,
    Wake,
)
from autoscaler.model.snapshot import Gap

Record = TypeVar("Record")
Plain = dict[str, "Plain"] | list["Plain"] | str | int | float | bool | None
"""A JSON value."""

_KINDS = (
    CancelDrain, Deregister, Drain, Forget, Launch, Register, Stop, Terminate, Wake, Done, Failed, Skipped, Gap,
)  # fmt: skip
_Decoder = Callable[[Any], Any]


class Malformed(ValueError):
    """A value that is not what its type says. The message starts with the path to it."""

    def __init__(self, problem: str) -> None:
        """`problem` says what was expected and what was there."""
        super().__init__(problem)
        self.problem = problem
        self.path: tuple[str, ...] = ()

    def below(self, step: str) -> Malformed:
        """Put `step` before the path, on the way out of the nesting."""
        self.path = (step, *self.path)
        return self

    def __str__(self) -> str:
        """Render as `drains.i-1.since: expected a time, got 5`."""
        return f"{'.'.join(self.path)}: {self.problem}" if self.path else self.problem


def to_plain(value: object) -> Plain:
    """Return `value` as JSON values only.

    Raises:
        TypeError: the value is of no type that records are made of, or a naive time; both are bugs.
    """
    if value is None or type(value) in (str, int, bool):
        return cast("str | int | bool | None", value)
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, tuple | list | Nodes):
        return [to_plain(item) for item in value]
    return _structure(value)


def _structure(value: object) -> Plain:
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if not is_dataclass(value):
        raise TypeError(f"cannot write {value!r} as JSON")
    plain: dict[str, Plain] = {"kind": type(value).__name__} if isinstance(value, _KINDS) else {}
    for name in _names(cast("Any", type(value))):
        plain[name] = to_plain(getattr(value, name))
    return plain


def from_plain(cls: type[Record], data: Plain) -> Record:
    """Return the record of type `cls` (or, by its kind, of a subclass) that `data` was made from.

    A field that has a default may be absent, so records written before the field existed can still be read. A field
    that `cls` does not have is refused: it may hold something that must not be forgotten.

    Raises:
        Malformed: data is not such a record; the message names the place.
    """
    return cast("Record", _decoder(cast("Any", cls))(data))


def from_json(cls: type[Record], text: str | bytes) -> Record:
    """Return the record that a text of JSON holds, as `from_plain` does.

    Raises:
        Malformed: it holds none, is no JSON, is nested too deeply to be read, or has numbers that are too long.
    """
    try:
        return from_plain(cls, json.loads(text))
    except Malformed:
        raise
    except (ValueError, RecursionError) as error:
        raise Malformed(str(error)) from error


@cache
def _names(cls: Any) -> tuple[str, ...]:  # noqa: ANN401 - dataclasses have no type of their own
    return tuple(item.name for item in fields(cls))


@cache
def _decoder(hint: Any) -> _Decoder:  # noqa: ANN401 - type hints have no type of their own
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return _union(get_args(hint))
    if origin in (tuple, Sequence):
        return _sequence(_decoder(get_args(hint)[0]))
    if origin is Mapping:
        return _mapping(_decoder(get_args(hint)[1]))
    if is_dataclass(hint):
        kinds = {cls.__name__: _record(cls) for cls in _KINDS if issubclass(cls, cast("type", hint))}
        return _by_kind(kinds) if kinds else _record(hint)
    if issubclass(hint, StrEnum):
        return _enum(hint)
    return _SCALARS[hint]


def _expected(what: str, data: object) -> Malformed:
    shown = repr(data)
    return Malformed(f"expected {what}, got {shown if len(shown) <= 60 else shown[:57] + '...'}")  # noqa: PLR2004 - a line


def _record(cls: Any) -> _Decoder:  # noqa: ANN401 - see _names
    hints = get_type_hints(cls)
    decoders = {item.name: _decoder(hints[item.name]) for item in fields(cls)}
    required = {item.name for item in fields(cls) if _is_required(item)}

    def decode(data: Any) -> Any:  # noqa: ANN401 - any JSON value in, the record out
        if not isinstance(data, dict):
            raise _expected(cls.__name__, data)
        if not (required <= data.keys() <= decoders.keys()):
            wrong = sorted((required - data.keys()) | (data.keys() - decoders.keys()))
            raise Malformed(f"{cls.__name__} lacks, or does not have: {', '.join(wrong)}")
        return cls(**{name: _at(name, decoders[name], item) for name, item in data.items()})

    return decode


def _is_required(item: Field[Any]) -> bool:
    return item.default is MISSING and item.default_factory is MISSING


def _at(step: str, decode: _Decoder, data: Any) -> Any:  # noqa: ANN401 - any JSON value in, a record's part out
    try:
        return decode(data)
    except Malformed as error:
        raise error.below(step) from None


def _by_kind(kinds: Mapping[str, _Decoder]) -> _Decoder:
    def decode(data: Any) -> Any:  # noqa: ANN401 - see _at
        if not isinstance(data, dict) or data.get("kind") not in kinds:
            raise _expected(" or ".join(kinds), data)
        return kinds[data["kind"]]({name: item for name, item in data.items() if name != "kind"})

    return decode


def _union(members: tuple[Any, ...]) -> _Decoder:
    optional = NoneType in members
    decoders = [_decoder(member) for member in members if member is not NoneType]

    def decode(data: Any) -> Any:  # noqa: ANN401 - see _at
        if optional and data is None:
            return None
        problems: list[str] = []
        for attempt in decoders:  # at most one fits: kinds, shapes and unknown fields tell them apart
            try:
                return attempt(data)
            except Malformed as error:
                problems.append(str(error))
        raise Malformed("; or ".join(problems))

    return decode


def _sequence(decode_item: _Decoder) -> _Decoder:
    def decode(data: Any) -> tuple[Any, ...]:  # noqa: ANN401 - see _at
        if not isinstance(data, list):
            raise _expected("a list", data)
        return tuple(_at(str(index), decode_item, item) for index, item in enumerate(data))

    return decode


def _mapping(decode_item: _Decoder) -> _Decoder:
    def decode(data: Any) -> dict[str, Any]:  # noqa: ANN401 - see _at
        if not isinstance(data, dict):
            raise _expected("an object", data)
        return {key: _at(key, decode_item, item) for key, item in data.items()}

    return decode


def _enum(cls: type[StrEnum]) -> _Decoder:
    members = {member.value: member for member in cls}

    def decode(data: Any) -> StrEnum:  # noqa: ANN401 - see _at
        if not isinstance(data, str) or data not in members:
            raise _expected(f"one of {', '.join(members)}", data)
        return members[data]

    return decode


def _str(data: Any) -> str:  # noqa: ANN401 - see _at
    if not isinstance(data, str):
        raise _expected("a string", data)
    return data


def _int(data: Any) -> int:  # noqa: ANN401 - see _at
    if not isinstance(data, int) or isinstance(data, bool):
        raise _expected("a whole number", data)
    return data


def _bool(data: Any) -> bool:  # noqa: ANN401 - see _at
    if not isinstance(data, bool):
        raise _expected("true or false", data)
    return data


def _float(data: Any) -> float:  # noqa: ANN401 - see _at
    if isinstance(data, str) and data in ("nan", "inf", "-inf"):
        return float(data)
    if not isinstance(data, int | float) or isinstance(data, bool):
        raise _expected("a number", data)
    return data  # a whole number stays one: 37 written again is 37, not 37.0


def _time(data: Any) -> datetime:  # noqa: ANN401 - see _at
    try:
        at = datetime.fromisoformat(data)
        if at.tzinfo is not None:
            return at.astimezone(UTC)  # the first hours of the year 1 may have no UTC
    except (TypeError, ValueError, OverflowError):
        raise _expected("a time", data) from None
    raise _expected("a time with its zone", data)


def _duration(data: Any) -> timedelta:  # noqa: ANN401 - see _at
    try:
        return timedelta(seconds=_float(data))
    except (OverflowError, ValueError):
        raise _expected("a duration in seconds", data) from None


_SCALARS: Mapping[Any, _Decoder] = {
    str: _str, int: _int, bool: _bool, float: _float, datetime: _time, timedelta: _duration,
}  # fmt: skip
