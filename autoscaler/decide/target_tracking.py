"""Hold a load at a target.

The arithmetic of the Kubernetes HorizontalPodAutoscaler (`desired = ceil(current * metric / target)`, nothing inside
the tolerance, absent members filled against the direction of change), with EC2 Auto Scaling's counting: nodes on their
way are present when adding, nodes on their way out still count when removing.
"""

from __future__ import annotations

from math import ceil

from autoscaler.decide.classify import Roster
from autoscaler.decide.load import Load
from autoscaler.model.decision import Direction, Verdict
from autoscaler.policy.schema import TargetTracking

_ROUNDING = 1e-9
"""Keeps 3 x 0.1 / 0.1 from becoming four nodes."""


def track_target(rule: TargetTracking, load: Load, roster: Roster) -> Verdict:
    """Say how many nodes the rule wants.

    Example: three nodes at 90 % against a target of 60 % carry 270 and want ceil(270 / 60) = 5. With two more already
    booting the ratio is 270 / 300 = 0.9, inside a tolerance of 10 %, and nothing more is launched.
    """
    current, target = roster.current, rule.per_node
    slack = rule.tolerance / 100
    if load.known == 0:
        return _verdict(rule, Direction.HOLD, current, load, f"no fresh value of {rule.signal}")
    wanted = _nodes(load.growing, target)
    if wanted > current and load.growing > target * current * (1 + slack):
        return _verdict(rule, Direction.OUT, wanted, load, _sentence(rule, load.growing, wanted))
    wanted = _nodes(load.shrinking, target)
    if load.missing:
        return _verdict(rule, Direction.HOLD, current, load, f"{rule.signal} is missing of {len(load.missing)} nodes")
    if wanted < current and load.shrinking < target * current * (1 - slack):
        return _verdict(rule, Direction.IN, wanted, load, _sentence(rule, load.shrinking, wanted))
    return _verdict(rule, Direction.HOLD, current, load, f"{rule.signal} is inside the tolerance")


def _nodes(load: float, target: float) -> int:
    return ceil(load / target - _ROUNDING)


def _sentence(rule: TargetTracking, load: float, wanted: int) -> str:
    return f"{rule.signal} adds up to {load:g}; at {rule.per_node:g} a node that is {wanted} nodes"


def _verdict(rule: TargetTracking, direction: Direction, desired: int, load: Load, detail: str) -> Verdict:
    return Verdict(
        rule=f"target_tracking:{rule.signal}",
        direction=direction,
        desired=desired,
        detail=detail,
        value=load.growing if load.known else None,
        target=rule.per_node,
        missing=load.missing,
    )
