"""What a plan, and then its outcomes, add to the memory.

The intent is saved before anything is done and the outcome after it, so that a crash in between repeats no launch and
forgets no drain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from autoscaler.decide.capacity import offering
from autoscaler.model.memory import DrainRecord, EndingRecord, LaunchRecord, Memory, ScaleEvent, WakeRecord
from autoscaler.model.plan import (
    CancelDrain,
    Done,
    Drain,
    Ending,
    Failed,
    Launch,
    Outcome,
    Plan,
    Register,
    Result,
    Skipped,
    Stop,
    Wake,
)
from autoscaler.plan.supply import STOCK_OUT_MEMORY

NO_STOPS = timedelta(hours=1)
"""How long nothing is stopped after EC2 refused to, for want of a right or of a disk that stays: such things last."""

_UNSURE = frozenset({"ec2_unreachable", "ec2_unavailable"})
"""How an ending may fail though EC2 heard it. Every other failure says that nothing was done."""


def intend(memory: Memory, plan: Plan, now: datetime) -> Memory:
    """Remember what is about to be done."""
    if not plan.actions:
        return memory
    drains, pool, wakes = dict(memory.drains), dict(memory.pool), dict(memory.wakes)
    launches = {record.token: record for record in memory.launches}
    for action in plan.actions:
        if isinstance(action, Drain):
            drains.setdefault(action.instance_id, DrainRecord(since=now))
        elif isinstance(action, CancelDrain):
            drains.pop(action.instance_id, None)
        elif isinstance(action, Wake):
            wakes[action.instance_id] = WakeRecord(now)
        elif isinstance(action, Stop):
            pool.setdefault(action.instance_id, now)
        elif isinstance(action, Launch):
            launches.setdefault(action.token, _launched(action, now))
    return replace(
        memory,
        drains=drains,
        launches=tuple(launches.values()),
        pool=pool,
        wakes=wakes,
        endings=_about_to_end(memory, plan, now),
    )


def _about_to_end(memory: Memory, plan: Plan, now: datetime) -> dict[str, EndingRecord]:
    """Remember who is told to stop or end, until it is woken: a crash before the answer must not bring it back."""
    woken = {action.instance_id for action in plan.actions if isinstance(action, Wake)}
    told = {
        action.instance_id: EndingRecord(now, stop=isinstance(action, Stop))
        for action in plan.actions
        if isinstance(action, Ending)
    }
    return {key: end for key, end in {**memory.endings, **told}.items() if key not in woken}


def _launched(action: Launch, now: datetime) -> LaunchRecord:
    spec = action.spec
    return LaunchRecord(
        action.token, action.subnet, spec.instance_type, action.count, at=now, spot=spec.spot, pool=action.pool
    )


def settle(memory: Memory, outcomes: Sequence[Outcome], now: datetime) -> Memory:
    """Remember what was done: who was admitted, what a launch brought, what is out of stock, how the size changed.

    Who was admitted is not left to the next snapshot, in which the balancers may have no say any more.
    """
    admitted = dict(memory.admitted)
    launches = {record.token: record for record in memory.launches}
    stock_outs = dict(memory.stock_outs)
    for outcome in outcomes:
        action, result = outcome.action, outcome.result
        if isinstance(action, Register) and isinstance(result, Done):
            admitted.setdefault(action.instance_id, now)
        if not isinstance(action, Launch):
            continue
        if isinstance(result, Done):
            launches[action.token] = replace(launches[action.token], instance_ids=result.instance_ids)
        elif not isinstance(result, Failed) or not result.retryable or result.error == "stock_out":
            launches.pop(action.token, None)
        if isinstance(result, Failed) and result.error == "stock_out":
            gone = offering(action.spec.instance_type, action.subnet, spot=action.spec.spot)
            stock_outs[gone] = now + STOCK_OUT_MEMORY
    events = tuple(ScaleEvent(now, nodes) for nodes in map(_change, outcomes) if nodes)
    return replace(
        _settle_pool(memory, stock_outs, outcomes, now),
        admitted=admitted,
        launches=tuple(launches.values()),
        stock_outs=stock_outs,
        events=(*memory.events, *events),
    )


def _settle_pool(memory: Memory, stock_outs: dict[str, datetime], outcomes: Sequence[Outcome], now: datetime) -> Memory:
    """Remember which nodes could not be started or stopped. What is out of stock is so for launches, too."""
    wakes, no_stops_until, endings = dict(memory.wakes), memory.no_stops_until, dict(memory.endings)
    for outcome in outcomes:
        action, result = outcome.action, outcome.result
        if isinstance(action, Ending) and _not_done(result):
            endings.pop(action.instance_id, None)
        elif isinstance(action, Ending):
            told = EndingRecord(now, stop=isinstance(action, Stop), answered=isinstance(result, Done))
            endings[action.instance_id] = told
        if isinstance(action, Wake) and isinstance(result, Failed) and result.error == "stock_out":
            del wakes[action.instance_id]
            stock_outs[offering(action.instance_type, action.subnet, spot=False)] = now + STOCK_OUT_MEMORY
        elif isinstance(action, Wake):
            wakes[action.instance_id] = WakeRecord(now, answered=True, failed=isinstance(result, Failed))
        elif isinstance(action, Stop) and isinstance(result, Failed) and not result.retryable:
            no_stops_until = now + NO_STOPS
    return replace(memory, wakes=wakes, no_stops_until=no_stops_until, endings=endings)


def _not_done(result: Result) -> bool:
    return isinstance(result, Skipped) or (isinstance(result, Failed) and result.error not in _UNSURE)


def recall(memory: Memory, plan: Plan, outcomes: Sequence[Outcome], now: datetime) -> Memory:
    """Return what is remembered after a whole cycle, as the live executor leaves it: each save is a revision."""
    memory = intend(memory, plan, now)
    memory = settle(memory, outcomes, now) if outcomes else memory
    return replace(memory, revision=memory.revision + (2 if outcomes else 1))


def _change(outcome: Outcome) -> int:
    action, result = outcome.action, outcome.result
    if isinstance(result, Failed):
        return 0
    if isinstance(action, Launch):
        return len(result.instance_ids) if isinstance(result, Done) and not action.pool else 0
    if isinstance(action, Drain):
        return -1 if action.why == "above_desired" else 0
    return 1 if isinstance(action, CancelDrain | Wake) else 0
