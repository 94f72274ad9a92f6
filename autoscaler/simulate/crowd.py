"""People: how many are somewhere, when they leave by themselves, and who wants in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(slots=True)
class Crowd:
    """Who is on a node: how many, and in which step how many of them leave by themselves."""

    present: int = 0
    ends: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, last_step: int) -> None:
        """Let one in, until `last_step`."""
        self.present += 1
        self.ends[last_step] += 1

    def leave(self, step: int) -> None:
        """Let go who wants to go in this step."""
        self.present -= self.ends.pop(step, 0)

    def scatter(self) -> Iterator[int]:
        """Cut everybody off; yield the last step of each."""
        for last_step, count in self.ends.items():
            yield from (last_step for _ in range(count))
        self.ends.clear()
        self.present = 0


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody who wants in until `last_step`: who is new, who lost a node, or who was refused and tries again.

    `cut`: by us. `until`: the step in which one who was refused gives up.
    """

    publisher: bool
    last_step: int
    cut: bool = False
    until: int | None = None


def last_step(start_s: float, duration_s: float, step_s: float) -> int:
    """Return the step in which a session leaves: the one in which its time is over."""
    return int((start_s + duration_s) // step_s) + 1
