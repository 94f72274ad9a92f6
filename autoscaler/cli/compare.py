"""`autoscaler compare`: two policies on the same traffic, for pull requests."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from autoscaler.adapters.git_policies import is_revision, revision_texts
from autoscaler.adapters.policy_files import policy_files, read_text
from autoscaler.cli.options import Group
from autoscaler.cli.playing import (
    Begin,
    Cycle,
    End,
    Seed,
    Seeds,
    Traces,
    WorldFile,
    cycle_of,
    ended_well,
    seeds_of,
    span_of,
    traces_of,
    usage,
    world_of,
)
from autoscaler.model.errors import ConfigurationError, Problem
from autoscaler.policy.load import load_policies
from autoscaler.policy.schema import Policy
from autoscaler.report.markdown import markdown
from autoscaler.report.review_page import page
from autoscaler.simulate.compare.comparison import Pair, Plan, failures
from autoscaler.simulate.compare.comparison import compare as play_all
from autoscaler.simulate.compare.gate import parse_gate
from autoscaler.simulate.compare.job import Setting
from autoscaler.simulate.compare.pool import processors
from autoscaler.simulate.compare.prices import check_prices
from autoscaler.simulate.compare.review import Review


class Format(StrEnum):
    """How the review is printed."""

    MARKDOWN = "markdown"
    JSON = "json"
    HTML = "html"


_FORMS: dict[Format, Callable[[Review], str]] = {
    Format.MARKDOWN: markdown,
    Format.JSON: lambda review: json.dumps(review.plain(), indent=2) + "\n",
    Format.HTML: page,
}


def compare(  # noqa: PLR0913, PLR0917 - a command takes what its options are
    base: Annotated[str, typer.Argument(help="Policies as they are: a file, a folder, or REV:path in git.")],
    head: Annotated[str, typer.Argument(help="Policies as they would be.")],
    trace: Traces,
    world: WorldFile = None,
    seeds: Seeds = None,
    seed: Seed = None,
    group: Group = None,
    cycle: Cycle = "10s",
    begin: Begin = "0s",
    end: End = None,
    fail_on: Annotated[
        list[str] | None, typer.Option("--fail-on", metavar="EXPR", help="Exit 1 when this holds; may be repeated.")
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes at once; else one a processor.")] = None,
    form: Annotated[Format, typer.Option("--format", help="markdown, json, or one html page.")] = Format.MARKDOWN,
) -> None:
    """Play two policies against the same traffic: what gets better, what worse, and where they first part."""
    gates = [parse_gate(text) for text in fail_on or ()]
    setting = Setting(world_of(world), cycle_of(cycle), *span_of(begin, end))
    sides = (_groups(base), _groups(head))
    pairs = _pairs(*sides, group)
    check_prices(gates, pairs.values(), setting.spec)
    plan = Plan(pairs, traces_of(trace, setting), seeds_of(seeds, seed), setting)
    with ended_well(), TemporaryDirectory(prefix="autoscaler-compare-") as folder, _progress(plan) as done:
        matches = play_all(plan, Path(folder), jobs or processors(), done)
    only_base, only_head = ([] if group else sorted(side.keys() - pairs.keys()) for side in sides)
    review = Review(base, head, pairs, plan.seeds, matches, failures(gates, matches), only_base, only_head)
    typer.echo(_FORMS[form](review), nl=False)
    if review.failed:
        raise typer.Exit(1)


def _groups(place: str) -> dict[str, Policy]:
    """Read one side's policies, by their groups."""
    if is_revision(place):
        texts = revision_texts(place)
    else:
        texts = {str(file): read_text(file) for file in policy_files(Path(place))}
    if not texts:
        raise ConfigurationError([Problem(place, 0, 0, "no-policies", "holds no policy file (*.yaml)")])
    return {policy.group: policy for policy in load_policies(texts)}


def _pairs(base: dict[str, Policy], head: dict[str, Policy], only: str | None) -> dict[str, Pair]:
    """Match groups by name. Without any there is nothing to say, and silence would pass every `--fail-on`."""
    both = [group for group in sorted(base.keys() & head.keys()) if only in {None, group}]
    if not both:
        sides = {"base": base, "head": head}
        known = "; ".join(f"{side} has {', '.join(sorted(groups))}" for side, groups in sides.items())
        if only is None:
            raise usage("compare", f"no group is in both: {known}")
        having = [side for side, groups in sides.items() if only in groups]
        raise usage("--group", f"{only!r} is only in {having[0]}" if having else f"{only!r} is in neither", known)
    return {group: Pair(base[group], head[group]) for group in both}


@contextmanager
def _progress(plan: Plan) -> Iterator[Callable[[], object]]:
    """Show on a terminal how many simulations are done."""
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("simulations", total=len(plan.jobs(Path())))
        yield lambda: progress.advance(task)
