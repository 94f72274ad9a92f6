"""A timeline as stretches of time, each with its numbers: what is drawn, and what the reader's finger finds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autoscaler.report.shapes import WIDE
from autoscaler.simulate.timeline import Tick, Timeline, Turn

MOST_TURNS = 2000
"""Of a policy that turns more often the first are shown; whoever turns so often needs no more of them."""


@dataclass(frozen=True, slots=True)
class Moments:
    """`edges_s` are the begins of the points and, one more, the end; `edges` the same in units of a plot."""

    points: Sequence[Tick]
    edges_s: Sequence[float]
    edges: Sequence[int]
    turns: Sequence[Turn]
    left_out: int
    merged: int

    @classmethod
    def of(cls, timeline: Timeline) -> Moments:
        """Read a timeline. A point of several cycles carries the time of the last one and begins with its first."""
        points = timeline.points
        merged = max(1, timeline.count // len(points)) if points else 1
        apart = points[1].at_s - points[0].at_s if len(points) > 1 else 1.0
        step_s = apart / merged
        begins = [round(point.at_s - (merged - 1) * step_s, 3) for point in points]
        # The last cycles may wait to be merged: the last point stands for them.
        edges_s = [*begins, round(begins[0] + timeline.count * step_s, 3)] if points else [0.0, 1.0]
        edges = [round(WIDE * edge / edges_s[-1]) for edge in edges_s]
        turns = timeline.turns
        return cls(points, edges_s, edges, turns[:MOST_TURNS], max(0, len(turns) - MOST_TURNS), merged)

    @property
    def length_s(self) -> float:
        """How long the drawn trace is, in seconds."""
        return self.edges_s[-1]

    @property
    def step_s(self) -> float:
        """How long a cycle takes, in seconds."""
        return (self.edges_s[1] - self.edges_s[0]) / self.merged

    def values(self, name: str) -> list[int]:
        """Return one number of all points."""
        return [getattr(point, name) for point in self.points]

    def plain(self) -> dict[str, object]:
        """Return what the page's script needs to say what was at a moment. Reasons repeat, so each is kept once."""
        texts: dict[tuple[str, str], int] = {}
        turns = [
            [turn.at_s, turn.before, turn.after, [texts.setdefault(reason, len(texts)) for reason in turn.reasons]]
            for turn in self.turns
        ]
        names = ("viewers", "publishers", "rejected", "cut", "serving", "draining", "coming", "desired")
        columns = {name: self.values(name) for name in names}
        return {
            "edges": list(self.edges_s),
            "columns": columns,
            "turns": turns,
            "reasons": [list(text) for text in texts],
        }
