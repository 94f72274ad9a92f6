"""What a lesson does not change in a policy: whoever takes a suggestion has to know which targets stay beside it."""

from __future__ import annotations

from collections.abc import Iterator

from autoscaler.policy.lint.facts import REFUSED_SOURCES
from autoscaler.policy.lint.targets import growth_point
from autoscaler.policy.rules import TargetTracking
from autoscaler.policy.schema import Policy
from autoscaler.policy.signals import Signal
from autoscaler.simulate.learn.learnt import Finding
from autoscaler.simulate.learn.lesson import Lesson
from autoscaler.simulate.learn.readings import Count, counts_publishers, viewers_key


def unit_of(signal: Signal, count: Count) -> str:
    """Return what a signal counts: `viewers`, `publishers`, or `sessions`, which are both. "" for anything else."""
    if counts_publishers(signal):
        return "publishers"
    if viewers_key(signal) != count.key:
        return ""
    return "sessions" if count.less_publishers else "viewers"


def judged(policy: Policy, lesson: Lesson) -> Iterator[Finding]:
    """Yield which targets are left alone, and which are beyond the limits that nodes were said to have."""
    for number, rule in enumerate(policy.scale, 1):
        steering = rule.target_tracking or rule.forecast
        if steering is None or unit_of(signal := policy.signals[steering.signal], lesson.count):
            continue
        if signal.source in REFUSED_SOURCES and rule.target_tracking:
            yield from _percent(f"scale[{number}]", signal, rule.target_tracking, policy, lesson)
        elif key := viewers_key(signal):
            message = f"scale[{number}] counts {key}, and this was learnt by {lesson.count.key}: see --viewers"
            yield Finding("other-count", message)
        else:
            message = f"scale[{number}] is by {steering.signal}, of which nothing was learnt: its target stays in force"
            yield Finding("not-judged", message)


def _percent(name: str, signal: Signal, rule: TargetTracking, policy: Policy, lesson: Lesson) -> Iterator[Finding]:
    """Yield where a rule on CPU or memory grows the group when nodes refuse already."""
    measure = "cpu" if "cpu" in signal.source else "memory"
    limit = lesson.limits.cpu if measure == "cpu" else lesson.limits.memory
    level = growth_point(policy, rule.per_node, rule.tolerance)
    if level >= limit:
        message = f"{name} grows the group at {level:.3g} % of {measure}, and nodes refuse at {limit:g} %"
        yield Finding("target-at-limit", message)
