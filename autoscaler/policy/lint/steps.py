"""Step scaling: steps that are too large, never reached, or fight each other."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

from autoscaler.policy.document import Path
from autoscaler.policy.lint.finding import Check, Finding, voices
from autoscaler.policy.rules import Amount, Step, StepScaling
from autoscaler.policy.schema import Policy

_WHOLE, _HALF = 100.0, 50.0


def _rules(policy: Policy) -> Iterator[tuple[Path, StepScaling]]:
    for voice in voices(policy):
        if voice.rule.step:
            yield (*voice.path, "steps"), voice.rule.step


def step_large(policy: Policy) -> Iterator[Finding]:
    """Find steps that double the group, halve it, or are larger than the group can be."""
    reach = policy.bounds.max - policy.bounds.min
    for path, rule in _rules(policy):
        for number, step in enumerate(rule.steps):
            if step.add and (step.add.percent >= _WHOLE or step.add.nodes > reach > 0):
                message = "one step adds as much as the group has, or more than it may have"
                yield Finding((*path, number, "add"), message, "smaller steps, and a second one above")
            if step.remove and (step.remove.percent >= _HALF or step.remove.nodes > max(1, reach / 2)):
                message = "one step takes half of the group or more"
                yield Finding((*path, number, "remove"), message, "1, or 10%")


def step_without_effect(policy: Policy) -> Iterator[Finding]:
    """Find steps beyond which another that is reached sooner gives as much."""
    for path, rule in _rules(policy):
        found: set[int] = set()
        for (one, idle), (two, sooner) in permutations(enumerate(rule.steps), 2):
            if one not in found and two not in found and _beats(sooner, idle):
                found.add(one)
                message = "another step is reached sooner and gives as much, so this one never decides"
                yield Finding((*path, one), message, "more for the further threshold, or a shorter `for`")


def _beats(sooner: Step, idle: Step) -> bool:
    return sooner.held <= idle.held and _reached(sooner, idle) and _as_much(_given(sooner), _given(idle))


def _reached(sooner: Step, idle: Step) -> bool:
    """Whether every load beyond the one threshold is beyond the other."""
    if sooner.above is not None and idle.above is not None:
        return sooner.above <= idle.above
    return sooner.below is not None and idle.below is not None and sooner.below >= idle.below


def _given(step: Step) -> Amount:
    return step.add or step.remove or Amount()


def _as_much(one: Amount, other: Amount) -> bool:
    """Whether the one is no smaller; nodes and a share cannot be compared."""
    same_kind = bool(one.nodes) == bool(other.nodes)
    return same_kind and one.nodes >= other.nodes and one.percent >= other.percent


def steps_overlap(policy: Policy) -> Iterator[Finding]:
    """Find loads that are too high and too low at once."""
    for path, rule in _rules(policy):
        lowest = min((step.above for step in rule.steps if step.above is not None), default=None)
        for number, step in enumerate(rule.steps):
            if lowest is not None and step.below is not None and step.below >= lowest:
                message = f"below {step.below:g} nodes go and above {lowest:g} they come, with nothing between"
                yield Finding((*path, number, "below"), message, "far enough below that a node less stays below, too")


CHECKS: dict[str, Check] = {
    "lint-step-large": step_large,
    "lint-step-without-effect": step_without_effect,
    "lint-steps-overlap": steps_overlap,
}
