"""A timeline as stretches of time, each with its numbers: what is drawn, and what the reader's finger finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autoscaler.report.shapes import WIDE
from autoscaler.simulate.timeline import Peak, Tick, Timeline, Turn

MOST_TURNS = 2000
"""Of a policy that turns more often the first are shown; whoever turns so often needs no more of them."""


@dataclass(frozen=True, slots=True)
class Moments:
    """`edges_s` are the begins of the points and, one more, the end; `edges` the same in units of a plot.

    A point stands for `merged` cycles, the last one for what is left.
    """

    points: Sequence[Tick]
    peaks: Sequence[Peak]
    edges_s: Sequence[float]
    edges: Sequence[int]
    turns: Sequence[Turn]
    left_out: int
    merged: int
    step_s: float
    drains: int
    longest_drain_s: float

    @classmethod
    def of(cls, timeline: Timeline) -> Moments:
        """Read a timeline. A point of several cycles carries the time of the last one and begins with its first."""
        points, peaks = timeline.whole()
        merged, turns, drains = timeline.each, timeline.turns, timeline.drains
        step_s = (points[1].at_s - points[0].at_s) / merged if len(points) > 1 else 1.0
        ends_s = [round(point.at_s + step_s, 3) for point in points]
        edges_s = [round(ends_s[0] - merged * step_s, 3), *ends_s] if points else [0.0, 1.0]
        edges = [round(WIDE * edge / edges_s[-1]) for edge in edges_s]
        left_out = max(0, len(turns) - MOST_TURNS)
        return cls(
            points, peaks, edges_s, edges, turns[:MOST_TURNS], left_out, merged, step_s,
            drains.count, drains.longest * step_s,
        )  # fmt: skip

    @property
    def length_s(self) -> float:
        """How long the drawn trace is, in seconds."""
        return self.edges_s[-1]

    @property
    def each_s(self) -> float:
        """How long a point is, in seconds."""
        return self.step_s * self.merged

    def values(self, name: str) -> list[int]:
        """Return one number of all points."""
        return [getattr(point, name) for point in self.points]

    def most(self, name: str) -> list[int]:
        """Return the most that drained, were rejected or were cut in one cycle of each point."""
        return [getattr(peak, name) for peak in self.peaks]

    def plain(self) -> dict[str, object]:
        """Return what the page's script needs to say what was at a moment. Reasons repeat, so each is kept once."""
        texts: dict[tuple[str, str], int] = {}
        turns = [
            [turn.at_s, turn.before, turn.after, [texts.setdefault(reason, len(texts)) for reason in turn.reasons]]
            for turn in self.turns
        ]
        columns = {name: self.values(name) for name in ("viewers", "publishers", "serving", "coming", "desired")}
        columns |= {name: self.most(name) for name in Peak._fields}
        return {
            "edges": list(self.edges_s),
            "columns": columns,
            "turns": turns,
            "reasons": [list(text) for text in texts],
        }
