"""Which nodes go: never one with a publisher, then the one with fewest sessions, then the one in the fullest zone.

Where nodes differ, a load that lets some go has counted on any of them to go (`Roster.nodes_for`). A mere number, such
as `max`, has not: of so many nodes the smallest go, or who is worth no more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate

from autoscaler.decide.capacity import weight
from autoscaler.decide.view import View
from autoscaler.model.decision import Decision, Phase, Reason
from autoscaler.model.plan import Action, Drain
from autoscaler.model.snapshot import Node
from autoscaler.plan.tokens import token

_ROUNDING = 1e-9
"""Keeps 0.1 and 0.2 from being more than 0.3."""


def removals(decision: Decision, view: View) -> tuple[list[Action], list[Reason]]:
    """Plan drains for `current - desired` nodes, and a refusal when publishers, or gaps, protect too many."""
    surplus = decision.current - decision.desired
    if surplus <= 0:
        return [], []
    serving = [node for node in view.snapshot.nodes if decision.phases[node.instance_id] is Phase.IN_SERVICE]
    free = [node for node in serving if removable(node)]
    sizes = sizes_that_matter(decision, view)
    line = rank(free, sizes)[:surplus]
    room = _worth_of_smallest(surplus, serving, sizes)
    worth = accumulate(sizes.get(node.instance_id, 0.0) for node in line)
    chosen = [node for node, together in zip(line, worth, strict=True) if together <= room]
    refusals = []
    if len(chosen) < surplus:
        protected = len(serving) - len(free)
        detail = f"{protected} nodes have publishers, or sessions that cannot be counted"
        if len(chosen) < len(line):
            detail += "; the others are larger than those that should go"
        refusals.append(Reason("protected", detail, before=surplus, after=len(chosen)))
    return [_drain(node, view) for node in chosen], refusals


def removable(node: Node) -> bool:
    """Whether we know that nobody publishes on a node, and how many sessions it has."""
    return node.publishers == 0 and isinstance(node.sessions, int)


def sizes_that_matter(decision: Decision, view: View) -> Mapping[str, float]:
    """Return what each node is worth if nodes leave by their number alone; nothing if any may go."""
    if not decision.by_heads:
        return {}
    return {one.instance_id: weight(one.instance_type, view) for one in view.nodes.instances}


def _worth_of_smallest(count: int, nodes: Sequence[Node], sizes: Mapping[str, float]) -> float:
    """Return what so many nodes may be worth together: no more than the smallest are, protected ones included."""
    return sum(sorted(sizes.get(node.instance_id, 0.0) for node in nodes)[:count]) + _ROUNDING


def rank(nodes: list[Node], sizes: Mapping[str, float]) -> list[Node]:
    """Sort by what draining costs, cheapest first: size where it matters, sessions, the fullest zone, the oldest."""
    zones = Counter(node.instance.zone for node in nodes)
    return sorted(
        nodes,
        key=lambda node: (
            sizes.get(node.instance_id, 0.0),
            node.sessions,
            -zones[node.instance.zone],
            node.instance.launched_at,
            node.instance_id,
        ),
    )


def _drain(node: Node, view: View) -> Drain:
    return Drain(
        token=token(view, "drain", node.instance_id),
        why="above_desired",
        instance_id=node.instance_id,
        ip=node.instance.ip,
        endpoints=view.policy.endpoints,
    )
