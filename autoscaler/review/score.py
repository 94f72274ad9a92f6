"""What a dry run would have done, held against what really happened.

Nothing that it wants is ever done, so each cycle begins with the real size again: the score tells how often and by how
much it would have gone another way, and not what would have become of the cluster.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from autoscaler.model.decision import Decision, Direction, Phase
from autoscaler.model.memory import LONGEST_BLINK
from autoscaler.model.plan import Drain
from autoscaler.model.report import CycleReport
from autoscaler.review.happened import Happened

_REFUSALS = "ams.node.refusals"
_HOUR = timedelta(hours=1)


@dataclass(slots=True)
class Score:
    """One group's score. Sizes are what Decision calls `current`, which is real, and `desired`, which is not."""

    cycles: Counter[str] = field(default_factory=Counter)
    launched: int = 0
    drained: int = 0
    happened: Happened = field(default_factory=Happened)
    watched: timedelta = timedelta()
    real: timedelta = timedelta()
    wanted: timedelta = timedelta()
    refusals_told: bool = False
    _lack: int = 0
    _meant: set[str] = field(default_factory=set)
    _last: Decision | None = None

    def add(self, report: CycleReport) -> None:
        """Take a cycle in, after those before it."""
        decision = report.decision
        self.cycles["all"] += 1
        self._let_pass(decision.at)
        if report.snapshot.lacks("ec2"):
            self.cycles["blind"] += 1
            self._last = None
            return
        self._last = decision
        self.happened.add(report)
        self.cycles[decision.direction] += 1
        self.cycles["short"] += _needed(decision) > _in_service(decision)
        self._launch(decision.desired - decision.current)
        self._drain(report)
        refused = report.snapshot.samples.get(_REFUSALS, {})
        self.refusals_told |= bool(refused)
        self.cycles["refusing"] += any(sample.value > 0 for sample in refused.values())

    def figures(self) -> dict[str, int | float | None]:
        """Return the score in plain numbers, under the names of the event `dry_run_score`."""
        return {
            "cycles": self.cycles["all"],
            "blind_cycles": self.cycles["blind"],
            "same_cycles": self.cycles[Direction.HOLD],
            "larger_cycles": self.cycles[Direction.OUT],
            "smaller_cycles": self.cycles[Direction.IN],
            "would_launch": self.launched,
            "launched": self.happened.launched,
            "would_drain": self.drained,
            "drained": self.happened.drained,
            "terminated": self.happened.terminated,
            "hours": round(self.watched / _HOUR, 4),
            "node_hours": round(self.real / _HOUR, 4),
            "wanted_node_hours": round(self.wanted / _HOUR, 4),
            "short_cycles": self.cycles["short"],
            "refusing_cycles": self.cycles["refusing"] if self.refusals_told else None,
        }

    def _let_pass(self, now: datetime) -> None:
        """Count the time since the last cycle as one of its sizes, unless nobody watched for too long."""
        span = now - self._last.at if self._last else timedelta()
        if self._last and timedelta() < span <= LONGEST_BLINK:
            self.watched += span
            self.real += span * self._last.current
            self.wanted += span * self._last.desired

    def _launch(self, lack: int) -> None:
        """Count a wish once for as long as it lasts, however many cycles repeat it: the most that lacked meanwhile."""
        lack = max(0, lack)
        self.launched += max(0, lack - self._lack)
        self._lack = max(lack, self._lack) if lack else 0

    def _drain(self, report: CycleReport) -> None:
        """Count a node once that is to drain for its number, until it is gone for so long that it never comes back."""
        drains = [step for step in report.plan.actions if isinstance(step, Drain) and step.why == "above_desired"]
        meant = self._meant | {step.instance_id for step in drains}
        self.drained += len(meant - self._meant)
        self._meant = meant.intersection(self.happened.known)


def _needed(decision: Decision) -> int:
    """Return how many nodes the load needs by the policy's targets, without forecasts: 0 where no rule says."""
    targets = [verdict for verdict in decision.verdicts if verdict.rule.startswith("target_tracking:")]
    return max((verdict.needed or 0 for verdict in targets), default=0)


def _in_service(decision: Decision) -> int:
    return sum(phase is Phase.IN_SERVICE for phase in decision.phases.values())
