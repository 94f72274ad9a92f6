"""`autoscaler learn`: how many viewers and publishers nodes carry, from recordings of the daemon's journal."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from autoscaler.adapters.git_policies import patch_name
from autoscaler.adapters.journal_file import Line, new_file, read_journal
from autoscaler.adapters.policy_files import read_text
from autoscaler.cli.options import AsJson, Group, beside_stdout, spare
from autoscaler.cli.playing import ended_well, usage
from autoscaler.cli.tables import side_by_side
from autoscaler.model.errors import ConfigurationError, Problem
from autoscaler.model.report import CycleReport
from autoscaler.policy.load import load_policies
from autoscaler.policy.schema import Policy
from autoscaler.policy.signals import RESOURCE_SOURCES
from autoscaler.policy.text import read_policy
from autoscaler.report.lesson import Told, document, markdown, table, text
from autoscaler.simulate.learn.change import changed
from autoscaler.simulate.learn.learnt import Limits
from autoscaler.simulate.learn.lesson import Lesson, conclude
from autoscaler.simulate.learn.readings import AMS_VIEWERS, SESSIONS, count_of, counted_by
from autoscaler.simulate.learn.recorded import Recorded
from autoscaler.simulate.learn.suggest import advise
from autoscaler.simulate.learn.world import world_text

_MOST_TOLD = 100
_COUNTS = (SESSIONS, *(source for source in RESOURCE_SOURCES if source.startswith(AMS_VIEWERS)))
_policy = lru_cache(maxsize=8)(read_policy)  # nearly every cycle has the policy of the one before
_Percent = typer.Option(min=10.0, max=100.0, help="From this percentage on AMS refuses; it takes 10 to 100.")
_WorldOut = Annotated[
    Path | None,
    typer.Option("--world-out", parser=beside_stdout, metavar="FILE", help="Write a world file, for simulate --world."),
]


class Format(StrEnum):
    """How it is printed."""

    TEXT = "text"
    MARKDOWN = "markdown"


def learn(  # noqa: PLR0913, PLR0917 - a command takes what its options are
    recordings: Annotated[list[Path], typer.Argument(help="What `record` wrote; several count together.")],
    limit_cpu: Annotated[float, _Percent] = 75.0,
    limit_memory: Annotated[float, _Percent] = 75.0,
    policy: Annotated[
        Path | None, typer.Option("--policy", metavar="FILE", help="Show what would change in this policy.")
    ] = None,
    group: Group = None,
    viewers: Annotated[
        str | None,
        typer.Option(
            "--viewers",
            metavar="SOURCE",
            help=f"What counts a node's viewers: {AMS_VIEWERS}, {SESSIONS} or {SESSIONS}:BACKEND; else what the policy "
            "steers by.",
        ),
    ] = None,
    world_out: _WorldOut = None,
    form: Annotated[Format, typer.Option("--format", help="text, or markdown for a pull request.")] = Format.TEXT,
    *,
    as_json: AsJson = False,
) -> None:
    """Learn what nodes of each type carry before they refuse. Changes nothing. Exits 1 when nothing can be learnt."""
    if viewers and viewers.partition(":")[0] not in _COUNTS:
        raise usage("--viewers", f"{viewers} counts no node's viewers", ", ".join(_COUNTS))
    spare("--world-out", world_out, [*recordings, policy])
    written = read_text(policy) if policy else ""
    held = load_policies({str(policy): written})[0] if policy else None
    if held and group not in {None, held.group}:
        raise usage("--group", f"{policy} is of the group {held.group}, and not of {group}")
    school = School(held.group if held else group, viewers, held)
    school.read_all(recordings)
    lessons = [conclude(each, Limits(limit_cpu, limit_memory)) for each in school.groups.values()]
    if world_out and len(lessons) != 1:
        raise usage("--world-out", f"takes one group, and these are {len(lessons)}", "--group NAME")
    file = patch_name(policy) if policy else ""
    told = [_tell(lesson, held, (file, written)) for lesson in lessons]
    world = world_text(lessons[0]) if world_out else ""
    with ended_well(), new_file(world_out) if world_out and world else nullcontext() as write:
        if write:
            write(world)
    _show(told, form, as_json=as_json)
    if all(each.blocked for lesson in lessons for each in lesson.types):
        raise typer.Exit(1)


def _tell(lesson: Lesson, policy: Policy | None, file: tuple[str, str]) -> Told:
    if policy is None:
        return Told(lesson)
    advice = advise(policy, lesson)
    return Told(lesson, advice, changed(*file, advice.suggestions))


@dataclass
class School:
    """Reads recordings: the cycles of one group, or of all, each group by itself."""

    only: str | None
    viewers: str | None
    policy: Policy | None
    groups: dict[str, Recorded] = field(default_factory=dict)
    told: int = 0

    def read_all(self, files: Sequence[Path]) -> None:
        """Read them; what is wrong with a line costs itself only and is told.

        Raises:
            ConfigurationError: a file cannot be read, is no recording or of another version; or no cycle is in them.
        """
        with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
            for file in files:
                task = progress.add_task(file.name, total=None)
                for line in read_journal(file):
                    self._take(str(file), line)
                    progress.update(task, completed=line.number)
        if not self.groups:
            of = f" of the group {self.only!r}" if self.only else ""
            message = f"hold no cycle{of} that can be read"
            raise ConfigurationError([Problem(" ".join(map(str, files)), 0, 0, "no-cycles", message)])

    def _take(self, file: str, line: Line) -> None:
        if line.problem:
            self._tell(line.problem)
        report = line.report
        if report is None or self.only not in {None, report.decision.group}:
            return
        try:
            policy = _policy(report.policy)
        except ValueError:
            code = "other-policy" if report.policy else "no-policy"
            message = f"the cycle at {report.snapshot.taken_at.isoformat()} has no policy that this release can read"
            self._tell(Problem(file, line.number, 1, code, message))
            return
        self._recorded(report, policy).add(report, policy)

    def _recorded(self, report: CycleReport, policy: Policy) -> Recorded:
        """Return what is kept of the cycle's group. Viewers are counted in one way over all recordings."""
        name = report.decision.group
        if name not in self.groups:
            held = self.policy or policy
            self.groups[name] = Recorded(name, counted_by(self.viewers, held) if self.viewers else count_of(held))
        return self.groups[name]

    def _tell(self, problem: Problem) -> None:
        self.told += 1
        if self.told <= _MOST_TOLD:
            typer.echo(str(problem), err=True)
        elif self.told == _MOST_TOLD + 1:
            typer.echo("and more that cannot be read", err=True)


def _show(told: Sequence[Told], form: Format, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"groups": [document(each) for each in told]}, indent=2))
    elif form is Format.MARKDOWN:
        typer.echo("\n".join(map(markdown, told)), nl=False)
    else:
        for each in told:
            _print(each)


def _print(told: Told) -> None:
    """Print a table, and the rest in lines."""
    typer.echo(told.lesson.group)
    if told.lesson.types:
        console = Console()
        for shown in side_by_side(table(told.lesson), console.width):
            console.print(shown)
    typer.echo(text(told), nl=False)
