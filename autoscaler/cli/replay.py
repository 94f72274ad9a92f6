"""`autoscaler replay`: recorded cycles run again, which must come out the same, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Annotated

import typer

from autoscaler.adapters.journal_file import Line, read_journal
from autoscaler.adapters.mongo_journal import MongoJournalReader
from autoscaler.cli.moments import MaybeSince, Until
from autoscaler.cli.options import AsJson, Config, Group
from autoscaler.cli.playing import usage
from autoscaler.model.codec import Plain, to_plain
from autoscaler.model.errors import Problem
from autoscaler.model.report import CycleReport
from autoscaler.policy.text import read_policy
from autoscaler.report.counts import counted
from autoscaler.review.replay import Departure
from autoscaler.review.replay import replay as replay_cycle
from autoscaler.runtime.settings import load_settings
from autoscaler.runtime.wiring import reading_back

_MOST_TOLD, _MOST_SHOWN, _LONGEST_SHOWN = 100, 20, 300
_policy = lru_cache(maxsize=8)(read_policy)  # nearly every cycle has the policy of the one before


def replay(
    file: Annotated[Path | None, typer.Argument(help="What `record` wrote; or --since, for the live journal.")] = None,
    since: MaybeSince = None,
    until: Until = None,
    group: Group = None,
    config: Config = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Decide and plan recorded cycles again. Exits 1 when one comes out otherwise, or cannot be run again."""
    if (file is None) == (since is None) or (file and until):
        raise usage("replay", "takes a FILE, or --since and perhaps --until for the live journal")
    tally = Tally(str(file or "journal"))
    if file:
        tally.judge_all(read_journal(file), group)
    elif since:
        with reading_back(load_settings(config)) as journal:
            tally.judge_all(_live(journal, tally, (since, until or datetime.now(UTC)), group), group)
    typer.echo(json.dumps(document(tally), indent=2) if as_json else "\n".join(text(tally)))
    if tally.mismatched or tally.unreplayable:
        raise typer.Exit(1)


def _live(
    journal: MongoJournalReader, tally: Tally, span: tuple[datetime, datetime], group: str | None
) -> Iterator[Line]:
    """Yield the cycles of the live journal as lines of no number."""
    groups = (group,) if group else journal.groups()
    for report in journal.span(groups, *span, lambda what: tally.tell(Problem("journal", 0, 0, "broken-line", what))):
        yield Line(0, report)


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A cycle that came out otherwise. `line` is 0 when it was read from the live journal."""

    line: int
    report: CycleReport
    departures: tuple[Departure, ...]


@dataclass(slots=True)
class Tally:
    """What became of the cycles of `source`. `first` is the first that came out otherwise."""

    source: str
    matched: int = 0
    mismatched: int = 0
    unreplayable: int = 0
    first: Mismatch | None = None

    def judge_all(self, lines: Iterable[Line], group: str | None) -> None:
        """Run every cycle again, or those of one group."""
        for line in lines:
            if line.problem:
                self.tell(line.problem)
            elif line.report and group in {None, line.report.decision.group}:
                self._judge(line.number, line.report)
        if not self.matched + self.mismatched + self.unreplayable:
            of = f" of the group {group!r}" if group else ""
            self.tell(Problem(self.source, 0, 0, "no-cycles", f"holds no cycle{of}: nothing was proved"))

    def tell(self, problem: Problem) -> None:
        """Count what cannot be run again, and say why; of very many, only the first."""
        self.unreplayable += 1
        if self.unreplayable <= _MOST_TOLD:
            typer.echo(str(problem), err=True)
        elif self.unreplayable == _MOST_TOLD + 1:
            typer.echo(f"{self.source}: and more that cannot be replayed", err=True)

    def _judge(self, number: int, report: CycleReport) -> None:
        column = 1 if number else 0
        if not report.policy:
            message = f"the cycle of {_name(report)} has lost its policy, so it cannot be decided again"
            self.tell(Problem(self.source, number, column, "no-policy", message))
            return
        try:
            policy = _policy(report.policy)
        except ValueError:
            message = f"the cycle of {_name(report)} has a policy that this release cannot read"
            hint = "replay it with the release that recorded it"
            self.tell(Problem(self.source, number, column, "other-policy", message, hint))
            return
        departures = replay_cycle(report, policy)
        self.matched += not departures
        self.mismatched += bool(departures)
        if departures and not self.first:
            self.first = Mismatch(number, report, departures)


def document(tally: Tally) -> dict[str, Plain]:
    """Lay the outcome out under the keys that scripts rely on."""
    return {
        "cycles": tally.matched + tally.mismatched,
        "matched": tally.matched,
        "mismatched": tally.mismatched,
        "unreplayable": tally.unreplayable,
        "first_mismatch": _mismatch(tally.first) if tally.first else None,
    }


def _mismatch(found: Mismatch) -> Plain:
    return {
        "line": found.line or None,
        "group": found.report.decision.group,
        "at": to_plain(found.report.snapshot.taken_at),
        "departures": to_plain(found.departures),
    }


def text(tally: Tally) -> Iterator[str]:
    """Say the same in lines: the first cycle that came out otherwise, place by place, and the sums."""
    if tally.first:
        where = f"{tally.source}:{tally.first.line}" if tally.first.line else tally.source
        yield f"{where}: {_name(tally.first.report)} comes out otherwise"
        for departure in tally.first.departures[:_MOST_SHOWN]:
            yield f"  {departure.path}"
            yield f"    recorded  {_shown(departure.recorded)}"
            yield f"    replayed  {_shown(departure.replayed)}"
        if len(tally.first.departures) > _MOST_SHOWN:
            yield f"  and {counted(len(tally.first.departures) - _MOST_SHOWN, 'more place')}"
    yield f"{tally.matched} of {tally.matched + tally.mismatched} cycles match"
    if tally.unreplayable:
        yield f"{tally.unreplayable} could not be replayed"


def _name(report: CycleReport) -> str:
    return f"{report.decision.group} at {report.snapshot.taken_at.isoformat()}"


def _shown(value: str) -> str:
    return value if len(value) <= _LONGEST_SHOWN else f"{value[:_LONGEST_SHOWN]}..."
