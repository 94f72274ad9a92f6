"""The policy's bounds, and the last step: what must never be concluded from data that we lack."""

from __future__ import annotations

from collections.abc import Iterator

from autoscaler.decide.floors import active_schedules
from autoscaler.decide.roster import Roster
from autoscaler.decide.view import View
from autoscaler.model.decision import Phase, Proposal
from autoscaler.policy.schema import Bounds
from autoscaler.policy.units import format_duration


def keep_max(proposal: Proposal, bounds: Bounds) -> Proposal:
    """Want no more than `max`. A group that is above it shrinks as it would for any other reason: at its own pace."""
    if proposal.desired > bounds.max:
        return proposal.to(bounds.max, "above_max", f"the group has at most {bounds.max} nodes")
    return proposal


def keep_min(proposal: Proposal, bounds: Bounds) -> Proposal:
    """Want no fewer than `min`. It outranks cooldowns and rates: fewer is nobody's intention."""
    if proposal.desired < bounds.min:
        return proposal.to(bounds.min, "below_min", f"the group keeps at least {bounds.min} nodes")
    return proposal


def refuse_to_shrink_blindly(proposal: Proposal, view: View, roster: Roster) -> Proposal:
    """Never shrink on data that we lack, while growth is under way, after a loss, or when a schedule forbids it."""
    if proposal.desired >= proposal.current:
        return proposal
    return next(_refusals(proposal, view, roster), proposal)


def _refusals(proposal: Proposal, view: View, roster: Roster) -> Iterator[Proposal]:
    """Yield the proposal as each objection to fewer nodes would have it: unchanged in size."""
    current = proposal.current
    if any(not schedule.scale_in for schedule in active_schedules(view)):
        yield proposal.to(current, "schedule", "a schedule forbids scale-in now")
    for gap in view.snapshot.gaps:
        yield proposal.to(current, "gap", f"{gap.source} lacks {gap.subject}: {gap.detail}")
    coming = roster.warming + roster.unseen
    if coming:
        yield proposal.to(current, "scale_out_unfulfilled", f"{coming} nodes are still on their way")
    lost = sum(phase is Phase.LOST for phase in roster.phases.values())
    if lost:
        yield proposal.to(current, "capacity_lost", f"{lost} nodes are lost")
    pause, lost_at = view.policy.scale_in.after_loss, view.memory.lost_at
    if lost_at is not None and view.now - lost_at < pause:
        detail = f"a node that had served went away less than {format_duration(pause)} ago"
        yield proposal.to(current, "capacity_lost", detail)
