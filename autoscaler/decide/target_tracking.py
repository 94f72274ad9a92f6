"""Hold a load at a target.

The arithmetic of the Kubernetes HorizontalPodAutoscaler (`desired = ceil(current * metric / target)`, nothing inside
the tolerance, absent members filled against the direction of change), with EC2 Auto Scaling's counting: nodes on their
way are present when adding, nodes on their way out still count when removing. Where nodes differ in size `current` is
their capacity, in nodes of the policy's first type.
"""

from __future__ import annotations

from dataclasses import replace

from autoscaler.decide.classify import Roster, rounded_up
from autoscaler.decide.load import Load
from autoscaler.decide.verdicts import unheard
from autoscaler.model.decision import Direction, Verdict
from autoscaler.policy.rules import TargetTracking
from autoscaler.policy.signals import Signal


def track_target(rule: TargetTracking, signal: Signal, load: Load, roster: Roster) -> Verdict:
    """Say how many nodes the rule wants.

    Example: three nodes at 90 % against a target of 60 % carry 270 and want ceil(270 / 60) = 5. With two more already
    booting the ratio is 270 / 300 = 0.9, inside a tolerance of 10 %, and nothing more is launched.
    """
    current, target = roster.current, rule.per_node
    silence = unheard(f"target_tracking:{rule.signal}", signal, load, current)
    if silence:
        return silence
    slack = rule.tolerance / 100
    wished, carried = roster.nodes_for(load.growing / target), target * roster.capacity
    verdict = Verdict(
        rule=f"target_tracking:{rule.signal}",
        direction=Direction.HOLD,
        desired=current,
        detail=f"{rule.signal} is inside the tolerance",
        value=load.growing,
        target=target,
        missing=load.missing,
        needed=rounded_up(load.growing / target),
    )
    if wished > current and load.growing > carried * (1 + slack):
        detail = _sentence(rule, load.growing, wished)
        return replace(verdict, direction=Direction.OUT, desired=wished, detail=detail)
    if load.missing:
        return replace(verdict, detail=f"{rule.signal} is missing of {len(load.missing)} nodes")
    wanted = roster.nodes_for(load.shrinking / target)
    if wanted < current and load.shrinking < carried * (1 - slack):
        detail = _sentence(rule, load.shrinking, wanted)
        return replace(verdict, direction=Direction.IN, desired=wanted, detail=detail)
    return verdict


def _sentence(rule: TargetTracking, load: float, wanted: int) -> str:
    return f"{rule.signal} adds up to {load:g}; at {rule.per_node:g} a node that is {wanted} nodes"
