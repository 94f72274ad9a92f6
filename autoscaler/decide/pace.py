"""How fast the group may change: cooldowns and rate limits, counted on what really happened."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from autoscaler.model.decision import Direction, Proposal
from autoscaler.model.memory import ScaleEvent
from autoscaler.policy.schema import FlapBudget, RateLimit
from autoscaler.policy.units import format_duration


def cool_down(proposal: Proposal, events: Sequence[ScaleEvent], now: datetime, cooldown: timedelta) -> Proposal:
    """Hold while the last change in the proposal's direction is younger than the cooldown."""
    direction = _direction(proposal)
    recent = [event for event in events if _is(event, direction) and now - event.at < cooldown]
    if direction is Direction.HOLD or not recent:
        return proposal
    return proposal.to(
        proposal.current, f"cooldown_{direction}", f"the last change was less than {format_duration(cooldown)} ago"
    )


def limit_rate(
    proposal: Proposal, events: Sequence[ScaleEvent], now: datetime, limits: Sequence[RateLimit]
) -> Proposal:
    """Cut a change to what every limit still allows within its period."""
    direction = _direction(proposal)
    if direction is Direction.HOLD:
        return proposal
    sign = 1 if direction is Direction.OUT else -1
    for limit in limits:
        done = sum(abs(event.nodes) for event in events if _is(event, direction) and now - event.at < limit.per)
        room = max(0, limit.amount(proposal.current - sign * done) - done)
        if abs(proposal.desired - proposal.current) > room:
            most = f"{limit.nodes} nodes" if limit.nodes is not None else f"{limit.percent:g} %"
            proposal = proposal.to(
                proposal.current + sign * room,
                f"rate_limit_{direction}",
                f"at most {most} per {format_duration(limit.per)}, and {done} went already",
            )
    return proposal


def keep_calm(proposal: Proposal, events: Sequence[ScaleEvent], now: datetime, budget: FlapBudget | None) -> Proposal:
    """Shrink no more once the group changed its mind too often: growing again is what costs viewers their patience."""
    if budget is None or _direction(proposal) is not Direction.IN:
        return proposal
    signs = [event.nodes > 0 for event in events if now - event.at < budget.per]
    turns = sum(before != after for before, after in pairwise(signs))
    if turns < budget.turns:
        return proposal
    detail = f"the group turned {turns} times within {format_duration(budget.per)}"
    return proposal.to(proposal.current, "flap_budget", detail)


def _direction(proposal: Proposal) -> Direction:
    if proposal.desired == proposal.current:
        return Direction.HOLD
    return Direction.OUT if proposal.desired > proposal.current else Direction.IN


def _is(event: ScaleEvent, direction: Direction) -> bool:
    return event.nodes > 0 if direction is Direction.OUT else event.nodes < 0
