"""What MongoDB and HAProxy say of a made-up cluster, written anew after every step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import add

from autoscaler.simulate.balancer import Balancer
from autoscaler.simulate.life import Life
from autoscaler.simulate.world import SimulatedNode, World


@dataclass(slots=True)
class Sources:
    """Writes into a world what is true of its people."""

    world: World
    balancer: Balancer
    _lives: list[Life] = field(default_factory=list)
    _nodes: list[SimulatedNode] = field(default_factory=list)
    _ips: list[str] = field(default_factory=list)
    _publishers: list[int] = field(default_factory=list)

    def tell(self, lives: Mapping[str, Life]) -> None:
        """Write each node's heartbeat and publishers, each server's sessions, and the viewers of the cluster."""
        world, alive = self.world, list(lives.values())
        if alive != self._lives:
            self._lives, self._nodes = alive, [world.nodes[key] for key in lives]
            self._ips, self._publishers = [node.instance.ip for node in self._nodes], []
        viewers, publishers = [life.viewers for life in alive], [life.publishers for life in alive]
        if publishers != self._publishers:
            self._publishers = publishers
            for node, publishing in zip(self._nodes, publishers, strict=True):
                node.publishers = publishing
        now, silent = world.now, [world.nodes[key] for key in world.frozen if key in world.nodes]
        written = [node.row for node in silent]
        for node, life, watching in zip(self._nodes, alive, viewers, strict=True):
            if node.answers:
                node.row = now, life.beside[watching]
        for node, row in zip(silent, written, strict=True):
            node.row = row
        world.servers.count(
            self.balancer.members.placed, dict(zip(self._ips, map(add, viewers, publishers), strict=True))
        )
        world.viewers = {"webrtc": sum(viewers)}
