"""Carry out a plan: the intent is saved first, each step is journalled before and after, and failures are outcomes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from autoscaler.model.errors import ActionError
from autoscaler.model.memory import Memory
from autoscaler.model.plan import (
    Action,
    Admission,
    Deregister,
    Done,
    Drain,
    Failed,
    Forget,
    Launch,
    Outcome,
    Plan,
    Result,
    Terminate,
    Wake,
)
from autoscaler.plan.remember import intend, settle
from autoscaler.ports import Hands


@dataclass(frozen=True, slots=True)
class LiveExecutor:
    """The executor that acts."""

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
            outcomes += self._take(group, list(batch))
        if outcomes:
            memory = self.hands.store.save(group, settle(memory, outcomes, now))
        return tuple(outcomes), memory

    def _take(self, group: str, batch: Sequence[Action]) -> list[Outcome]:
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
            outcomes += map(Outcome, recorded, self._do(recorded))
        for outcome in outcomes:
            self.hands.journal.outcome(group, outcome)
        return outcomes

    def _do(self, batch: Sequence[Any]) -> Iterable[Result]:
        fleet, proxies = self.hands.fleet, self.hands.proxies
        match batch[0]:
            case Admission():
                return proxies.admit(batch)
            case Drain():
                return proxies.drain(batch)
            case Deregister():
                return proxies.park(batch)
            case Forget():
                return proxies.free(batch)
            case Launch():
                return [_attempt(lambda action=action: Done(fleet.launch(action))) for action in batch]
            case Wake():
                return [_attempt(lambda action=action: _done(fleet.wake(action.instance_id))) for action in batch]
            case Terminate():
                return [_attempt(lambda action=action: _done(fleet.terminate(action.instance_id))) for action in batch]
        raise AssertionError(batch[0])  # an action that nobody carries out is a bug


def _attempt(step: Callable[[], Done]) -> Result:
    try:
        return step()
    except ActionError as error:
        return _failed(error)


def _done(_: None) -> Done:
    return Done()


def _failed(error: ActionError) -> Failed:
    return Failed(error.code, error.detail, retryable=error.retryable)
