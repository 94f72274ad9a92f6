"""What the balancer counts of the sessions that it gives to servers: `requests` and `rate`, as HAProxy does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from autoscaler.simulate.world import Place, World


class _Placed(Protocol):
    """A server."""

    @property
    def place(self) -> Place:
        """Where it stands."""
        ...


Stands = TypeVar("Stands", bound=_Placed)


@dataclass(slots=True)
class SessionCounts:
    """Keeps the figures of the servers in a world.

    A step's sessions come evenly over its seconds, so of n in 10 s the last n / 10 came in the last one: they are the
    `rate`. Who comes in the very first step was there before the trace began. One whom AMS refuses was given a session
    before it refused (StatsCollector.java), so each try counts. The backend as a whole counts also who finds no server:
    HAProxy 2.6 told 5 requests, and as many a second, of a backend without any that had answered 503 five times.
    """

    world: World
    backend: str
    step_s: float
    _due: float = 0.0
    _rated: list[Place] = field(default_factory=list)

    def add(self, number: int, knocked: int, given: Sequence[Stands], counts: Mapping[Stands, int]) -> None:
        """Count the `knocked` sessions of a step; `given` are the servers that got them, `counts` how many each got."""
        told = self.world.traffic
        for place in self._rated:
            told.get(place, {})["rate"] = 0
        for server, count in counts.items():
            figures = told.get(server.place)
            if figures is None:
                figures = told[server.place] = {"requests": 0, "rate": 0}
            figures["requests"] += count
        came, self._due = divmod(self._due + (knocked if number else 0), self.step_s)
        self._rated = [server.place for server in given[max(0, len(given) - int(came)) :]]
        for place in self._rated:
            told[place]["rate"] += 1
        whole = told.setdefault((self.world.balancers[0], self.backend, ""), {"requests": 0, "rate": 0})
        whole["requests"] += knocked
        whole["rate"] = int(came)
