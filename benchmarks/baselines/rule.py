"""What a product's decision rule sees of a group, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Seen:
    """A node. `cpu` in percent; `age_s` since its launch; `ready`: it serves; `leaving`: it was told to go."""

    name: str
    zone: str = "a"
    cpu: float = 0.0
    people: int = 0
    age_s: float = 86400.0
    ready: bool = True
    leaving: bool = False


class Rule(Protocol):
    """A product's rule, as it is published. It may remember what it saw; time comes only in as an argument."""

    @property
    def name(self) -> str:
        """What the product is called."""
        ...

    @property
    def delay_s(self) -> float:
        """How long a node that gets nobody new any more may keep those it has; then they are cut."""
        ...

    def desired(self, now_s: float, size: int, nodes: Sequence[Seen]) -> int:
        """Return the wanted size, not yet within bounds; `size` is what was wanted last."""
        ...

    def victim(self, nodes: Sequence[Seen]) -> Seen:
        """Choose which of these goes first; there is at least one, and none is leaving already."""
        ...


def mean_cpu(nodes: Sequence[Seen]) -> float | None:
    """Return the mean CPU of these, None where there are none."""
    return sum(node.cpu for node in nodes) / len(nodes) if nodes else None
