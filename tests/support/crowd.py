"""Traffic made up in a test: some people, and what happens to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from autoscaler.simulate.crowd import Coming, Visit
from autoscaler.simulate.traffic.sessions import Event, Sessions

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)


def coming(visits: Sequence[Visit]) -> Coming:
    """These, who are new and hold no cookies, as they come in a step."""
    return Coming(
        [visit.publisher for visit in visits], [visit.last_step for visit in visits], [visit.stream for visit in visits]
    )


@dataclass(frozen=True)
class Told:
    """Each row: how many come together, when, for how long, and whether they publish. Streams are taken by turns."""

    rows: Sequence[tuple[int, float, float, bool]]
    length_s: float = 3600.0
    events: tuple[Event, ...] = ()
    name: str = "told"
    begin: datetime = MONDAY

    def chunks(self) -> Iterator[Sessions]:
        people = [row[1:] for row in sorted(self.rows, key=lambda row: row[1]) for _ in range(row[0])]
        start, duration, publisher = (list(column) for column in zip(*people, strict=True)) if people else ([], [], [])
        yield Sessions(
            np.array(start, dtype=np.float64),
            np.array(duration, dtype=np.float64),
            np.array(publisher, dtype=np.bool_),
            np.arange(len(people), dtype=np.int32) % 5,
        )
