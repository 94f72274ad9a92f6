"""Carry out nothing. This executor is built without a single object that could."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from autoscaler.model.history import Recording
from autoscaler.model.memory import Memory
from autoscaler.model.plan import Outcome, Plan, Skipped


@dataclass(frozen=True, slots=True)
class DryRunExecutor:
    """Says of every step that it was not taken."""

    def execute(self, plan: Plan, memory: Memory, now: datetime) -> tuple[tuple[Outcome, ...], Memory]:
        """Skip every step; remember what the decision remembers, and no intent, for none was acted on."""
        del now
        return tuple(Outcome(action, Skipped("dry_run")) for action in plan.actions), memory

    def record(self, group: str, now: datetime, recordings: Sequence[Recording]) -> None:
        """Record nothing: there is nothing to record with."""
