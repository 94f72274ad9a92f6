"""Options of the commands that play policies: the nodes, how often to decide, and which part of a trace."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from autoscaler.adapters.policy_files import read_text
from autoscaler.model.errors import ConfigurationError, Problem
from autoscaler.policy.document import check, parse
from autoscaler.policy.units import parse_duration
from autoscaler.simulate.spec import WorldSpec

WorldFile = Annotated[Path | None, typer.Option("--world", help="What nodes are like (YAML); else usual ones.")]
Cycle = Annotated[str, typer.Option(help="How often to decide.")]
Begin = Annotated[str, typer.Option("--from", help="Where in the trace to begin, such as 18h.")]
End = Annotated[str | None, typer.Option("--to", help="Where to end; else where the trace ends.")]


def world_of(file: Path | None) -> WorldSpec:
    """Read a world file; raises ConfigurationError with everything that is wrong with it."""
    return WorldSpec() if file is None else check(WorldSpec, parse(read_text(file), str(file)))


def cycle_of(text: str) -> timedelta:
    """Read `--cycle`, of a second at least."""
    step = _duration(text, "--cycle")
    if step < timedelta(seconds=1):
        raise usage("--cycle", "is shorter than 1s")
    return step


def span_of(begin: str, end: str | None) -> tuple[float, float | None]:
    """Read `--from` and `--to`, in seconds; None is the end of the trace."""
    return _duration(begin, "--from").total_seconds(), _duration(end, "--to").total_seconds() if end else None


def usage(option: str, message: str, hint: str = "") -> ConfigurationError:
    """Say what is wrong with an option."""
    return ConfigurationError([Problem(option, 0, 0, "usage", message, hint)])


def _duration(text: str, option: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError:
        raise usage(option, "is not a duration; write a number and a unit: 10s, 30m, 18h, 2d") from None
