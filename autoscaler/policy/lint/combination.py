"""Rules together: which never decide, and what they can never want."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import permutations

from autoscaler.policy.lint.finding import Check, Finding, Voice, may_shrink, voices
from autoscaler.policy.schema import Policy


def label_of_one(policy: Policy) -> Iterator[Finding]:
    """Find group labels that only one rule carries."""
    labels = Counter(voice.rule.group for voice in voices(policy))
    for voice in voices(policy):
        if voice.rule.group and labels[voice.rule.group] == 1:
            message = f"{voice.rule.group} is a rule group of one, and speaks as the rule would alone"
            yield Finding((*voice.path[:2], "group"), message, "the same label on another rule, or none")


def rule_without_effect(policy: Policy) -> Iterator[Finding]:
    """Find targets beside which another always wants at least as many nodes."""
    found: set[int] = set()
    rules = voices(policy)
    for (one, idle), (two, stricter) in permutations(enumerate(rules), 2):
        if one not in found and two not in found and _covers(stricter, idle):
            found.add(one)
            message = (
                f"{stricter.name} always wants at least as many nodes, so this target on {idle.name} never decides"
            )
            yield Finding(idle.path, message, "remove it, or give it a target of its own")


def _covers(stricter: Voice, idle: Voice) -> bool:
    tight, loose = stricter.rule.target_tracking, idle.rule.target_tracking
    if tight is None or loose is None or stricter.rule.group != idle.rule.group or not _at_least(stricter, idle):
        return False
    slack = tight.per_node * (1 + tight.tolerance / 100) <= loose.per_node * (1 + loose.tolerance / 100)
    return tight.per_node <= loose.per_node and slack


def _at_least(stricter: Voice, idle: Voice) -> bool:
    """Whether the one's load is never below the other's: the same source, or all of what the other is a part of."""
    one, other = stricter.signal, idle.signal
    part = other.key.startswith((f"{one.key}:", f"{one.key}.")) and one.expr is None
    wider = part or (one.key == other.key and one.expr == other.expr)
    return wider and one.on_missing == other.on_missing and _higher(one.quantile, other.quantile)


def _higher(one: float | None, other: float | None) -> bool:
    """Whether the one aggregate is never below the other; a mean and a sum, both None, are the same load."""
    if one is None or other is None:
        return one in {other, 1.0}
    return one >= other


def only_peaks(policy: Policy) -> Iterator[Finding]:
    """Find groups that grow as a whole for one hot node."""
    rules = voices(policy)
    if rules and all(voice.signal.quantile is not None for voice in rules):
        message = "every rule takes the busiest nodes for all of them, so one stuck node grows the group to its max"
        yield Finding(("scale",), message, "a mean or a sum beside it")


def never_shrinks(policy: Policy) -> Iterator[Finding]:
    """Find groups that keep for ever what they grew to."""
    if not any(may_shrink(voice) for voice in voices(policy)):
        message = "no rule ever wants fewer nodes, so what one evening needs is paid for ever"
        yield Finding(("scale",), message, "a target, or a step with below and remove")


CHECKS: dict[str, Check] = {
    "lint-label-of-one": label_of_one,
    "lint-rule-without-effect": rule_without_effect,
    "lint-only-peaks": only_peaks,
    "lint-never-shrinks": never_shrinks,
}
