"""Instance states that take time. moto's are final at the next look; EC2's take seconds to minutes."""

from __future__ import annotations

import time
from dataclasses import dataclass

CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}
ON_THE_WAY = {"running": "pending", "stopped": "stopping", "terminated": "shutting-down"}


@dataclass
class Durations:
    """How long the ways take, in seconds: to running, and to stopped or terminated. A change holds for later ways."""

    pending_s: float = 0.0
    stopping_s: float = 0.0


class TimedState:
    """Takes the place of moto's InstanceState: moto writes where to, and reads where we are on the way.

    State filters, describe_instance_status and `previousState` all read these two attributes, so they agree.
    """

    def __init__(self, durations: Durations, *, final: str) -> None:
        """Begin on the way to `final`."""
        self.born = time.monotonic()
        self._durations = durations
        self._final = ""
        self._arrives = 0.0
        self.name = final

    @property
    def name(self) -> str:
        """The state by the monotonic clock."""
        return self._final if time.monotonic() >= self._arrives else ON_THE_WAY[self._final]

    @name.setter
    def name(self, final: str) -> None:
        if final == self._final:
            return
        self._final = final
        way = self._durations.pending_s if final == "running" else self._durations.stopping_s
        self._arrives = time.monotonic() + way

    @property
    def code(self) -> int:
        """EC2's number for the state."""
        return CODES[self.name]

    @code.setter
    def code(self, value: int) -> None:
        """Ignore the number: the name, which moto writes just before, says it already."""
