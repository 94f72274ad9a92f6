"""What is kept between cycles, in memory: reservations, what cycles remember, history, and the journal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from autoscaler.model.booking import Act, Booking, Ledger
from autoscaler.model.errors import ActionError, ObservationError, StateConflict
from autoscaler.model.history import Recording, bucket_of
from autoscaler.model.memory import Memory
from autoscaler.model.plan import (
    Action,
    Outcome,
)
from autoscaler.model.report import CycleReport
from autoscaler.model.snapshot import (
    Sample,
)
from autoscaler.simulate.world import World


@dataclass
class SimulatedBookings:
    """Bookings kept in memory: both the reading and the writing port."""

    world: World
    kept: dict[tuple[str, str], Ledger] = field(default_factory=dict)

    def read(self, group: str, now: datetime) -> tuple[Booking, ...]:
        """Return what stands at `now`."""
        found = [ledger.current(now) for ledger in self.ledgers(group)]
        return tuple(sorted(filter(None, found), key=lambda booking: (booking.at, booking.name)))

    def ledgers(self, group: str) -> tuple[Ledger, ...]:
        """Return all of a group, by name."""
        self.world.alive("mongodb")
        return tuple(ledger for (owner, _), ledger in sorted(self.kept.items()) if owner == group)

    def save(self, ledger: Ledger) -> Ledger:
        """Compare and set on the revision."""
        if "mongodb" in self.world.dead:
            raise ActionError("reservation_unsaved", "does not answer")
        key = (ledger.group, ledger.name)
        if (self.kept[key].revision if key in self.kept else 0) != ledger.revision:
            raise ActionError("reservation_conflict", f"somebody else has just changed {ledger.group}/{ledger.name}")
        self.kept[key] = replace(ledger, revision=ledger.revision + 1)
        return self.kept[key]


@dataclass
class SimulatedMemoryStore:
    """Memory kept in memory. `available` off: the store cannot be reached."""

    memories: dict[str, Memory] = field(default_factory=dict)
    available: bool = True
    origins: int = 0

    def load(self, group: str) -> Memory:
        """Return what was saved last; at first an empty one of an origin of its own."""
        if not self.available:
            raise ObservationError("mongodb", "does not answer")
        return self.memories.get(group) or self._first()

    def save(self, group: str, memory: Memory) -> Memory:
        """Compare and set on the revision."""
        if not self.available:
            raise ActionError("state_unavailable", "does not answer")
        if (self.memories[group].revision if group in self.memories else 0) != memory.revision:
            raise StateConflict(group)
        self.memories[group] = replace(memory, revision=memory.revision + 1)
        return self.memories[group]

    def _first(self) -> Memory:
        self.origins += 1
        return Memory(origin=f"origin-{self.origins}")


@dataclass
class SimulatedHistory:
    """History kept in memory, for ever. `available` off: it can neither be read nor written."""

    rows: dict[tuple[str, str, datetime], float] = field(default_factory=dict)
    available: bool = True

    def read(self, group: str, buckets: Mapping[str, Sequence[datetime]]) -> Mapping[str, tuple[Sample, ...]]:
        """Return what was recorded in these buckets of each key."""
        if not self.available:
            raise ObservationError("mongodb", "does not answer")
        return {
            key: tuple(Sample(self.rows[group, key, at], at) for at in starts if (group, key, at) in self.rows)
            for key, starts in buckets.items()
        }

    def record(self, group: str, at: datetime, recordings: Sequence[Recording]) -> None:
        """Raise the bucket of `at` to these totals."""
        for recording in recordings if self.available else ():
            row = (group, recording.key, bucket_of(at))
            self.rows[row] = max(recording.value, self.rows.get(row, recording.value))


@dataclass
class RecordingJournal:
    """Keeps every record in order, for whoever wants to read it back."""

    records: list[tuple[str, Action | Outcome | CycleReport | Act]] = field(default_factory=list)
    available: bool = True

    def intent(self, group: str, action: Action) -> None:
        """Record a step to come."""
        if not self.available:
            raise ActionError("journal_unavailable", "does not answer")
        self.records.append((group, action))

    def outcome(self, group: str, outcome: Outcome) -> None:
        """Record how a step ended."""
        self.records.append((group, outcome))

    def cycle(self, report: CycleReport) -> None:
        """Record a cycle."""
        self.records.append((report.snapshot.group, report))

    def booking(self, group: str, act: Act) -> None:
        """Record a deed of somebody's."""
        if not self.available:
            raise ActionError("journal_unavailable", "does not answer")
        self.records.append((group, act))
