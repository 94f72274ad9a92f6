"""Options of the commands that play policies: the nodes, the traffic and a part of it, how often to decide."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from pydantic_core import PydanticCustomError

from autoscaler.adapters.policy_files import entries, is_folder, read_text, yaml_files
from autoscaler.model.errors import ConfigurationError, Problem
from autoscaler.policy.document import check, parse
from autoscaler.policy.units import parse_duration
from autoscaler.simulate.compare.job import Setting
from autoscaler.simulate.excerpt import part
from autoscaler.simulate.spec import WorldSpec
from autoscaler.simulate.traffic.load import CSV, load_traffic

_ENDING = (signal.SIGTERM, signal.SIGHUP)

WorldFile = Annotated[Path | None, typer.Option("--world", help="What nodes are like (YAML); else usual ones.")]
Cycle = Annotated[str, typer.Option(help="How often to decide.")]
Begin = Annotated[str, typer.Option("--from", help="Where in the trace to begin, such as 18h.")]
Traces = Annotated[list[Path], typer.Option("--trace", help="The traffic, or a folder of it; may be repeated.")]
Seeds = Annotated[int | None, typer.Option(min=1, max=1000, help="So many seeds, from 1 on; 1 if left out.")]
Seed = Annotated[list[int] | None, typer.Option(min=0, help="This seed; may be repeated.")]
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
    return _duration(begin, "--from").total_seconds(), None if end is None else _duration(end, "--to").total_seconds()


def usage(option: str, message: str, hint: str = "") -> ConfigurationError:
    """Say what is wrong with an option."""
    return ConfigurationError([Problem(option, 0, 0, "usage", message, hint)])


def _duration(text: str, option: str) -> timedelta:
    try:
        return parse_duration(text)
    except PydanticCustomError as error:
        raise usage(option, f"{text!r} {error.message()}") from None


def traces_of(paths: Sequence[Path], setting: Setting) -> list[Path]:
    """List the traces, and check every one of them before the first is played."""
    files = list(dict.fromkeys(file for path in paths for file in _trace_files(path)))
    problems: list[Problem] = []
    names: dict[str, Path] = {}
    for file in files:
        try:
            name = part(load_traffic(file, 0), setting.from_s, setting.to_s).name
        except ConfigurationError as error:
            problems += error.problems
            continue
        if names.setdefault(name, file) != file:
            problems.append(Problem(str(file), 0, 0, "usage", f"is called {name!r}, as {names[name]} is"))
    if problems:
        raise ConfigurationError(problems)
    return files


def _trace_files(path: Path) -> list[Path]:
    if not is_folder(path):
        return [path]
    files = sorted([*yaml_files(path), *(file for file in entries(path) if file.suffix == CSV)])
    if not files:
        raise usage("--trace", f"{path} holds no trace (*.yaml, *.csv)")
    return files


def seeds_of(count: int | None, named: Sequence[int] | None) -> Sequence[int]:
    """Return which seeds are played."""
    if count and named:
        raise usage("--seeds", "is how many, and --seed which: give one of both")
    return tuple(dict.fromkeys(named)) if named else range(1, (count or 1) + 1)


@contextmanager
def ended_well() -> Iterator[None]:
    """Clean up when told to end, too: CI cancels a job by SIGTERM, and a terminal that closes sends SIGHUP.

    It may send that twice, and nothing breaks off the cleaning up. Where SIGHUP is ignored (`nohup`) it stays so.
    """
    heard = [number for number in _ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _leave) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is _leave:
                signal.signal(number, handler)


def _leave(number: int, _: object) -> NoReturn:
    for each in _ENDING:
        signal.signal(each, signal.SIG_IGN)
    sys.exit(128 + number)
