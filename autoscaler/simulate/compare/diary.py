"""Every decision of a simulation, a line a cycle in a compressed file, and where two of them first part.

Which cycle has to be explained is known only when both sides were played, so each keeps its explanations until then. On
disk, for a month of them would fill the memory.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TextIO

from autoscaler.model.report import CycleReport

MOST_PARTINGS = 3


@dataclass(frozen=True, slots=True)
class Told:
    """One cycle's decision: what each rule said as (rule, wish, detail), and each reason as (code, change, detail)."""

    current: int
    desired: int
    verdicts: tuple[tuple[str, str, str], ...]
    reasons: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Parting:
    """A cycle, counted from 0, in which two sides differ that agreed before; `lasted` is how many differ on end."""

    cycle: int
    at: datetime
    base: Told
    head: Told
    lasted: int = 1


@contextmanager
def writing(file: Path) -> Iterator[Callable[[CycleReport], None]]:
    """Open a diary; what it yields writes a cycle's report down."""
    with gzip.open(file, "wt", compresslevel=1, encoding="utf-8") as lines:

        def note(report: CycleReport) -> None:
            decision = report.decision
            verdicts = [(v.rule, f"{v.direction} {v.desired}", v.detail) for v in decision.verdicts]
            reasons = [(r.code, f"{r.before} -> {r.after}", r.detail) for r in decision.reasons]
            codes = ",".join(reason.code for reason in decision.reasons)
            row = json.dumps((decision.at.isoformat(), decision.current, decision.desired, verdicts, reasons))
            lines.write(f"{decision.desired}\t{codes}\t{row}\n")

        yield note


def partings(base: Path, head: Path) -> tuple[Parting, ...]:
    """Return the first cycles from which on another size is wanted, or for other reasons if the size never differs."""
    return _partings(base, head, _SIZE) or _partings(base, head, _CODES)


_SIZE, _CODES, _ROW = range(3)


def _partings(base: Path, head: Path, judged: int) -> tuple[Parting, ...]:
    """Compare one column. A row is read only where a difference begins: nearly all differ in some number."""
    found: list[Parting] = []
    apart = False
    with _opened(base) as ours, _opened(head) as theirs:
        for cycle, lines in enumerate(zip(ours, theirs, strict=True)):
            first, second = (line.split("\t", 2) for line in lines)
            was, apart = apart, first[judged] != second[judged]
            if apart and was:
                found[-1] = replace(found[-1], lasted=found[-1].lasted + 1)
            elif len(found) == MOST_PARTINGS and (apart or was):
                break
            elif apart:
                (at, one), (_, other) = _read(first[_ROW]), _read(second[_ROW])
                found.append(Parting(cycle, at, one, other))
    return tuple(found)


def _opened(file: Path) -> TextIO:
    return gzip.open(file, "rt", encoding="utf-8")


def _read(row: str) -> tuple[datetime, Told]:
    at, current, desired, verdicts, reasons = json.loads(row)
    return datetime.fromisoformat(at), Told(current, desired, _triples(verdicts), _triples(reasons))


def _triples(rows: list[list[str]]) -> tuple[tuple[str, str, str], ...]:
    return tuple((name, change, detail) for name, change, detail in rows)
