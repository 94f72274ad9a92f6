"""Tells the score of a dry run while it goes on, and at its end."""

from __future__ import annotations

import structlog

from autoscaler.model.report import CycleReport
from autoscaler.review.score import Score

EVERY = 120
"""Cycles of a group from one event to the next: ten minutes, with a cycle of five seconds."""


class Scoreboard:
    """Every group's score."""

    def __init__(self) -> None:
        """Begin with none."""
        self._scores: dict[str, Score] = {}
        self._log = structlog.stdlib.get_logger("autoscaler")

    def add(self, report: CycleReport) -> None:
        """Take a cycle in, and tell the group's score now and then."""
        group = report.decision.group
        score = self._scores.setdefault(group, Score())
        score.add(report)
        if score.cycles["all"] % EVERY == 0:
            self._tell(group, final=False)

    def end(self) -> None:
        """Tell all scores for the last time."""
        for group in self._scores:
            self._tell(group, final=True)

    def _tell(self, group: str, *, final: bool) -> None:
        self._log.info("dry_run_score", group=group, final=final, **self._scores[group].figures())
