"""Carry out a plan: the intent is saved first, each step is journalled before and after, and failures are outcomes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, TypeVar

from autoscaler.cycle.look_again import look_again
from autoscaler.model.errors import ActionError, ObservationError
from autoscaler.model.history import Recording
from autoscaler.model.memory import Memory
from autoscaler.model.plan import (
    Action,
    Admission,
    Deregister,
    Done,
    Drain,
    Ending,
    Failed,
    Forget,
    Launch,
    Outcome,
    Plan,
    Result,
    Skipped,
    Stop,
    Wake,
)
from autoscaler.plan.remember import intend, settle
from autoscaler.ports import Hands, Senses

Subject = TypeVar("Subject")


@dataclass(frozen=True, slots=True)
class LiveExecutor:
    """The executor that acts. `senses` are for the look that it takes again before it ends anything."""

    senses: Senses
    hands: Hands

    def execute(self, plan: Plan, memory: Memory, now: datetime) -> tuple[tuple[Outcome, ...], Memory]:
        """Take every step of the plan in order. Returns how each ended, and the memory as it was saved.

        Raises StateConflict, before anything was done, when another process runs the group, and ActionError when the
        intent could not be saved.
        """
        group = plan.decision.group
        memory = self.hands.store.save(group, intend(memory, plan, now))
        outcomes: list[Outcome] = []
        for _, batch in groupby(plan.actions, key=type):
            outcomes += self._take(group, list(batch), memory.revision)
        if outcomes:
            memory = self.hands.store.save(group, settle(memory, outcomes, now))
        return tuple(outcomes), memory

    def record(self, group: str, now: datetime, recordings: Sequence[Recording]) -> None:
        """Keep for later forecasts what was heard now. What cannot be kept is lost, and costs nothing else."""
        self.hands.history.record(group, now, recordings)

    def _take(self, group: str, batch: Sequence[Action], revision: int) -> list[Outcome]:
        """Take steps of one kind together: a balancer is told of a hundred nodes as cheaply as of one."""
        recorded: list[Action] = []
        outcomes: list[Outcome] = []
        for action in batch:
            try:
                self.hands.journal.intent(group, action)
                recorded.append(action)
            except ActionError as error:
                outcomes.append(Outcome(action, _failed(error)))
        if recorded:
            outcomes += map(Outcome, recorded, self._do(group, recorded, revision))
        for outcome in outcomes:
            self.hands.journal.outcome(group, outcome)
        return outcomes

    def _do(self, group: str, batch: Sequence[Any], revision: int) -> Iterable[Result]:
        fleet, proxies = self.hands.fleet, self.hands.proxies
        match batch[0]:
            case Admission():
                results: Iterable[Result] = proxies.admit(batch)
            case Drain():
                results = proxies.drain(batch)
            case Deregister():
                results = proxies.park(batch)
            case Forget():
                results = proxies.free(batch)
            case Launch():
                results = [_attempt(fleet.launch, action) for action in batch]
            case Wake():
                results = [_attempt(fleet.wake, action.instance_id) for action in batch]
            case Ending():
                results = self._end(group, batch, revision)
            case unknown:
                raise AssertionError(unknown)  # an action that nobody carries out is a bug
        return results

    def _end(self, group: str, batch: Sequence[Ending], revision: int) -> Iterable[Result]:
        """Stop or terminate, after a second look: a publisher may have come past the balancers since the snapshot.

        Nor is anything ended once another process has taken the group over: it may want the node.
        """
        busy = look_again(self.senses, batch)
        for action in batch:
            taken_over = self._taken_over(group, revision)
            end = self.hands.fleet.stop if isinstance(action, Stop) else self.hands.fleet.terminate
            yield taken_over or busy.get(action.ip) or _attempt(end, action.instance_id)

    def _taken_over(self, group: str, revision: int) -> Skipped | None:
        try:
            return None if self.hands.store.load(group).revision == revision else Skipped("taken_over")
        except ObservationError as error:
            return Skipped(f"no_second_look:{error.source}")


def _attempt(step: Callable[[Subject], tuple[str, ...] | None], subject: Subject) -> Result:
    try:
        return Done(step(subject) or ())
    except ActionError as error:
        return _failed(error)


def _failed(error: ActionError) -> Failed:
    return Failed(error.code, error.detail, retryable=error.retryable)
