"""What a benchmark returns, and how two things are timed fairly."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured: `nodes` in the cluster, `streams` live on it, `rounds` of each.

    The daemon is watched for `cycles` of `cycle_s` seconds, and the first `hours` of each trace are played.
    """

    nodes: int
    streams: int
    rounds: int
    cycles: int
    cycle_s: int
    hours: float


FULL = Effort(nodes=1_000, streams=5_000, rounds=15, cycles=8, cycle_s=5, hours=24)
SHORT = Effort(nodes=20, streams=50, rounds=2, cycles=2, cycle_s=1, hours=0.1)
"""Proves that the benchmarks run. Its figures mean nothing."""


@dataclass(frozen=True, slots=True)
class Goal:
    """At most `bound`, of the value itself or of its ratio to the floor."""

    of: Literal["value", "ratio"]
    bound: float

    def __str__(self) -> str:
        """Render as `ratio <= 1.5`."""
        return f"{self.of} <= {self.bound:g}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measurement. `floor` is what the unavoidable part alone cost in the same run, in the same unit."""

    name: str
    size: str
    value: float
    unit: str
    floor: float
    goal: Goal

    @property
    def ratio(self) -> float:
        """How many times the floor the value is; 0 where the floor is nothing."""
        return self.value / self.floor if self.floor else 0.0

    @property
    def met(self) -> bool:
        """Whether the goal is reached."""
        return (self.value if self.goal.of == "value" else self.ratio) <= self.goal.bound

    def row(self) -> dict[str, str | float]:
        """Return the figure as it stands in bench.json."""
        return {
            "name": self.name, "size": self.size, "value": round(self.value, 4), "unit": self.unit,
            "floor": round(self.floor, 4), "ratio": round(self.ratio, 3), "goal": str(self.goal),
        }  # fmt: skip


def medians(
    ours: Callable[[], object], bare: Callable[[], object], rounds: int, before: Callable[[], object] = lambda: None
) -> tuple[float, float]:
    """Time both in turns, so that whatever else the machine does falls on both; return the medians in milliseconds.

    `before` is called before each, untimed.
    """
    times: list[tuple[float, ...]] = []
    for _ in range(rounds):
        pair = []
        for call in (ours, bare):
            before()
            pair.append(milliseconds(call))
        times.append(tuple(pair))
    value, floor = (statistics.median(column) for column in zip(*times, strict=True))
    return value, floor


def milliseconds(call: Callable[[], object]) -> float:
    """Time one call."""
    began = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - began)
