"""What happened over a simulation: every tick in a digest and in sums, a bounded number of them to draw."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from autoscaler.model.quick import quick

_MOST_POINTS = 4096


@quick
@dataclass(frozen=True, slots=True)
class Tick:
    """One cycle: who is there in the end, who was `rejected` or `cut` within it, and its decision."""

    at_s: float
    viewers: int
    publishers: int
    rejected: int
    cut: int
    serving: int
    draining: int
    coming: int
    desired: int
    direction: str
    reasons: tuple[str, ...]

    def line(self) -> str:
        """Render what the digest is made of: whole numbers and words, alike on every machine."""
        return (
            f"{self.at_s:.1f} {self.viewers} {self.publishers} {self.rejected} {self.cut} {self.serving} "
            f"{self.draining} {self.coming} {self.desired} {self.direction} {','.join(self.reasons)}\n"
        )


@dataclass(frozen=True, slots=True)
class Turn:
    """A moment at which the group was told another size, and why."""

    at_s: float
    before: int
    after: int
    reasons: tuple[tuple[str, str], ...]


class Peak(NamedTuple):
    """The most that drained, were rejected or were cut in one cycle of a point."""

    draining: int
    rejected: int
    cut: int


@dataclass(slots=True)
class Drains:
    """How often some node drained, and for how many cycles at the longest."""

    count: int = 0
    longest: int = 0
    _now: int = 0

    def add(self, draining: int) -> None:
        """Take one more cycle."""
        self._now = self._now + 1 if draining else 0
        self.count += self._now == 1
        self.longest = max(self.longest, self._now)


@dataclass(slots=True)
class Timeline:
    """Ticks as they come. Beyond a bound they are merged, `each` to a point: a month takes no more room than a day.

    A merged point has the most people of its ticks, all their rejections, and the phases of the tick with the most
    nodes: each phase's own maximum would add up to nodes that never were. What of a few cycles would be lost by that is
    in `peaks`, one for each point, and in `drains`.
    """

    points: list[Tick] = field(default_factory=list)
    peaks: list[Peak] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    drains: Drains = field(default_factory=Drains)
    count: int = 0
    each: int = 1
    _digest: hashlib._Hash = field(default_factory=hashlib.sha256)
    _open: list[Tick] = field(default_factory=list)

    def add(self, tick: Tick) -> None:
        """Take one more tick."""
        self.count += 1
        self._digest.update(tick.line().encode())
        self.drains.add(tick.draining)
        self._open.append(tick)
        if len(self._open) == self.each:
            self.points.append(_merged(self._open))
            self.peaks.append(_peak(self._open))
            self._open = []
        if len(self.points) == _MOST_POINTS:
            self.points = [_merged(pair) for pair in zip(self.points[::2], self.points[1::2], strict=True)]
            self.peaks = [_peak(pair) for pair in zip(self.peaks[::2], self.peaks[1::2], strict=True)]
            self.each *= 2

    def whole(self) -> tuple[Sequence[Tick], Sequence[Peak]]:
        """Return all points and their peaks; the last ticks, which still wait to be merged, are one more."""
        if not self._open:
            return self.points, self.peaks
        return [*self.points, _merged(self._open)], [*self.peaks, _peak(self._open)]

    @property
    def digest(self) -> str:
        """The same for the same ticks, whatever was merged."""
        return self._digest.hexdigest()


def _merged(ticks: Sequence[Tick]) -> Tick:
    if len(ticks) == 1:
        return ticks[0]
    fullest = max(ticks, key=lambda tick: (tick.serving + tick.draining + tick.coming, tick.draining))
    return replace(
        ticks[-1],
        viewers=max(tick.viewers for tick in ticks),
        publishers=max(tick.publishers for tick in ticks),
        rejected=sum(tick.rejected for tick in ticks),
        cut=sum(tick.cut for tick in ticks),
        serving=fullest.serving,
        draining=fullest.draining,
        coming=fullest.coming,
        desired=max(tick.desired for tick in ticks),
    )


def _peak(parts: Sequence[Tick | Peak]) -> Peak:
    return Peak(
        max(part.draining for part in parts), max(part.rejected for part in parts), max(part.cut for part in parts)
    )
