"""Which nodes go: never one with a publisher, then the one with fewest sessions, then the one in the fullest zone."""

from __future__ import annotations

from collections import Counter

from autoscaler.decide.view import View
from autoscaler.model.decision import Decision, Phase, Reason
from autoscaler.model.plan import Action, Drain
from autoscaler.model.snapshot import Node
from autoscaler.plan.tokens import token


def removals(decision: Decision, view: View) -> tuple[list[Action], list[Reason]]:
    """Plan drains for `current - desired` nodes, and a refusal when publishers, or gaps, protect too many."""
    surplus = decision.current - decision.desired
    if surplus <= 0:
        return [], []
    serving = [node for node in view.snapshot.nodes if decision.phases[node.instance_id] is Phase.IN_SERVICE]
    free = [node for node in serving if removable(node)]
    chosen = rank(free)[:surplus]
    refusals = []
    if len(chosen) < surplus:
        protected = len(serving) - len(free)
        detail = f"{protected} nodes have publishers, or sessions that cannot be counted"
        refusals.append(Reason("protected", detail, before=surplus, after=len(chosen)))
    return [_drain(node, view) for node in chosen], refusals


def removable(node: Node) -> bool:
    """Whether we know that nobody publishes on a node, and how many sessions it has."""
    return node.publishers == 0 and isinstance(node.sessions, int)


def rank(nodes: list[Node]) -> list[Node]:
    """Sort by what draining costs, cheapest first: sessions, then the fullest zone, then the oldest."""
    zones = Counter(node.instance.zone for node in nodes)
    return sorted(
        nodes,
        key=lambda node: (node.sessions, -zones[node.instance.zone], node.instance.launched_at, node.instance_id),
    )


def _drain(node: Node, view: View) -> Drain:
    return Drain(
        token=token(view, "drain", node.instance_id),
        why="above_desired",
        instance_id=node.instance_id,
        ip=node.instance.ip,
        endpoints=view.policy.endpoints,
    )
