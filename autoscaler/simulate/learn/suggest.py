"""What a lesson means for a policy: which targets would hold, and why. Nothing is written.

A target is what a node should carry, so it stays below what a node can carry, by

- the interval, of which the lower end counts, and readings that jump above the line, for AMS refuses at one of them:
  both are in `Carried.safe`;
- what comes while a node boots, for it goes to the nodes that are there: `Growth`. At most half: where more may come a
  target is the wrong tool. Where that is not known, or was not watched for long enough, there is no target. Where
  nodes refused, more wanted to come than is known, and no target is raised;
- the number with which a type that nobody knows more of was at its limit: `Learnt.full`;
- the rule's own tolerance, for until the load is so far above the target nothing is launched.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import floor

from autoscaler.policy.schema import Policy
from autoscaler.simulate.learn.judge import judged, unit_of
from autoscaler.simulate.learn.learnt import WHO, Finding, Learnt, Range
from autoscaler.simulate.learn.lesson import Lesson
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
    targets = [*_targets(policy, lesson)]
    found, withheld = _suggested(targets, scale, lesson)
    weighed = (scale.suggestion,) if scale.suggestion else ()
    findings = (*scale.findings, *judged(policy, lesson), *_growths(targets, scale, lesson), *withheld)
    return Advice((*found, *weighed), findings)


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
        self._full = {name: each.full for name in unknown if (each := found[name]) and each.full}
        for name, full in self._full.items():
            people = " and ".join(f"{many:.0f} {who}" for many, who in zip(full, WHO, strict=True) if round(many))
            message = f"{name} was at its limit with {people or 'nobody'} on it: no target lets it have more"
            self.findings.append(Finding("seen-full", message))
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
        return min([*known, *self._limits(unit)]) if known and _safe(self.first, unit) is not None else None

    def reason(self, unit: str) -> str:
        """Say where `safe` comes from."""
        safe = self.safe(unit) or 0.0
        said = "was full with" if safe in self._limits(unit) else "surely carries"
        return f"a node {said} {safe:.1f} {unit}"

    def _limits(self, unit: str) -> list[float]:
        """Return with how much of a unit, in nodes of the first type, those of unknown types were at their limit."""
        return [_full(people, unit) / self._weights[name] for name, people in self._full.items()]

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


def _targets(policy: Policy, lesson: Lesson) -> Iterator[_Target]:
    for number, rule in enumerate(policy.scale):
        tracking, forecast = rule.target_tracking, rule.forecast
        if tracking and tracking.target_per_node is not None:
            path = "scale", number, "target_tracking", "target_per_node"
            unit = unit_of(policy.signals[tracking.signal], lesson.count)
            yield _Target(path, tracking.target_per_node, unit, tracking.tolerance)
        elif forecast:
            unit = unit_of(policy.signals[forecast.signal], lesson.count)
            yield _Target(("scale", number, "forecast", "target_per_node"), forecast.target_per_node, unit)
    if policy.viewers_per_node is not None:  # a reservation begins long enough before
        yield _Target(("viewers_per_node",), policy.viewers_per_node, "viewers", boots=False)


def _suggested(targets: list[_Target], scale: _Scale, lesson: Lesson) -> tuple[list[Suggestion], list[Finding]]:
    """Return what is suggested, and what is not although the sum says so: more, where nobody knows who was refused."""
    refused = [each.instance_type for each in lesson.types if each.full]
    found: list[Suggestion] = []
    withheld: list[Finding] = []
    for target in targets:
        after = _after(target, scale, lesson)
        if after is None:
            continue
        if refused and target.boots and after > target.before:
            message = (
                f"scale[{int(target.path[1]) + 1}] stays at {target.before:g} a node, and is not raised to {after:g}: "
                f"{', '.join(refused)} refused at times, so more may come during a boot than came"
            )
            withheld.append(Finding("not-raised", message))
        else:
            found.append(Suggestion(target.path, target.before, after, "; ".join(_why(target, scale, lesson))))
    return found, withheld


def _after(target: _Target, scale: _Scale, lesson: Lesson) -> float | None:
    """Return what a target should be; None where that is not known, or nearly what it is."""
    safe = scale.safe(target.unit)
    rise = _rises(target.unit, lesson) if target.boots else 0.0
    if safe is None or rise is None:
        return None
    after = target_for(safe, rise, target.tolerance)
    return None if after <= 0 or abs(after - target.before) <= LEAST_CHANGE * target.before else after


def _why(target: _Target, scale: _Scale, lesson: Lesson) -> Iterator[str]:
    safe = scale.safe(target.unit) or 0.0
    yield scale.reason(target.unit)
    if target.boots:
        spared = min(_rises(target.unit, lesson) or 0.0, MOST_SPARED * safe)
        yield f"{spared:.1f} may come within the {lesson.growth.within_s:.0f} s that a node takes"
    if target.tolerance:
        yield f"nothing is launched before the load is {target.tolerance:g} % above the target"


def _growths(targets: list[_Target], scale: _Scale, lesson: Lesson) -> Iterator[Finding]:
    """Yield of which targets nobody knows what comes during a boot, and of which it is too much for any."""
    growth = lesson.growth
    for unit in dict.fromkeys(target.unit for target in targets if target.boots):
        safe, rise = scale.safe(unit), _rises(unit, lesson)
        if not safe:
            continue
        if rise is None and growth.watched_s < growth.needed_s:
            message = (
                f"how many {unit} come within {growth.within_s:.0f} s is not known: nodes were seen to serve for "
                f"{growth.watched_s / 60:.0f} minutes, and {growth.needed_s / 60:.0f} are needed for a target"
            )
            yield Finding("growth-unknown", message, blocks=True)
        elif rise is None:
            message = (
                f"how many {unit} come within {growth.within_s:.0f} s is not known: all nodes' were in "
                f"{floor(100 * _known(unit, lesson))}% of the cycles, and {LEAST_KNOWN:.0%} are needed for a target"
            )
            yield Finding("growth-unknown", message, blocks=True)
        elif rise > MOST_SPARED * safe:
            message = (
                f"{rise:.0f} {unit} came for each node within {growth.within_s:.0f} s, more than half of what "
                "one surely carries: no target makes room for that; headroom, a schedule or a warm pool do"
            )
            yield Finding("bursts", message)


def _rises(unit: str, lesson: Lesson) -> float | None:
    """Return how much of a unit comes for each node while one boots; None where it, or a part of it, is not known."""
    viewers, publishers = lesson.growth.viewers, lesson.growth.publishers
    if lesson.growth.watched_s < lesson.growth.needed_s:
        return None
    if unit in WHO:
        return viewers if unit == "viewers" else publishers
    return None if viewers is None or publishers is None else viewers + publishers


def _known(unit: str, lesson: Lesson) -> float:
    """Return in which share of the cycles a unit was known of all nodes."""
    shares = dict(zip(WHO, (lesson.growth.viewers_known, lesson.growth.publishers_known), strict=True))
    return shares.get(unit, min(shares.values()))


def _full(people: tuple[float, float], unit: str) -> float:
    return people[WHO.index(unit)] if unit in WHO else sum(people)


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
