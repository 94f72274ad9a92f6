"""A node's CPU or memory as a line over its people: `base + per_viewer x viewers + per_publisher x publishers`.

No coefficient is negative: nobody makes a node idle. With at most three of them the best such line is found exactly, as
the best of the few that leave some out (Lawson and Hanson, "Solving Least Squares Problems", 1974, chapter 23: the
solution is an unconstrained one of the columns that are above zero), so no solver is needed.

How sure a line is, is told by a bootstrap of clusters in two stages: nodes are drawn with replacement, then of each
its ten minutes. Readings of one node are much alike, nodes differ, and an interval that took every reading for a
witness of its own would be far too narrow (Davison and Hinkley, "Bootstrap Methods and their Application", 1997, on
hierarchical data). Of few nodes even that is too narrow, so it is stretched as Student's t is against the normal
distribution (Hesterberg, "What Teachers Should Know About the Bootstrap", 2015, on expanded percentiles).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import sqrt
from statistics import NormalDist

import numpy as np

from autoscaler.simulate.compare.spread import CONFIDENCE, t_quantile
from autoscaler.simulate.learn.recorded import BLOCK, MINUTE, NODE, Floats

REPLICATES = 1000
_SEED = 20_260_101
"""The same recording gives the same interval."""

_TAIL = (1 - CONFIDENCE) / 2
_NORMAL = NormalDist().inv_cdf(1 - _TAIL)
_RIDGE = 1e-12
"""Of a column's own size: a draw without any publisher is a line without them, and no division by zero."""


class Clusters:
    """Which minutes belong together: those of a node's ten minutes, and these to the node."""

    def __init__(self, minutes: Floats) -> None:
        """Take a table as `Recorded.minutes` has it, of one row at least."""
        blocks = np.column_stack([minutes[:, NODE], minutes[:, MINUTE] // BLOCK])
        keys, self._block = np.unique(blocks, axis=0, return_inverse=True)
        first = np.flatnonzero(np.diff(keys[:, 0], prepend=-1.0))
        self._begins, self._lengths = first, np.diff(first, append=len(keys))
        self.blocks, self.nodes = len(keys), len(first)
        sizes = np.add.reduceat(np.bincount(self._block), first)
        self.worth = round(float(sizes.sum() ** 2 / (sizes**2).sum()))  # nodes count by their minutes (Kish, 1965)
        self.stretch = _stretch(self.worth)

    def sums(self, columns: Floats) -> Floats:
        """Add up the columns of each block."""
        return np.stack([np.bincount(self._block, column, self.blocks) for column in columns.T], axis=1)

    def drawn(self, sums: Floats) -> Floats:
        """Add up sums of blocks as they are drawn: a row a replicate, and always the same replicates."""
        random = np.random.Generator(np.random.PCG64(_SEED))
        found = np.empty((REPLICATES, sums.shape[1]))
        for row in found:
            weights = np.zeros(self.blocks)
            for node in random.integers(self.nodes, size=self.nodes):
                begin, length = self._begins[node], self._lengths[node]
                draws = random.integers(length, size=length)
                weights[begin : begin + length] += np.bincount(draws, minlength=length)
            row[:] = weights @ sums
        return found


def _stretch(nodes: int) -> float:
    """Return how much wider than the bootstrap's an interval of so many nodes is; nodes of few minutes count less."""
    return sqrt(nodes / (nodes - 1)) * t_quantile(nodes - 1) / _NORMAL if nodes > 1 else float("inf")


class Lines:
    """The line of one measure, `best`, and one for each replicate, `drawn`: coefficients, the base first."""

    def __init__(self, people: Floats, measure: Floats, clusters: Clusters, *, free: bool = False) -> None:
        """Fit `measure` over the columns `people`. `free`: coefficients may be negative."""
        self._stretch = clusters.stretch
        self._scale = np.maximum(np.abs(people).max(axis=0, initial=0.0), 1.0)
        columns = np.column_stack([np.ones(len(people)), people / self._scale])
        count = columns.shape[1]
        pairs = [columns[:, i] * columns[:, j] for i in range(count) for j in range(count)]
        sums = clusters.sums(np.column_stack([*pairs, *(columns[:, i] * measure for i in range(count))]))
        self.best = self._solve(sums.sum(axis=0, keepdims=True), count, free=free)[0]
        self.drawn = self._solve(clusters.drawn(sums), count, free=free)

    def _solve(self, sums: Floats, count: int, *, free: bool) -> Floats:
        grams, sides = sums[:, : count * count].reshape(-1, count, count), sums[:, count * count :]
        found = _free(grams, sides, range(count)) if free else _above_zero(grams, sides)
        unscaled: Floats = found / np.concatenate([[1.0], self._scale])
        return unscaled

    def range(self, value: float, drawn: Floats) -> tuple[float, float]:
        """Return the interval of what is `value` of the best line and `drawn` of the replicates."""
        low, high = np.quantile(drawn, [_TAIL, 1 - _TAIL])
        below, above = max(value - float(low), 0.0), max(float(high) - value, 0.0)
        return value - below * self._stretch, value + above * self._stretch


def _free(grams: Floats, sides: Floats, kept: Sequence[int]) -> Floats:
    """Solve the normal equations of the columns that are kept; the others' coefficients are 0."""
    index = np.array(kept)
    part = grams[:, index[:, None], index]
    ridge = _RIDGE * np.maximum(np.einsum("rii->ri", part), grams[:, :1, 0])
    solved = np.linalg.solve(part + np.eye(len(index)) * ridge[:, None, :], sides[:, index, None])
    found = np.zeros_like(sides)
    found[:, index] = solved[:, :, 0]
    return found


def _above_zero(grams: Floats, sides: Floats) -> Floats:
    """Return the best solution of each row that has no negative coefficient: the one that explains most."""
    best, explained = np.zeros_like(sides), np.zeros(len(sides))
    columns = range(sides.shape[1])
    for size in columns:
        for kept in combinations(columns, size + 1):
            found = _free(grams, sides, kept)
            gain = np.einsum("ri,ri->r", found, sides)
            better = (found >= 0).all(axis=1) & (gain > explained)
            best[better], explained[better] = found[better], gain[better]
    return best
