"""Reservations: those that cannot be kept, come late, end too soon, or change nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from math import ceil

from autoscaler.policy.lint.facts import BOOT
from autoscaler.policy.lint.finding import Check, Finding, highest_max
from autoscaler.policy.schema import Policy, RateLimit
from autoscaler.policy.units import format_duration


def reservation_above_max(policy: Policy) -> Iterator[Finding]:
    """Find moments at which more is reserved than the group may have. Reservations that overlap are added up."""
    most = highest_max(policy)
    for number, reservation in enumerate(policy.reservations):
        begin = reservation.at - reservation.lead
        running = [other for other in policy.reservations if other.at - other.lead <= begin < other.until]
        total = sum(policy.reserved(other) for other in running)
        if total > most:
            also = f" with {len(running) - 1} more that run by then" if len(running) > 1 else ""
            message = f"{reservation.name}{also} needs {total} nodes, and the group never has more than {most}"
            yield Finding(("reservations", number), message, "raise bounds.max, and mind the slots in HAProxy")


def reservation_late(policy: Policy) -> Iterator[Finding]:
    """Find leads in which the nodes cannot be there: a boot, and as long as scale_out.max spreads the launches."""
    for number, reservation in enumerate(policy.reservations):
        needed = BOOT + _spread(policy, min(policy.reserved(reservation), highest_max(policy)))
        if reservation.lead < needed:
            message = f"{reservation.name} begins to grow {format_duration(reservation.lead)} ahead, and needs about "
            message += format_duration(needed)
            yield Finding(
                ("reservations", number, "lead"), message, "a longer lead", otherwise=("reservations", number)
            )


def _spread(policy: Policy, goal: int) -> timedelta:
    """Return how long the limits spread the growth from the smallest group to `goal`; the first step is at once."""
    return max(
        (_steps(limit, policy.bounds.min, goal) * limit.per for limit in policy.scale_out.max), default=timedelta()
    )


def _steps(limit: RateLimit, size: int, goal: int) -> int:
    """Count the steps after the first one. As many as are alike are taken at once, so a long way takes no longer."""
    steps = 0
    while size < goal:
        amount = limit.amount(size)
        until = goal if limit.percent is None else min(goal, ceil((amount + 1) * 100 / limit.percent))
        alike = max(1, ceil((until - size) / amount))
        size, steps = size + alike * amount, steps + alike
    return max(0, steps - 1)


def reservation_short(policy: Policy) -> Iterator[Finding]:
    """Find events that are over sooner than they are prepared."""
    for number, reservation in enumerate(policy.reservations):
        length, lead = reservation.until - reservation.at, format_duration(reservation.lead)
        if length < reservation.lead:
            message = f"{reservation.name} lasts {format_duration(length)}, less than its lead of {lead}"
            yield Finding(("reservations", number, "until"), message, "is its end right? mind the offsets")


def reservation_twice(policy: Policy) -> Iterator[Finding]:
    """Find two reservations of one name: when they overlap, both are counted."""
    seen: set[str] = set()
    for number, reservation in enumerate(policy.reservations):
        if reservation.name in seen:
            message = f"there is a reservation {reservation.name} already, and both count"
            yield Finding(("reservations", number, "name"), message, "another name, or remove one")
        seen.add(reservation.name)


def reservation_without_effect(policy: Policy) -> Iterator[Finding]:
    """Find reservations of what is there at all times."""
    for number, reservation in enumerate(policy.reservations):
        if policy.reserved(reservation) <= policy.bounds.min:
            message = f"{reservation.name} reserves no more than bounds.min, {policy.bounds.min}"
            hint = "reserve what the event needs in all: reservations are floors, and add nothing to the load"
            yield Finding(("reservations", number), message, hint)


CHECKS: dict[str, Check] = {
    "lint-reservation-above-max": reservation_above_max,
    "lint-reservation-late": reservation_late,
    "lint-reservation-short": reservation_short,
    "lint-reservation-twice": reservation_twice,
    "lint-reservation-without-effect": reservation_without_effect,
}
