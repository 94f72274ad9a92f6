"""What the sessions lived through, counted where they live: in the players and publishers themselves."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """The counts of one run. A refusal at a node's CPU limit is no failure: players try again, and get in."""

    sessions_total: int = 0
    sessions_failed: int = 0
    publishers_total: int = 0
    publishers_cut: int = 0
    viewer_minutes_disrupted: float = 0.0
    refusals: int = 0
    stories: list[str] = field(default_factory=list)

    def viewer_failed(self, what: str, lost_s: float) -> None:
        """Count a visit that ended before the viewer ended it, `lost_s` before its time."""
        self.sessions_failed += 1
        self.viewer_minutes_disrupted += max(0.0, lost_s) / 60
        self.stories.append(f"viewer: {what}")

    def publisher_cut(self, what: str) -> None:
        """Count a stream that ended before its publisher ended it."""
        self.publishers_cut += 1
        self.stories.append(f"publisher: {what}")
