"""Schedules: those that never or always apply, say nothing new, or contradict each other.

Without a clock: what a schedule does is told from the week that it describes and the dates in the file alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, time, timedelta
from itertools import combinations

from autoscaler.policy.lint.finding import Check, Finding, highest_max, schedules
from autoscaler.policy.rules import Schedule
from autoscaler.policy.schema import Policy
from autoscaler.policy.times import DAYS, Day

_DAY = 24 * 60
_WEEK = 7 * _DAY
_FIRST, _LAST = date.min, date.max

Span = tuple[int, int]
"""First and last minute of a stretch of the week, the last one not part of it; from monday, 00:00."""


def schedule_never(policy: Policy) -> Iterator[Finding]:
    """Find schedules without a single day on which they begin."""
    for path, schedule in schedules(policy):
        if not _days(schedule, *_dates(schedule)):
            message = "the schedule never applies: none of its days lies between first_day and last_day"
            yield Finding(path, message, "mend the dates or the days")


def schedule_always(policy: Policy) -> Iterator[Finding]:
    """Find schedules that are no schedules."""
    for path, schedule in schedules(policy):
        whole = schedule.begins == schedule.ends and set(schedule.days) == set(DAYS)
        if whole and _dates(schedule) == (_FIRST, _LAST):
            yield Finding(path, "the schedule always applies", "raise bounds instead, or give it days and times")


def schedules_overlap(policy: Policy) -> Iterator[Finding]:
    """Find two minimums for one moment. A busier hour inside a busy day is plain; anything else is hard to read."""
    floors = [(path, schedule) for path, schedule in schedules(policy) if schedule.min is not None]
    for (_, first), (path, second) in combinations(floors, 2):
        if first.min != second.min and first.timezone == second.timezone and _clash(first, second):
            message = f"two schedules apply at once, and ask for {first.min} and {second.min} nodes"
            yield Finding((*path, "min"), message, "let one end where the other begins; the higher holds")


def _clash(first: Schedule, second: Schedule) -> bool:
    begin = max(_dates(first)[0], _dates(second)[0])
    end = min(_dates(first)[1], _dates(second)[1])
    low, high = sorted((first, second), key=lambda schedule: schedule.min or 0)
    wide = _joined(_spans(low, begin, end))
    partly = [(x, y) for x, y in _spans(high, begin, end) if not any(a <= x and y <= b for a, b in wide)]
    return any(a < y and x < b for a, b in wide for x, y in partly)


def _joined(spans: list[Span]) -> list[Span]:
    """Join stretches that touch: two whole days in a row have no seam at midnight."""
    joined: list[Span] = []
    for begin, end in sorted(spans):
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((begin, end))
    return joined


def _dates(schedule: Schedule) -> tuple[date, date]:
    return schedule.first_day or _FIRST, schedule.last_day or _LAST


def _days(schedule: Schedule, begin: date, end: date) -> list[Day]:
    """Return the days of the week on which the schedule begins between two dates, both of them counted."""
    length = min(7, (end - begin).days + 1)
    there = {DAYS[(begin.weekday() + number) % 7] for number in range(length)}
    return [day for day in schedule.days if day in there]


def _spans(schedule: Schedule, begin: date, end: date) -> list[Span]:
    """Return the schedule's stretches in the week, in the week before it, and in the one after."""
    length = (_minutes(schedule.ends) - _minutes(schedule.begins)) % _DAY or _DAY
    starts = [DAYS.index(day) * _DAY + _minutes(schedule.begins) for day in _days(schedule, begin, end)]
    return [(start + shift, start + shift + length) for start in starts for shift in (-_WEEK, 0, _WEEK)]


def _minutes(clock: time) -> int:
    return timedelta(hours=clock.hour, minutes=clock.minute) // timedelta(minutes=1)


def schedule_above_max(policy: Policy) -> Iterator[Finding]:
    """Find minimums that bounds cut off."""
    most = highest_max(policy)
    for path, schedule in schedules(policy):
        if schedule.min is not None and schedule.min > most:
            message = f"the schedule asks for {schedule.min} nodes, and the group never has more than {most}"
            yield Finding((*path, "min"), message, "give the schedule a max as well, or raise bounds.max")


def schedule_without_effect(policy: Policy) -> Iterator[Finding]:
    """Find bounds of a schedule that are inside those of the policy: a schedule only ever widens."""
    for path, schedule in schedules(policy):
        if schedule.min is not None and schedule.min <= policy.bounds.min:
            message = f"min {schedule.min} changes nothing: bounds.min is {policy.bounds.min} at all times"
            yield Finding((*path, "min"), message, "a schedule raises min and never lowers it")
        if schedule.max is not None and schedule.max <= policy.bounds.max:
            message = f"max {schedule.max} changes nothing: bounds.max is {policy.bounds.max} at all times"
            yield Finding((*path, "max"), message, "a schedule raises max and never lowers it")


def no_timezone(policy: Policy) -> Iterator[Finding]:
    """Find times of day that are meant in somebody's own time, and read in UTC."""
    for path, schedule in schedules(policy):
        timed = schedule.model_fields_set & {"begins", "ends", "days"}
        if timed and "timezone" not in schedule.model_fields_set:
            yield Finding(path, "the times are in UTC, for no timezone is given", "timezone: Europe/Istanbul, or UTC")


CHECKS: dict[str, Check] = {
    "lint-schedule-never": schedule_never,
    "lint-schedule-always": schedule_always,
    "lint-schedules-overlap": schedules_overlap,
    "lint-schedule-above-max": schedule_above_max,
    "lint-schedule-without-effect": schedule_without_effect,
    "lint-no-timezone": no_timezone,
}
