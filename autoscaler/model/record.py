"""What a journal says about a cycle or a step: the few keys that people and log searches read."""

from __future__ import annotations

from collections import Counter

from autoscaler.model.booking import Act
from autoscaler.model.codec import Plain, to_plain
from autoscaler.model.decision import Phase
from autoscaler.model.plan import Action, Failed, Outcome, Skipped
from autoscaler.model.report import CycleReport


def cycle_record(report: CycleReport) -> dict[str, Plain]:
    """Sum a cycle up: the two numbers, why, what was planned and refused, and how much could not be seen.

    `reasons` and `refusals` are reason codes, `actions` counts by kind, `gaps` by source, `signal_gaps` by source
    and cause: nothing else tells why a signal has no value.
    """
    decision = report.decision
    return {
        "group": decision.group,
        "direction": decision.direction.value,
        "current": decision.current,
        "desired": decision.desired,
        "in_service": sum(phase is Phase.IN_SERVICE for phase in decision.phases.values()),
        "reasons": [reason.code for reason in decision.reasons],
        "refusals": [reason.code for reason in report.plan.refusals],
        "actions": {**Counter(type(action).__name__ for action in report.plan.actions)},
        "gaps": {**Counter(gap.source for gap in report.snapshot.gaps)},
        "signal_gaps": {**Counter(f"{gap.source}: {gap.detail}" for gap in report.snapshot.signal_gaps)},
    }


def intent_record(group: str, action: Action) -> dict[str, Plain]:
    """Name a step: its kind, what it is about, why, and the token under which it can be asked for again."""
    return {
        "group": group,
        "action": type(action).__name__,
        "subject": action.subject,
        "why": action.why,
        "token": action.token,
    }


def booking_record(group: str, act: Act) -> dict[str, Plain]:
    """Name what somebody did about a reservation: `deed`, `by`, `why`, and the booking itself, times in UTC."""
    return {
        "group": group,
        "deed": act.deed.value,
        "name": act.booking.name,
        "by": act.by,
        "why": act.why,
        "booking": to_plain(act.booking),
    }


def outcome_record(group: str, outcome: Outcome) -> dict[str, Plain]:
    """Name a step and how it ended: `result` is done, skipped or failed, `code` the reason code of the latter two."""
    record = intent_record(group, outcome.action)
    match outcome.result:
        case Failed(error, detail, retryable):
            return {**record, "result": "failed", "code": error, "detail": detail, "retryable": retryable}
        case Skipped(reason):
            return {**record, "result": "skipped", "code": reason}
        case done:
            return {**record, "result": "done", "instance_ids": list(done.instance_ids)}
