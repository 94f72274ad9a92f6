"""The plan of one cycle: capacity first, then departures."""

from __future__ import annotations

from autoscaler.decide.view import View
from autoscaler.model.decision import Decision
from autoscaler.model.plan import CancelDrain, Plan, Wake
from autoscaler.plan.guard import guard
from autoscaler.plan.pool import keepers, tend
from autoscaler.plan.removal import removals
from autoscaler.plan.repair import clearances, departures, registrations, strangers
from autoscaler.plan.slots import SlotMap, map_slots
from autoscaler.plan.supply import supply, unanswered
from autoscaler.plan.waking import unanswered_wakes


def plan(decision: Decision, view: View) -> Plan:
    """Turn a decision into steps that may be taken. Without a list of instances there is nothing to plan on."""
    if view.snapshot.lacks("ec2"):
        return Plan(decision)
    slots = map_slots(view)
    if _settled(decision, view, slots):
        return Plan(decision, refusals=tuple(strangers(slots)))
    admissions, unplaced = registrations(decision, view, slots)
    additions, unaffordable = supply(decision, view, slots)
    staying = {action.instance_id for action in additions if isinstance(action, CancelDrain | Wake)}
    drains, protected = removals(decision, view)
    draft = Plan(
        decision,
        actions=(
            *admissions,
            *unanswered(view),
            *unanswered_wakes(decision, view),
            *additions,
            *drains,
            *departures(decision, view, staying, keepers(decision, view, staying)),
            *tend(decision, view, slots, additions),
            *clearances(view, slots),
        ),
        refusals=(*unplaced, *unaffordable, *protected, *strangers(slots)),
    )
    return guard(draft, view) if draft.actions else draft


def _settled(decision: Decision, view: View, slots: SlotMap) -> bool:
    """Whether there is nothing to do in any part of the plan, which is so in most cycles.

    All nodes are in service, as many as wanted; no launch is on its way, no slot to be freed, and no warm pool.
    """
    if decision.desired != decision.current or view.memory.launches or slots.gone:
        return False
    if view.policy.launch.warm_pool.stopped or view.memory.pool:
        return False
    return not decision.apart
