"""Targets: too near to where AMS refuses, too nervous, too lazy, or at odds with the rest of the file."""

from __future__ import annotations

from collections.abc import Iterator

from autoscaler.policy.lint.facts import NEAR_REFUSAL, REFUSED_SOURCES, REFUSES_AT, VIEWER_SOURCES
from autoscaler.policy.lint.finding import Check, Finding, Voice, voices
from autoscaler.policy.rules import TargetTracking
from autoscaler.policy.schema import Headroom, Policy
from autoscaler.policy.signals import Aggregate

_WIDE = 50.0
_HALF = 0.5


def growth_point(policy: Policy, target: float, tolerance: float) -> float:
    """Return the level of the average node at which the group grows.

    Example: at a target of 60 and a tolerance of 10 % that is 66. Headroom of 20 % keeps a sixth of the nodes spare, so
    growth begins at 50 already, and tolerance has no say.
    """
    room = policy.headroom
    if room == Headroom():
        return target * (1 + tolerance / 100)
    spare = max(room.percent / (100 + room.percent), min(1.0, room.nodes / policy.bounds.max))
    return target * (1 - spare)


def _growth_points(policy: Policy) -> Iterator[tuple[Voice, str, float]]:
    """Yield when the rules on CPU or memory grow the group. Steps count only where no target is held at all."""
    rules = voices(policy)
    tracking = any(voice.rule.target_tracking for voice in rules)
    for voice in rules:
        if voice.signal.source not in REFUSED_SOURCES:
            continue
        rule, step = voice.rule.target_tracking, voice.rule.step
        if rule:
            key = "target" if rule.target is not None else "target_per_node"
            yield voice, key, growth_point(policy, rule.per_node, rule.tolerance)
        elif step and not tracking and voice.signal.aggregate != Aggregate.SUM:
            above = [part.above for part in step.steps if part.above is not None]
            yield from ((voice, "steps", growth_point(policy, level, 0)) for level in sorted(above)[:1])


def target_above_refusal(policy: Policy) -> Iterator[Finding]:
    """Find rules that grow the group only after AMS has begun to refuse viewers."""
    for voice, key, level in _growth_points(policy):
        if level >= REFUSES_AT:
            message = f"{voice.name} grows the group at {level:.3g} %, and AMS refuses viewers at 75 %"
            yield Finding((*voice.path, key), message, "a target of 50 to 60; mind the tolerance")


def target_near_refusal(policy: Policy) -> Iterator[Finding]:
    """Find averages that leave no room for the time of a boot. A maximum is one node's, and the others have room."""
    for voice, key, level in _growth_points(policy):
        if NEAR_REFUSAL <= level < REFUSES_AT and voice.signal.quantile is None:
            message = f"{voice.name} grows the group at {level:.3g} %, so a boot has the few points to 75 %"
            yield Finding((*voice.path, key), message, "a lower target, or headroom")


def _tracking(policy: Policy) -> Iterator[tuple[Voice, TargetTracking]]:
    for voice in voices(policy):
        if voice.rule.target_tracking:
            yield voice, voice.rule.target_tracking


def tolerance_zero(policy: Policy) -> Iterator[Finding]:
    """Find rules that follow every viewer."""
    for voice, rule in _tracking(policy):
        if rule.tolerance == 0:
            message = f"{voice.name} changes its mind with every viewer that comes or goes"
            yield Finding((*voice.path, "tolerance"), message, "5% to 10%")


def tolerance_wide(policy: Policy) -> Iterator[Finding]:
    """Find rules that sleep through half of the load."""
    for voice, rule in _tracking(policy):
        if rule.tolerance > _WIDE:
            message = f"{voice.name} may be off by {rule.tolerance:g} % and nothing happens"
            yield Finding((*voice.path, "tolerance"), message, "5% to 10%; windows and cooldowns keep it calm")


def target_contradicts(policy: Policy) -> Iterator[Finding]:
    """Find viewers per node of which the file says two different numbers."""
    carries = policy.viewers_per_node
    for voice, rule in _tracking(policy):
        target, source = rule.target_per_node, voice.signal.source
        viewers = source.startswith(VIEWER_SOURCES) or source == "haproxy.server.sessions"
        if carries is None or target is None or not viewers:
            continue
        if target > carries or (source == VIEWER_SOURCES and target < carries * _HALF):
            message = f"{voice.name} holds {target:g} on a node, and viewers_per_node says that it carries {carries}"
            hint = "what a node carries when full, and a target somewhat below"
            yield Finding((*voice.path, "target_per_node"), message, hint)


def wrong_audience(policy: Policy) -> Iterator[Finding]:
    """Find groups that are measured by what is on other nodes."""
    for voice in voices(policy):
        source = voice.signal.source
        if policy.role == "origin" and source.startswith(VIEWER_SOURCES):
            message = f"{voice.name} counts viewers, and those are on the edges"
        elif policy.role == "edge" and source == "mongodb.node.publishers":
            message = f"{voice.name} counts publishers, and those are on the origins"
        else:
            continue
        yield Finding((*voice.path, "signal"), message, "measure what these nodes carry, or mend role")


CHECKS: dict[str, Check] = {
    "lint-target-above-refusal": target_above_refusal,
    "lint-target-near-refusal": target_near_refusal,
    "lint-tolerance-zero": tolerance_zero,
    "lint-tolerance-wide": tolerance_wide,
    "lint-target-contradicts": target_contradicts,
    "lint-wrong-audience": wrong_audience,
}
