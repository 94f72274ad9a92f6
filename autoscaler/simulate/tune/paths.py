"""Paths into a policy as people write them, and as `compare` prints them: `scale[2].target_tracking.target_per_node`.

Entries of lists count from 1. A key may hold dots, as names of signals do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from autoscaler.simulate.tune.outline import Keys

_INDEX = re.compile(r"\[(\d{1,9})\]", re.ASCII)
_MOST_NAMES = 20
_EMPTY = "it is empty: write something into the file first"

Plain = str | int | float | bool


class Wrong(ValueError):
    """What is wrong with something that is to vary, in words that follow its path."""


def resolve(tree: Mapping[str, Any], path: str) -> Keys:
    """Return the keys to one value; `tree` is a policy with its defaults, as JSON has it.

    Raises:
        Wrong: there is no such value; what is there instead.
    """
    here: Any = tree
    keys: Keys = ()
    rest = path
    while rest:
        key, remaining = _step(here, rest if not keys else rest.removeprefix("."))
        if key is None:
            raise Wrong(_nothing(here, path[: len(path) - len(rest)], rest.removeprefix(".")))
        keys, here, rest = (*keys, key), here[key], remaining
    if isinstance(here, Mapping | list):
        raise Wrong(f"is no single value; {_there(here)}")
    return keys


def value_at(tree: Any, keys: Keys) -> Any:  # noqa: ANN401 - what JSON holds
    """Return what stands at some keys."""
    for key in keys:
        tree = tree[key]
    return tree


def _step(here: Any, rest: str) -> tuple[str | int | None, str]:  # noqa: ANN401 - what JSON holds
    if isinstance(here, Mapping):
        fits = [key for key in here if rest == key or rest.startswith((f"{key}.", f"{key}["))]
        if fits:
            name = max(fits, key=len)
            return name, rest[len(name) :]
    match = _INDEX.match(rest) if isinstance(here, list) else None
    if match and 0 < int(match[1]) <= len(here):
        return int(match[1]) - 1, rest[match.end() :]
    return None, rest


def _nothing(here: Any, done: str, rest: str) -> str:  # noqa: ANN401 - what JSON holds
    place = f"below {done}" if done else "in this policy"
    close = get_close_matches(re.split(r"[.\[]", rest)[0], here, n=1) if isinstance(here, Mapping) else ()
    guess = f"; did you mean {close[0]!r}?" if close else ""
    return f"there is no {rest!r} {place}, or it is not set{guess or '; ' + _there(here)}"


def _there(here: Any) -> str:  # noqa: ANN401 - what JSON holds
    """Say what could be named instead."""
    if isinstance(here, Mapping) and here:
        names = [*here]
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        return f"there are {', '.join(names[:_MOST_NAMES])}{more}"
    if isinstance(here, list):
        entries = [f"[{number}] {_entry(entry)}" for number, entry in enumerate(here[:_MOST_NAMES], 1)]
        return f"its entries are {', '.join(entries)}" if entries else _EMPTY
    return _EMPTY if here == {} else f"it is {here!r}, and nothing is below it"


def _entry(entry: Any) -> str:  # noqa: ANN401 - what JSON holds
    return ", ".join(entry) if isinstance(entry, Mapping) else str(entry)
