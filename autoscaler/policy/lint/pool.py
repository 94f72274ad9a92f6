"""Warm pools: larger than could ever serve, never left to sleep, and of nodes that cannot be stopped."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from math import floor

from autoscaler.policy.lint.finding import Check, Finding, highest_max
from autoscaler.policy.schema import Policy
from autoscaler.policy.units import format_duration

_STOPPED = ("launch", "warm_pool", "stopped")
_AGE = ("launch", "warm_pool", "max_age")

_RESTLESS = timedelta(hours=6)
"""Each replacement boots a node for minutes: below this a pool costs more and more of what it saves."""


def warm_pool_too_large(policy: Policy) -> Iterator[Finding]:
    """Find pools of which a part could never be started."""
    room = highest_max(policy) - policy.bounds.min
    stopped = policy.launch.warm_pool.stopped
    if stopped > room:
        message = (
            f"of {stopped} stopped nodes at most {room} could start beside the {policy.bounds.min} that always run"
        )
        yield Finding(_STOPPED, message, f"stopped: {room}, or a higher max")


def warm_pool_restless(policy: Policy) -> Iterator[Finding]:
    """Find pools whose nodes are replaced all the time."""
    pool = policy.launch.warm_pool
    if pool.stopped and pool.max_age < _RESTLESS:
        message = (
            f"each of {pool.stopped} stopped nodes is replaced every {format_duration(pool.max_age)}, to sleep again"
        )
        yield Finding(_AGE, message, "max_age: 7d, or as long as an image is good for")


def warm_pool_of_spot(policy: Policy) -> Iterator[Finding]:
    """Find pools of groups whose drained nodes are in part ended all the same."""
    spot = floor(highest_max(policy) * policy.launch.spot.percent / 100)
    if policy.launch.warm_pool.stopped and spot:
        message = f"up to {spot} nodes are spot, which EC2 does not stop: the pool is of others, and wakes on demand"
        yield Finding(_STOPPED, message, "no spot, or the price of on-demand nodes for what is woken")


CHECKS: dict[str, Check] = {
    "lint-warm-pool-too-large": warm_pool_too_large,
    "lint-warm-pool-restless": warm_pool_restless,
    "lint-warm-pool-of-spot": warm_pool_of_spot,
}
