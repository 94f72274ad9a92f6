"""What nothing may override: not a rule, not a deadline, not a bug in the planner.

The guard sees the finished plan and the facts, and strikes every step that would break an invariant.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from autoscaler.decide.classify import unseen
from autoscaler.decide.floors import bounds_now, surge
from autoscaler.decide.view import View
from autoscaler.model.decision import Decision, Phase, Reason
from autoscaler.model.nodes import Nodes
from autoscaler.model.plan import Action, Admission, Deregister, Drain, Ending, Launch, Plan, Stop, Wake
from autoscaler.model.snapshot import GROUP, Gap, Node

_ENDED = frozenset({Phase.TERMINATING, Phase.STOPPED})
_MOST_LOST_RATIO = 1 / 3
"""Above this share of silent nodes the fault is more likely ours, or the network's, than theirs."""


def guard(plan: Plan, view: View) -> Plan:
    """Keep the steps that are safe; say why of each that is struck or cut."""
    nodes = view.nodes
    budget = _Budget(plan.decision, view)
    kept: list[Action] = []
    coming = {action.instance_id for action in plan.actions if isinstance(action, Admission | Wake)}
    refusals: list[Reason] = []
    for action in plan.actions:
        allowed, why = action, ""
        if isinstance(action, Drain | Deregister | Ending) and action.instance_id in coming:
            why = "both_ways"
        elif isinstance(action, Ending):
            why = _why_not_end(action, nodes, plan.decision, view)
        elif isinstance(action, Drain) and action.instance_id not in view.memory.drains:
            why = budget.why_not_drain(nodes.find(action.instance_id))
        elif isinstance(action, Launch) and action.why != "launch_unanswered":
            allowed, why = budget.cut(action)
        if why:
            before = action.count if isinstance(action, Launch) else 1
            after = allowed.count if isinstance(allowed, Launch) else 0
            refusals.append(Reason(why, f"{type(action).__name__} {action.subject}", before=before, after=after))
        if not why or (isinstance(allowed, Launch) and allowed.count):
            kept.append(allowed)
    return replace(plan, actions=tuple(kept), refusals=(*plan.refusals, *refusals))


def instances(decision: Decision, view: View) -> int:
    """Count the instances that there are in any phase, the stopped and unseen among them, without those that end."""
    ending = sum(decision.phases[key] is Phase.TERMINATING for key in decision.apart)
    return len(decision.phases) - ending + decision.unseen + len(unseen(view, pool=True))


class _Budget:
    """What one cycle may still do. Counts down as steps pass."""

    def __init__(self, decision: Decision, view: View) -> None:
        phases = Counter(decision.phases.values())
        bounds = bounds_now(view)
        self._may_launch = max(0, bounds.max + surge(bounds) - instances(decision, view))
        self._may_drain = max(0, phases[Phase.IN_SERVICE] - bounds.min)

    def why_not_drain(self, node: Node | None) -> str:
        if node is None or node.publishers != 0:
            return "publisher_live"
        if self._may_drain == 0:
            return "min_in_service"
        self._may_drain -= 1
        return ""

    def cut(self, action: Launch) -> tuple[Launch, str]:
        count = min(action.count, self._may_launch)
        self._may_launch -= count
        return replace(action, count=count), "" if count == action.count else "max_instances"


def _why_not_end(action: Ending, nodes: Nodes, decision: Decision, view: View) -> str:
    """Say why a node must not be stopped or terminated now, or nothing."""
    node = nodes.find(action.instance_id)
    phase = decision.phases.get(action.instance_id)
    if node is None or any(gap.subject == GROUP and gap.source == "ec2" for gap in view.snapshot.gaps):
        return "fleet_unknown"
    if phase is Phase.STOPPED and not isinstance(action, Stop):  # nobody can be on it
        return "" if node.instance_id in view.memory.pool else "not_drained"
    if _may_publish(node, phase):
        return "publisher_live"
    if node.sessions != 0 and phase in {Phase.DRAINED, Phase.LOST, Phase.FILLING}:
        return "sessions_live"
    checks: dict[Phase | None, Callable[[], str]] = {
        Phase.DRAINED: lambda: "",
        Phase.FILLING: lambda: "was_in_service" if _entered_service(node, view) else "",
        Phase.FAILED_TO_JOIN: lambda: "was_in_service" if _entered_service(node, view) else "",
        Phase.LOST: lambda: "too_many_lost" if _too_many_lost(decision) else "",
    }
    check = checks.get(phase)
    if check is None or (isinstance(action, Stop) and phase not in {Phase.DRAINED, Phase.FILLING}):
        return "not_drained"
    return check()


def _may_publish(node: Node, phase: Phase | None) -> bool:
    """Whether somebody publishes on a node, or may. A lost node's own silence is no sign of a publisher any more."""
    if isinstance(node.publishers, Gap):
        return phase is not Phase.LOST or node.publishers.subject == GROUP
    return node.publishers > 0


def _entered_service(node: Node, view: View) -> bool:
    return node.instance_id in view.memory.admitted or node.servers != ()


def _too_many_lost(decision: Decision) -> bool:
    phases = [phase for phase in decision.phases.values() if phase not in _ENDED]
    lost = phases.count(Phase.LOST)
    return lost > max(1, int(len(phases) * _MOST_LOST_RATIO))
