"""Change by amounts while a load is beyond thresholds: step scaling.

An addition counts from the nodes in service, so that those already on their way are part of it (EC2 Auto Scaling
counts the same way). Within its thresholds a rule that only adds has no opinion, unless it lacks data: then it holds,
for what it lacks may be what it is there to see. One that also removes holds: it has said when it wants fewer nodes,
and that is not now. Were it silent there, and cautious below, more load could mean fewer nodes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from math import ceil

from autoscaler.decide.load import Load, is_sum
from autoscaler.decide.roster import Roster
from autoscaler.decide.verdicts import ignored, ignores, stamped_ahead, unheard
from autoscaler.decide.view import View
from autoscaler.model.decision import Direction, Verdict
from autoscaler.policy.rules import Amount, Step, StepScaling
from autoscaler.policy.signals import Assumption, Signal
from autoscaler.policy.units import format_duration, format_number


def take_steps(
    rule: StepScaling, signal: Signal, load: Load, roster: Roster, since: Mapping[str, datetime], now: datetime
) -> Verdict:
    """Say what the highest step that was held for long enough wants; additions go before removals.

    `since` when each threshold is passed, as `breaches` has it.
    """
    current = roster.current
    name = f"step:{rule.signal}"
    silence = unheard(name, signal, load, current)
    if silence:
        return silence
    value = load.growing if is_sum(signal) else load.level
    if not since:
        return _within(rule, signal, load, current)
    held = [step for step in rule.steps if _held(step, since.get(_key(rule, step)), now)]
    wanted = max((len(roster.in_service) + _amount(step.add, roster) for step in held if step.add), default=0)
    if wanted > current:
        return Verdict(name, Direction.OUT, wanted, _sentence(rule, value, held), value, missing=load.missing)
    cut = max((_amount(step.remove, roster) for step in held if step.remove), default=0)
    if cut and not wanted:
        left = max(0, current - cut)
        return Verdict(name, Direction.IN, left, _sentence(rule, value, held), value, missing=load.missing)
    detail = f"{rule.signal} is beyond a threshold, and waits"
    return Verdict(name, Direction.HOLD, current, detail, value, missing=_needed(signal, load))


def _within(rule: StepScaling, signal: Signal, load: Load, current: int) -> Verdict:
    """Say what a rule says that is beyond no threshold, or does not know whether it is below one."""
    name, value = f"step:{rule.signal}", load.growing if is_sum(signal) else load.level
    missing = _needed(signal, load)
    if ignores(signal) and load.missing and any(_below(step, _low(signal, load)) for step in rule.steps):
        return Verdict(name, Direction.ABSTAIN, current, ignored(load), value, missing=load.missing)
    content = missing or any(step.remove for step in rule.steps)
    detail = f"{rule.signal} is within every threshold{stamped_ahead(load)}"
    return Verdict(name, Direction.HOLD if content else Direction.ABSTAIN, current, detail, value, missing=missing)


def _needed(signal: Signal, load: Load) -> tuple[str, ...]:
    """Return what is missing to a rule that holds: nothing of what it ignores, for without that it would hold, too."""
    return () if ignores(signal) else load.missing


def breaches(rule: StepScaling, signal: Signal, load: Load, view: View) -> Mapping[str, datetime]:
    """Return since when each step's threshold has been passed without a break. A silent member ends a lull, no peak.

    What is leaving counts for a lull: its viewers may come back.
    """
    high = load.growing if is_sum(signal) else load.level
    low = _low(signal, load)
    told = load.known or isinstance(signal.on_missing, Assumption)
    passed = [step for step in rule.steps if told and (_above(step, high) or (_below(step, low) and not load.missing))]
    return {key: view.memory.breaches.get(key, view.now) for key in (_key(rule, step) for step in passed)}


def _low(signal: Signal, load: Load) -> float:
    """Return the load to shrink by, as thresholds are held against it."""
    return load.shrinking if is_sum(signal) else load.shrinking / (load.members or 1.0)


def _above(step: Step, value: float) -> bool:
    return step.above is not None and value > step.above


def _below(step: Step, value: float) -> bool:
    return step.below is not None and value < step.below


def _key(rule: StepScaling, step: Step) -> str:
    side, threshold = ("above", step.above) if step.above is not None else ("below", step.below)
    return f"{rule.signal} {side} {format_number(threshold or 0.0)}"


def _held(step: Step, since: datetime | None, now: datetime) -> bool:
    return since is not None and now - since >= step.held


def _amount(amount: Amount, roster: Roster) -> int:
    """Resolve an amount to nodes; a share is of the nodes in service, rounded up, and at least one."""
    return amount.nodes or max(1, ceil(len(roster.in_service) * amount.percent / 100))


def _sentence(rule: StepScaling, value: float, held: list[Step]) -> str:
    longest = max(step.held for step in held)
    return f"{rule.signal} at {value:g} was beyond a threshold for {format_duration(longest)}"
