"""What the nodes' media servers say of themselves, asked and unasked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Resources:
    """One node's answer; `at` is when it came. What is None was not told, and is no zero.

    Viewers and streams are those of this node alone. Percentages are 0-100. `memory_percent` is what is not available,
    which AMS refuses load by; GPUs count by the busiest, and by the fullest.
    """

    at: datetime
    webrtc_viewers: int | None = None
    hls_viewers: int | None = None
    dash_viewers: int | None = None
    streams: int | None = None
    cpu_percent: float | None = None
    memory_percent: float | None = None
    gpu_percent: float | None = None
    gpu_memory_percent: float | None = None

    @property
    def viewers(self) -> int | None:
        """All viewers; None as soon as one kind is not told."""
        if self.webrtc_viewers is None or self.hls_viewers is None or self.dash_viewers is None:
            return None
        return self.webrtc_viewers + self.hls_viewers + self.dash_viewers


@dataclass(frozen=True, slots=True)
class Refusals:
    """How many streams and viewers each ip refused within the last minute. Who refused none is not in it.

    `whole`: all of that minute was listened to and counted; else there may have been more.
    """

    by_ip: Mapping[str, int] = field(default_factory=dict)
    whole: bool = False
