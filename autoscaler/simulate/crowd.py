"""People: how many are somewhere, when they leave by themselves, and who wants in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from autoscaler.model.quick import quick


@quick
@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody who wants in until `last_step`: who is new, who lost a node, or who was refused and tries again.

    `stream`: which one is watched, or published. `cut`: by us. `until`: the step in which one who was refused gives up.
    `cookie`: the address of the server that one was on before, where the balancer's clients are sticky.
    """

    publisher: bool
    last_step: int
    stream: int = 0
    cut: bool = False
    until: int | None = None
    cookie: str = ""


@dataclass(slots=True)
class Crowd:
    """Who is on a node: how many, and by the step in which they leave by themselves the stream of each."""

    present: int = 0
    ends: defaultdict[int, list[int]] = field(default_factory=lambda: defaultdict(list))

    def scatter(self, share: float = 1.0) -> Iterator[tuple[int, int]]:
        """Cut off a share of those who leave together, rounded; yield the last step and the stream of each."""
        for last_step, streams in list(self.ends.items()):
            stay = len(streams) - round(len(streams) * share)
            yield from ((last_step, stream) for stream in streams[stay:])
            self.present -= len(streams) - stay
            del streams[stay:]
            if not streams:
                del self.ends[last_step]
