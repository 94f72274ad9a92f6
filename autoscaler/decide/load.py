"""One signal over the group: what the members carry, and which of them are silent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from autoscaler.decide.classify import Roster
from autoscaler.decide.view import View
from autoscaler.model.snapshot import GROUP, Sample
from autoscaler.policy.schema import GROUP_SOURCES, Aggregate, OnMissing, Signal


@dataclass(frozen=True, slots=True)
class Load:
    """A signal as node-loads: `growing` is the load to grow by, `shrinking` the one to shrink by, in the signal's unit.

    Growing counts what is known of the members in service; shrinking counts what is leaving, too, for its viewers may
    come back. `missing` names members that are silent or told only part; with any of them
    `shrinking` means nothing. `known` counts the values there are.
    """

    growing: float
    shrinking: float
    known: int
    missing: tuple[str, ...]


def measure(signal: Signal, per_node: float, roster: Roster, view: View) -> Load:
    """Aggregate one signal. `per_node` is what one node should carry; a node in warm-up counts at most as that much.

    A mean held at a target and a sum held at a target per node are the same arithmetic: the sum over the nodes.
    A maximum counts as if every member carried it.
    """
    samples = view.snapshot.samples.get(signal.key, {})
    if signal.source in GROUP_SOURCES:
        return _group(samples.get(GROUP), signal, view.now)
    values: list[float] = []
    missing: list[str] = []
    for node in roster.in_service:
        sample = _fresh(samples.get(node.instance_id), signal, view.now)
        if sample is None or sample.partial:
            missing.append(node.instance_id)
        if sample is not None:
            values.append(min(sample.value, per_node) if view.warming_up(node) else sample.value)
    leaving = [_fresh(samples.get(node.instance_id), signal, view.now) for node in roster.leaving]
    missing += [
        node.instance_id
        for node, sample in zip(roster.leaving, leaving, strict=True)
        if sample is None or sample.partial
    ]
    silent = len(roster.in_service) - len(values)
    serving = _aggregate(signal.aggregate, values)
    if signal.on_missing is OnMissing.SCALE_OUT_ONLY and values:
        serving *= (len(values) + silent) / len(values)
    growing = serving
    shrinking = serving + sum(sample.value for sample in leaving if sample)
    return Load(growing, shrinking, len(values), tuple(missing))


def _aggregate(aggregate: Aggregate, values: list[float]) -> float:
    return max(values, default=0.0) * len(values) if aggregate is Aggregate.MAX else sum(values)


def _fresh(sample: Sample | None, signal: Signal, now: datetime) -> Sample | None:
    return sample if sample is not None and now - sample.at <= signal.max_age else None


def _group(sample: Sample | None, signal: Signal, now: datetime) -> Load:
    fresh = _fresh(sample, signal, now)
    if fresh is None:
        return Load(0.0, 0.0, 0, (GROUP,))
    return Load(fresh.value, fresh.value, 1, ())
