"""One signal over the group: what the members carry, and which of them are silent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil, inf

from autoscaler.decide.classify import Roster
from autoscaler.decide.view import View
from autoscaler.model.snapshot import GROUP, Sample
from autoscaler.policy.expression import Expression
from autoscaler.policy.signals import NODES, Aggregate, Assumption, OnMissing, Signal


@dataclass(frozen=True, slots=True)
class Load:
    """A signal as node-loads: `growing` is the load to grow by, `shrinking` the one to shrink by, in the signal's unit.

    Growing counts what is known of the members in service; shrinking counts what is leaving, too, for its viewers may
    come back. `missing` names members that are silent, or told only part; with any of them `shrinking` means nothing.
    `members` counts all that should have spoken, `known` the values there are.
    """

    growing: float
    shrinking: float
    known: int
    members: int
    missing: tuple[str, ...]

    @property
    def level(self) -> float:
        """The load of the average member; of a group's own signal, the signal."""
        return self.growing / max(1, self.members)


def measure(signal: Signal, cap: float, roster: Roster, view: View) -> Load:
    """Aggregate one signal. A node in warm-up counts at most as `cap`: what it measures is still its own boot.

    A mean held at a target and a sum held at a target per node are the same arithmetic: the sum over the nodes.
    A maximum or percentile counts as if every member carried it.
    """
    if signal.expr is not None:
        return _computed(signal, signal.expr, roster, view)
    samples = view.snapshot.samples.get(signal.key, {})
    if not signal.per_node:
        return _group(samples.get(GROUP), signal, view.now)
    values: list[float] = []
    missing: list[str] = []
    caps: list[float] = []  # of the silent
    for node in roster.in_service:
        instance_id = node.instance_id
        sample = _fresh(samples.get(instance_id), signal, view.now)
        most = cap if instance_id in roster.cold else inf
        if sample is None or sample.partial:
            missing.append(instance_id)
        if sample is None:
            caps.append(most)
        else:
            values.append(min(sample.value, most))
    leaving = [_fresh(samples.get(node.instance_id), signal, view.now) for node in roster.leaving]
    missing += [
        node.instance_id
        for node, sample in zip(roster.leaving, leaving, strict=True)
        if sample is None or sample.partial
    ]
    growing = _filled(signal, values, caps)
    shrinking = growing + sum(sample.value for sample in leaving if sample)
    return Load(growing, shrinking, len(values), len(roster.in_service), tuple(missing))


def _computed(signal: Signal, expr: Expression, roster: Roster, view: View) -> Load:
    """Evaluate an expression. A signal that is not heard of all its members is missing to it."""
    members = len(roster.in_service)
    values: dict[str, float | None] = {NODES: float(members)}
    for name in expr.names - {NODES}:
        source = view.policy.signals[name]
        load = measure(source, inf, roster, view)
        heard = load.known and not load.missing
        values[name] = (load.growing if is_sum(source) else load.level) if heard else None
    value = expr.value(values)
    each = 1 if is_sum(signal) else members
    if value is None:
        silent = tuple(sorted(name for name, known in values.items() if known is None)) or (GROUP,)
        assumed = signal.on_missing.value * each if isinstance(signal.on_missing, Assumption) else 0.0
        return Load(assumed, assumed, 0, each, silent)
    return Load(value * each, value * each, 1, each, ())


def _filled(signal: Signal, values: list[float], caps: list[float]) -> float:
    """Add up what is known, and fill in for the silent as the signal's `on_missing` says, each at most to its cap."""
    if isinstance(signal.on_missing, Assumption):
        assumed = signal.on_missing.value
        return _aggregate(signal, [*values, *(min(assumed, cap) for cap in caps)])
    known = _aggregate(signal, values)
    if signal.on_missing is OnMissing.SCALE_OUT_ONLY and values:
        each = known / len(values)
        return known + sum(min(each, cap) for cap in caps)
    return known


def _aggregate(signal: Signal, values: Sequence[float]) -> float:
    if signal.quantile is None or not values:
        return sum(values)
    ordered = sorted(values)
    return ordered[max(0, ceil(signal.quantile * len(ordered)) - 1)] * len(ordered)


def _fresh(sample: Sample | None, signal: Signal, now: datetime) -> Sample | None:
    return sample if sample is not None and now - sample.at <= signal.max_age else None


def _group(sample: Sample | None, signal: Signal, now: datetime) -> Load:
    fresh = _fresh(sample, signal, now)
    if fresh is None:
        assumed = signal.on_missing.value if isinstance(signal.on_missing, Assumption) else 0.0
        return Load(assumed, assumed, 0, 1, (GROUP,))
    return Load(fresh.value, fresh.value, 1, 1, ())


def is_sum(signal: Signal) -> bool:
    """Whether the signal's value is the group's total instead of a node's."""
    return signal.aggregate == Aggregate.SUM
