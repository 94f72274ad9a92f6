"""Which launches are bought on the spot market: a share of the group, and never its first nodes."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from math import floor

from autoscaler.decide.capacity import offering
from autoscaler.decide.view import View
from autoscaler.model.decision import WARMING, Decision, Phase
from autoscaler.model.memory import LaunchRecord

_STAYING = WARMING | {Phase.IN_SERVICE}


def spot_room(count: int, decision: Decision, view: View, resumed: Collection[str]) -> int:
    """Return how many of `count` more nodes may be spot; `resumed` are the leaving and stopped nodes that come back.

    Example: with 50 % and a `min` of 2, a group of 7 has 3 spot nodes, one of 3 has 1, and one of 2 has none.
    Nodes that leave count no more. A share that grew too large because others left is never corrected by ending nodes.
    """
    policy = view.policy
    if not policy.launch.spot.percent:
        return 0
    present = [
        node for node in view.snapshot.nodes if _stays(decision.phases[node.instance_id], node.instance_id, resumed)
    ]
    coming = [record for record in view.memory.launches if not record.pool]
    size = len(present) + sum(map(_unseen, coming)) + count
    spot = sum(node.instance.spot for node in present) + sum(_unseen(record) for record in coming if record.spot)
    most = min(floor(size * policy.launch.spot.percent / 100), size - policy.bounds.min)
    return max(0, min(count, most - spot))


def _stays(phase: Phase, instance_id: str, resumed: Collection[str]) -> bool:
    return phase in _STAYING or instance_id in resumed


def _unseen(record: LaunchRecord) -> int:
    """Count what a launch promises and EC2 does not list yet; what it lists, the memory holds no longer."""
    return len(record.instance_ids) or record.count


def split(share: dict[str, int], instance_type: str, room: int, view: View) -> Iterator[tuple[str, int, bool]]:
    """Yield (subnet, count, spot) for `share` nodes by subnet, of which `room` may be spot where spot is in stock.

    What is on demand comes first: should the guard cut the rest, the share of spot does not grow by it.
    """
    cheap: dict[str, int] = {}
    for subnet, count in share.items():
        gone = offering(instance_type, subnet, spot=True) in view.memory.stock_outs
        cheap[subnet] = 0 if gone else min(count, room)
        room -= cheap[subnet]
    for spot in (False, True):
        for subnet, count in share.items():
            part = cheap[subnet] if spot else count - cheap[subnet]
            if part:
                yield subnet, part, spot
