"""What every rule that looks at a signal says in the same way."""

from __future__ import annotations

from autoscaler.decide.load import Load
from autoscaler.model.decision import Direction, Verdict
from autoscaler.model.snapshot import GROUP
from autoscaler.policy.signals import Assumption, OnMissing, Signal


def unheard(name: str, signal: Signal, load: Load, current: int) -> Verdict | None:
    """Say what a rule says when it has heard nothing, or not enough by its own `on_missing`; None when it has.

    Who ignores what is missing still hears whoever is in service when only those that are leaving are silent.
    """
    if ignores(signal) and not (load.whole and load.known):
        return Verdict(name, Direction.ABSTAIN, current, ignored(load), missing=load.missing)
    if load.known == 0 and not isinstance(signal.on_missing, Assumption):
        return Verdict(name, Direction.HOLD, current, "no fresh value" + stamped_ahead(load), missing=load.missing)
    return None


def ignores(signal: Signal) -> bool:
    """Whether the rule has no opinion where a value is missing that it needs for one."""
    return signal.on_missing is OnMissing.IGNORE


def ignored(load: Load) -> str:
    """Say that a rule does as it was told."""
    return f"{len(load.missing)} values are missing, and it was told to ignore that{stamped_ahead(load)}"


def incomplete(name: str, signal: Signal, load: Load) -> str:
    """Say what is missing to a signal: it is nodes of a measured one, and signals of an expression."""
    if signal.per_node:
        count = len(load.missing)
        return f"{name} is missing of {count} node{'s' if count > 1 else ''}{stamped_ahead(load)}"
    named = ", ".join(key for key in load.missing if key != GROUP)
    lacking = f"{name} lacks all or part of {named}" if named else f"{name} is not fully known"
    return lacking + stamped_ahead(load)


def stamped_ahead(load: Load) -> str:
    """Say how much is missing because clocks differ; nothing if they do not."""
    if not load.future:
        return ""
    return f": {load.future} value{' is' if load.future == 1 else 's are'} stamped too far in the future"
