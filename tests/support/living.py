"""A World in which a Cluster lives, for the contract suites: what it writes there, the ports must tell as ever."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from autoscaler.model.plan import Endpoint
from autoscaler.simulate.cluster import Cluster
from autoscaler.simulate.crowd import Coming, Visit
from autoscaler.simulate.spec import BootSpec, TypeSpec, WorldSpec
from autoscaler.simulate.world import SimulatedNode, World
from tests.support.fleet import BACKEND, PORT, policy

BROKEN, FULL = "broken", "full"
"""Types whose nodes never join, and refuse everybody."""

SPEC = WorldSpec(
    types={BROKEN: TypeSpec(vcpus=4, failed_joins=100.0), FULL: TypeSpec(vcpus=4, viewers=0.5)},
    boot=BootSpec(median=timedelta(seconds=1), p95=timedelta(seconds=1)),
    patience=timedelta(0),
)


class Living:
    """A group and its people, living in steps of a second."""

    def __init__(self, world: World, endpoints: Sequence[Endpoint] = (Endpoint(BACKEND, PORT),)) -> None:
        membership: list[dict[str, Any]] = [{"backend": each.backend, "port": each.port} for each in endpoints]
        membership[0]["cookie"] = True
        self.world = world
        self.cluster = Cluster(world, policy(load_balancer=membership), SPEC, seed=1, step_s=1.0)
        self._steps = 0

    def live(self, *visits: Visit) -> None:
        """Let a second pass, in which these come."""
        self._steps += 1
        self.cluster.returning += visits  # who may hold a cookie
        self.cluster.step(self._steps, Coming())
        self.cluster.reap()
        self.world.advance(timedelta(seconds=1))

    def node(self, instance_type: str = "c5.xlarge", ip: str = "") -> SimulatedNode:
        """Launch a node and let it boot."""
        node = self.world.add_node(instance_type=instance_type)
        node.instance = replace(node.instance, ip=ip or node.instance.ip)
        for _ in range(3):
            self.live()
        return node

    def revive(self, ip: str) -> None:
        """Let a broken node join after all."""
        key = next(key for key, node in self.world.nodes.items() if node.instance.ip == ip)
        self.cluster.lives[key].ready_at = 0.0
        self.live()

    def come(self, lasts: int, cookie: str = "") -> str:
        """Let somebody come for so many steps; return where."""
        before = {key: life.people for key, life in self.cluster.lives.items()}
        self.live(Visit(publisher=False, last_step=self._steps + 1 + lasts, cookie=cookie))
        found = [key for key, life in self.cluster.lives.items() if life.people > before[key]]
        return self.world.nodes[found[0]].instance.ip if found else ""
