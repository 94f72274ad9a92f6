"""What the balancer counts of the sessions that it gives to servers: `requests` and `rate`, as HAProxy does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from autoscaler.simulate.world import Place, World


@dataclass(slots=True)
class SessionCounts:
    """Keeps the figures of the servers in a world.

    A step's sessions come evenly over its seconds, so of n in 10 s the last n / 10 came in the last one: they are the
    `rate`. Who comes in the very first step was there before the trace began. One whom AMS refuses was given a session
    before it refused (StatsCollector.java), so each try counts.
    """

    world: World
    step_s: float
    _due: float = 0.0
    _rated: list[Place] = field(default_factory=list)

    def add(self, number: int, places: Sequence[Place]) -> None:
        """Count the sessions of a step, each by the server to which it was given."""
        told = self.world.traffic
        for place in self._rated:
            told.get(place, {})["rate"] = 0
        for place, count in Counter(places).items():
            if place not in told:
                told[place] = {"requests": 0, "rate": 0}
            told[place]["requests"] += count
        came, self._due = divmod(self._due + (len(places) if number else 0), self.step_s)
        self._rated = list(places[len(places) - int(came) :])
        for place in self._rated:
            told[place]["rate"] += 1
