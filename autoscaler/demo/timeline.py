"""What happens when: calm, surge, fall. Everything that takes time in the demo takes it from here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

LIMIT_S = 155.0
"""The demo ends by itself after this long, whatever happened; taking everything down needs a few seconds more."""


class Stage(StrEnum):
    """The part of the story that is being told."""

    STARTING = "starting"
    CALM = "calm"
    SURGE = "surge"
    FALL = "fall"


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many are watching and publishing at once: WebSocket viewers, HLS viewers, publishers."""

    viewers: int
    hls: int
    publishers: int


CALM = Crowd(viewers=20, hls=6, publishers=4)
PEAK = Crowd(viewers=80, hls=16, publishers=7)
REST = Crowd(viewers=10, hls=4, publishers=4)


@dataclass(frozen=True, slots=True)
class Timeline:
    """The times of one run in seconds, all divided by `speed`. Policies and health checks keep their own times."""

    speed: float = 1.0

    @property
    def calm_s(self) -> float:
        """How long the first crowd watches."""
        return 10 / self.speed

    @property
    def ramp_s(self) -> float:
        """How long the crowd takes to grow from calm to peak."""
        return 18 / self.speed

    @property
    def surge_s(self) -> float:
        """How long the surge lasts, its ramp included."""
        return 36 / self.speed

    @property
    def lingering_s(self) -> float:
        """How long the surge's publishers go on into the fall: their nodes must wait for them."""
        return 16 / self.speed

    @property
    def watching_s(self) -> tuple[float, float]:
        """The shortest and the longest visit of a viewer."""
        return 8 / self.speed, 24 / self.speed

    @property
    def boot_s(self) -> tuple[float, float]:
        """The shortest and the longest boot of a node, beside the user-data's own time."""
        return 2 / self.speed, 4 / self.speed

    @property
    def pending_s(self) -> float:
        """How long EC2 keeps an instance `pending`."""
        return 1 / self.speed

    def crowd(self, stage: Stage, elapsed_s: float) -> Crowd:
        """Return who is there `elapsed_s` into the stage. Nobody is sent away: a smaller crowd is one that left."""
        if stage is Stage.CALM:
            return CALM
        if stage is Stage.SURGE:
            ratio = min(1.0, elapsed_s / self.ramp_s)
            return Crowd(*(_between(calm, peak, ratio) for calm, peak in _pairs(CALM, PEAK)))
        if stage is Stage.FALL:
            return Crowd(REST.viewers, REST.hls, PEAK.publishers if elapsed_s < self.lingering_s else REST.publishers)
        return Crowd(0, 0, 0)


def _pairs(one: Crowd, other: Crowd) -> tuple[tuple[int, int], ...]:
    return (one.viewers, other.viewers), (one.hls, other.hls), (one.publishers, other.publishers)


def _between(start: int, end: int, ratio: float) -> int:
    return start + round((end - start) * ratio)
