"""What is kept of a signal over weeks: the highest total of each five minutes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

BUCKET = timedelta(minutes=5)
"""Fine enough for the rise of an evening, and 2,016 values a week."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Recording:
    """A signal's total in one cycle, in the signal's unit. `keep`: how long it may be looked back to."""

    key: str
    value: float
    keep: timedelta


def bucket_of(at: datetime) -> datetime:
    """Return when the bucket began that `at` lies in. Buckets begin at :00, :05, :10, ... of UTC's clock."""
    return (at - (at - _EPOCH) % BUCKET).astimezone(UTC)
