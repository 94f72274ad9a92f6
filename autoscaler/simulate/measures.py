"""A run in numbers: the keys that `simulate --json` and `compare` print, each documented in docs/simulation.md."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from autoscaler.simulate.run import Played


@dataclass(frozen=True, slots=True)
class Measures:
    """What came of one policy on one trace with one seed.

    `oracle_node_hours`: the fewest that would have served the same people, boot time included, with hindsight;
    `over_provisioned_ratio`: `node_hours` of that, larger and smaller types counted by what they carry.
    `stopped_hours`: of the warm pool's sleeping nodes, which are no node-hours and pay for their disks.
    `slo_minutes_breached`: time in which anybody was refused, or a node was beyond AMS's limit.
    `viewer_minutes_disrupted`: viewers that we cut, times what they needed to come back.
    `lost_sessions`: who lost a node or a connection by no doing of ours.
    """

    policy: str
    trace: str
    seed: int
    cycles: int
    sessions: int
    node_hours: float
    stopped_hours: float
    cost: float
    oracle_node_hours: float
    over_provisioned_ratio: float
    rejected_sessions: int
    slo_minutes_breached: float
    viewer_minutes_disrupted: float
    publishers_cut: int
    lost_sessions: int
    scale_outs: int
    scale_ins: int
    flaps: int
    max_nodes: int
    min_nodes: int
    wall_s: float
    digest: str

    def plain(self) -> dict[str, str | int | float]:
        """Return the measures as a JSON object."""
        return asdict(self)


def measure(played: Played, policy: str, trace: str, seed: int, wall_s: float) -> Measures:
    """Sum a run up; `wall_s` is the only number that differs between two runs of the same."""
    totals = played.totals
    node_hours, oracle = totals.node_seconds / 3600, played.oracle.node_hours
    return Measures(
        policy=policy,
        trace=trace,
        seed=seed,
        cycles=played.cycles,
        sessions=totals.sessions,
        node_hours=round(node_hours, 3),
        stopped_hours=round(totals.stopped_seconds / 3600, 3),
        cost=round(totals.cost, 4),
        oracle_node_hours=round(oracle, 3),
        over_provisioned_ratio=round(totals.usual_seconds / 3600 / oracle, 3) if oracle else 0.0,
        rejected_sessions=totals.rejected_sessions,
        slo_minutes_breached=round(totals.breached_s / 60, 3),
        viewer_minutes_disrupted=round(totals.disrupted_s / 60, 3),
        publishers_cut=totals.publishers_cut,
        lost_sessions=totals.lost_sessions,
        scale_outs=totals.scale_outs,
        scale_ins=totals.scale_ins,
        flaps=totals.flaps,
        max_nodes=totals.max_nodes,
        min_nodes=totals.min_nodes or 0,
        wall_s=round(wall_s, 2),
        digest=played.timeline.digest,
    )
