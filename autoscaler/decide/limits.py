"""The last two steps: the policy's bounds, and what must never be concluded from data that we lack."""

from __future__ import annotations

from autoscaler.decide.classify import Roster
from autoscaler.decide.floors import active_schedules
from autoscaler.decide.view import View
from autoscaler.model.decision import Phase, Proposal
from autoscaler.policy.schema import Bounds


def keep_bounds(proposal: Proposal, bounds: Bounds) -> Proposal:
    """Clamp into min and max. They outrank cooldowns and rates: fewer than `min` is nobody's intention."""
    if proposal.desired < bounds.min:
        return proposal.to(bounds.min, "below_min", f"the group keeps at least {bounds.min} nodes")
    if proposal.desired > bounds.max:
        return proposal.to(bounds.max, "above_max", f"the group has at most {bounds.max} nodes")
    return proposal


def refuse_to_shrink_blindly(proposal: Proposal, view: View, roster: Roster) -> Proposal:
    """Never shrink on data that we lack, while growth is under way, after a loss, or when a schedule forbids it."""
    if proposal.desired >= proposal.current:
        return proposal
    if any(not schedule.scale_in for schedule in active_schedules(view)):
        return proposal.to(proposal.current, "schedule", "a schedule forbids scale-in now")
    snapshot = view.snapshot
    if snapshot.gaps:
        gap = snapshot.gaps[0]
        return proposal.to(proposal.current, "gap", f"{gap.source} lacks {gap.subject}: {gap.detail}")
    if roster.warming or roster.unseen:
        coming = roster.warming + roster.unseen
        return proposal.to(proposal.current, "scale_out_unfulfilled", f"{coming} nodes are still on their way")
    lost = sum(phase is Phase.LOST for phase in roster.phases.values())
    if lost:
        return proposal.to(proposal.current, "capacity_lost", f"{lost} nodes are lost")
    return proposal
