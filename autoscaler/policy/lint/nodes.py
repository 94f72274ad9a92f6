"""A node's life: launched where, given how long to come, and how long to go."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from autoscaler.model.snapshot import HEARTBEAT_MAX_AGE
from autoscaler.policy.lint.facts import BOOT, RECONNECT, RECORDING, STUCK
from autoscaler.policy.lint.finding import Check, Finding
from autoscaler.policy.schema import Policy
from autoscaler.policy.units import format_duration

_TWO = 2


def one_zone(policy: Policy) -> Iterator[Finding]:
    """Find groups that a single zone can take away."""
    if len(policy.launch.subnets) < _TWO:
        message = "all nodes are in one subnet, so one zone: when it fails or is sold out, there is no other"
        yield Finding(("launch", "subnets"), message, "a subnet in each of two zones")


def one_type(policy: Policy) -> Iterator[Finding]:
    """Find groups that cannot grow while one instance type is sold out."""
    if len(policy.launch.types) < _TWO:
        message = "there is one instance type, and when EC2 has none of it the group does not grow"
        hint = "types of like size: [c7i.xlarge, c6i.xlarge]"
        yield Finding(("launch", "types"), message, hint, otherwise=("launch",))


def no_warm_up(policy: Policy) -> Iterator[Finding]:
    """Find groups that take the work of a boot for load."""
    if policy.warm_up == timedelta(0):
        message = "a node's own start-up counts as load, so growth causes growth"
        yield Finding(("warm_up",), message, "1m")


def join_short(policy: Policy) -> Iterator[Finding]:
    """Find groups that give nodes up while they boot."""
    if policy.join.timeout < BOOT:
        message = (
            f"a node that needs more than {format_duration(policy.join.timeout)} to boot is ended and launched anew"
        )
        yield Finding(("join", "timeout"), message, "three times the boot that you see; 10m is usual")


def join_long(policy: Policy) -> Iterator[Finding]:
    """Find groups that wait for nodes that will not come."""
    if policy.join.timeout > STUCK:
        message = (
            f"a node that never joins counts as coming for {format_duration(policy.join.timeout)}, and nothing shrinks"
        )
        yield Finding(("join", "timeout"), message, "10m")


def lost_short(policy: Policy) -> Iterator[Finding]:
    """Find groups that call a node lost that only paused."""
    if policy.join.lost_after < 2 * HEARTBEAT_MAX_AGE:
        message = (
            f"{format_duration(policy.join.lost_after)} of silence end a node, and AMS itself waits 20s to call it dead"
        )
        yield Finding(("join", "lost_after"), message, "40s at least; 2m is usual")


def empty_short(policy: Policy) -> Iterator[Finding]:
    """Find drains that end a node while its player reconnects."""
    if policy.drain.empty_for < RECONNECT:
        message = f"a player that is gone for {format_duration(policy.drain.empty_for)} may be reconnecting to the node"
        yield Finding(("drain", "empty_for"), message, "30s: two heartbeats, a segment, and a reconnect of 10 to 13 s")


def recording_cut(policy: Policy) -> Iterator[Finding]:
    """Find origins that are ended while a recording is written."""
    if policy.role != "edge" and RECONNECT <= policy.drain.empty_for < RECORDING:
        message = f"{format_duration(policy.drain.empty_for)} after its last stream a recording may still be written"
        yield Finding(("drain", "empty_for"), message, "1m to 5m, as long as the upload takes", otherwise=("role",))


def sticky_zero(policy: Policy) -> Iterator[Finding]:
    """Find sticky clients that are moved at once."""
    cookies = [membership.backend for membership in policy.load_balancer if membership.cookie]
    if policy.drain.sticky_for == timedelta(0) and cookies:
        message = f"clients with a cookie of {cookies[0]} lose their node in the middle of a stream"
        yield Finding(("drain", "sticky_for"), message, "2m")


CHECKS: dict[str, Check] = {
    "lint-one-zone": one_zone,
    "lint-one-type": one_type,
    "lint-no-warm-up": no_warm_up,
    "lint-join-short": join_short,
    "lint-join-long": join_long,
    "lint-lost-short": lost_short,
    "lint-empty-short": empty_short,
    "lint-recording-cut": recording_cut,
    "lint-sticky-zero": sticky_zero,
}
