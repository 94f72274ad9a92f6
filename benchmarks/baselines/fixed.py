"""A size that somebody chose beforehand, and that nothing changes; a node that dies is replaced."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.baselines.rule import Seen


class Fixed:
    """As many nodes as were told."""

    name = "fixed size"
    delay_s = 0.0

    def __init__(self, size: int) -> None:
        """Keep `size` nodes."""
        self._size = size

    def desired(self, now_s: float, size: int, nodes: Sequence[Seen]) -> int:
        """Return what was told, whatever is seen."""
        del now_s, size, nodes
        return self._size

    def victim(self, nodes: Sequence[Seen]) -> Seen:
        """Choose the newest; there is one too many only when it was told so."""
        return min(nodes, key=lambda node: (node.age_s, node.name))
