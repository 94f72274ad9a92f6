"""A search space: which values of a policy may vary, and between what."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod

from ruamel.yaml.error import YAMLError

from autoscaler.model.errors import ConfigurationError, Problem
from autoscaler.policy.load import load_policies
from autoscaler.policy.marked import read
from autoscaler.policy.schema import Policy
from autoscaler.policy.units import format_number
from autoscaler.simulate.tune.amounts import Amount, read_amount, step_of, values
from autoscaler.simulate.tune.outline import Keys, rewritten, shared, written
from autoscaler.simulate.tune.paths import Plain, Wrong, resolve, value_at
from autoscaler.simulate.tune.usual import usual_wishes

_MOST_VALUES = 1000
_RANGE = re.compile(r"(\S+?)\s*\.\.\s*(\S+?)(?:\s*\.\.\s*(\S+))?")
_FORMS = "write a range, 90..150, 0%..20% or 2m..20m, with a step if you like, 90..150..10; or choices: mean,max"
_ORDER = tuple(Policy.model_fields)

Point = tuple[int | None, ...]
"""Of each axis which of its values; None is what the policy has."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One value that may vary, and every text that may stand for it in the file. `current` stands there now.

    `now` is which of `values` that is, None if it is none of them. `ordered`: they are a range, from low to high.
    """

    path: str
    keys: Keys
    values: tuple[str, ...]
    ordered: bool
    current: str
    now: int | None


@dataclass(frozen=True)
class Space:
    """A policy's text and its axes."""

    file: str
    text: str
    axes: tuple[Axis, ...]

    @property
    def origin(self) -> Point:
        """The policy as it is."""
        return (None,) * len(self.axes)

    @property
    def size(self) -> int:
        """How many policies there are in it."""
        return prod(len(axis.values) for axis in self.axes)

    @cached_property
    def nows(self) -> tuple[int | None, ...]:
        """Of each axis the value that the policy has."""
        return tuple(axis.now for axis in self.axes)

    def point(self, indexes: Sequence[int]) -> Point:
        """Return a point: what the policy has anyway is no change."""
        return tuple(None if index == now else index for index, now in zip(indexes, self.nows, strict=True))

    def points(self) -> Iterator[Point]:
        """Yield all of them."""
        yield from map(self.point, product(*(range(len(axis.values)) for axis in self.axes)))

    def changes(self, point: Point) -> dict[str, str]:
        """Return what is another than it was, by path."""
        return {
            axis.path: axis.values[index] for axis, index in zip(self.axes, point, strict=True) if index is not None
        }

    def rewritten(self, point: Point) -> str:
        """Return the file's text as it would be."""
        text = self.text
        for axis, index in zip(self.axes, point, strict=True):
            if index is not None:
                text = rewritten(text, axis.keys, axis.values[index], _ORDER)
        return text

    def policy(self, point: Point) -> Policy:
        """Load what that text says; raises ConfigurationError, as for any file."""
        (policy,) = load_policies({self.file: self.rewritten(point)})
        return policy


Teller = Callable[[str, str], Problem]
"""Says what is wrong with a path of what may vary, and where that was asked for."""


def of_option(path: str, message: str) -> Problem:
    """Say what is wrong with a `--vary`."""
    return Problem(f"--vary {path}", 0, 0, "vary", message)


def make_space(file: str, text: str, wishes: Mapping[str, str], tell: Teller = of_option) -> Space:
    """Return the space of `{path: range}` for a policy's text; `tell` says what is wrong with a path, and where.

    Raises:
        ConfigurationError: with all that is wrong, in the policy or in the wishes.
    """
    tree = _tree(file, text)
    axes: list[Axis] = []
    problems: list[Problem] = []
    for path, wish in wishes.items():
        try:
            axes.append(_axis(file, text, tree, path, wish))
        except Wrong as error:
            problems.append(tell(path, str(error)))
    if problems:
        raise ConfigurationError(problems)
    return Space(file, text, tuple(axes))


def usual_space(file: str, text: str) -> Space:
    """Return what is searched when nobody says. What its file cannot have otherwise, for an anchor, is left out."""
    tree = _tree(file, text)
    (policy,) = load_policies({file: text})
    axes: list[Axis] = []
    for path, wish in usual_wishes(policy).items():
        with suppress(Wrong):
            axes.append(_axis(file, text, tree, path, wish))
    return Space(file, text, tuple(axes))


def _tree(file: str, text: str) -> Mapping[str, object]:
    (policy,) = load_policies({file: text})
    return policy.model_dump(mode="json", by_alias=True, exclude_none=True)


def _axis(file: str, text: str, tree: Mapping[str, object], path: str, wish: str) -> Axis:
    keys = resolve(tree, path)
    anchor = shared(text, keys)
    if anchor:
        raise Wrong(f"shares its value by the anchor &{anchor}; write it out in each place")
    current = written(text, keys) or _as_text(value_at(tree, keys))
    found = _in_range(current, wish) if ".." in wish else _choices(wish)
    meanings = [_meaning(value) for value in found]
    now = meanings.index(_meaning(current)) if _meaning(current) in meanings else None
    texts = [current if index == now else value for index, value in enumerate(found)]
    axis = Axis(path, keys, tuple(texts), ".." in wish, current, now)
    _some_value_is_right(Space(file, text, (axis,)))
    return axis


def _in_range(current: str, wish: str) -> list[str]:
    """Step through a range; what the policy has now is one of its values if it lies within."""
    now, (low, high, step) = _meaning(current), _read_range(wish)
    if not isinstance(now, Amount):
        raise Wrong(f"is {current} now, which has no range; name choices: {current},...")
    if {low.unit, high.unit, step.unit} != {now.unit}:
        raise Wrong(f"is {current} now, {now.unit}, and {wish!r} is not made of such")
    if (high.value - low.value) / step.value > _MOST_VALUES:
        raise Wrong(f"{wish!r} has more than {_MOST_VALUES} values; take a larger step")
    amounts = set(values(low, high, step)) | ({now} if low.value < now.value < high.value else set())
    return [str(amount) for amount in sorted(amounts, key=lambda amount: amount.value)]


def _read_range(wish: str) -> tuple[Amount, Amount, Amount]:
    """Return the ends and the step, a round one where none is given."""
    match = _RANGE.fullmatch(wish.strip())
    amounts = [read_amount(part) for part in match.groups() if part] if match else []
    known = [amount for amount in amounts if amount]
    if not known or len(known) < len(amounts):
        raise Wrong(f"{wish!r} is no range; {_FORMS}")
    low, high, *given = known
    if low.value >= high.value or (given and given[0].value <= 0):
        raise Wrong(
            f"{wish!r} leaves nothing to choose: a range goes from a lower value to a higher one, by a step above 0"
        )
    return low, high, given[0] if given else step_of(low, high)


def _choices(wish: str) -> list[str]:
    found = list(dict.fromkeys(part.strip() for part in wish.split(",")))
    if len(found) < 2 or "" in found:  # noqa: PLR2004 - one is no choice
        raise Wrong(f"{wish!r} is neither a range nor choices; {_FORMS}")
    return found


def _meaning(text: str) -> Amount | object:
    """Return what a text stands for: `10m` and `"600s"` are the same."""
    try:
        value = read(text)
    except YAMLError as error:
        raise Wrong(f"{text!r} is no value") from error
    if isinstance(value, bool) or not isinstance(value, Plain):
        return value
    return read_amount(value if isinstance(value, str) else format_number(value)) or value


def _as_text(value: Plain) -> str:
    """Write a default as a file would have it."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else format_number(value)


def _some_value_is_right(space: Space) -> None:
    """Refuse an axis none of whose values fits the rest of the policy: of a range its ends are asked."""
    (axis,) = space.axes
    last = len(axis.values) - 1
    message = ""
    for index in (0, last) if axis.ordered else range(last + 1):
        try:
            space.policy((index,))
        except ConfigurationError as error:
            message = message or f"cannot be {axis.values[index]}: {error.problems[0].message}"
        else:
            return
    raise Wrong(message)
