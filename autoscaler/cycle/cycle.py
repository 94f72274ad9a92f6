"""The whole job, on one screen."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from autoscaler.cycle.observe import observe
from autoscaler.decide.pipeline import decide
from autoscaler.decide.view import View
from autoscaler.model.memory import Memory
from autoscaler.model.plan import Outcome, Plan
from autoscaler.model.report import CycleReport
from autoscaler.plan.planner import plan
from autoscaler.policy.schema import Policy
from autoscaler.policy.text import print_policy
from autoscaler.ports import Senses


class Executor(Protocol):
    """What becomes of a plan: done, or only told."""

    def execute(self, plan: Plan, memory: Memory, now: datetime) -> tuple[tuple[Outcome, ...], Memory]:
        """Return each step's outcome, and the memory for the next cycle."""
        ...


def run_cycle(senses: Senses, executor: Executor, policy: Policy, memory: Memory) -> CycleReport:
    """Observe, decide, plan under guard, execute. The same function runs in the daemon, the dry run and the tests.

    Raises what the executor raises (ActionError, StateConflict). Everything else that goes wrong outside is in the
    report: as a gap in the snapshot, or as a failed outcome.
    """
    snapshot = observe(senses, policy, memory)
    decision, decided = decide(snapshot, policy, memory)
    guarded = plan(decision, View(snapshot, policy, decided))
    outcomes, kept = executor.execute(guarded, decided, snapshot.taken_at)
    return CycleReport(snapshot, decision, guarded, outcomes, kept, memory_before=memory, policy=print_policy(policy))
