"""Bounds: groups too small to lose a node, stuck, or of one size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf

from autoscaler.policy.lint.finding import Check, Finding, Voice, grows_at, measured, voices
from autoscaler.policy.schema import Policy
from autoscaler.policy.signals import CAPACITY, Aggregate, Assumption, Signal

_LOW, _HIGH = 1.0, 1e12
"""A group's signal that says little, and one that says more than any threshold."""


def min_zero(policy: Policy) -> Iterator[Finding]:
    """Find publishers' groups that may be empty."""
    if policy.bounds.min == 0 and policy.role != "edge":
        message = "with no node in the group nobody can publish, and nothing shows that somebody wants to"
        yield Finding(("bounds", "min"), message, "min: 2")


def stuck_at_zero(policy: Policy) -> Iterator[Finding]:
    """Find viewers' groups that never leave zero: without nodes no node's signal has a value."""
    blind = not any(_wants_the_first(voice, policy) for voice in voices(policy))
    if policy.bounds.min == 0 and policy.role == "edge" and blind and not policy.headroom.nodes:
        message = "an empty group measures nothing, so no rule ever wants its first node"
        yield Finding(("bounds", "min"), message, "min: 2, headroom: {nodes: 1}, or a rule on mongodb.viewers")


def _wants_the_first(voice: Voice, policy: Policy) -> bool:
    """Whether a rule may want a node where there is none. An expression that is no sum counts once for each: never."""
    signal = voice.signal
    if signal.expr is None:
        return not signal.per_node and grows_at(voice) < inf
    assumed = signal.on_missing.value if isinstance(signal.on_missing, Assumption) else None
    found = [signal.expr.value(values) for values in _without_nodes(measured(signal, policy))]
    told = [assumed if value is None else value for value in found]
    least = grows_at(voice) if voice.rule.step else 0.0
    return signal.aggregate == Aggregate.SUM and any(value is not None and value > least for value in told)


def _without_nodes(needed: Sequence[tuple[str, Signal]]) -> Iterator[dict[str, float | None]]:
    """Yield what an empty group may measure: its own signals all high, or one of them. Of no nodes 0 is assumed."""
    empty = {name: 0.0 if isinstance(signal.on_missing, Assumption) else None for name, signal in needed}
    seen = [name for name, signal in needed if not signal.per_node]
    for high in (seen, *([name] for name in seen)):
        yield {CAPACITY: 0.0, **empty, **dict.fromkeys(seen, _LOW), **dict.fromkeys(high, _HIGH)}


def no_redundancy(policy: Policy) -> Iterator[Finding]:
    """Find groups of which one node may be all."""
    if policy.bounds.min == 1 and policy.bounds.max > 1 and not policy.headroom.nodes:
        message = "when the only node dies, all are cut off until another has booted"
        yield Finding(("bounds", "min"), message, "min: 2")


def fixed_size(policy: Policy) -> Iterator[Finding]:
    """Find groups that cannot scale."""
    if policy.bounds.min == policy.bounds.max:
        message = f"the group always has {policy.bounds.min} nodes, whatever its rules say"
        yield Finding(("bounds", "max"), message, "a higher max")


def headroom_fills_group(policy: Policy) -> Iterator[Finding]:
    """Find headroom that keeps the group at its largest at all times."""
    if policy.headroom.nodes >= policy.bounds.max:
        message = f"{policy.headroom.nodes} spare nodes are all that bounds allow, so the group is always full"
        yield Finding(("headroom", "nodes"), message, "fewer, or a percentage")


CHECKS: dict[str, Check] = {
    "lint-min-zero": min_zero,
    "lint-stuck-at-zero": stuck_at_zero,
    "lint-no-redundancy": no_redundancy,
    "lint-fixed-size": fixed_size,
    "lint-headroom-fills-group": headroom_fills_group,
}
