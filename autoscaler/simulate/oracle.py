"""The fewest node-hours that would have served a trace, for one who knows it beforehand.

A node that is needed must have been launched a boot earlier, and its boot is paid for. Between two needs it is kept if
that is cheaper than ending it and booting anew; any number may be there when the trace begins. Nodes are alike, so
each rank (the first node, the second, ...) can be planned by itself, and the sum of the cheapest plans is the cheapest
sum. People are not tied to nodes here: a node may go as soon as the rest can carry everybody, which no real plan can
promise without cutting somebody.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Oracle:
    """Takes the need of one step after the other; `boot_steps` is what a boot takes.

    `least` nodes are there at any time: a policy's `min` is a promise that one may die, which hindsight does not lift.
    """

    step_s: float
    boot_steps: float
    least: int = 0
    _steps: float = 0.0
    _number: int = 0
    _since: list[int] = field(default_factory=list)  # by rank: when its last need ended, or the trace began
    _needed: int = 0

    def add(self, needed: int) -> None:
        """Take a step in which `needed` nodes were needed to carry everybody."""
        needed = max(needed, self.least)
        self._since += [0] * (needed - len(self._since))
        for rank in range(self._needed, needed):
            self._steps += min(self._number - self._since[rank], self.boot_steps)
        for rank in range(needed, self._needed):
            self._since[rank] = self._number
        self._steps += needed
        self._needed = needed
        self._number += 1

    @property
    def node_hours(self) -> float:
        """The sum so far."""
        return self._steps * self.step_s / 3600
