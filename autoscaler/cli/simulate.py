"""`autoscaler simulate`: policies played against a trace, in a made-up cluster."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from autoscaler.adapters.journal_file import new_file
from autoscaler.adapters.policy_files import policy_files, read_text
from autoscaler.cli.options import AsJson
from autoscaler.model.errors import ConfigurationError, Problem
from autoscaler.policy.document import check, parse
from autoscaler.policy.load import load_policies
from autoscaler.policy.schema import Policy
from autoscaler.policy.units import parse_duration
from autoscaler.report.page import render
from autoscaler.simulate.excerpt import Excerpt
from autoscaler.simulate.measures import Measures, measure
from autoscaler.simulate.run import Played, play, set_stage
from autoscaler.simulate.spec import WorldSpec
from autoscaler.simulate.traffic.load import load_traffic
from autoscaler.simulate.traffic.sessions import Traffic


def simulate(  # noqa: PLR0913, PLR0917 - a command takes what its options are
    policies: Annotated[list[Path], typer.Argument(help="Policy files, or folders of them.")],
    trace: Annotated[Path, typer.Option("--trace", help="The traffic: a CSV of levels or sessions, or a generator.")],
    world: Annotated[Path | None, typer.Option("--world", help="What nodes are like (YAML); else usual ones.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the traffic and of boot times.")] = 1,
    cycle: Annotated[str, typer.Option(help="How often to decide.")] = "10s",
    begin: Annotated[str, typer.Option("--from", help="Where in the trace to begin, such as 18h.")] = "0s",
    end: Annotated[str | None, typer.Option("--to", help="Where to end; else where the trace ends.")] = None,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Also write a page with plots.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Play policies against a trace and say what it would have cost, and whom. Nothing real is asked or changed."""
    step = _duration(cycle, "--cycle")
    if step < timedelta(seconds=1):
        raise _usage("--cycle", "is shorter than 1s")
    spec = WorldSpec() if world is None else check(WorldSpec, parse(read_text(world), str(world)))
    texts = {str(file): read_text(file) for path in policies for file in policy_files(path)}
    traffic = _part(load_traffic(trace, seed), begin, end)
    found = load_policies(texts)
    if html and len(found) > 1:
        raise _usage("--html", f"shows one policy, and these are {len(found)}")
    with new_file(html) if html else nullcontext() as write:  # before a long run it is known that it can be written
        results = [_run(policy, traffic, spec, seed, step) for policy in found]
        measures = [measured for measured, _ in results]
        if write:
            write(render(results[0][1], measures[0], "\n".join(texts.values())))
    if as_json:
        documents = [found.plain() for found in measures]
        typer.echo(json.dumps(documents[0] if len(documents) == 1 else documents, indent=2))
    else:
        Console().print(table(measures))


def _run(policy: Policy, traffic: Traffic, spec: WorldSpec, seed: int, step: timedelta) -> tuple[Measures, Played]:
    began = time.perf_counter()
    stage = set_stage(policy, traffic, spec, seed, step)
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(policy.group, total=traffic.length_s)
        played = play(stage, traffic, step, tell=lambda at_s: progress.update(task, completed=at_s))
    return measure(played, policy.group, traffic.name, seed, time.perf_counter() - began), played


def table(measures: Sequence[Measures]) -> Table:
    """Lay runs out side by side, a measure a line."""
    found = Table(show_edge=False, pad_edge=False)
    for title in ("", *(one.policy for one in measures)):
        found.add_column(title, justify="left" if not title else "right")
    rows = [one.plain() for one in measures]
    for key in rows[0]:
        found.add_row(key, *(str(row[key])[:16] for row in rows))
    return found


def _part(traffic: Traffic, begin: str, end: str | None) -> Traffic:
    from_s = _duration(begin, "--from").total_seconds()
    to_s = min(traffic.length_s, _duration(end, "--to").total_seconds()) if end else traffic.length_s
    if from_s >= to_s:
        raise _usage("--from", f"leaves nothing of a trace of {traffic.length_s:g} s")
    return traffic if (from_s, to_s) == (0, traffic.length_s) else Excerpt(traffic, from_s, to_s)


def _duration(text: str, option: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError:
        raise _usage(option, "is not a duration; write a number and a unit: 10s, 30m, 18h, 2d") from None


def _usage(option: str, message: str) -> ConfigurationError:
    return ConfigurationError([Problem(option, 0, 0, "usage", message)])
