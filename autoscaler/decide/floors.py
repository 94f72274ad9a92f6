"""What keeps the group large whatever its load: schedules, reservations, headroom. None of them ever shrinks it."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from autoscaler.decide.roster import Roster
from autoscaler.decide.schedule import applies
from autoscaler.decide.view import View
from autoscaler.model.decision import Proposal, Verdict
from autoscaler.policy.booking import Room, runs
from autoscaler.policy.rules import Schedule
from autoscaler.policy.schema import Bounds, Headroom


def active_schedules(view: View) -> tuple[Schedule, ...]:
    """Return the policy's schedules that apply now."""
    return tuple(rule.schedule for rule in view.policy.scale if rule.schedule and applies(rule.schedule, view.now))


def bounds_now(view: View) -> Bounds:
    """Return the policy's bounds as the schedules that apply now move them: they only ever widen `max`."""
    bounds = view.policy.bounds
    highest = max((schedule.max or 0 for schedule in active_schedules(view)), default=0)
    return bounds if highest <= bounds.max else bounds.model_copy(update={"max": highest})


def surge(bounds: Bounds) -> int:
    """Return how many instances there may be above `max` while some leave."""
    return max(1, bounds.max // 10)


def add_headroom(proposal: Proposal, verdicts: Sequence[Verdict], headroom: Headroom, roster: Roster) -> Proposal:
    """Keep room above what the load needs by itself: a node takes minutes to come, and viewers take seconds."""
    needed = max((verdict.needed for verdict in verdicts if verdict.needed is not None), default=0)
    room = max(headroom.nodes, ceil(needed * headroom.percent / 100))
    wanted = roster.nodes_for(needed + room)
    if not room or proposal.desired >= wanted:
        return proposal
    return proposal.to(wanted, "headroom", f"{needed} nodes are needed, and {room} more kept as room")


def keep_schedules(proposal: Proposal, view: View) -> Proposal:
    """Raise to the highest `min` of the schedules that apply."""
    floor = max((schedule.min or 0 for schedule in active_schedules(view)), default=0)
    if proposal.desired >= floor:
        return proposal
    return proposal.to(floor, "schedule", f"a schedule keeps at least {floor} nodes now")


def running_reservations(view: View) -> tuple[Room, ...]:
    """Return what is reserved now: by the policy's file, then by command."""
    rooms: tuple[Room, ...] = (*view.policy.reservations, *view.snapshot.bookings)
    return tuple(room for room in rooms if runs(room, view.now))


def keep_reservations(proposal: Proposal, view: View, roster: Roster) -> Proposal:
    """Raise to what is reserved. Reservations that overlap are added up: two events have two audiences."""
    running = running_reservations(view)
    reserved = sum(view.policy.reserved(reservation) for reservation in running)
    floor = roster.nodes_for(reserved)
    if not reserved or proposal.desired >= floor:
        return proposal
    names = ", ".join(reservation.name for reservation in running)
    return proposal.to(floor, "reservation", f"{reserved} nodes are reserved for {names}")
