"""The made-up cluster as it lives: nodes boot and end, sessions come, are spread, are refused, and leave.

One `Cluster` moves one World through time in steps of a cycle. The ports over the world are those of `simulate.ports`;
whoever steers through them changes what viewers live through here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from heapq import heapify, heapreplace
from math import ceil
from random import Random

from autoscaler.cycle.traffic import figures
from autoscaler.model.snapshot import Heartbeat, InstanceState, ServerStatus
from autoscaler.policy.schema import Policy
from autoscaler.simulate.counts import SessionCounts
from autoscaler.simulate.crowd import Crowd, Visit
from autoscaler.simulate.spec import PUBLISHERS_A_VCPU, VIEWERS_A_VCPU, WorldSpec
from autoscaler.simulate.world import Place, SimulatedNode, World

_ROUNDING = 1e-9
_TOLD = timedelta(minutes=1)
"""How long refusals are kept: what `ams.node.refusals` counts."""

LIVING = frozenset({InstanceState.PENDING, InstanceState.RUNNING, InstanceState.STOPPING, InstanceState.SHUTTING_DOWN})
"""What is paid for as a node; of one that is stopped, only the disk."""

_ENDED = frozenset({InstanceState.STOPPED, InstanceState.TERMINATED})


@dataclass(slots=True)
class Life:
    """What the simulation knows of a node beyond its instance. `ready_at` is None for one that never joins."""

    ready_at: float | None
    viewers_full: float
    publishers_full: float
    viewers: Crowd = field(default_factory=Crowd)
    publishers: Crowd = field(default_factory=Crowd)
    crashed: bool = False

    def share(self, visit: Visit) -> float:
        """Return how much of the node's CPU one more would take, as a ratio."""
        return 1 / (self.publishers_full if visit.publisher else self.viewers_full)

    def load(self) -> float:
        """Return how much of the node's CPU its people take, as a ratio."""
        return self.viewers.present / self.viewers_full + self.publishers.present / self.publishers_full


@dataclass(slots=True)
class Incidents:
    """What went wrong for people in one step.

    `rejected` counts who was refused for the first time, `cut` whom our own termination cut off, and `waited_s` how
    long those cut off waited to get in again.
    """

    rejected: int = 0
    viewers_cut: int = 0
    publishers_cut: int = 0
    waited_s: float = 0.0


class Cluster:
    """One group's nodes and the people on them."""

    def __init__(self, world: World, policy: Policy, spec: WorldSpec, seed: int, step_s: float) -> None:
        """Move `world` in steps of `step_s` seconds; the seed draws boot times and failed joins."""
        self.world = world
        self.lives: dict[str, Life] = {}
        self._policy = policy
        self._spec = spec
        self._random = Random(seed)  # noqa: S311 - a simulation draws what it can draw again
        self._step_s = step_s
        self._elapsed_s = 0.0
        self._returning: list[Visit] = []
        self._backend = policy.endpoints[0].backend
        self._patience = int(spec.patience.total_seconds() // step_s)
        self._most = (spec.refuse_cpu - spec.idle_cpu) / 100
        self._counts = SessionCounts(world, step_s) if figures(policy) else None
        self._audience = Life(None, *self._full(next(iter(policy.launch.types), "")))

    def step(self, number: int, arrivals: Sequence[Visit]) -> Incidents:
        """Live through one step: nodes come, people leave, come back and arrive; then the sources tell of it."""
        incidents = Incidents()
        self._elapsed_s = number * self._step_s
        self._boot()
        for life in self.lives.values():
            life.viewers.leave(number)
            life.publishers.leave(number)
        returning, self._returning = self._returning, []
        self._expect(number, arrivals)
        visits = [visit for visit in (*returning, *arrivals) if visit.last_step >= number]
        self._spread(number, visits, incidents)
        self._tell()
        return incidents

    def reap(self) -> Incidents:
        """Notice who was ended since the step: whoever was on it is cut, and comes back in the next step."""
        incidents = Incidents()
        ended = {key: node for key, node in self.world.nodes.items() if node.instance.state in _ENDED}
        for key, node in ended.items():
            life = self.lives.pop(key, None)
            if life is not None:
                incidents.viewers_cut += life.viewers.present
                incidents.publishers_cut += life.publishers.present
                self._scatter(life, cut=True)
            if node.instance.state is InstanceState.TERMINATED:
                del self.world.nodes[key]
        self.world.writes.clear()
        return incidents

    def crash(self, count: int) -> None:
        """Let the busiest nodes in service die at once, as hardware does."""
        serving = sorted(self.serving_nodes(), key=lambda node: -self.lives[node.instance.instance_id].load())
        for node in serving[:count]:
            life = self.lives.pop(node.instance.instance_id)
            self._scatter(life, cut=False)
            self._vanish(node)

    def disconnect(self, share: float) -> None:
        """Cut off a share of the viewers of each node, as a broken network between them and us does; they come back."""
        for life in self.lives.values():
            for last, count in list(life.viewers.ends.items()):
                gone = round(count * share)
                life.viewers.ends[last] -= gone
                life.viewers.present -= gone
                self._returning += [Visit(publisher=False, last_step=last)] * gone

    def phases(self) -> Counter[str]:
        """Count the nodes that are paid for: `serving`, `draining`, and `coming`."""
        found: Counter[str] = Counter()
        up = {server.ip for server in self.world.servers.values() if server.status is ServerStatus.UP}
        leaving = {
            server.ip
            for (_, backend, _), server in self.world.servers.items()
            if backend == self._backend and server.status in {ServerStatus.DRAIN, ServerStatus.MAINT}
        }
        for node in self.world.nodes.values():
            if node.instance.state in LIVING:
                ip = node.instance.ip
                found["serving" if ip in up else "draining" if ip in leaving else "coming"] += 1
        return found

    @property
    def present(self) -> tuple[int, int]:
        """How many viewers and publishers are connected."""
        lives = self.lives.values()
        return sum(life.viewers.present for life in lives), sum(life.publishers.present for life in lives)

    @property
    def role(self) -> str:
        """Who is on the group's nodes."""
        return self._policy.role

    @property
    def subnets(self) -> Sequence[str]:
        """Where the group launches."""
        return self._policy.launch.subnets

    @property
    def price(self) -> float:
        """What an hour of all nodes costs, the stopped ones included."""
        instances = [node.instance for node in self.world.nodes.values()]
        sizes = [(self._spec.size(instance.instance_type), instance.state in LIVING) for instance in instances]
        return sum(size.price if lives else size.stopped_price for size, lives in sizes)

    @property
    def needed(self) -> int:
        """How many nodes of the policy's first type would just carry everybody who wants to be here, refused or not."""
        return ceil(self._audience.load() / self._most - _ROUNDING)

    @property
    def overloaded(self) -> bool:
        """Whether any node is beyond AMS's limit."""
        return any(self._cpu(life) > self._spec.refuse_cpu + _ROUNDING for life in self.lives.values())

    def _expect(self, number: int, arrivals: Iterable[Visit]) -> None:
        """Keep count of who would be here if nobody were ever refused."""
        self._audience.viewers.leave(number)
        self._audience.publishers.leave(number)
        for visit in arrivals:
            (self._audience.publishers if visit.publisher else self._audience.viewers).add(visit.last_step)

    def _boot(self) -> None:
        for key, node in self.world.nodes.items():
            if node.instance.state in _ENDED:
                continue
            life = self.lives.get(key)
            if life is None:
                life = self.lives[key] = self._born(node)
            due = life.ready_at is not None and life.ready_at <= self._elapsed_s
            if node.instance.state is InstanceState.PENDING:
                node.instance = replace(node.instance, state=InstanceState.RUNNING)
            if due and not node.answers:
                node.answers = True

    def _born(self, node: SimulatedNode) -> Life:
        fails = self._random.random() * 100 < self._spec.failed_joins
        took = (self._spec.wake if node.woken else self._spec.boot).seconds(
            min(max(self._random.random(), 0.001), 0.999)
        )
        return Life(None if fails else self._elapsed_s + took, *self._full(node.instance.instance_type))

    def _full(self, instance_type: str) -> tuple[float, float]:
        """Return how many viewers, or publishers, alone take all of a node's CPU."""
        size = self._spec.size(instance_type)
        return size.viewers or VIEWERS_A_VCPU * size.vcpus, size.publishers or PUBLISHERS_A_VCPU * size.vcpus

    def serving_nodes(self) -> list[SimulatedNode]:
        """List the nodes to which the balancer sends."""
        up = self._up()
        return [node for node in self.world.nodes.values() if node.answers and node.instance.ip in up]

    def _up(self) -> dict[str, Place]:
        """Return the servers that take new sessions, by their address."""
        return {
            server.ip: place
            for place, server in self.world.servers.items()
            if place[1] == self._backend and server.status is ServerStatus.UP
        }

    def _spread(self, number: int, visits: Sequence[Visit], incidents: Incidents) -> None:
        """Send each to the server with the fewest connections, which refuses whoever it cannot carry.

        Who is refused tries again in every step, for as long as people have patience. AMS goes on passing health
        checks while it refuses (Ant-Media-Server, StatsCollector.java), so its balancer goes on sending.
        """
        nodes, given = self.serving_nodes(), list[int]()
        lives = [self.lives[node.instance.instance_id] for node in nodes]
        self.world.refusals = [told for told in self.world.refusals if self.world.now - told[0] <= _TOLD]
        heap = [(life.viewers.present + life.publishers.present, place) for place, life in enumerate(lives)]
        heapify(heap)
        for visit in visits:
            incidents.waited_s += self._step_s if visit.cut and not visit.publisher else 0.0
            life = lives[heap[0][1]] if heap else None
            if heap:
                given.append(heap[0][1])
            if life is None or life.load() + life.share(visit) > self._most + _ROUNDING:
                if life is not None:
                    self.world.refusals.append((self.world.now, nodes[heap[0][1]].instance.ip))
                incidents.rejected += visit.until is None
                until = number + self._patience if visit.until is None else visit.until
                if number < until:
                    self._returning.append(Visit(visit.publisher, visit.last_step, visit.cut, until))
                continue
            (life.publishers if visit.publisher else life.viewers).add(visit.last_step)
            heapreplace(heap, (heap[0][0] + 1, heap[0][1]))
        if self._counts:
            up = self._up()
            self._counts.add(number, [up[nodes[place].instance.ip] for place in given])

    def _scatter(self, life: Life, *, cut: bool) -> None:
        self._returning += [Visit(publisher=True, last_step=last, cut=cut) for last in life.publishers.scatter()]
        self._returning += [Visit(publisher=False, last_step=last, cut=cut) for last in life.viewers.scatter()]

    def _vanish(self, node: SimulatedNode) -> None:
        """Take a node from EC2 and let the balancer's health check see it."""
        del self.world.nodes[node.instance.instance_id]
        for key, server in self.world.servers.items():
            if server.ip == node.instance.ip:
                self.world.servers[key] = replace(server, status=ServerStatus.DOWN, sessions=0)

    def _cpu(self, life: Life) -> float:
        return min(100.0, self._spec.idle_cpu + 100 * life.load())

    def _tell(self) -> None:
        """Write what MongoDB and HAProxy would say now."""
        world, spec = self.world, self._spec
        by_ip: dict[str, int] = {}
        for key, life in self.lives.items():
            node = world.nodes[key]
            node.publishers = life.publishers.present
            by_ip[node.instance.ip] = life.viewers.present + life.publishers.present
            if node.answers and key not in world.frozen:
                memory = min(100.0, spec.idle_memory + (100 - spec.idle_memory) * life.load())
                node.heartbeat = Heartbeat(world.now, round(self._cpu(life), 2), round(memory, 2), 2.0)
        for place, server in world.servers.items():
            sessions = by_ip.get(server.ip, 0) if place[1] == self._backend else 0
            if server.sessions != sessions:
                world.servers[place] = replace(server, sessions=sessions)
        world.viewers = {"webrtc": self.present[0]}
