"""The decision, step by step, in the order in which a reader should understand it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import inf

from autoscaler.decide.combine import combine
from autoscaler.decide.floors import add_headroom, bounds_now, keep_reservations, keep_schedules
from autoscaler.decide.forecast import foresee, keep_forecasts
from autoscaler.decide.limits import keep_max, keep_min, refuse_to_shrink_blindly
from autoscaler.decide.load import measure
from autoscaler.decide.pace import cool_down, keep_calm, limit_rate
from autoscaler.decide.past import forecasts
from autoscaler.decide.roster import Roster, call_roll
from autoscaler.decide.stabilize import remember, stabilize_in, stabilize_out, stay_near_peak
from autoscaler.decide.step import breaches, take_steps
from autoscaler.decide.target_tracking import track_target
from autoscaler.decide.track import track
from autoscaler.decide.view import View
from autoscaler.model.decision import Decision, Direction, Proposal, Reason, Verdict
from autoscaler.model.memory import Memory, Recommendation
from autoscaler.model.snapshot import FleetSnapshot
from autoscaler.policy.rules import ScaleRule
from autoscaler.policy.schema import Policy


def decide(snapshot: FleetSnapshot, policy: Policy, memory: Memory) -> tuple[Decision, Memory]:
    """Decide how many nodes the group should have.

    Without a list of instances there is no current capacity to compare with, so there is no decision: nothing changes.
    """
    view = View(snapshot, policy, memory)
    view = View(snapshot, policy, track(view))
    if snapshot.lacks("ec2"):
        unknown = Reason("fleet_unknown", "the instances could not be listed", before=0, after=0)
        return Decision(snapshot.group, view.now, 0, 0, (unknown,)), view.memory
    roster = call_roll(view)
    judgements = [judge(rule, view, roster) for rule in policy.scale if rule.signal is not None]
    verdicts = tuple(judgement.verdict for judgement in judgements)
    floors = tuple(foresee(rule, view, roster) for rule in forecasts(policy))
    proposal = combine(Proposal(roster.current, roster.current), verdicts)
    proposal = add_headroom(proposal, verdicts, policy.headroom, roster)
    blind = proposal.desired <= roster.current and any(v.missing and v.direction is Direction.HOLD for v in verdicts)
    latest = Recommendation(view.now, proposal.desired, blind=blind)
    history = remember(view.memory.recommendations, latest, _longest_window(policy))
    proposal = steady(proposal, history, view)
    proposal = keep_reservations(keep_schedules(proposal, view), view, roster)
    proposal = keep_forecasts(proposal, floors)
    proposal = slow_down(keep_max(proposal, bounds_now(view)), view)
    proposal = keep_min(proposal, bounds_now(view))
    proposal = refuse_to_shrink_blindly(proposal, view, roster)
    decision = Decision(
        group=snapshot.group,
        at=view.now,
        current=proposal.current,
        desired=proposal.desired,
        reasons=proposal.reasons,
        verdicts=(*verdicts, *floors),
        phases=roster.phases,
        unseen=roster.unseen,
    )
    breaches = {key: at for judgement in judgements for key, at in judgement.breaches.items()}
    return decision, replace(view.memory, recommendations=history, breaches=breaches)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a rule says, and since when its thresholds are passed."""

    verdict: Verdict
    breaches: Mapping[str, datetime] = field(default_factory=dict)


def judge(rule: ScaleRule, view: View, roster: Roster) -> Judgement:
    """Ask one rule that looks at a signal."""
    signal = view.policy.signals[rule.signal or ""]
    if rule.step is not None:
        lowest = min((step.above for step in rule.step.steps if step.above is not None), default=inf)
        load = measure(signal, lowest, roster, view)
        since = breaches(rule.step, signal, load, view)
        return Judgement(_of(rule, take_steps(rule.step, signal, load, roster, since, view.now)), since)
    if rule.target_tracking is None:
        raise AssertionError(rule)  # the policy's own check let it pass
    load = measure(signal, rule.target_tracking.per_node, roster, view)
    return Judgement(_of(rule, track_target(rule.target_tracking, signal, load, roster)))


def _of(rule: ScaleRule, verdict: Verdict) -> Verdict:
    return replace(verdict, group=rule.group) if rule.group else verdict


def steady(proposal: Proposal, history: Sequence[Recommendation], view: View) -> Proposal:
    """Look back over the windows of the policy before going either way."""
    out, shrink = view.policy.scale_out, view.policy.scale_in
    proposal = stabilize_out(proposal, history, view.now, out.stabilization)
    proposal = stabilize_in(proposal, history, view.now, shrink.stabilization)
    return stay_near_peak(proposal, history, view.now, shrink.control)


def slow_down(proposal: Proposal, view: View) -> Proposal:
    """Apply the cooldown, the rate limits and the flap budget."""
    policy, events = view.policy, view.memory.events
    pace = policy.scale_out if proposal.desired > proposal.current else policy.scale_in
    proposal = cool_down(proposal, events, view.now, pace.cooldown)
    proposal = limit_rate(proposal, events, view.now, pace.max)
    return keep_calm(proposal, events, view.now, policy.flap_budget)


def _longest_window(policy: Policy) -> timedelta:
    controls = [control.per for control in policy.scale_in.control]
    return max([policy.scale_in.stabilization, policy.scale_out.stabilization, *controls])
