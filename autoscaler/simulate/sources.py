"""What MongoDB and HAProxy say of a made-up cluster, written anew after every step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from autoscaler.model.snapshot import Heartbeat
from autoscaler.simulate.balancer import Balancer
from autoscaler.simulate.life import Life
from autoscaler.simulate.world import World


@dataclass(slots=True)
class Sources:
    """Writes into a world what is true of its people."""

    world: World
    balancer: Balancer

    def tell(self, lives: Mapping[str, Life]) -> None:
        """Write each node's heartbeat and publishers, each server's sessions, and the viewers of the cluster."""
        world, by_ip, viewers = self.world, dict[str, int](), 0
        for key, life in lives.items():
            node = world.nodes[key]
            watching, publishing = life.viewers, life.publishers
            node.publishers = publishing
            viewers += watching
            by_ip[node.instance.ip] = watching + publishing
            if node.answers and key not in world.frozen:
                node.heartbeat = Heartbeat(world.now, *life.beside[watching], 2.0)
        for place, ip in self.balancer.members.placed.items():
            sessions = by_ip.get(ip, 0)
            if world.servers[place].sessions != sessions:
                world.servers.count(place, sessions)
        world.viewers = {"webrtc": viewers}
