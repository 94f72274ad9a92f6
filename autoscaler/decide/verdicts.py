"""What every rule that looks at a signal says in the same way."""

from __future__ import annotations

from autoscaler.decide.load import Load
from autoscaler.model.decision import Direction, Verdict
from autoscaler.model.snapshot import GROUP
from autoscaler.policy.signals import Assumption, OnMissing, Signal


def unheard(name: str, signal: Signal, load: Load, current: int) -> Verdict | None:
    """Say what a rule says when it has heard nothing, or not enough by its own `on_missing`; None when it has."""
    if signal.on_missing is OnMissing.IGNORE and (load.missing or not load.known):
        detail = f"{len(load.missing)} values are missing, and it was told to ignore that"
        return Verdict(name, Direction.ABSTAIN, current, detail, missing=load.missing)
    if load.known == 0 and not isinstance(signal.on_missing, Assumption):
        return Verdict(name, Direction.HOLD, current, "no fresh value", missing=load.missing)
    return None


def incomplete(name: str, signal: Signal, load: Load) -> str:
    """Say what is missing to a signal: it is nodes of a measured one, and signals of an expression."""
    if signal.per_node:
        count = len(load.missing)
        return f"{name} is missing of {count} node{'s' if count > 1 else ''}"
    named = ", ".join(key for key in load.missing if key != GROUP)
    return f"{name} lacks all or part of {named}" if named else f"{name} is not fully known"
