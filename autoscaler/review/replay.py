"""A recorded cycle run again: the same decision, the same plan and the same memory, byte for byte, or where not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from autoscaler.decide.pipeline import decide
from autoscaler.decide.view import View
from autoscaler.model.codec import Plain, to_plain
from autoscaler.model.report import CycleReport
from autoscaler.plan.planner import plan
from autoscaler.plan.remember import recall
from autoscaler.policy.schema import Policy

_ABSENT = "(absent)"


@dataclass(frozen=True, slots=True)
class Departure:
    """One place where a cycle came out otherwise. Both sides are JSON, or words in parentheses."""

    path: str
    recorded: str
    replayed: str


def replay(report: CycleReport, policy: Policy) -> tuple[Departure, ...]:
    """Run a cycle again on what it was made of; return where it departs from what was recorded, or nothing.

    Compared are the decision, then the plan, then the memory, each as the codec writes it. What follows from a part
    that departs departs, too, and is not looked at. An error in the code that decides is a departure.
    """
    try:
        for name, recorded, again in _parts(report, policy):
            found = tuple(departures(name, to_plain(recorded), to_plain(again)))
            if found:
                return found
    except Exception as error:  # noqa: BLE001 - whatever it is, the cycle that was recorded did not raise it
        return (Departure("cycle", "(it ran to its end)", f"({type(error).__name__}: {error})"),)
    return ()


def _parts(report: CycleReport, policy: Policy) -> Iterator[tuple[str, object, object]]:
    """Yield what was recorded beside what comes out now, in the order in which one follows from the other."""
    snapshot = report.snapshot
    decision, decided = decide(snapshot, policy, report.memory_before)
    yield "decision", report.decision, decision
    planned = plan(decision, View(snapshot, policy, decided))
    yield "plan", report.plan, planned
    yield "memory", report.memory, recall(decided, planned, report.outcomes, snapshot.taken_at)


def departures(path: str, recorded: Plain, replayed: Plain) -> Iterator[Departure]:
    """Yield every place at which two JSON values are not written with the same bytes."""
    if json.dumps(recorded) == json.dumps(replayed):
        return
    before, after = _members(recorded), _members(replayed)
    if before is None or after is None:
        yield Departure(path, json.dumps(recorded), json.dumps(replayed))
        return
    if before.keys() == after.keys() and [*before] != [*after]:
        yield Departure(path, f"(in the order {', '.join(before)})", f"(in the order {', '.join(after)})")
    for key in before | after:
        below = f"{path}.{key}"
        if key in before and key in after:
            yield from departures(below, before[key], after[key])
        else:
            yield Departure(below, *(json.dumps(each[key]) if key in each else _ABSENT for each in (before, after)))


def _members(value: Plain) -> dict[str, Plain] | None:
    """Return what a value holds by its key or index; None when it holds nothing."""
    if isinstance(value, list):
        return {str(index): item for index, item in enumerate(value)}
    return value if isinstance(value, dict) else None
