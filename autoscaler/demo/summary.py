"""How the demo ends: twelve numbers, and whether they keep the product's promise."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autoscaler.demo.tally import Tally
    from autoscaler.demo.watch import Watch


@dataclass(frozen=True, slots=True)
class Summary:
    """What `demo --json` prints, key for key."""

    sessions_total: int
    sessions_failed: int
    publishers_total: int
    publishers_cut: int
    viewer_minutes_disrupted: float
    launched: int
    terminated: int
    max_in_service: int
    final_in_service: int
    haproxy_reloads: int
    invariant_violations: int
    duration_s: float

    @classmethod
    def of(cls, tally: Tally, watch: Watch, duration_s: float) -> Summary:
        """Add up a run."""
        return cls(
            sessions_total=tally.sessions_total,
            sessions_failed=tally.sessions_failed,
            publishers_total=tally.publishers_total,
            publishers_cut=tally.publishers_cut,
            viewer_minutes_disrupted=round(tally.viewer_minutes_disrupted, 2),
            launched=len(watch.launched),
            terminated=len(watch.terminated),
            max_in_service=watch.max_in_service,
            final_in_service=watch.in_service,
            haproxy_reloads=watch.haproxy_reloads,
            invariant_violations=len(watch.violations),
            duration_s=round(duration_s, 1),
        )

    def as_dict(self) -> dict[str, int | float]:
        """The keys and values in their order."""
        return asdict(self)

    def complaints(self, smallest: int) -> list[str]:
        """Return what went wrong, nothing when all is well. `smallest` is the policy's min."""
        checks = {
            f"{self.sessions_failed} sessions broke": self.sessions_failed > 0,
            f"{self.publishers_cut} publishers were cut": self.publishers_cut > 0,
            f"HAProxy was reloaded {self.haproxy_reloads} times": self.haproxy_reloads > 0,
            f"{self.invariant_violations} promises were broken": self.invariant_violations > 0,
            "there was no traffic": min(self.sessions_total, self.publishers_total) == 0,
            "the cluster did not grow": self.max_in_service <= smallest,
            "the cluster did not shrink": not (self.terminated and self.final_in_service < self.max_in_service),
        }
        return [complaint for complaint, wrong in checks.items() if wrong]
