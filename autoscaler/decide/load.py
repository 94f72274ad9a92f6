"""One signal over the group: what the members carry, and which of them are silent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil, inf

from autoscaler.decide.roster import Member, Roster
from autoscaler.decide.view import View
from autoscaler.model.column import Column
from autoscaler.model.quick import quick
from autoscaler.model.recent import recent
from autoscaler.model.snapshot import GROUP, Sample
from autoscaler.policy.expression import Expression
from autoscaler.policy.signals import CAPACITY, Aggregate, Assumption, OnMissing, Signal

_NONE: Mapping[str, Sample] = {}


@quick
@dataclass(frozen=True, slots=True)
class Load:
    """A signal as node-loads: `growing` is the load to grow by, `shrinking` the one to shrink by, in the signal's unit.

    Growing counts what is known of the members at work; shrinking counts what is leaving, too, for its viewers may
    come back. `missing` names members that are silent, or told only part; with any of them `shrinking` means nothing.
    `members` is what those are worth who share it, in nodes of the policy's first type; `known` counts the values there
    are. `whole`: whoever is missing is leaving, so that `growing` is known. `future` counts the values that are missing
    because they are stamped too far in the future.
    """

    growing: float
    shrinking: float
    known: int
    members: float
    missing: tuple[str, ...]
    whole: bool
    future: int = 0

    @property
    def level(self) -> float:
        """The load over those who share it; of a group's own signal, the signal."""
        return self.growing / (self.members or 1.0)


def measure(signal: Signal, cap: float, roster: Roster, view: View) -> Load:
    """Aggregate one signal. A node in warm-up counts at most as `cap`: what it measures is still its own boot.

    A mean held at a target and a sum held at a target per node are the same arithmetic: the sum over the nodes, of a
    mean each value as often as its node is worth. A maximum or percentile counts as if every member carried it.
    """
    if signal.expr is not None:
        return _computed(signal, signal.expr, cap, roster, view)
    samples = view.snapshot.samples.get(signal.key, _NONE)
    if not signal.per_node:
        return _group(samples, signal, view.now)
    return (
        _of_nodes(signal, cap, roster, samples, view.now)
        if roster.cold
        else _of_warm(signal, roster, samples, view.now)
    )


@recent
def _of_warm(signal: Signal, roster: Roster, samples: Mapping[str, Sample], now: datetime) -> Load:
    """Add up what nodes carry of which none is in warm-up, so that no cap matters; rules ask, and expressions."""
    return _of_nodes(signal, inf, roster, samples, now)


def _of_nodes(signal: Signal, cap: float, roster: Roster, samples: Mapping[str, Sample], now: datetime) -> Load:
    fresh = now - signal.max_age, now + signal.max_age
    members, worth = roster.at_work, roster.sharing
    if signal.quantile is not None:  # it is held against each node, and does not rise with who else carries something
        members, worth = roster.in_service, roster.serving
    values, silent, missing = _heard(members, samples, signal, fresh, cap)
    coming_back, _, lacking = _heard(roster.leaving, samples, signal, fresh)
    growing = shrinking = _filled(signal, values, silent)
    if roster.cold or members is not roster.at_work:  # what is a boot's own, or of whom few use, is somebody's still
        all_values, all_silent, quiet = _heard(roster.at_work, samples, signal, fresh)
        shrinking = max(growing, _filled(signal, all_values, all_silent))
        lacking = [*lacking, *(key for key in quiet if key not in missing)]
    shrinking += _total(coming_back)
    absent = (*missing, *lacking)
    future = _stamped_ahead(absent, samples, fresh) if absent else 0
    return Load(growing, shrinking, len(values), worth, absent, whole=not missing, future=future)


_Part = tuple[float, float]
"""One node's part of a load: what it is for a node of the policy's first type, and what the node is worth."""

_Span = tuple[datetime, datetime]
"""The oldest and the newest time of which a value says anything of now."""


def _heard(
    members: Iterable[Member], samples: Mapping[str, Sample], signal: Signal, fresh: _Span, cap: float = inf
) -> tuple[list[_Part], list[_Part], list[str]]:
    """Return the parts of those who speak, the most that the parts of the silent may be, and who lacks something."""
    if cap == inf and type(samples) is Column:  # what an abstract class asks of its members takes longer
        everybody = _parts(members, samples.between(*fresh), signal)
        if everybody is not None:
            return everybody, [], []
    values: list[_Part] = []
    silent: list[_Part] = []
    missing: list[str] = []
    find, summed = samples.get, is_sum(signal)
    oldest, newest = fresh
    for instance_id, weight, cold in members:
        sample = find(instance_id)
        if sample is None or not oldest <= sample.at <= newest:
            silent.append((cap if cold else inf, weight))
            missing.append(instance_id)
            continue
        if sample.partial:
            missing.append(instance_id)
        each = sample.value / weight if summed else sample.value
        values.append((min(each, cap) if cold else each, weight))
    return values, silent, missing


def _stamped_ahead(missing: Iterable[str], samples: Mapping[str, Sample], fresh: _Span) -> int:
    """Count those of the missing whose value is of a clock that is too far ahead."""
    found = [samples.get(key) for key in missing]
    return sum(sample is not None and sample.at > fresh[1] for sample in found)


def _parts(members: Iterable[Member], values: Mapping[str, float], signal: Signal) -> list[_Part] | None:
    """Return the parts of members if each of them has a value."""
    try:
        if is_sum(signal):
            return [(values[key] / weight, weight) for key, weight, _ in members]
        return [(values[key], weight) for key, weight, _ in members]
    except KeyError:
        return None


def _each(signal: Signal, value: float, weight: float) -> float:
    return value / weight if is_sum(signal) else value


def _total(parts: Iterable[_Part]) -> float:
    return sum([each * weight for each, weight in parts])


def _computed(signal: Signal, expr: Expression, cap: float, roster: Roster, view: View) -> Load:
    """Evaluate an expression on the loads that its signals are to grow by, and on those that they are to shrink by.

    A signal that nobody speaks for is missing to it. One that is heard in part counts with that part, which is good
    enough to grow by; while there is any, the expression is no ground to shrink.
    """
    loads = {name: measure(view.policy.signals[name], inf, roster, view) for name in sorted(expr.names - {CAPACITY})}
    spoken = {
        name: load
        for name, load in loads.items()
        if load.known or isinstance(view.policy.signals[name].on_missing, Assumption)
    }
    each = 1.0 if is_sum(signal) else roster.sharing
    most = cap if all(view.policy.signals[name].per_node for name in loads) else inf
    assumed = signal.on_missing.value * each if isinstance(signal.on_missing, Assumption) else 0.0
    names = {CAPACITY: roster.serving, **_levels(spoken, loads, view)}
    future = sum(load.future for load in loads.values())
    value = expr.value(names)
    if value is None:
        silent = tuple(name for name, load in loads.items() if load.missing) or (GROUP,)
        return Load(_capped(assumed, most, roster), assumed, 0, each, silent, whole=False, future=future)
    to_shrink_by = {CAPACITY: roster.serving, **_levels(spoken, loads, view, shrinking=True)}
    shrinking = value if to_shrink_by == names else expr.value(to_shrink_by)
    growing = _capped(value * each, most, roster)
    partial = tuple(name for name, load in spoken.items() if load.missing)
    if shrinking is None:
        partial = partial or (GROUP,)
    if partial and isinstance(signal.on_missing, Assumption):
        growing = max(growing, _capped(assumed, most, roster))
    whole = all(load.whole for load in spoken.values())
    return Load(growing, max(growing, (shrinking or 0.0) * each), 1, each, partial, whole=whole, future=future)


def _levels(
    spoken: Mapping[str, Load], loads: Mapping[str, Load], view: View, *, shrinking: bool = False
) -> dict[str, float | None]:
    """Return each signal as its aggregate reads it; None for who is silent."""
    levels: dict[str, float | None] = dict.fromkeys(loads)
    for name, load in spoken.items():
        total = load.shrinking if shrinking else load.growing
        levels[name] = total if is_sum(view.policy.signals[name]) else total / (load.members or 1.0)
    return levels


def _capped(load: float, cap: float, roster: Roster) -> float:
    """Let the nodes in warm-up have at most `cap` of a load that is told of all nodes as one."""
    cold = sum(member.weight for member in roster.at_work if member.cold)
    if not cold:
        return load
    everybody = sum(member.weight for member in roster.at_work)
    mean = load / everybody
    return mean * (everybody - cold) + min(mean, cap) * cold


def _filled(signal: Signal, values: list[_Part], silent: list[_Part]) -> float:
    """Add up what is known, and fill in for the silent as the signal's `on_missing` says, each at most to its cap."""
    if not silent:
        return _aggregate(signal, values)
    if isinstance(signal.on_missing, Assumption):
        assumed = signal.on_missing.value
        filled = [(min(_each(signal, assumed, weight), cap), weight) for cap, weight in silent]
        return _aggregate(signal, [*values, *filled])
    if signal.on_missing is not OnMissing.SCALE_OUT_ONLY:
        return _aggregate(signal, [*values, *((0.0, weight) for _, weight in silent)] if values else [])
    known = _aggregate(signal, values)
    mean = known / sum(weight for _, weight in values) if values else 0.0
    return known + _total((min(mean, cap), weight) for cap, weight in silent)


def _aggregate(signal: Signal, parts: Sequence[_Part]) -> float:
    if signal.quantile is None or not parts:
        return _total(parts)
    ordered = sorted(each for each, _ in parts)
    return ordered[max(0, ceil(signal.quantile * len(ordered)) - 1)] * sum(weight for _, weight in parts)


def _group(samples: Mapping[str, Sample], signal: Signal, now: datetime) -> Load:
    sample = samples.get(GROUP)
    if sample is None or not signal.takes(sample.at, now):
        assumed = signal.on_missing.value if isinstance(signal.on_missing, Assumption) else 0.0
        future = sample is not None and sample.at > now
        return Load(assumed, assumed, 0, 1, (GROUP,), whole=False, future=int(future))
    return Load(sample.value, sample.value, 1, 1, (GROUP,) if sample.partial else (), whole=not sample.partial)


def is_sum(signal: Signal) -> bool:
    """Whether the signal's value is the group's total instead of a node's."""
    return signal.aggregate == Aggregate.SUM
