"""The decision, step by step, in the order in which a reader should understand it."""

from __future__ import annotations

from dataclasses import replace

from autoscaler.decide.classify import Roster, call_roll
from autoscaler.decide.combine import combine
from autoscaler.decide.limits import keep_bounds, refuse_to_shrink_blindly
from autoscaler.decide.load import measure
from autoscaler.decide.pace import cool_down, limit_rate
from autoscaler.decide.stabilize import remember, stabilize
from autoscaler.decide.target_tracking import track_target
from autoscaler.decide.track import track
from autoscaler.decide.view import View
from autoscaler.model.decision import Decision, Proposal, Reason, Verdict
from autoscaler.model.memory import Memory
from autoscaler.model.snapshot import FleetSnapshot
from autoscaler.policy.schema import Policy, ScaleRule


def decide(snapshot: FleetSnapshot, policy: Policy, memory: Memory) -> tuple[Decision, Memory]:
    """Decide how many nodes the group should have.

    Without a list of instances there is no current capacity to compare with, so there is no decision: nothing changes.
    """
    view = View(snapshot, policy, memory)
    view = replace(view, memory=track(view))
    if snapshot.lacks("ec2"):
        unknown = Reason("fleet_unknown", "the instances could not be listed", before=0, after=0)
        return Decision(snapshot.group, view.now, 0, 0, (unknown,)), view.memory
    roster = call_roll(view)
    verdicts = tuple(judge(rule, view, roster) for rule in policy.scale)
    proposal = combine(Proposal(roster.current, roster.current), verdicts)
    window = policy.scale_in.stabilization
    history = remember(view.memory.recommendations, view.now, proposal.desired, window)
    proposal = stabilize(proposal, history, view.now, window)
    proposal = keep_bounds(slow_down(proposal, view), policy.bounds)
    proposal = refuse_to_shrink_blindly(proposal, snapshot, roster)
    decision = Decision(
        group=snapshot.group,
        at=view.now,
        current=proposal.current,
        desired=proposal.desired,
        reasons=proposal.reasons,
        verdicts=verdicts,
        phases=roster.phases,
        unseen=roster.unseen,
    )
    return decision, replace(view.memory, recommendations=history)


def judge(rule: ScaleRule, view: View, roster: Roster) -> Verdict:
    """Ask one rule."""
    tracking = rule.target_tracking
    load = measure(view.policy.signals[tracking.signal], tracking.per_node, roster, view)
    return track_target(tracking, load, roster)


def slow_down(proposal: Proposal, view: View) -> Proposal:
    """Apply the cooldown and the rate limits of the proposal's direction."""
    pace = view.policy.scale_out if proposal.desired > proposal.current else view.policy.scale_in
    proposal = cool_down(proposal, view.memory.events, view.now, pace.cooldown)
    return limit_rate(proposal, view.memory.events, view.now, pace.max)
