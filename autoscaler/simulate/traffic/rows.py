"""CSV files of traces: read block by block, with a place for every complaint."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISREG
from typing import IO

import numpy as np

from autoscaler.model.errors import ConfigurationError, Problem
from autoscaler.simulate.traffic.sessions import Floats

_BLOCK = 1 << 15
_MOST_PROBLEMS = 1000
"""Told of one file; what is wrong a thousand times is wrong in the same way."""

_ENCODING = "utf-8-sig"
_ESCAPES = 0xDC00
_ESCAPED = re.compile("[\udc80-\udcff]")
"""A byte that is no UTF-8, as Python's `surrogateescape` reads it."""

LONGEST_S = 366 * 86_400


@contextmanager
def opened(path: Path) -> Iterator[IO[str]]:
    """Open a UTF-8 file, with or without a byte order mark; what the system says is a ConfigurationError.

    So is what is no regular file: it may never end.
    """
    try:
        if not S_ISREG(path.stat().st_mode):
            raise ConfigurationError([Problem(str(path), 0, 0, "unreadable", "is no regular file")])
        try:
            with path.open(encoding=_ENCODING, newline="") as file:
                yield file
        except UnicodeDecodeError as error:
            raise ConfigurationError([_no_text(path)]) from error
    except OSError as error:
        message = error.strerror or str(error)
        raise ConfigurationError([Problem(str(path), 0, 0, "unreadable", message)]) from error


def _no_text(path: Path) -> Problem:
    """Say where a file is not UTF-8, by a second look at it: the first one reads far ahead of what it gives out."""
    with path.open(encoding=_ENCODING, errors="surrogateescape", newline="") as file:
        for number, line in enumerate(file, 1):
            if found := _ESCAPED.search(line):
                byte = ord(found[0]) - _ESCAPES
                message = f"is not UTF-8 text: the byte {byte:#x}"
                return Problem(str(path), number, found.start() + 1, "unreadable", message)
    return Problem(str(path), 0, 0, "unreadable", "is not UTF-8 text")


@dataclass(slots=True)
class Complaints:
    """What is wrong with a file."""

    file: str
    problems: list[Problem] = field(default_factory=list)
    untold: int = 0

    def add(self, line: int, column: int, code: str, message: str, hint: str = "") -> None:
        """Keep it, or count it when there are very many."""
        if len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(Problem(self.file, line, column, code, message, hint))
        else:
            self.untold += 1

    def tell(self) -> None:
        """Raise ConfigurationError when there was anything."""
        self.problems.sort(key=lambda problem: (problem.line, problem.column))
        if self.untold:
            message = f"and {self.untold} more problems like these"
            self.problems.append(Problem(self.file, 0, 0, "more", message))
        if self.problems:
            raise ConfigurationError(self.problems)


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of a file that have the right number of cells; `lines` are where they end, from 1."""

    columns: tuple[str, ...]
    lines: Sequence[int]
    rows: Sequence[Sequence[str]]

    def texts(self, column: str) -> list[str]:
        """Return one column's cells."""
        place = self.columns.index(column)
        return [row[place].strip() for row in self.rows]

    def column_of(self, row: int, column: str) -> int:
        """Return where in its line a cell stands, from 1."""
        return 1 + sum(len(cell) + 1 for cell in self.rows[row][: self.columns.index(column)])


def header(path: Path) -> tuple[str, ...]:
    """Return the names in a file's first line."""
    with opened(path) as file:
        try:
            return tuple(cell.strip() for cell in next(csv.reader(file, strict=True), []))
        except csv.Error as error:
            raise ConfigurationError([Problem(str(path), 1, 1, "csv", _said(error))]) from error


def blocks(path: Path, complaints: Complaints) -> Iterator[Block]:
    """Yield the rows below the header; a row of another width is a complaint, and left out. Empty lines are nothing."""
    with opened(path) as file:
        reader = csv.reader(file, strict=True)
        columns = tuple(cell.strip() for cell in next(reader, []))
        rows: list[list[str]] = []
        lines: list[int] = []
        try:
            for row in reader:
                if len(row) == len(columns):
                    rows.append(row)
                    lines.append(reader.line_num)
                elif row:
                    message = f"has {len(row)} cells where {','.join(columns)} are needed"
                    complaints.add(reader.line_num, 1, "row", message)
                if len(rows) == _BLOCK:
                    yield Block(columns, lines, rows)
                    rows, lines = [], []
        except csv.Error as error:
            complaints.add(reader.line_num, 1, "csv", _said(error))
        if rows:
            yield Block(columns, lines, rows)


def _said(error: csv.Error) -> str:
    return f"cannot be read as CSV: {error}"


def numbers(block: Block, column: str, complaints: Complaints, *, most: float, above: bool = False) -> Floats:
    """Return one column's numbers, from 0 (`above`: more than that) to `most`; what is none is a complaint, and NaN."""
    texts = block.texts(column)
    found = _quick(texts)
    if found is None:
        found = np.array([_number(text) for text in texts])
    right = (found > 0 if above else found >= 0) & (found <= most)
    for row in np.flatnonzero(~right).tolist():
        least = "above 0" if above else "from 0 on"
        shown = texts[row][:40]
        message = f"{column} is {shown!r}; a number {least}, at most {most:g}, is needed"
        complaints.add(block.lines[row], block.column_of(row, column), "value", message)
    return np.where(right, found, np.nan)


def _quick(texts: Sequence[str]) -> Floats | None:
    """Read all as Python reads numbers; None when one is none, or has underscores or digits that only Python reads."""
    try:
        found = np.array(texts, dtype=np.float64)
    except ValueError:
        return None
    return found if all(text.isascii() and "_" not in text for text in texts) else None


def _number(text: str) -> float:
    """Read one number; NaN for what is none."""
    try:
        return float(text) if text.isascii() and "_" not in text else np.nan
    except ValueError:
        return np.nan
