"""`autoscaler tune`: a search for better parameters of a policy. It prints what it finds, and writes no file."""

from __future__ import annotations

import importlib
import json
import re
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from enum import StrEnum
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from autoscaler.adapters.git_policies import is_revision, patch_name, revision_texts
from autoscaler.adapters.policy_files import is_folder, read_text
from autoscaler.cli.options import AsJson
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
from autoscaler.model.errors import AutoscalerError, ConfigurationError, Problem
from autoscaler.policy.document import check, parse
from autoscaler.report.tuning import markdown, text
from autoscaler.simulate.compare.job import Job, Setting, run_job
from autoscaler.simulate.compare.pool import crew, processors
from autoscaler.simulate.measures import Measures
from autoscaler.simulate.tune.optimiser import Everything, Optimiser
from autoscaler.simulate.tune.outcome import Outcome
from autoscaler.simulate.tune.parcel import pack, run_parcel
from autoscaler.simulate.tune.request import SearchFile, make_goal, parse_vary
from autoscaler.simulate.tune.search import Contest, Play, Search
from autoscaler.simulate.tune.space import Space, Teller, make_space, of_option, usual_space

_ADDRESS = re.compile(r"(tcp|tls)://([\w.-]+|\[[0-9a-fA-F:]+\]):\d{1,5}", re.ASCII)
_INTERRUPTED = 128 + signal.SIGINT

Done = Callable[[], object]
Engine = Callable[[Sequence[Job], Done], Iterator[Measures]]
"""Plays jobs, and lets know of each that ended."""


class Format(StrEnum):
    """How the result is printed."""

    TEXT = "text"
    MARKDOWN = "markdown"


_FORMS: dict[Format, Callable[[Outcome], str]] = {Format.TEXT: text, Format.MARKDOWN: markdown}


def tune(  # noqa: PLR0913, PLR0917 - a command takes what its options are
    policy: Annotated[str, typer.Argument(help="The policy's file, or REV:path in git.")],
    trace: Traces,
    world: WorldFile = None,
    seeds: Seeds = None,
    seed: Seed = None,
    cycle: Cycle = "10s",
    begin: Begin = "0s",
    end: End = None,
    vary: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH=RANGE", help="What may vary: headroom.percent=0%..20%; may be repeated."),
    ] = None,
    search: Annotated[Path | None, typer.Option(metavar="FILE", help="What may vary, as a file (YAML).")] = None,
    minimise: Annotated[
        list[str] | None, typer.Option(metavar="MEASURE", help="What there should be less of; may be repeated.")
    ] = None,
    limit: Annotated[
        list[str] | None, typer.Option(metavar="EXPR", help="What must hold, as 'flaps <= 4'; may be repeated.")
    ] = None,
    trials: Annotated[int, typer.Option(min=1, max=100_000, help="So many policies are tried.")] = 64,
    seed_search: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Of what is proposed.")] = 1,
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes at once; else one a processor.")] = None,
    cluster: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Play on a Dask cluster instead: tcp://HOST:PORT.")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="text or markdown.")] = Format.TEXT,
    *,
    as_json: AsJson = False,
) -> None:
    """Search a policy's parameters for what is better on some traffic, and print it as patches. No file is written."""
    asked, tell = _asked(search, vary)
    goal = make_goal(minimise or asked.minimise, limit or asked.limits)
    space = _space(policy, asked.vary, tell)
    setting = Setting(world_of(world), cycle_of(cycle), *span_of(begin, end))
    contest = Contest(traces_of(trace, setting), seeds_of(seeds, seed), setting)
    optimiser = _optimiser(space, len(goal.objectives), trials, seed_search)
    found = Search(space, contest, goal)
    failure = _run(found, optimiser, trials, _playing(_engine(jobs, cluster), contest.size * (trials + 1)))
    if found.trials:
        outcome = Outcome(found, seed_search, patch_name(policy), interrupted=failure is not None)
        typer.echo(json.dumps(outcome.plain(), indent=2) + "\n" if as_json else _FORMS[form](outcome), nl=False)
    if failure:
        raise failure


def _asked(file: Path | None, vary: Sequence[str] | None) -> tuple[SearchFile, Teller]:
    """Return what may vary, by a file or by options, and how to say where."""
    if file is None:
        return SearchFile.model_construct(version=1, vary=parse_vary(vary or ())), of_option
    if vary:
        raise usage("--search", "says what may vary, and so does --vary: give one of both")
    document = parse(read_text(file), str(file))
    return check(SearchFile, document), lambda path, message: document.problem(
        ("vary", path), "vary", f"{path}: {message}"
    )


def _space(policy: str, wishes: Mapping[str, str], tell: Teller) -> Space:
    """Return what is searched, the usual where nothing is said."""
    written = _text_of(policy)
    space = make_space(policy, written, wishes, tell) if wishes else usual_space(policy, written)
    if not space.axes:
        raise usage("--vary", "is needed: this policy has nothing that is usually searched")
    return space


def _text_of(policy: str) -> str:
    """Read one policy, on the disk or in a revision."""
    of_revision = is_revision(policy)
    texts = revision_texts(policy) if of_revision else {}
    if is_folder(Path(policy)) or (of_revision and policy not in texts):
        raise usage("tune", f"{policy} is a folder; one policy at a time is searched")
    return texts[policy] if of_revision else read_text(Path(policy))


def _optimiser(space: Space, objectives: int, trials: int, seed: int) -> Optimiser:
    """Try everything where that is no more than was asked for; else ask Optuna what to try."""
    if space.size <= trials:
        return Everything(space)
    found: Optimiser = _extra("autoscaler.simulate.tune.tpe", "tune").Tpe(space, objectives, seed)
    return found


def _extra(module: str, extra: str) -> ModuleType:
    """Load by name what needs an extra: this command has to exist without it."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        what = f"the package {error.name} is missing"
        hint = f"pip install 'ams-autoscaler[{extra}]'"
        raise ConfigurationError([Problem("tune", 0, 0, "no-extra", what, hint)]) from None


def _run(
    search: Search, optimiser: Optimiser, trials: int, playing: AbstractContextManager[tuple[Play, Done]]
) -> Exception | None:
    """Search until the end, or until something ends it: return that. What was found by then is in `search`."""
    try:
        with ended_well(), playing as (play, nearly_done):
            search.run(play, optimiser, trials)
            nearly_done()
            search.simplify(play)
    except KeyboardInterrupt:
        return typer.Exit(_INTERRUPTED)
    except AutoscalerError as error:
        return error
    return None


@contextmanager
def _playing(engine: AbstractContextManager[Engine], total: int) -> Iterator[tuple[Play, Done]]:
    """Yield what plays jobs, and shows on a terminal how many are done; and what says that only a few are left."""
    with (
        engine as played,
        Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress,
    ):
        task = progress.add_task("simulations", total=total)

        def nearly_done() -> None:
            progress.update(task, visible=False)
            progress.add_task("leaving out what gains nothing", total=None)

        yield (lambda jobs: played(jobs, lambda: progress.advance(task))), nearly_done


def _engine(jobs: int | None, cluster: str | None) -> AbstractContextManager[Engine]:
    """Play in processes of this machine, or on a cluster."""
    if cluster is None:
        return _here(jobs or processors())
    if jobs:
        raise usage("--jobs", "is of this machine, and --cluster plays on others: give one of both")
    if not _ADDRESS.fullmatch(cluster):
        raise usage("--cluster", f"{cluster!r} is no address of a scheduler; write tcp://HOST:PORT")
    return _there(_extra("autoscaler.adapters.dask_cluster", "dask"), cluster)


@contextmanager
def _here(jobs: int) -> Iterator[Engine]:
    with crew(jobs) as work_off:
        yield partial(work_off, run_job)


@contextmanager
def _there(dask: ModuleType, address: str) -> Iterator[Engine]:
    with dask.cluster(address) as work_off:
        yield lambda jobs, done: work_off(run_parcel, [pack(job) for job in jobs], done)
