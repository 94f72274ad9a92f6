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


class Share:
    """A share, 0 to 1, of several groups of people together: what it leaves over in one counts in the next.

    Reckoned in whole numbers, so that it is the same on every machine.
    """

    def __init__(self, share: float) -> None:
        """Begin with a half, so that the total is rounded to the nearest."""
        self._part, self._whole = share.as_integer_ratio()
        self._over = self._whole // 2

    def of(self, count: int) -> int:
        """Return how many of the next group it takes."""
        taken, self._over = divmod(self._over + count * self._part, self._whole)
        return taken


@dataclass(slots=True)
class Crowd:
    """Who is on a node: how many, and by the step in which they leave by themselves the stream of each."""

    present: int = 0
    ends: defaultdict[int, list[int]] = field(default_factory=lambda: defaultdict(list))

    def scatter(self, share: Share | None = None) -> Iterator[tuple[int, int]]:
        """Cut off a share of them, or everybody; yield the last step and the stream of each."""
        for last_step, streams in list(self.ends.items()):
            stay = len(streams) - share.of(len(streams)) if share else 0
            yield from ((last_step, stream) for stream in streams[stay:])
            self.present -= len(streams) - stay
            del streams[stay:]
            if not streams:
                del self.ends[last_step]
