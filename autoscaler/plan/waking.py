"""Which nodes of the warm pool serve when nodes are wanted, the soonest first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from autoscaler.decide.capacity import offering
from autoscaler.decide.classify import joined, late
from autoscaler.decide.view import View
from autoscaler.model.decision import Decision, Phase
from autoscaler.model.plan import Wake
from autoscaler.model.snapshot import InstanceState, Node
from autoscaler.plan.tokens import token

WAKE_RETRY = timedelta(minutes=3)
"""How long a node that EC2 refused to start is left alone: what is wanted is launched meanwhile."""


def unanswered_wakes(decision: Decision, view: View) -> Iterator[Wake]:
    """Repeat what was asked for before a crash, and never answered: whoever was started then is not started twice."""
    asked = {key for key, wake in view.memory.wakes.items() if not wake.answered}
    for node in view.snapshot.nodes if asked else ():
        on_its_way = decision.phases[node.instance_id] is Phase.PENDING
        if node.instance_id in asked and on_its_way and node.instance.state is InstanceState.STOPPED:
            yield _wake(node, view, why="wake_unanswered")


def wakes(decision: Decision, view: View, most: int) -> list[Wake]:
    """Tell up to `most` nodes to serve: those that joined, then those that are stopped, then those that still boot."""
    if most <= 0:
        return []
    ready = [(_rank(node, decision, view), node) for node in view.nodes.of(decision.apart)]
    line = sorted(
        ((rank, node) for rank, node in ready if rank is not None),
        key=lambda each: (each[0], each[1].instance.launched_at, each[1].instance_id),
    )
    return [_wake(node, view, why="below_desired") for _, node in line[:most]]


def _rank(node: Node, decision: Decision, view: View) -> int | None:
    """Return how soon a node would serve, 0 being at once; None when it is not the pool's, or would not start."""
    phase = decision.phases[node.instance_id]
    if phase is Phase.FILLING:
        if joined(node, view.now):
            return 0
        return None if late(node, view) else 2
    return 1 if phase is Phase.STOPPED and _starts(node, view) else None


def _starts(node: Node, view: View) -> bool:
    """Whether a stopped node would start, as far as is known. What still stops cannot."""
    instance, wake = node.instance, view.memory.wakes.get(node.instance_id)
    if instance.state is not InstanceState.STOPPED:
        return False
    if offering(instance.instance_type, instance.subnet, spot=False) in view.memory.stock_outs:
        return False
    return wake is None or not wake.answered or (wake.failed and view.now - wake.at >= WAKE_RETRY)


def _wake(node: Node, view: View, *, why: str) -> Wake:
    return Wake(
        token=token(view, "wake", node.instance_id),
        why=why,
        instance_id=node.instance_id,
        ip=node.instance.ip,
        instance_type=node.instance.instance_type,
        subnet=node.instance.subnet,
    )
