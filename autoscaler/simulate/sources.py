"""What MongoDB and HAProxy say of a made-up cluster, written anew after every step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from autoscaler.model.snapshot import Heartbeat
from autoscaler.simulate.balancer import Balancer
from autoscaler.simulate.life import Life
from autoscaler.simulate.spec import WorldSpec
from autoscaler.simulate.world import World

_MOST_KNOWN = 10_000


@dataclass(slots=True)
class Sources:
    """Writes into a world what is true of its people."""

    world: World
    spec: WorldSpec
    balancer: Balancer
    _known: dict[tuple[int, int], tuple[float, float]] = field(default_factory=dict)

    def tell(self, lives: Mapping[str, Life]) -> None:
        """Write each node's heartbeat and publishers, each server's sessions, and the viewers of the cluster."""
        world, by_ip, viewers = self.world, dict[str, int](), 0
        for key, life in lives.items():
            node = world.nodes[key]
            watching, publishing = life.viewers.present, life.publishers.present
            node.publishers = publishing
            viewers += watching
            by_ip[node.instance.ip] = watching + publishing
            if node.answers and key not in world.frozen:
                node.heartbeat = Heartbeat(world.now, *self._percents(life), 2.0)
        for place, ip in self.balancer.members.placed.items():
            sessions = by_ip.get(ip, 0)
            if world.servers[place].sessions != sessions:
                world.servers.count(place, sessions)
        world.viewers = {"webrtc": viewers}

    def _percents(self, life: Life) -> tuple[float, float]:
        """Return a node's CPU and memory in percent, rounded; what was worked out once is known, up to a bound."""
        load = life.cpu, life.memory
        found = self._known.get(load)
        if found is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            cpu = min(100.0, self.spec.idle_cpu + 100 * life.load())
            memory = min(100.0, self.spec.idle_memory + (100 - self.spec.idle_memory) * life.filled())
            found = self._known[load] = round(cpu, 2), round(memory, 2)
        return found
