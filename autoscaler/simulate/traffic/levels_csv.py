"""CSV of levels: `time,viewers,publishers`, how many there were at moments; between two of them it goes straight."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path

import numpy as np
from pydantic_core import PydanticCustomError

from autoscaler.policy.times import parse_instant
from autoscaler.policy.units import parse_duration
from autoscaler.simulate.traffic.levels import STEP, Levels, come, publishers, viewers
from autoscaler.simulate.traffic.rows import LONGEST_S, Block, Complaints, blocks, numbers
from autoscaler.simulate.traffic.schema import LAST_YEAR
from autoscaler.simulate.traffic.sessions import (
    MONDAY,
    MOST_SESSIONS,
    SECOND,
    Event,
    Floats,
    Ints,
    Sessions,
    merge,
)

COLUMNS = ("time", "viewers", "publishers")
_MOST = 1_000_000
_DAY = 86_400 * SECOND // STEP
_FORM_HINT = "seconds (90), durations (10m) or moments with an offset (2026-06-01T18:00:00Z), alike in all rows"


class Form(Enum):
    """How a file writes its times."""

    SECONDS = "seconds"
    DURATION = "durations"
    MOMENT = "moments"


@dataclass(frozen=True, slots=True)
class RecordedLevels:
    """Implements `sessions.Traffic` by a file of levels, from its first row to its last; it is read at every call."""

    path: Path
    name: str
    begin: datetime
    length_s: float
    origin_s: float
    seed: int
    events: tuple[Event, ...] = ()

    def chunks(self) -> Iterator[Sessions]:
        """Yield sessions of which as many are there as the file tells, exactly so every ten seconds."""
        return merge([publishers(self._levels(), self.seed), viewers(self._levels(), self.seed)])

    def _levels(self) -> Iterator[Levels]:
        """Yield the levels at every STEP, the first at 0; the last step may end after the last row, at its level."""
        complaints, done, before = Complaints(str(self.path)), 0, np.zeros((3, 0))
        for block in blocks(self.path, complaints):
            rows = np.vstack([_times(block, complaints) - self.origin_s, *_counts(block, complaints)])
            complaints.tell()
            rows = np.hstack([before, rows])
            end, before = int(rows[0, -1] * SECOND) // STEP + 1, rows[:, -1:]
            for first in range(done, end, _DAY):
                at = np.arange(first, min(first + _DAY, end), dtype=np.float64) * (STEP / SECOND)
                yield Levels(*(_between(at, rows[0], level) for level in rows[1:]))
            done = end
        if before[0, -1] * SECOND > (done - 1) * STEP:
            yield Levels(*(np.rint(level).astype(np.int64) for level in before[1:]))


def read_levels(path: Path, seed: int) -> RecordedLevels:
    """Check a file of levels from end to end; raises ConfigurationError with all that is wrong."""
    complaints, first, last, rows = Complaints(str(path)), np.nan, np.nan, 0
    form: Form | None = None
    toll = _Toll()
    for block in blocks(path, complaints):
        form = form or _form(block.texts("time")[0])
        found = _times(block, complaints, form)
        toll.add(block, np.vstack([found, *_counts(block, complaints)]), complaints)
        _check_order(block, found, last, complaints)
        known = found[~np.isnan(found)]
        if len(known):
            first, last = (float(known[0]) if np.isnan(first) else first), float(known.max())
        rows += len(found)
    if not complaints.problems and rows < 2:  # noqa: PLR2004 - one level has no length
        complaints.add(1, 1, "empty", "holds fewer than two rows, so it has no length")
    if last - first > LONGEST_S:
        complaints.add(1, 1, "too-long", "its last row is more than 366 days after its first")
    complaints.tell()
    begin = datetime.fromtimestamp(first, UTC) if form is Form.MOMENT else MONDAY
    return RecordedLevels(path, path.stem, begin, last - first, first, seed)


@dataclass(slots=True)
class _Toll:
    """About how many sessions there are up to the last row that was read."""

    last: Floats = field(default_factory=lambda: np.zeros((3, 0)))
    total: float = 0.0

    def add(self, block: Block, rows: Floats, complaints: Complaints) -> None:
        """Count a block's rows, of time and levels; the first row that makes it too many is a complaint."""
        first = self.last if self.last.size else rows[:, :1] * [[1.0], [0.0], [0.0]]
        sums = self.total + np.cumsum(come(*np.hstack([first, rows])))
        if self.total <= MOST_SESSIONS < sums[-1]:
            row = int(np.searchsorted(sums, MOST_SESSIONS, side="right"))
            message = (
                f"by this row some {sums[row]:,.0f} sessions would have come; at most {MOST_SESSIONS:,} are played"
            )
            complaints.add(block.lines[row], 1, "too-many", message, "a shorter trace, or lower levels")
        self.last, self.total = rows[:, -1:], float(sums[-1])


def _form(text: str) -> Form:
    """Tell how the first row writes its time; what cannot be read is taken for seconds, and complained about."""
    if "-" in text[1:] or ":" in text:
        return Form.MOMENT
    return Form.DURATION if text[-1:].isalpha() else Form.SECONDS


def _times(block: Block, complaints: Complaints, form: Form | None = None) -> Floats:
    """Return the rows' times in seconds; NaN for what is none, and a complaint."""
    texts = block.texts("time")
    form = form or _form(texts[0])
    if form is Form.SECONDS:
        return numbers(block, "time", complaints, most=LONGEST_S)
    read = _moment if form is Form.MOMENT else _duration
    found = []
    for row, text in enumerate(texts):
        try:
            found.append(read(text))
        except PydanticCustomError as error:
            message = f"time is {text[:40]!r}, the first row has {form.value}: it {error.message()}"
            complaints.add(block.lines[row], block.column_of(row, "time"), "value", message, _FORM_HINT)
            found.append(np.nan)
    return np.array(found)


def _moment(text: str) -> float:
    moment = parse_instant(text)
    if moment.year > LAST_YEAR:
        raise PydanticCustomError("moment", "is hardly the year that was meant")
    return moment.timestamp()


def _duration(text: str) -> float:
    return parse_duration(text).total_seconds()


def _counts(block: Block, complaints: Complaints) -> tuple[Floats, Floats]:
    first, second = (numbers(block, column, complaints, most=_MOST) for column in COLUMNS[1:])
    return first, second


def _check_order(block: Block, times: Floats, last: float, complaints: Complaints) -> None:
    before = np.fmax.accumulate(np.concatenate([[last], times]))[:-1]
    for row in np.flatnonzero(times <= before).tolist():
        message = f"time is {block.texts('time')[row]}, not after the row above it"
        complaints.add(block.lines[row], block.column_of(row, "time"), "order", message, "sort the rows by time")


def _between(at: Floats, times: Floats, levels: Floats) -> Ints:
    """Return the levels at moments: on the straight line between the rows around each, rounded."""
    right = np.clip(np.searchsorted(times, at, side="right"), 1, max(1, len(times) - 1))
    left = right - 1
    if len(times) == 1:
        return np.rint(np.repeat(levels, len(at))).astype(np.int64)
    share = np.clip((at - times[left]) / (times[right] - times[left]), 0.0, 1.0)
    return np.rint(levels[left] + (levels[right] - levels[left]) * share).astype(np.int64)
