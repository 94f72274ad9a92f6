"""Hold a load at a target.

The arithmetic of the Kubernetes HorizontalPodAutoscaler (`desired = ceil(current * metric / target)`, nothing inside
the tolerance, absent members filled against the direction of change), with EC2 Auto Scaling's counting: nodes on their
way are present when adding, nodes on their way out still count when removing. Where nodes differ in size `current` is
their capacity, in nodes of the policy's first type.
"""

from __future__ import annotations

from autoscaler.decide.load import Load
from autoscaler.decide.roster import Roster, rounded_up
from autoscaler.decide.verdicts import ignored, ignores, incomplete, unheard
from autoscaler.model.decision import Direction, Verdict
from autoscaler.policy.rules import TargetTracking
from autoscaler.policy.signals import Signal


def track_target(rule: TargetTracking, signal: Signal, load: Load, roster: Roster) -> Verdict:
    """Say how many nodes the rule wants.

    Example: three nodes at 90 % against a target of 60 % carry 270 and want ceil(270 / 60) = 5. With two more already
    booting the ratio is 270 / 300 = 0.9, inside a tolerance of 10 %, and nothing more is launched.
    """
    name, current = f"target_tracking:{rule.signal}", roster.current
    silence = unheard(name, signal, load, current)
    if silence:
        return silence
    direction, desired, detail = _wish(rule, signal, load, roster, current)
    needed = rounded_up(load.growing / rule.per_node)
    missing = () if direction is Direction.HOLD and ignores(signal) else load.missing  # it knows that it holds
    return Verdict(name, direction, desired, detail, load.growing, rule.per_node, missing, needed)


def _wish(rule: TargetTracking, signal: Signal, load: Load, roster: Roster, current: int) -> tuple[Direction, int, str]:
    target, slack = rule.per_node, rule.tolerance / 100
    wished, carried = roster.nodes_for(load.growing / target), target * roster.capacity
    if wished > current and load.growing > carried * (1 + slack):
        return Direction.OUT, wished, _sentence(rule, load.growing, wished)
    if load.missing and not ignores(signal):
        return Direction.HOLD, current, incomplete(rule.signal, signal, load)
    wanted = roster.nodes_for(load.shrinking / target)
    if wanted < current and load.shrinking < carried * (1 - slack):
        if load.missing:  # of nodes that are leaving: what they carry may be what the others are needed for
            return Direction.ABSTAIN, current, ignored(load)
        return Direction.IN, wanted, _sentence(rule, load.shrinking, wanted)
    return Direction.HOLD, current, f"{rule.signal} is inside the tolerance"


def _sentence(rule: TargetTracking, load: float, wanted: int) -> str:
    return f"{rule.signal} adds up to {load:g}; at {rule.per_node:g} a node that is {wanted} nodes"
