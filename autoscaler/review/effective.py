"""A policy as it takes effect, defaults and all, and how two of them differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import unified_diff
from json import dumps
from typing import Any

from autoscaler.policy.schema import Policy


def lines(policy: Policy) -> tuple[str, ...]:
    """Write every key in a line of its own as `path: value`, defaults included; what is left out and is nothing is not.

    A diff of such lines says by itself where it is, as one of YAML does not.
    """
    return tuple(f"{path}: {value}" for path, value in _flat(policy.model_dump(mode="json", by_alias=True), ""))


def difference(base: Policy | None, head: Policy) -> tuple[str, ...]:
    """Return the unified diff of two policies' lines; nothing when they mean the same, all of it without a base."""
    found = unified_diff(lines(base) if base else (), lines(head), "base", "head", lineterm="", n=1)
    return tuple(found)


def _flat(value: Any, path: str) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - what JSON holds
    match value:
        case None:
            return
        case Mapping() if value:
            for key, inner in value.items():
                yield from _flat(inner, f"{path}.{key}" if path else str(key))
        case [Mapping(), *_]:
            for number, inner in enumerate(value, 1):
                yield from _flat(inner, f"{path}[{number}]")
        case _:
            yield path, value if isinstance(value, str) and value else dumps(value, ensure_ascii=False)
