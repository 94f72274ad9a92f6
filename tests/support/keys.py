"""The keys of a pydantic model as a reference lists them: path, type and default in words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from inspect import getclosurevars
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import AfterValidator, BaseModel, BeforeValidator, SecretStr
from pydantic.fields import FieldInfo

from autoscaler.policy.units import format_duration, parse_duration, parse_percent

Row = tuple[str, str, str]
NONE = "\N{EN DASH}"
_PLAIN = {str: "text", bool: "true or false", int: "whole number", Path: "path", SecretStr: "secret"}


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[Row]:
    """Every leaf key of the model: its path, its type, its default or `required`."""
    for name, info in model.model_fields.items():
        key = f"{prefix}{info.alias or name}"
        inner, mark = _inner(info.annotation)
        if inner is None:
            yield key, _type(info), _default(info)
        else:
            yield from keys(inner, f"{key}{mark}.")


def _inner(annotation: Any) -> tuple[type[BaseModel] | None, str]:
    """The model inside, with what the path shows of its container: `[]` for a list, `.NAME` for a mapping."""
    arguments = [argument for argument in get_args(annotation) if argument not in (..., NoneType)]
    mark = {tuple: "[]", dict: ".NAME"}.get(get_origin(annotation), "")
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, ""
    models = [argument for argument in arguments if isinstance(argument, type) and issubclass(argument, BaseModel)]
    return (models[0], mark) if models else (None, "")


def _type(info: FieldInfo) -> str:
    metadata = info.metadata
    base = _base(info.annotation, metadata)
    words = {Ge: ("at least", "ge"), Gt: ("above", "gt"), Le: ("at most", "le"), Lt: ("below", "lt")}
    limits = [
        f"{words[type(item)][0]} {getattr(item, words[type(item)][1])}" for item in metadata if type(item) in words
    ]
    if any(isinstance(item, MinLen) for item in metadata):
        limits.append("not empty")
    return ", ".join([base, *limits])


def _base(annotation: Any, metadata: list[Any]) -> str:
    if get_origin(annotation) is Annotated:
        annotation, *metadata = get_args(annotation)
    if get_origin(annotation) is tuple:
        return "list of text"
    if choices := _choices(annotation):
        return " or ".join(f"`{choice}`" for choice in choices)
    members = [member for member in get_args(annotation) if member is not NoneType]
    return " or ".join(_base(member, metadata) for member in members) if members else _scalar(annotation, metadata)


def _choices(annotation: Any) -> tuple[object, ...]:
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return tuple(annotation) if isinstance(annotation, type) and issubclass(annotation, StrEnum) else ()


def _scalar(annotation: Any, metadata: list[Any]) -> str:
    validators = {item.func for item in metadata if isinstance(item, BeforeValidator)}
    if annotation is timedelta and parse_duration in validators:
        return "duration"
    if annotation is float:
        return "percentage" if parse_percent in validators else "number"
    if any(_pattern(item) for item in metadata):
        return "name"
    shapes = [getclosurevars(item.func).nonlocals.get("what") for item in metadata if isinstance(item, AfterValidator)]
    return next(filter(None, shapes), None) or _PLAIN[annotation]


def _pattern(item: object) -> str:
    """The pattern that an item of metadata asks for, also inside a Field that an annotation carries."""
    parts = item.metadata if isinstance(item, FieldInfo) else [item]
    return next((pattern for part in parts if (pattern := getattr(part, "pattern", None))), "")


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    value = info.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value is None or value in ("", ()):
        return NONE
    if isinstance(value, timedelta):
        return f"`{format_duration(value)}`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, float):
        return f"`{value:g}%`" if _type(info).startswith("percentage") else f"`{value:g}`"
    return f"`{value}`"
