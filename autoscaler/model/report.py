"""Everything one cycle did, in one record: what the journal keeps and what `plan --json` prints."""

from __future__ import annotations

from dataclasses import dataclass

from autoscaler.model.decision import Decision
from autoscaler.model.memory import Memory
from autoscaler.model.plan import Failed, Outcome, Plan
from autoscaler.model.snapshot import FleetSnapshot

VERSION = 2
"""Of the form in which journals keep a CycleReport. It rises when an older report can no longer be read as one."""


@dataclass(frozen=True, slots=True)
class CycleReport:
    """The snapshot, what was decided on it, what was planned, how it ended, and what is remembered.

    `memory_before` is what was remembered when the cycle began and `policy` the policy in force, as
    `Policy.text` has it: with the snapshot they are all that the decision was made of.
    """

    snapshot: FleetSnapshot
    decision: Decision
    plan: Plan
    outcomes: tuple[Outcome, ...]
    memory: Memory
    memory_before: Memory
    policy: str

    @property
    def failures(self) -> tuple[Outcome, ...]:
        """The outcomes that failed."""
        return tuple(outcome for outcome in self.outcomes if isinstance(outcome.result, Failed))
