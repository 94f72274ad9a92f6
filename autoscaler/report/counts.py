"""Counts in sentences: one, or several."""

from __future__ import annotations


def counted(count: int, one: str, several: str = "") -> str:
    """Write a count and what is counted: `1 node`, `2,000 nodes`; `several` where an s does not do, as with a verb."""
    return f"{count:,} {one if count == 1 else several or f'{one}s'}"
