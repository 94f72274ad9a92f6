"""One thing that is unwise in one place, and short ways to look at a policy's rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from autoscaler.policy.document import Path
from autoscaler.policy.rules import Forecast, ScaleRule, Schedule
from autoscaler.policy.schema import Policy
from autoscaler.policy.signals import CAPACITY, Signal


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check says. `otherwise` is where it stands when the file leaves `path` to its default."""

    path: Path
    message: str
    hint: str
    otherwise: Path = ()


Check = Callable[[Policy], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Voice:
    """A rule that looks at a signal. `path` is where it stands in the policy."""

    path: Path
    rule: ScaleRule
    name: str
    signal: Signal


def voices(policy: Policy) -> list[Voice]:
    """Return the rules that look at a signal, in their order."""
    return [
        Voice(
            ("scale", number, "step" if rule.step else "target_tracking"),
            rule,
            rule.signal,
            policy.signals[rule.signal],
        )
        for number, rule in enumerate(policy.scale)
        if rule.signal is not None
    ]


def measured(signal: Signal, policy: Policy) -> list[tuple[str, Signal]]:
    """Return the measured signals that an expression is made of, with their names; nothing for a measured one."""
    names = signal.expr.names if signal.expr else frozenset()
    return [(name, policy.signals[name]) for name in sorted(names - {CAPACITY})]


def sources(voice: Voice, policy: Policy) -> list[tuple[str, Signal]]:
    """Return the measured signals that a rule rests on, with their names."""
    return measured(voice.signal, policy) if voice.signal.expr else [(voice.name, voice.signal)]


def may_shrink(voice: Voice) -> bool:
    """Whether the rule can ever want fewer nodes."""
    step = voice.rule.step
    return step is None or any(part.remove for part in step.steps)


def grows_at(voice: Voice) -> float:
    """Return from which value on the rule wants more nodes; infinity where it never does."""
    if voice.rule.target_tracking:
        return voice.rule.target_tracking.per_node
    steps = voice.rule.step.steps if voice.rule.step else ()
    return min((step.above for step in steps if step.above is not None), default=float("inf"))


def schedules(policy: Policy) -> list[tuple[Path, Schedule]]:
    """Return the schedules, each with its place."""
    return [
        (("scale", number, "schedule"), rule.schedule)
        for number, rule in enumerate(policy.scale)
        if rule.schedule is not None
    ]


def forecasts(policy: Policy) -> list[tuple[Path, Forecast]]:
    """Return the forecasts, each with its place."""
    return [
        (("scale", number, "forecast"), rule.forecast)
        for number, rule in enumerate(policy.scale)
        if rule.forecast is not None
    ]


def highest_max(policy: Policy) -> int:
    """Return the most nodes that the group may ever have."""
    return max(policy.bounds.max, *(schedule.max or 0 for _, schedule in schedules(policy)), 0)
