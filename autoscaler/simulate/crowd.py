"""People: who is new, who wants in, and which share of them something happens to."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import compress
from typing import Self

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
class Coming:
    """Who is new in one step, in the order in which they come, as columns of one length: most need no `Visit`."""

    publisher: list[bool] = field(default_factory=list)
    last_step: list[int] = field(default_factory=list)
    stream: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        """Count them."""
        return len(self.last_step)

    def __iadd__(self, others: Coming) -> Self:
        """Let others come after them."""
        self.publisher += others.publisher
        self.last_step += others.last_step
        self.stream += others.stream
        return self

    def only(self, *, publisher: bool) -> Coming:
        """Return the publishers among them, or the viewers."""
        if publisher not in self.publisher:
            return Coming()
        if (not publisher) not in self.publisher:
            return self
        mine = [one is publisher for one in self.publisher]
        return Coming([publisher] * sum(mine), list(compress(self.last_step, mine)), list(compress(self.stream, mine)))

    def visits(self, begin: int = 0) -> list[Visit]:
        """Return them one by one, from place `begin` on."""
        return list(map(Visit, self.publisher[begin:], self.last_step[begin:], self.stream[begin:]))


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
