"""`autoscaler compare`: two policies on the same traffic, for pull requests."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
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


_NOT_OF_THE_BASE = frozenset({"no-git", "git", "no-revision", "outside"})
"""Problems that say nothing of what is in the revision, so `--base-optional` is no excuse for them."""

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
    removed: Annotated[
        list[str] | None,
        typer.Option(metavar="GROUP", help="A group that --fail-on lets go from base to head; may be repeated."),
    ] = None,
    *,
    base_optional: Annotated[
        bool, typer.Option("--base-optional", help="Play head alone where base has no policies, or wrong ones.")
    ] = False,
) -> None:
    """Play two policies against the same traffic: what gets better, what worse, and where they first part."""
    gates = [parse_gate(text) for text in fail_on or ()]
    setting = Setting(world_of(world), cycle_of(cycle), *span_of(begin, end))
    before, problems = _base(base, optional=base_optional)
    after = _groups(head)
    pairs = _pairs(before, after, group, removed or ())
    check_prices(gates, pairs.values(), setting.spec)
    plan = Plan(pairs, traces_of(trace, setting), seeds_of(seeds, seed), setting)
    with ended_well(), TemporaryDirectory(prefix="autoscaler-compare-") as folder, _progress(plan) as done:
        matches = play_all(plan, Path(folder), jobs or processors(), done)
    only_base = [] if group else sorted(before.keys() - after.keys())
    only_head = [each for each, pair in pairs.items() if pair.base is None]
    gone = [each for each in only_base if gates and each not in (removed or ())]
    failed = failures(gates, matches)
    review = Review(base, head, pairs, plan.seeds, matches, failed, only_base, only_head, gone, problems)
    typer.echo(_FORMS[form](review), nl=False)
    if review.failed or review.gone:
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


def _base(place: str, *, optional: bool) -> tuple[dict[str, Policy], list[str]]:
    """Read what there was, or say why there is nothing to compare with: a change may be the first, or mend it."""
    try:
        return _groups(place), []
    except ConfigurationError as error:
        if not optional or any(problem.code in _NOT_OF_THE_BASE for problem in error.problems):
            raise
        return {}, [str(problem) for problem in error.problems]


def _pairs(
    base: dict[str, Policy], head: dict[str, Policy], only: str | None, removed: Sequence[str]
) -> dict[str, Pair]:
    """Match groups by name. Where none that should be there still is, there is nothing to say, which is told."""
    known = "; ".join(f"{side} has {', '.join(sorted(groups))}" for side, groups in (("base", base), ("head", head)))
    if only is None and base.keys() - removed and not base.keys() & head.keys():
        raise usage("compare", f"no group is in both: {known}")
    if only is not None and only not in head:
        raise usage("--group", f"{only!r} is only in base" if only in base else f"{only!r} is in neither", known)
    return {group: Pair(base.get(group), head[group]) for group in sorted(head) if only in {None, group}}


@contextmanager
def _progress(plan: Plan) -> Iterator[Callable[[], object]]:
    """Show on a terminal how many simulations are done."""
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("simulations", total=len(plan.jobs(Path())))
        yield lambda: progress.advance(task)
