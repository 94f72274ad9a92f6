"""Bounds: groups too small to lose a node, stuck, or of one size."""

from __future__ import annotations

from collections.abc import Iterator

from autoscaler.policy.lint.finding import Check, Finding, measured, voices
from autoscaler.policy.schema import Policy
from autoscaler.policy.signals import Aggregate, Assumption, Signal


def min_zero(policy: Policy) -> Iterator[Finding]:
    """Find publishers' groups that may be empty."""
    if policy.bounds.min == 0 and policy.role != "edge":
        message = "with no node in the group nobody can publish, and nothing shows that somebody wants to"
        yield Finding(("bounds", "min"), message, "min: 2")


def stuck_at_zero(policy: Policy) -> Iterator[Finding]:
    """Find viewers' groups that never leave zero: without nodes no node's signal has a value."""
    blind = not any(_seen_at_zero(voice.signal, policy) for voice in voices(policy))
    if policy.bounds.min == 0 and policy.role == "edge" and blind and not policy.headroom.nodes:
        message = "an empty group measures nothing, so no rule ever wants its first node"
        yield Finding(("bounds", "min"), message, "min: 2, headroom: {nodes: 1}, or a rule on mongodb.viewers")


def _seen_at_zero(signal: Signal, policy: Policy) -> bool:
    """Whether a signal may rise without nodes. An expression lacks what any of its signals lacks.

    One that is no sum counts once for each node, which is never. `coalesce` is not looked into.
    """
    if signal.expr is None:
        return not signal.per_node
    needed = [each for _, each in measured(signal, policy)]
    told = all(not each.per_node or isinstance(each.on_missing, Assumption) for each in needed)
    return told and signal.aggregate == Aggregate.SUM and not all(each.per_node for each in needed)


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
