"""Nobody, and then 2,000 viewers within three minutes: the edge policy within the bounds that it ships with.

Of the trace the first minutes are played, in which all come, however little of the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from autoscaler.policy.schema import Policy
from autoscaler.simulate.excerpt import part
from autoscaler.simulate.run import Played, play, set_stage
from autoscaler.simulate.traffic.load import load_traffic
from benchmarks.baselines.contest import POLICIES, SEED, STEP, WORLD, nodes_at, shipped
from benchmarks.figures import Figure, Goal

TRACE = POLICIES / "traces" / "zero-to-2000.yaml"
VIEWERS = 2_000
LENGTH_S = timedelta(minutes=25).total_seconds()
ROOM_WITHIN_S = 180


@dataclass(frozen=True, slots=True)
class Rush:
    """What came of it: how many were `rejected`, and how long after the first viewer there was room for all."""

    rejected: int
    room_s: float


def run() -> list[Figure]:
    """Play it with the policy that ships, and return what is promised."""
    return promises(rush(shipped("edge"), SEED))


def promises(found: Rush) -> list[Figure]:
    """Hold it against the goals. Less time than one sleeping node takes to wake no policy could need."""
    size, wake_s = f"{VIEWERS:,} viewers", WORLD.wake.median.total_seconds()
    return [
        Figure("rush_rejected", size, found.rejected, "sessions", 0, Goal("value", 0)),
        Figure("rush_room", size, found.room_s, "s", wake_s, Goal("value", ROOM_WITHIN_S)),
    ]


def rush(policy: Policy, seed: int) -> Rush:
    """Play it with a policy."""
    traffic = part(load_traffic(TRACE, seed), 0.0, LENGTH_S)
    played = play(set_stage(policy, traffic, WORLD, seed, STEP), traffic, STEP)
    return Rush(played.totals.rejected_sessions, _room_s(played, nodes_at(policy, VIEWERS, WORLD.refuse_cpu)))


def _room_s(played: Played, nodes: int) -> float:
    """Measure from the begin of the step in which the first came to the end of that in which so many nodes serve."""
    ticks = played.timeline.points
    begin_s = next(tick.at_s for tick in ticks if tick.viewers)
    served_s = next((tick.at_s + STEP.total_seconds() for tick in ticks if tick.serving >= nodes), LENGTH_S)
    return served_s - begin_s
