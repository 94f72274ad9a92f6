"""Spot nodes: whom EC2 cuts off when it takes them back, and shares of which nothing comes."""

from __future__ import annotations

from collections.abc import Iterator
from math import floor

from autoscaler.policy.lint.finding import Check, Finding, highest_max
from autoscaler.policy.schema import Policy

_PERCENT = ("launch", "spot", "percent")


def _most(policy: Policy) -> int:
    """Return how many spot nodes the group has when it is at its largest."""
    size = highest_max(policy)
    return max(0, min(floor(size * policy.launch.spot.percent / 100), size - policy.bounds.min))


def spot_on_origin(policy: Policy) -> Iterator[Finding]:
    """Find publishers on nodes that may be taken away from under them."""
    most = _most(policy)
    if most and policy.role != "edge":
        message = f"EC2 may take back {most} nodes on two minutes' notice, and with each its publishers and recordings"
        yield Finding(_PERCENT, message, "on demand for whoever publishes; spot for edges, if at all")


def spot_interrupts(policy: Policy) -> Iterator[Finding]:
    """Find viewers on nodes that may be taken away from under them."""
    most = _most(policy)
    if most and policy.role == "edge":
        message = f"EC2 may take back {most} nodes on two minutes' notice, which cuts whoever watches on them"
        yield Finding(_PERCENT, message, "on demand, or say why a cut is worth the price")


def spot_without_effect(policy: Policy) -> Iterator[Finding]:
    """Find shares that never come to a whole node."""
    if policy.launch.spot.percent and not _most(policy):
        message = f"rounded down, and after the first {policy.bounds.min} on demand, no node is ever bought as spot"
        yield Finding(_PERCENT, message, "a larger share, or none")


CHECKS: dict[str, Check] = {
    "lint-spot-on-origin": spot_on_origin,
    "lint-spot-interrupts": spot_interrupts,
    "lint-spot-without-effect": spot_without_effect,
}
