"""How a made-up cluster stands when its trace begins: it was there for long."""

from __future__ import annotations

from datetime import timedelta

from autoscaler.policy.schema import Policy
from autoscaler.simulate.spec import WorldSpec
from autoscaler.simulate.world import SimulatedNode, World


def begin(policy: Policy, spec: WorldSpec, world: World, nodes: int) -> None:
    """Put the group's slots, its first nodes, in service since long ago, and its warm pool into an empty world.

    There are fewer nodes where EC2 has fewer.
    """
    most = max(policy.bounds.max, *(rule.schedule.max or 0 for rule in policy.scale if rule.schedule), 0)
    room = most + max(1, most // 10)
    for endpoint in policy.endpoints:
        world.add_slots(endpoint.backend, room, policy.slots)
    world.template_type = next(iter(spec.types), world.template_type)
    world.stock = {name: kind.stock for name, kind in spec.types.items() if kind.stock is not None}
    launched, world.now = world.now, world.now - timedelta(days=1)
    for number in range(1, nodes + 1):
        kind = _at_hand(policy, world)
        if kind is None:
            break
        node = _node(number, policy, world, kind)
        node.answers = True
        for endpoint in policy.endpoints:
            world.serve(node, endpoint.backend, f"{policy.slots}{number}", port=endpoint.port)
    world.now = launched
    for number in range(min(policy.launch.warm_pool.stopped, policy.bounds.max - nodes)):
        kind = _at_hand(policy, world) or _types(policy, world)[0]
        world.stop(_node(nodes + number + 1, policy, world, kind))


def _types(policy: Policy, world: World) -> tuple[str, ...]:
    return policy.launch.types or (world.template_type,)


def _at_hand(policy: Policy, world: World) -> str | None:
    """Return the policy's first type of which EC2 has any left."""
    return next((name for name in _types(policy, world) if world.left(name) > 0), None)


def _node(number: int, policy: Policy, world: World, kind: str) -> SimulatedNode:
    subnet = policy.launch.subnets[(number - 1) % len(policy.launch.subnets)]
    return world.add_node(policy.group, subnet=subnet, instance_type=kind)
