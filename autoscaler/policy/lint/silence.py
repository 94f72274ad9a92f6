"""Silences: `# lint: allow CODE because REASON`, behind a line or above it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_MARK = re.compile(r"(?:^|(?<=\s))#\s*lint:\s*(?P<order>.*)$", re.IGNORECASE)
_ORDER = re.compile(r"allow\s+(?P<code>\S+)(?:\s+because\s+(?P<reason>\S.*))?", re.IGNORECASE)

FORM = "# lint: allow CODE because REASON"


@dataclass(frozen=True, slots=True)
class Silence:
    """One comment. `line` and `column` are its own, `covers` is the line that it speaks of; all count from 1.

    `code` is empty when the comment is not of the form.
    """

    line: int
    column: int
    covers: int
    code: str
    reason: str


def silences(text: str) -> Iterator[Silence]:
    """Find every silence of a file.

    Capitals mean what small letters do: a silence that is not heard, and not told of, would look like one that is.
    A comment with a line to itself speaks of the next line that is no comment, so several can stand above one line.
    """
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        mark = _MARK.search(line)
        if mark:
            order = _ORDER.fullmatch(mark["order"].rstrip())
            code, reason = (order["code"].lower(), order["reason"] or "") if order else ("", "")
            alone = not line[: mark.start()].strip()
            yield Silence(number, mark.start() + 1, _below(lines, number) if alone else number, code, reason)


def _below(lines: list[str], number: int) -> int:
    while number < len(lines) and lines[number].lstrip().startswith("#"):
        number += 1
    return number + 1
