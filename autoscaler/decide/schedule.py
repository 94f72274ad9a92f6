"""When a schedule applies, by the wall clock of its own time zone."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from autoscaler.policy.rules import Schedule
from autoscaler.policy.times import DAYS


def applies(schedule: Schedule, now: datetime) -> bool:
    """Whether the schedule applies at `now`. Its begin is part of the span, its end is not.

    A span that ends before, or when, it begins ends on the next day: 22:00 to 02:00 on fridays is still friday's at one
    on saturday. On the days on which clocks change the wall clock decides: an hour that is skipped is not there, one
    that comes twice counts twice.
    """
    local = now.astimezone(ZoneInfo(schedule.timezone)).replace(tzinfo=None)
    return any(_covers(schedule, local.date() - timedelta(days=back), local) for back in (0, 1))


def _covers(schedule: Schedule, day: date, local: datetime) -> bool:
    """Whether the span that begins on `day` covers the wall clock time `local`."""
    if DAYS[day.weekday()] not in schedule.days:
        return False
    if (schedule.first_day and day < schedule.first_day) or (schedule.last_day and day > schedule.last_day):
        return False
    begin = datetime.combine(day, schedule.begins)
    end = datetime.combine(day, schedule.ends)
    if end <= begin:
        end += timedelta(days=1)
    return begin <= local < end
