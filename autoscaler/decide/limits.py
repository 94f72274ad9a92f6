"""The last two steps: the policy's bounds, and what must never be concluded from data that we lack."""

from __future__ import annotations

from autoscaler.decide.classify import Roster
from autoscaler.model.decision import Phase, Proposal
from autoscaler.model.snapshot import FleetSnapshot
from autoscaler.policy.schema import Bounds


def keep_bounds(proposal: Proposal, bounds: Bounds) -> Proposal:
    """Clamp into min and max. They outrank cooldowns and rates: fewer than `min` is nobody's intention."""
    if proposal.desired < bounds.min:
        return proposal.to(bounds.min, "below_min", f"the group keeps at least {bounds.min} nodes")
    if proposal.desired > bounds.max:
        return proposal.to(bounds.max, "above_max", f"the group has at most {bounds.max} nodes")
    return proposal


def refuse_to_shrink_blindly(proposal: Proposal, snapshot: FleetSnapshot, roster: Roster) -> Proposal:
    """Never shrink on data that we lack, while growth is under way, or just after capacity was lost."""
    if proposal.desired >= proposal.current:
        return proposal
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
