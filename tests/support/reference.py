"""The references of a policy's, a trace's and a world's keys, written from the JSON Schema that editors are given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from autoscaler.cli.schema import Kind, json_schema
from autoscaler.policy.signals import GROUP_SOURCES, PER_NODE_SOURCES

_NOTE = "written by `UPDATE=1 make docs` from the models in autoscaler/"

PATTERNS = {
    r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$": "name",
    r"^(\d+(?:\.\d+)?)(ms|s|m|h|d)$": "duration",
    r"^(\d+(?:\.\d+)?)%$": "percentage",
    r"^p([1-9][0-9]?)$": "`p1` to `p99`",
    r"^assume\((-?\d{1,15}(?:\.\d{1,9})?)\)$": "`assume(NUMBER)`",
    r"^([01]?\d|2[0-3]):[0-5]?\d$": "time of day",
    r"^\d{4}-\d\d-\d\d$": "date",
    r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)?$": "moment",
}
"""What a text of this form is called. One that is not here has no name yet: a KeyError, not a guess."""

_TYPES = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}
_LIMITS = {
    "minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"
}  # fmt: skip
_MANY = 7
"""More choices than these have a table of their own."""

Part = dict[str, Any]


@dataclass(frozen=True)
class Key:
    path: str
    kind: str
    default: str
    meaning: str

    def row(self) -> str:
        return f"| `{self.path}` | {self.kind} | {self.default} | {self.meaning} |"


def updated(text: str) -> str:
    """The document with its generated tables as they should be."""
    keys = _table(policy_keys())
    sources = ["| source | value | of |", "|---|---|---|"]
    sources += [f"| `{source}` | {meaning} | each node |" for source, meaning in PER_NODE_SOURCES.items()]
    sources += [f"| `{source}` | {meaning} | the whole cluster |" for source, meaning in GROUP_SOURCES.items()]
    return _filled(text, {"keys": keys, "sources": sources}, f"{_NOTE}policy")


def updated_traces(text: str) -> str:
    """The document of traces with its generated table as it should be."""
    return _filled(text, {"keys": _table(trace_keys())}, f"{_NOTE}simulate/traffic")


def updated_worlds(text: str) -> str:
    """The document of simulations with its generated table as it should be."""
    return _filled(text, {"keys": _table(world_keys())}, f"{_NOTE}simulate")


def _table(keys: list[Key]) -> list[str]:
    return ["| key | type | default | meaning |", "|---|---|---|---|", *(key.row() for key in keys)]


def _filled(text: str, tables: dict[str, list[str]], note: str) -> str:
    for name, lines in tables.items():
        begin, end = f"<!-- {name}: {note} -->\n", f"<!-- /{name} -->"
        if (text.count(begin), text.count(end)) != (1, 1):
            raise ValueError(f"the document needs both marks of its {name} once")
        before, rest = text.split(begin)
        text = before + begin + "\n".join(lines) + "\n" + end + rest.split(end)[1]
    return text


def policy_keys() -> list[Key]:
    schema = json_schema(Kind.POLICY)
    return list(_keys(schema, schema["$defs"], ""))


def trace_keys() -> list[Key]:
    schema = json_schema(Kind.TRACE)
    return list(_keys(schema, schema["$defs"], ""))


def world_keys() -> list[Key]:
    schema = json_schema(Kind.WORLD)
    return list(_keys(schema, schema["$defs"], ""))


def _keys(model: Part, models: Part, prefix: str) -> Iterator[Key]:
    for name, part in model["properties"].items():
        inner, mark = _inner(part, models)
        path = f"{prefix}{name}"
        if inner:
            yield from _keys(inner, models, f"{path}{mark}.")
        else:
            default = "required" if name in model.get("required", []) else _default(part)
            yield Key(path, _kind(part, models), default, part.get("description", ""))


def _inner(part: Part, models: Part) -> tuple[Part | None, str]:
    """The model inside, with what the path shows of its container: `[]` for a list, `.NAME` for a mapping."""
    choices = [choice for choice in part.get("anyOf", [part]) if choice != {"type": "null"}]
    if len(choices) != 1:
        return None, ""
    if "items" in part:
        inner, mark = part["items"], "[]"
    elif "patternProperties" in part:
        inner, mark = next(iter(part["patternProperties"].values())), ".NAME"
    elif isinstance(part.get("additionalProperties"), dict):
        inner, mark = part["additionalProperties"], ".NAME"
    else:
        inner, mark = choices[0], ""
    found: Part = models[inner["$ref"].rpartition("/")[2]] if "$ref" in inner else inner
    return (found, mark) if "properties" in found else (None, "")


def _kind(part: Part, models: Part) -> str:
    choices = [choice for choice in part.get("anyOf", [part]) if choice != {"type": "null"}]
    return " or ".join(_one(choice, models) for choice in choices)


def _one(part: Part, models: Part) -> str:
    part = models[part["$ref"].rpartition("/")[2]] if "$ref" in part else part
    if "const" in part:
        return f"`{part['const']}`"
    if "enum" in part:
        return "a source" if len(part["enum"]) > _MANY else " or ".join(f"`{word}`" for word in part["enum"])
    if part["type"] == "array":
        return f"list of {_one(part['items'], models)}" + (", not empty" if part.get("minItems") else "")
    if part["type"] == "object":
        return f"mapping of {_one(part['additionalProperties'], models)}"
    if "pattern" in part:
        return PATTERNS[part["pattern"]]
    limits = [f"{word} {part[limit]}" for limit, word in _LIMITS.items() if limit in part]
    return ", ".join([_TYPES[part["type"]], *limits])


def _default(part: Part) -> str:
    value = part.get("default")
    if value in (None, [], {}):
        return "\N{EN DASH}"
    if isinstance(value, list):
        return ", ".join(f"`{item}`" for item in value)
    return f"`{str(value).lower()}`" if isinstance(value, bool) else f"`{value}`"
