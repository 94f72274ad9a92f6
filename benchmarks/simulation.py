"""How fast policies are played: a month of a usual cluster, a day of a large one, two policies at once.

The floor of playing is the world alone: the same people and nodes, steered by nobody. It is measured over a tenth of
the time and counted ten times. Processor time is measured, so that other work on the machine counts little.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.figures import Effort, Figure, Goal, milliseconds
from benchmarks.playing import policy_text, trace_text

_DAYS = 30
_TENTH = 10
_ROUNDS = 3


def run(effort: Effort) -> list[Figure]:
    """Play, each time in a process of its own; `effort.hours` are a day."""
    usual, large = max(1, effort.nodes // 20), effort.nodes
    day = _played(usual, effort.hours)
    month = _played(usual, effort.hours * _DAYS)
    size = f"{month['nodes']:.0f} nodes, {_DAYS} days, every 10 s"
    huge = _played(large, effort.hours)
    one, two = _compared(usual, effort.hours)
    return [
        _speed("simulate_month", size, month["cpu_s"], _floor(usual, effort.hours * _DAYS), 60),
        _speed(
            "simulate_large", f"{huge['nodes']:.0f} nodes, 1 day, every 10 s", huge["cpu_s"],
            _floor(large, effort.hours), 120,
        ),
        Figure("simulate_memory", size, month["resident_mb"], "MB", day["resident_mb"], Goal("ratio", 1.2)),
        Figure("compare_two", f"{day['nodes']:.0f} nodes, 1 day, every 10 s", two, "s", one, Goal("ratio", 1.2)),
    ]  # fmt: skip


def _speed(name: str, size: str, cpu_s: float, floor_s: float, limit_s: float) -> Figure:
    return Figure(name, size, cpu_s, "s", floor_s, Goal("value", limit_s))


def _floor(nodes: int, hours: float) -> float:
    return _TENTH * _played(nodes, hours / _TENTH, "still")["cpu_s"]


def _played(nodes: int, hours: float, *how: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.playing", str(nodes), str(hours), *how]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _compared(nodes: int, hours: float) -> tuple[float, float]:
    """Return how long `simulate` takes for one policy, and `compare` for two, in seconds of wall-clock time.

    They take turns, and the median of each counts.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        folder = Path(place)
        base, head, trace = (folder / name for name in ("base.yaml", "head.yaml", "trace.yaml"))
        base.write_text(policy_text(nodes), encoding="utf-8")
        head.write_text(policy_text(nodes + 2), encoding="utf-8")
        trace.write_text(trace_text(nodes, hours), encoding="utf-8")
        one, two = ["simulate", str(base)], ["compare", str(base), str(head)]
        rounds = [(_wall_s(*one, "--trace", str(trace)), _wall_s(*two, "--trace", str(trace))) for _ in range(_ROUNDS)]
    alone, both = (statistics.median(column) for column in zip(*rounds, strict=True))
    return alone, both


def _wall_s(*arguments: str) -> float:
    command = [sys.executable, "-m", "autoscaler", *arguments]
    return milliseconds(lambda: subprocess.run(command, capture_output=True, check=True)) / 1000
