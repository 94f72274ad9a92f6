"""One measure of the nodes of a type, CPU or memory: its line over their people, and how far that can be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from autoscaler.simulate.learn.fit import Clusters, Lines
from autoscaler.simulate.learn.learnt import Fitted
from autoscaler.simulate.learn.recorded import Floats

_NONE = 1e-9
FULL = 1e9
"""Of a node's room: there is none for anybody."""

USUAL = 95
"""Percent. What values do not exceed but for one in twenty."""

_NEARLY_ALL, _LEAST = 99, 1


@dataclass(frozen=True)
class Study:
    """A measure, minute by minute: the `means` of its readings and the `highest` of them, in percent.

    `people` has two columns, viewers and publishers; `who` is one of them, 0 or 1. `limit` is where AMS refuses.
    """

    name: str
    people: Floats
    means: Floats
    highest: Floats
    limit: float
    clusters: Clusters

    @cached_property
    def lines(self) -> Lines:
        """The line, and those of the replicates."""
        return Lines(self.people, self.means, self.clusters)

    @cached_property
    def line(self) -> Fitted:
        """The line in words."""
        base, per_viewer, per_publisher = self.lines.best.tolist()
        return Fitted(
            base, per_viewer, per_publisher, max(0.0, float(np.percentile(self.highest - self._fitted, USUAL)))
        )

    def shares(self, people: Floats, *, spared: bool = False) -> tuple[float, Floats]:
        """Return what part of a node's room so many viewers and publishers take: by the line, and by each replicate.

        The room is what is left from an idle node to the limit; `spared`: less what readings jump above the line.
        """
        lines = np.vstack([self.lines.best, self.lines.drawn])
        room = self.limit - lines[:, 0] - (self.line.peak if spared else 0.0)
        shares = np.minimum(np.where(room > 0, lines[:, 1:] @ people / np.maximum(room, _NONE), FULL), FULL)
        return float(shares[0]), shares[1:]

    @property
    def reach(self) -> float:
        """How much of the way from an idle node to the limit was seen, as a ratio."""
        return float(np.percentile(self._fitted, _NEARLY_ALL) - self.lines.best[0]) / self._room

    def part(self, who: int) -> float:
        """Return how much of that way they alone make out between their quietest and their busiest minutes."""
        least, most = np.percentile(self.people[:, who], [_LEAST, _NEARLY_ALL])
        return float((most - least) * self.lines.best[1 + who]) / self._room

    def rises(self, who: int) -> bool:
        """Whether it surely rises with them."""
        return self.lines.range(float(self.lines.best[1 + who]), self.lines.drawn[:, 1 + who])[0] > 0

    @cached_property
    def bend(self) -> float:
        """By how many points a curve is above the line where that is at the limit; 0 where none is proved.

        The curve has the square of the line's load beside viewers and publishers, and is gone along in their mix.
        """
        load = (self._fitted - self.lines.best[0]) / self._room
        if not load.any():
            return 0.0
        curve = Lines(np.column_stack([self.people, load**2]), self.means, self.clusters, free=True)
        full = np.array([1.0, *(self.people.mean(axis=0) / load.mean()), 1.0])
        value, drawn = float(curve.best @ full) - self.limit, curve.drawn @ full - self.limit
        low, high = curve.range(value, drawn)
        return value if low > 0 or high < 0 else 0.0

    @cached_property
    def _fitted(self) -> Floats:
        fitted: Floats = self.lines.best[0] + self.people @ self.lines.best[1:]
        return fitted

    @property
    def _room(self) -> float:
        return max(self.limit - float(self.lines.best[0]), _NONE)
