"""SVG paths, in whole numbers: the same on every machine, and short.

A plot is WIDE by HIGH units and is stretched to whatever room the reader has; lines keep their width.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

WIDE, HIGH = 100_000, 1_000
_LEAST = 40
"""Of HIGH: one among thousands is still to be seen."""


def steps(edges: Sequence[int], values: Sequence[int], top: int) -> str:
    """Draw a line that holds `values[i]` from `edges[i]` to `edges[i + 1]`. `top` is the value at the upper edge."""
    if not values:
        return ""
    path, level = [f"M{edges[0]} {_y(values[0], top)}"], values[0]
    for edge, value in zip(edges[1:-1], values[1:], strict=True):
        if value != level:
            path.append(f"H{edge}V{_y(value, top)}")
            level = value
    return "".join([*path, f"H{edges[-1]}"])


def area(edges: Sequence[int], values: Sequence[int], top: int) -> str:
    """Draw what lies under the same line."""
    return f"{steps(edges, values, top)}V{HIGH}H{edges[0]}Z" if values else ""


def stems(edges: Sequence[int], values: Sequence[int], top: int) -> str:
    """Draw a bar for each value above 0, from its edge to the next one, high enough to be seen."""
    return "".join(
        f"M{left} {HIGH}V{min(_y(value, top), HIGH - _LEAST)}H{right}V{HIGH}Z"
        for left, right, value in zip(edges, edges[1:], values, strict=False)
        if value
    )


def bars(edges: Sequence[int], values: Sequence[int], rows: int) -> str:
    """Draw, from the bottom up, a row for each 1 of the values: a bar for as long as the value is at least that."""
    height = HIGH / max(rows, 1)
    gap = height / 5
    return "".join(
        f"M{left} {round(HIGH - row * height + gap)}H{right}V{round(HIGH - (row - 1) * height - gap)}H{left}Z"
        for row in range(1, rows + 1)
        for left, right in stretches(edges, (value >= row for value in values))
    )


def stretches(edges: Sequence[int], held: Iterable[bool]) -> Iterator[tuple[int, int]]:
    """Yield from where to where something held without a break."""
    since: int | None = None
    for edge, holds in zip(edges, held, strict=False):
        if holds and since is None:
            since = edge
        elif since is not None and not holds:
            yield since, edge
            since = None
    if since is not None:
        yield since, edges[-1]


def _y(value: int, top: int) -> int:
    return HIGH - round(HIGH * value / top)
