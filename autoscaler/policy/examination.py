"""Validation that does not stop: every fault of every key, and every one among keys that are right by themselves.

Where pydantic gives up a record because a key of it is wrong, an examination makes the record without that key, asks
its cross checks, and goes on with the records around it. Reading a key that is wrong is an AttributeError, and ends
that one check in silence: nothing is told that only follows from something else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Annotated, Any, NoReturn, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

Model = TypeVar("Model", bound=BaseModel)
Entry = Mapping[str, Any]
"""What is wrong in one place, as pydantic tells it: `type`, `loc`, `msg`, `ctx`."""

EXTRA, MISSING = "extra_forbidden", "missing"


@dataclass(frozen=True, slots=True)
class CrossCheck:
    """A method that holds keys against each other; with `each`, item by item of that field."""

    method: Callable[..., Iterator[PydanticCustomError]]
    each: str

    def parts(self, record: BaseModel) -> Iterator[Iterator[PydanticCustomError]]:
        """Yield the faults in parts of which none depends on another."""
        if not self.each:
            yield self.method(record)
            return
        held = getattr(record, self.each)
        for key, item in held.items() if isinstance(held, dict) else enumerate(held):
            yield self.method(record, key, item)


class _Wrong:
    """Stands where an item of a list or mapping is wrong. It is like nothing else, and in no order with it."""

    def __lt__(self, other: object) -> NoReturn:
        raise AttributeError

    __gt__ = __lt__


class Examination:
    """One run over one file's values; give it to `model_validate` as its context, and ask it for the `entries` then."""

    def __init__(self) -> None:
        """Nothing is found yet."""
        self._found: dict[
            int, tuple[BaseModel, list[Entry]]
        ] = {}  # of a record, which is kept lest its id be another's

    def examine(self, model: type[Model], data: Mapping[str, Any]) -> Model:
        """Return the record without what is wrong in it, and keep what that is."""
        keys = {info.alias or name: name for name, info in model.model_fields.items()}
        entries: list[Entry] = []
        meant: set[str] = set()
        for key in [key for key in data if key not in keys]:
            close = get_close_matches(str(key), keys, n=1)
            meant.update(close)
            entries.append({"type": EXTRA, "loc": (key,), "msg": "", "ctx": {"close": close, "known": sorted(keys)}})
        values: dict[str, Any] = {}
        for key, name in keys.items():
            info = model.model_fields[name]
            if key in data:
                with suppress(AttributeError):
                    values[name] = self._field(_adapter(model, name), key, data[key], entries)
            elif key not in meant:
                if info.is_required():
                    entries.append({"type": MISSING, "loc": (key,), "msg": "is required"})
                else:
                    values[name] = info.get_default(call_default_factory=True)
        said = {keys.get(key, key) for key in data}
        record = self._asked(_made(model, values, said), keys, entries)
        self._found[id(record)] = record, entries
        return record

    def entries(self, value: object, path: tuple[str | int, ...] = ()) -> Iterator[Entry]:
        """Yield what is wrong with the records in a value, each place seen from the value."""
        if isinstance(value, BaseModel):
            for entry in self._found[id(value)][1] if id(value) in self._found else ():
                yield {**entry, "loc": (*path, *entry["loc"])}
        elif isinstance(value, dict | list | tuple):
            for key, item in value.items() if isinstance(value, dict) else enumerate(value):
                yield from self.entries(item, (*path, key))

    def _field(self, adapter: TypeAdapter[Any], key: str, raw: object, entries: list[Entry]) -> object:
        """Return a key's value; raises AttributeError when there is none to go on with."""
        try:
            value = adapter.validate_python(raw, context=self)
        except ValidationError as error:
            wrong = [entry for entry in told(error) if entry["loc"] or not _of_items(entry, error)]
            entries += [{**entry, "loc": (key, *entry["loc"])} for entry in wrong]
            value = self._sound(adapter, raw, {entry["loc"][0] for entry in wrong if entry["loc"]})
        entries += self.entries(value, (key,))
        return value

    def _sound(self, adapter: TypeAdapter[Any], raw: object, wrong: set[str | int]) -> object:
        """Return a list or mapping with a stand-in for each wrong item; raises AttributeError when that cannot be."""
        items = dict(raw if isinstance(raw, dict) else enumerate(raw) if isinstance(raw, list) else ())
        good = {key: item for key, item in items.items() if key not in wrong}
        if not good or len(good) + len(wrong) != len(items):
            raise AttributeError
        try:
            kept = adapter.validate_python(good if isinstance(raw, dict) else [*good.values()], context=self)
        except ValidationError:
            raise AttributeError from None  # it is wrong as a whole, too
        if isinstance(kept, dict):
            return {key: kept.get(key, _Wrong()) for key in items}
        values = iter(kept)
        return tuple(_Wrong() if key in wrong else next(values) for key in items)

    def _asked(self, record: Model, keys: Mapping[str, str], entries: list[Entry]) -> Model:
        """Ask a record's cross checks, and return it without what they doubt."""
        for check in getattr(record, "cross_checks", ()):
            doubted: set[str] = set()
            for fault in _faults(check, record):
                context = fault.context or {}
                at, doubts = context.get("at", ()), context.get("doubts", ())
                entries.append({"type": fault.type, "loc": tuple(at), "msg": fault.message()})
                doubted |= {*doubts, *(keys.get(at[0], at[0]) for _ in at if len(at) == 1)}
            if doubted:
                values = {name: value for name, value in record.__dict__.items() if name not in doubted}
                sound = {name: value for name, value in values.items() if name in type(record).model_fields}
                record = _made(type(record), sound, record.model_fields_set)  # without what was computed from them
        return record


def told(error: ValidationError) -> Sequence[Entry]:
    """Return what pydantic tells, without the values: they may be secrets."""
    return error.errors(include_url=False, include_input=False)


def _of_items(entry: Entry, error: ValidationError) -> bool:
    """Whether a list is called too short only because items of it are wrong."""
    return entry["type"] == "too_short" and error.error_count() > 1


def _faults(check: CrossCheck, record: BaseModel) -> Iterator[PydanticCustomError]:
    with suppress(AttributeError):
        for part in check.parts(record):
            with suppress(AttributeError):
                yield from part


def _made(model: type[Model], values: Mapping[str, Any], said: set[str]) -> Model:
    """Make a record that has these values and no others, not even defaults."""
    record = model.model_construct(said)
    record.__dict__.clear()
    record.__dict__.update(values)
    return record


@cache
def _adapter(model: type[BaseModel], name: str) -> TypeAdapter[Any]:
    """Return what checks one key alone."""
    info = model.model_fields[name]
    marks = (*info.metadata, name)  # what is no mark to pydantic means nothing to it, and there must be one
    annotation: Any = Annotated[(info.annotation, *marks)]
    return TypeAdapter(annotation)
