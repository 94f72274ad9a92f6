"""What a lesson means for a policy: which targets would hold, and why. Nothing is written.

A target is what a node should carry, so it stays below what a node can carry, by

- the interval, of which the lower end counts, and readings that jump above the line, for AMS refuses at one of them:
  both are in `Carried.safe`;
- what comes while a node boots, for it goes to the nodes that are there: `Growth`. At most half: where more may come a
  target is the wrong tool. Where that is not known there is no target;
- the rule's own tolerance, for until the load is so far above the target nothing is launched.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import floor

from autoscaler.policy.schema import Policy
from autoscaler.policy.signals import Signal
from autoscaler.simulate.learn.learnt import WHO, Finding, Learnt, Range
from autoscaler.simulate.learn.lesson import Lesson
from autoscaler.simulate.learn.readings import counts_publishers, viewers_key
from autoscaler.simulate.learn.recorded import LEAST_KNOWN

Path = tuple[str | int, ...]
LEAST_CHANGE = 0.02
"""A target that would move by less stays: two recordings differ by as much."""

MOST_SPARED = 0.5
_WHOLE_FROM = 10
_SOMEBODY = 0.5
_LEAST_WEIGHT = 0.01
_ROUNDING = 1e-9
"""Keeps 55 / 1.1 from becoming 49."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A key that would get another value. `before` is None where the file has none; `why` is the sum, in words."""

    path: Path
    before: object
    after: object
    why: str


@dataclass(frozen=True, slots=True)
class Advice:
    """What follows for one policy."""

    suggestions: tuple[Suggestion, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class _Target:
    """A key of a policy that says what a node should carry: of what, and beside what tolerance, in percent.

    `boots`: what comes while a node boots is to be minded.
    """

    path: Path
    before: float
    unit: str
    tolerance: float = 0.0
    boots: bool = True


def advise(policy: Policy, lesson: Lesson) -> Advice:
    """Say what the lesson means for a policy of its group."""
    names = policy.launch.types or tuple(each.instance_type for each in lesson.types)
    first = lesson.type(names[0]) if names else None
    if len(names) > 1 and not policy.launch.types:
        message = f"the template launched {', '.join(names)}: no target is theirs until launch.types names them"
        return Advice(findings=(Finding("unequal-types", message, blocks=True),))
    if first is None or first.blocked:
        name = names[0] if names else "the template's type"
        message = f"a target is what a node of the policy's first type carries, and of {name} that is not known"
        return Advice(findings=(Finding("first-type-unknown", message, blocks=True),))
    scale = _Scale(policy, lesson, first)
    targets, strange = [*_targets(policy, lesson)], [*_strange(policy, lesson)]
    found = [each for target in targets if (each := _suggest(target, scale, lesson))]
    weighed = (scale.suggestion,) if scale.suggestion else ()
    return Advice((*found, *weighed), (*scale.findings, *strange, *_growths(targets, scale, lesson)))


class _Scale:
    """The types of a policy in nodes of its first: as it weighs them, or as they would have to be weighed."""

    def __init__(self, policy: Policy, lesson: Lesson, first: Learnt) -> None:
        self.first = first
        self.findings: list[Finding] = []
        self.suggestion: Suggestion | None = None
        names = policy.launch.types or (first.instance_type,)
        found = {name: lesson.type(name) for name in names}
        self._known = {name: each for name, each in found.items() if each and not each.blocked and self._ratio(each)}
        self._weights = {name: _weight(name, policy, lesson) for name in names}
        unknown = [name for name in names if name not in self._known]
        if unknown:
            message = f"what {', '.join(unknown)} carry is not known: they are taken for what their weights say"
            self.findings.append(Finding("types-unknown", message))
        unequal = [name for name in self._known if self._unequal(name)]
        if unequal and unknown:
            message = f"{', '.join(unequal)} carry otherwise than their weights say: targets are by the weakest type"
            self.findings.append(Finding("unequal-types", message))
        elif unequal:
            self._weights = {
                name: max(floor(100 * self._ratio(each) + _ROUNDING) / 100, _LEAST_WEIGHT)
                for name, each in self._known.items()
            }
            before = dict(policy.launch.weights) or None
            why = f"{', '.join(unequal)} carry otherwise than their weights, or their vCPUs, say"
            self.suggestion = Suggestion(("launch", "weights"), before, self._weights, why)

    def safe(self, unit: str) -> float | None:
        """Return how much of a unit a node of the first type surely carries, so that no other type is overloaded."""
        amounts = [_safe(each, unit) for each in self._known.values()]
        known = [
            amount / weight
            for amount, weight in zip(amounts, map(self._weights.__getitem__, self._known), strict=True)
            if amount is not None
        ]
        return min(known) if known and _safe(self.first, unit) is not None else None

    def _ratio(self, other: Learnt) -> float:
        """Return how much more of what both carry another type surely carries than the first."""
        for mine, theirs in ((self.first.viewers, other.viewers), (self.first.publishers, other.publishers)):
            if mine and theirs:
                return theirs.safe / mine.safe
        return 0.0

    def _unequal(self, name: str) -> bool:
        """Whether a type surely carries more, or less, than its weight says."""
        other, weight = self._known[name], self._weights[name]
        for mine, theirs in ((self.first.viewers, other.viewers), (self.first.publishers, other.publishers)):
            if mine and theirs:
                return _apart(mine.mixed, theirs.mixed, weight)
        return False


def _apart(mine: Range, theirs: Range, weight: float) -> bool:
    """Whether two intervals, one counted in the other's nodes, have nothing in common."""
    below = theirs.high is not None and theirs.high / weight < mine.low
    above = mine.high is not None and theirs.low / weight > mine.high
    return below or above


def _weight(name: str, policy: Policy, lesson: Lesson) -> float:
    """Return a type's weight as `decide.capacity` has it."""
    first = next(iter(policy.launch.types), name)
    for sizes in (policy.launch.weights, lesson.vcpus):
        if name in sizes and first in sizes:
            return sizes[name] / sizes[first]
    return 1.0


def _unit(signal: Signal, lesson: Lesson) -> str:
    """Return what a signal counts: `viewers`, `publishers`, or `sessions`, which are both. "" for anything else."""
    if counts_publishers(signal):
        return "publishers"
    if viewers_key(signal) != lesson.count.key:
        return ""
    return "sessions" if lesson.count.less_publishers else "viewers"


def _targets(policy: Policy, lesson: Lesson) -> Iterator[_Target]:
    for number, rule in enumerate(policy.scale):
        tracking, forecast = rule.target_tracking, rule.forecast
        if tracking and tracking.target_per_node is not None:
            path = "scale", number, "target_tracking", "target_per_node"
            unit = _unit(policy.signals[tracking.signal], lesson)
            yield _Target(path, tracking.target_per_node, unit, tracking.tolerance)
        elif forecast:
            unit = _unit(policy.signals[forecast.signal], lesson)
            yield _Target(("scale", number, "forecast", "target_per_node"), forecast.target_per_node, unit)
    if policy.viewers_per_node is not None:  # a reservation begins long enough before
        yield _Target(("viewers_per_node",), policy.viewers_per_node, "viewers", boots=False)


def _strange(policy: Policy, lesson: Lesson) -> Iterator[Finding]:
    """Yield which rules count viewers in another way than the lesson does."""
    for number, rule in enumerate(policy.scale, 1):
        steering = rule.target_tracking or rule.forecast
        key = viewers_key(policy.signals[steering.signal]) if steering else ""
        if key and key != lesson.count.key:
            message = f"scale[{number}] counts {key}, and this was learnt by {lesson.count.key}: see --viewers"
            yield Finding("other-count", message)


def _suggest(target: _Target, scale: _Scale, lesson: Lesson) -> Suggestion | None:
    safe = scale.safe(target.unit)
    rise = _rises(target.unit, lesson) if target.boots else 0.0
    if safe is None or rise is None:
        return None
    spared = min(rise, MOST_SPARED * safe)
    after = target_for(safe, rise, target.tolerance)
    if after <= 0 or abs(after - target.before) <= LEAST_CHANGE * target.before:
        return None
    why = [f"a node surely carries {safe:.1f} {target.unit}"]
    if target.boots:
        why.append(f"{spared:.1f} may come within the {lesson.growth.within_s:.0f} s that a node takes")
    if target.tolerance:
        why.append(f"nothing is launched before the load is {target.tolerance:g} % above the target")
    return Suggestion(target.path, target.before, after, "; ".join(why))


def _growths(targets: list[_Target], scale: _Scale, lesson: Lesson) -> Iterator[Finding]:
    """Yield of which targets nobody knows what comes during a boot, and of which it is too much for any."""
    for unit in dict.fromkeys(target.unit for target in targets if target.boots):
        safe, rise = scale.safe(unit), _rises(unit, lesson)
        if safe is None:
            continue
        if rise is None:
            message = (
                f"how many {unit} come within {lesson.growth.within_s:.0f} s is not known: all nodes' were in "
                f"{floor(100 * _known(unit, lesson))}% of the cycles, and {LEAST_KNOWN:.0%} are needed for a target"
            )
            yield Finding("growth-unknown", message, blocks=True)
        elif rise > MOST_SPARED * safe:
            message = (
                f"{rise:.0f} {unit} came for each node within {lesson.growth.within_s:.0f} s, more than half of what "
                "one surely carries: no target makes room for that; headroom, a schedule or a warm pool do"
            )
            yield Finding("bursts", message)


def _rises(unit: str, lesson: Lesson) -> float | None:
    """Return how much of a unit comes for each node while one boots; None where it, or a part of it, is not known."""
    viewers, publishers = lesson.growth.viewers, lesson.growth.publishers
    if unit in WHO:
        return viewers if unit == "viewers" else publishers
    return None if viewers is None or publishers is None else viewers + publishers


def _known(unit: str, lesson: Lesson) -> float:
    """Return in which share of the cycles a unit was known of all nodes."""
    shares = dict(zip(WHO, (lesson.growth.viewers_known, lesson.growth.publishers_known), strict=True))
    return shares.get(unit, min(shares.values()))


def _safe(learnt: Learnt, unit: str) -> float | None:
    """Return how much of a unit a node surely carries; None where it is not known, also of a part of it."""
    carried = {"viewers": learnt.viewers, "publishers": learnt.publishers}
    if unit in carried:
        each = carried[unit]
        return each.safe if each else None
    if unit != "sessions":
        return None
    there = [each for each, seen in zip(carried.values(), learnt.seen, strict=True) if seen >= _SOMEBODY]
    return sum(each.safe for each in there if each) if there and all(there) else None


def target_for(safe: float, rise: float, tolerance: float) -> float | int:
    """Return the target for a node that surely carries `safe`, where `rise` may come during a boot.

    `tolerance` is the rule's, in percent. Rounded down, to what people write: 118, 7.5.
    """
    value = (safe - min(rise, MOST_SPARED * safe)) / (1 + tolerance / 100) + _ROUNDING
    return floor(value) if value >= _WHOLE_FROM else floor(value * 10) / 10
