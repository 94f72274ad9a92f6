"""The whole job, on one screen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from autoscaler.cycle.observe import observe
from autoscaler.decide.past import heard
from autoscaler.decide.pipeline import decide
from autoscaler.decide.view import View
from autoscaler.model.history import Recording
from autoscaler.model.memory import Memory
from autoscaler.model.plan import Outcome, Plan
from autoscaler.model.report import CycleReport
from autoscaler.plan.planner import plan
from autoscaler.policy.schema import Policy
from autoscaler.ports import Senses


class Executor(Protocol):
    """What becomes of a plan: done, or only told."""

    def execute(self, plan: Plan, memory: Memory, now: datetime) -> tuple[tuple[Outcome, ...], Memory]:
        """Return each step's outcome, and the memory for the next cycle."""
        ...

    def record(self, group: str, now: datetime, recordings: Sequence[Recording]) -> None:
        """Keep for later forecasts what was heard now, or do not."""
        ...


def run_cycle(senses: Senses, executor: Executor, policy: Policy, memory: Memory) -> CycleReport:
    """Observe, decide, plan under guard, execute. The same function runs in the daemon, the dry run and the tests.

    Raises what the executor raises (ActionError, StateConflict). Everything else that goes wrong outside is in the
    report: as a gap in the snapshot, or as a failed outcome.
    """
    snapshot = observe(senses, policy, memory)
    decision, decided = decide(snapshot, policy, memory)
    view = View(snapshot, policy, decided)
    guarded = plan(decision, view)
    outcomes, kept = executor.execute(guarded, decided, snapshot.taken_at)
    executor.record(policy.group, snapshot.taken_at, heard(view))
    return CycleReport(snapshot, decision, guarded, outcomes, kept, memory_before=memory, policy=policy.text)
