"""`autoscaler record`: the daemon's journal as a file, to be replayed; or as a trace, to be simulated."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from autoscaler.adapters.journal_file import lines, new_file
from autoscaler.adapters.mongo import SOURCE
from autoscaler.cli.moments import Since, Until
from autoscaler.cli.options import Config, Group, file_or_stdout, spare
from autoscaler.cli.playing import ended_well
from autoscaler.model.errors import ObservationError
from autoscaler.model.report import CycleReport
from autoscaler.model.snapshot import Streams
from autoscaler.report.counts import counted
from autoscaler.runtime.settings import load_settings, settings_file
from autoscaler.runtime.wiring import reading_back

_Write = Callable[[str], object]


def record(
    since: Since,
    until: Until = None,
    group: Group = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            parser=file_or_stdout,
            metavar="FILE",
            help="Where to, compressed if it ends with .xz; else, or with -, stdout.",
        ),
    ] = None,
    config: Config = None,
    *,
    levels: Annotated[bool, typer.Option("--levels", help="Only a trace: time,viewers,publishers as CSV.")] = False,
) -> None:
    """Write the daemon's journal of a span to a file, each cycle with all that its decision was made of."""
    spare("--output", output, [settings_file(config)])
    count = Count()
    with ended_well(), reading_back(load_settings(config)) as journal, _writing(output) as write:
        groups = (group,) if group else journal.groups()
        reports = map(count.take, journal.span(groups, since, until or datetime.now(UTC), count.lose))
        first = next(reports, None)
        if first is None:  # before anything is written: what is empty has no header either
            span = f"from {since.isoformat()}" + (f" to before {until.isoformat()}" if until else "")
            raise ObservationError(SOURCE, f"no cycle of {', '.join(groups)} is in the journal {span}")
        for line in (level_rows if levels else lines)(chain([first], reports)):
            write(line)
    typer.echo(counted(count.taken, "cycle"), err=True)
    if count.lost:
        raise typer.Exit(ObservationError.exit_code)


@dataclass(slots=True)
class Count:
    """How many cycles were read, and how many could not be."""

    taken: int = 0
    lost: int = 0

    def take(self, report: CycleReport) -> CycleReport:
        """Count a cycle, and return it."""
        self.taken += 1
        return report

    def lose(self, what: str) -> None:
        """Count a cycle that cannot be read, and say so."""
        self.lost += 1
        typer.echo(f"{SOURCE}: {what}", err=True)


def level_rows(reports: Iterable[CycleReport]) -> Iterator[str]:
    """Yield how many watched and published at each cycle. Of what was not seen there is no row, and no zero."""
    yield "time,viewers,publishers\n"
    last = datetime.min.replace(tzinfo=UTC)
    for report in reports:
        streams, at = report.snapshot.streams, report.snapshot.taken_at
        if isinstance(streams, Streams) and at > last:
            last = at
            yield f"{at.isoformat()},{sum(streams.viewers.values())},{sum(streams.publishers.values())}\n"


def _writing(output: Path | None) -> AbstractContextManager[_Write]:
    return new_file(output) if output else nullcontext(_to_stdout)


def _to_stdout(text: str) -> None:
    typer.echo(text, nl=False)
