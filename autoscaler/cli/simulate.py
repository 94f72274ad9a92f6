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

from autoscaler.adapters.journal_file import new_file
from autoscaler.adapters.policy_files import policy_files, read_text
from autoscaler.cli.options import AsJson, beside_stdout, spare
from autoscaler.cli.playing import Begin, Cycle, End, WorldFile, cycle_of, ended_well, span_of, usage, world_of
from autoscaler.cli.tables import side_by_side
from autoscaler.model.errors import ConfigurationError, Problem
from autoscaler.policy.load import load_policies
from autoscaler.policy.schema import Policy
from autoscaler.report.page import render
from autoscaler.simulate.excerpt import part
from autoscaler.simulate.measures import Measures, measure
from autoscaler.simulate.run import Played, play, set_stage
from autoscaler.simulate.spec import WorldSpec
from autoscaler.simulate.traffic.load import load_traffic
from autoscaler.simulate.traffic.sessions import Traffic

_SHOWN = 16


def simulate(  # noqa: PLR0913, PLR0917 - a command takes what its options are
    policies: Annotated[list[Path], typer.Argument(help="Policy files, or folders of them.")],
    traces: Annotated[
        list[Path],
        typer.Option("--trace", metavar="FILE", help="The traffic: a CSV of levels or sessions, or a generator."),
    ],
    world: WorldFile = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the traffic and of boot times.")] = 1,
    cycle: Cycle = "10s",
    begin: Begin = "0s",
    end: End = None,
    html: Annotated[
        Path | None, typer.Option("--html", parser=beside_stdout, metavar="FILE", help="Also write a page with plots.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Play policies against a trace and say what it would have cost, and whom. Nothing real is asked or changed."""
    if len(traces) > 1:
        raise usage("--trace", f"takes one here, and these are {len(traces)}", "autoscaler compare takes several")
    (trace,) = traces
    step, span, spec = cycle_of(cycle), span_of(begin, end), world_of(world)
    texts = {str(file): read_text(file) for path in policies for file in policy_files(path)}
    if not texts:
        raise ConfigurationError([Problem(str(policies[0]), 0, 0, "no-policies", "holds no policy file (*.yaml)")])
    spare("--html", html, [*map(Path, texts), trace, world])
    traffic = part(load_traffic(trace, seed), *span)
    found = load_policies(texts)
    if html and len(found) > 1:
        raise usage("--html", f"shows one policy, and these are {len(found)}")
    with ended_well(), new_file(html) if html else nullcontext() as write:  # before a long run: can it be written?
        results = [_run(policy, traffic, spec, seed, step) for policy in found]
        measures = [measured for measured, _ in results]
        if write:
            write(render(results[0][1], measures[0], "\n".join(texts.values())))
    if as_json:
        documents = [found.plain() for found in measures]
        typer.echo(json.dumps(documents[0] if len(documents) == 1 else documents, indent=2))
    else:
        console = Console()
        for table in side_by_side(_lines(measures), console.width, "right"):
            console.print(table)


def _run(policy: Policy, traffic: Traffic, spec: WorldSpec, seed: int, step: timedelta) -> tuple[Measures, Played]:
    began = time.perf_counter()
    stage = set_stage(policy, traffic, spec, seed, step)
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(policy.group, total=traffic.length_s)
        played = play(stage, traffic, step, tell=lambda at_s: progress.update(task, completed=at_s))
    return measure(played, policy.group, traffic.name, seed, time.perf_counter() - began), played


def _lines(measures: Sequence[Measures]) -> list[list[str]]:
    """Lay runs out side by side, a measure a line. The begin of a digest is as good as all of it to look at."""
    rows = [one.plain() | {"digest": one.digest[:_SHOWN]} for one in measures]
    return [["", *(one.policy for one in measures)], *([key, *(str(row[key]) for row in rows)] for key in rows[0])]
