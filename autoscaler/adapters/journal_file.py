"""Recorded cycles in a file of JSON lines: a header with its version, then one whole CycleReport a line.

Every line stands alone, so a file may be cut and filtered with the tools for lines. Only ASCII is written, and
the same cycles give the same bytes. A file whose name ends with `.xz` is compressed.
"""

from __future__ import annotations

import json
import lzma
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex
from stat import S_IMODE, S_ISDIR, S_ISREG
from typing import IO, Any

from autoscaler.model.codec import Malformed, from_json, to_plain
from autoscaler.model.errors import ConfigurationError, Problem
from autoscaler.model.report import VERSION, CycleReport

FORMAT = "autoscaler-journal"
_LONGEST = 1 << 26
"""Bytes of a line. A cycle of 1,000 nodes has about two million."""

_LONGEST_HEADER = 1024
"""Bytes up to which a line may be a header, and is looked at as one first."""

_PRESET = 1
_READING_ERRORS = (OSError, EOFError, lzma.LZMAError)


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its number, counted from 1, and the cycle in it; or what is wrong with it."""

    number: int
    report: CycleReport | None
    problem: Problem | None = None


def lines(reports: Iterable[CycleReport]) -> Iterator[str]:
    """Yield the header and one line for each cycle."""
    yield _dump({"format": FORMAT, "version": VERSION})
    for report in reports:
        yield _dump(to_plain(report))


def _dump(value: object) -> str:
    return json.dumps(value, separators=(",", ":")) + "\n"


@contextmanager
def new_file(path: Path) -> Iterator[Callable[[str], object]]:
    """Give what appends text to a new file. The file takes its name when it is whole; an unfinished one is removed.

    Until then it is hidden beside that name, under one of its own that nobody else has: what is called nearly alike is
    somebody's. A link is written through, and what is replaced hands its mode on.

    Raises:
        ConfigurationError: `unwritable`, and what was there before is as it was.
    """
    try:
        mode = _replaceable(path)
        target = path.resolve()
        part = target.with_name(f".autoscaler-{token_hex(8)}.part")
        try:
            with _open(part, "x", compressed=path.suffix == ".xz") as file:
                if mode is not None:
                    part.chmod(mode)
                yield lambda text: file.write(text.encode())
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(path, error.strerror or str(error)) from error


def _replaceable(path: Path) -> int | None:
    """Return the mode of what is there, None where nothing is; raises what says that a file cannot take its place."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return None
    if S_ISDIR(there.st_mode):
        raise _unwritable(path, "is a folder")
    if not S_ISREG(there.st_mode):
        raise _unwritable(path, "is no regular file (a pipe, a device or the like)")
    if any(_leads_to(stream, there) for stream in (1, 2)):
        raise _unwritable(path, "is where stdout or stderr goes")
    return S_IMODE(there.st_mode)


def _leads_to(stream: int, there: os.stat_result) -> bool:
    """Whether a stream of ours is redirected to that file: what is printed to what was replaced would be lost."""
    try:
        return os.path.samestat(os.fstat(stream), there)
    except OSError:  # the stream is closed
        return False


def _unwritable(path: Path, message: str) -> ConfigurationError:
    return ConfigurationError([Problem(str(path), 0, 0, "unwritable", message)])


def read_journal(path: Path) -> Iterator[Line]:
    """Yield the cycles of a file, one line at a time; a line that holds none costs itself only.

    Recordings that were joined, as by `cat`, are one: the header of each may stand again. One of another version
    costs what comes after it, up to the next header, and is told once. Where the file cannot be read any further, as
    when compressed data breaks off, the last line says so.

    Raises:
        ConfigurationError: `unreadable`, or the first line does not say that it is a journal that we can read.
    """
    number = 0
    try:
        with _open(path, "r", compressed=path.suffix == ".xz") as file:
            _check_header(str(path), file.readline(_LONGEST))
            number, readable = 1, True
            while text := file.readline(_LONGEST):
                number += 1
                header = _header(text) if len(text) <= _LONGEST_HEADER else None
                if header is not None:
                    other = _other_version(str(path), number, header)
                    readable = other is None
                    if other:
                        yield Line(number, None, replace(other, message=f"{other.message}: what follows is not read"))
                elif readable:
                    yield _line(str(path), number, text)
                while text and len(text) == _LONGEST and not text.endswith(b"\n"):  # the rest of a line too long
                    text = file.readline(_LONGEST)
    except _READING_ERRORS as error:
        message = getattr(error, "strerror", None) or str(error)
        if not number:
            raise ConfigurationError([Problem(str(path), 0, 0, "unreadable", message)]) from error
        said = f"and all after it cannot be read: {message}"
        yield Line(number + 1, None, Problem(str(path), number + 1, 1, "broken-line", said))


def _open(path: Path, mode: str, *, compressed: bool) -> IO[Any]:
    if not compressed:
        return path.open(f"{mode}b")
    return lzma.open(path, f"{mode}b", preset=_PRESET if mode == "x" else None)


def _check_header(file: str, text: bytes) -> None:
    """Accept a header of our version. Another version may have other fields: nothing is guessed."""
    header = _header(text)
    if header is None:
        message = "does not begin as a recorded journal does"
        hint = f'the first line is {{"format":"{FORMAT}","version":{VERSION}}}; autoscaler record writes such files'
        raise ConfigurationError([Problem(file, 1, 1, "no-journal", message, hint)])
    other = _other_version(file, 1, header)
    if other:
        raise ConfigurationError([other])


def _header(text: bytes) -> Mapping[str, Any] | None:
    """Return the header that a line is, of whichever version; None when it is none."""
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return header if isinstance(header, Mapping) and header.get("format") == FORMAT else None


def _other_version(file: str, number: int, header: Mapping[str, Any]) -> Problem | None:
    version = header.get("version")
    if version == VERSION:
        return None
    message = f"is a journal of version {json.dumps(version)}, and this release reads version {VERSION}"
    return Problem(file, number, 1, "journal-version", message, "replay it with the release that recorded it")


def _line(file: str, number: int, text: bytes) -> Line:
    if len(text) == _LONGEST and not text.endswith(b"\n"):
        return Line(number, None, Problem(file, number, 1, "broken-line", f"is longer than {_LONGEST} bytes"))
    try:
        return Line(number, from_json(CycleReport, text))
    except Malformed as error:
        return Line(number, None, Problem(file, number, 1, "broken-line", f"holds no cycle: {error}"))
