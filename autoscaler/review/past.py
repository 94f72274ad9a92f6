"""What a test tells of past seasons, as the records that a forecast looks at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from autoscaler.decide.past import history_key, looked_at
from autoscaler.model.history import bucket_of
from autoscaler.model.snapshot import Sample
from autoscaler.policy.schema import Policy
from autoscaler.review.scenario import Given
from autoscaler.review.words import MISSING, Missing

_HOLDS = timedelta(days=1)
"""How long a value is taken to have been recorded, when no later one is told."""

Told = Mapping[str, Sequence[tuple[datetime, float | Missing]]]
"""By history key: since when what was recorded, oldest first."""


def told_past(given: Given, policy: Policy) -> Told:
    """Return what `given` tells of the past, each value from the five minutes on that it falls in."""
    return {
        history_key(name, policy): [
            (bucket_of(given.now - record.ago), record.value)
            for record in sorted(records, key=lambda record: record.ago, reverse=True)
        ]
        for name, records in given.past.items()
    }


def history(past: Told, policy: Policy, now: datetime) -> Mapping[str, tuple[Sample, ...]]:
    """Return what the daemon would read now."""
    return {key: tuple(_samples(past.get(key, ()), starts)) for key, starts in looked_at(policy, now).items()}


def _samples(told: Sequence[tuple[datetime, float | Missing]], starts: Sequence[datetime]) -> Iterator[Sample]:
    for start in starts:
        since, value = next((record for record in reversed(told) if record[0] <= start), (start, MISSING))
        if isinstance(value, float) and start - since < _HOLDS:
            yield Sample(value, start)
