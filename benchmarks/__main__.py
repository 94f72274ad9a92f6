"""Benchmarks: a table, bench.json in the working directory, and exit code 1 for a missed goal."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import daemon, decide_plan, haproxy_admit, mongo_observe, observe, policies, simulation
from benchmarks.baselines import report as baselines
from benchmarks.figures import FULL, SHORT, Effort, Figure

BENCHMARKS: dict[str, Callable[[Effort], list[Figure]]] = {
    "observe": observe.run,
    "decide_plan": decide_plan.run,
    "haproxy_admit": haproxy_admit.run,
    "mongo_observe": mongo_observe.run,
    "policies": policies.run,
    "daemon": daemon.run,
    "simulation": simulation.run,
    "baselines": baselines.run,
}
_WIDTH = 120  # of a table that goes to a file


def main(arguments: Sequence[str]) -> int:
    """Run what was named, or all; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(BENCHMARKS)}; all without any")
    parser.add_argument("--short", action="store_true", help="a tiny cluster: proves that it runs, measures nothing")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in BENCHMARKS]:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    progress = Console(stderr=True)
    progress.print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.2f}; a busy machine misses goals")
    figures: list[Figure] = []
    for name in options.names or BENCHMARKS:
        progress.print(f"measuring {name} ...", style="dim")
        figures += BENCHMARKS[name](SHORT if options.short else FULL)
    return report(figures, Path("bench.json"), Console(width=None if sys.stdout.isatty() else _WIDTH))


def report(figures: Sequence[Figure], path: Path, console: Console) -> int:
    """Write the figures to `path`, show them, and return 1 when a goal is missed."""
    path.write_text(json.dumps([figure.row() for figure in figures], indent=2) + "\n", encoding="utf-8")
    table = Table()
    table.add_column("name", no_wrap=True)
    table.add_column("size")
    for column in ("value", "floor", "ratio"):
        table.add_column(column, justify="right")
    for column in ("goal", "met"):
        table.add_column(column)
    for figure in figures:
        table.add_row(
            figure.name, figure.size, f"{figure.value:.3g} {figure.unit}", f"{figure.floor:.3g} {figure.unit}",
            f"{figure.ratio:.2f}", str(figure.goal), "yes" if figure.met else "[bold red]NO",
        )  # fmt: skip
    console.print(table)
    return 0 if all(figure.met for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
