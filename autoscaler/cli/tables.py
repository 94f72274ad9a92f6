"""Tables on a terminal of which nothing is cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Literal

from rich.table import Table

Column = tuple[str, ...]
Justify = Literal["left", "right"]

_BETWEEN = 3
"""Characters between two columns."""


def side_by_side(lines: Sequence[Sequence[str]], width: int, justify: Justify = "left") -> Iterator[Table]:
    """Yield columns beside a first one of names, the first line being titles: so many at once as a terminal is wide."""
    names, *columns = zip(*lines, strict=True)
    spare = width - max(map(len, names))
    while columns:
        sums = accumulate(_BETWEEN + max(map(len, column)) for column in columns)
        shown = max(1, sum(used <= spare for used in sums))
        yield _table(names, columns[:shown], justify)
        columns = columns[shown:]


def _table(names: Column, columns: Sequence[Column], justify: Justify) -> Table:
    table = Table(show_edge=False, pad_edge=False)
    table.add_column(names[0], no_wrap=True)
    for column in columns:
        table.add_column(column[0], justify=justify, overflow="fold")
    for cells in list(zip(names, *columns, strict=True))[1:]:
        table.add_row(*cells)
    return table
