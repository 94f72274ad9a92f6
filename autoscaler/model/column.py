"""The values of a signal source by node, each as a Sample for whoever wants one of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from autoscaler.model.snapshot import Sample


class Column(Mapping[str, Sample]):
    """Samples of which none is partial, kept as plain values. There is at least one."""

    def __init__(self, values: Mapping[str, float], at: datetime | Mapping[str, datetime]) -> None:
        """`values` are by subject; `at` is when they were true: all at one time, or each at its own."""
        self._values = values
        self._at = at
        self._last: tuple[tuple[datetime, datetime] | None, Mapping[str, float]] = (None, {})

    def between(self, oldest: datetime, newest: datetime) -> Mapping[str, float]:
        """Return the values that are of these times, or between."""
        if isinstance(self._at, datetime):
            return self._values if oldest <= self._at <= newest else {}
        asked, fresh = self._last
        if (oldest, newest) != asked:
            times = self._at
            fresh = {subject: value for subject, value in self._values.items() if oldest <= times[subject] <= newest}
            self._last = (oldest, newest), fresh  # one assignment: no thread sees the one without the other
        return fresh

    def __getitem__(self, subject: str) -> Sample:
        """Return the sample of a subject."""
        return Sample(self._values[subject], self._at if isinstance(self._at, datetime) else self._at[subject])

    def __iter__(self) -> Iterator[str]:
        """Name the subjects."""
        return iter(self._values)

    def __len__(self) -> int:
        """Count them."""
        return len(self._values)

    def __repr__(self) -> str:
        """Show the samples."""
        return repr(dict(self))
