"""The made-up cluster as it lives: nodes boot and end, sessions come, are spread, are refused, and leave.

One `Cluster` moves one World through time in steps of a cycle. The ports over the world are those of `simulate.ports`;
whoever steers through them changes what viewers live through here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random

from autoscaler.cycle.traffic import figures
from autoscaler.model.snapshot import InstanceState, ServerStatus
from autoscaler.policy.schema import Policy
from autoscaler.simulate.balancer import Balancer
from autoscaler.simulate.chance import Chance
from autoscaler.simulate.counts import SessionCounts
from autoscaler.simulate.crowd import Coming, Share, Visit
from autoscaler.simulate.life import Life
from autoscaler.simulate.sources import Sources
from autoscaler.simulate.spec import WorldSpec
from autoscaler.simulate.standing import Register, Sizes, Standing
from autoscaler.simulate.stays import Audience, Stays
from autoscaler.simulate.world import SimulatedNode, World

_TOLD = timedelta(minutes=1)
"""How long refusals are kept: what `ams.node.refusals` counts."""


@dataclass(slots=True)
class Incidents:
    """What went wrong for people in one step.

    `rejected` counts who was refused for the first time, `cut` whom our own termination cut off, and `waited_s` how
    long those cut off waited to get in again. `lost` counts who lost a node or connection by no doing of ours.
    """

    rejected: int = 0
    viewers_cut: int = 0
    publishers_cut: int = 0
    waited_s: float = 0.0
    lost: int = 0


class Cluster:
    """One group's nodes and the people on them."""

    def __init__(self, world: World, policy: Policy, spec: WorldSpec, seed: int, step_s: float) -> None:
        """Move `world` in steps of `step_s` seconds; the seed draws boot times and what fails."""
        self.world = world
        self.lives: dict[str, Life] = {}
        self.stays = Stays()
        self.returning: list[Visit] = []  # who was cut or refused, and tries again in the next step
        self._policy = policy
        self._spec = spec
        self._chance = Chance(spec, seed, world)
        self._step_s = step_s
        self._begun = world.now
        self._elapsed_s = 0.0
        self._lost = 0
        self._patience = int(spec.patience.total_seconds() // step_s)
        self._sizes = Sizes(spec, next(iter(policy.launch.types), world.template_type), policy.role)
        self._register = Register(self._sizes)
        self._fetching = any(kind.streams or kind.memory.streams for kind in spec.types.values())
        self._balancer = Balancer(
            world, policy.endpoints[0].backend, policy.load_balancer[0].cookie, spec.returning / 100,
            SessionCounts(world, policy.endpoints[0].backend, step_s) if figures(policy) else None,
            Random(f"{seed} returning"),  # noqa: S311 - a simulation draws what it can draw again
            self.stays,
        )  # fmt: skip
        self._sources = Sources(world, self._balancer)
        self._audience = Audience(self._sizes.usual)
        self._boot()  # a trace's first event meets those who are here already

    def step(self, number: int, arrivals: Coming) -> Incidents:
        """Live through one step: nodes come, people leave, come back and arrive; then the sources tell of it."""
        incidents = Incidents()
        self._elapsed_s = number * self._step_s
        self._boot()
        for key in self._chance.due(self._elapsed_s):
            self._take(key)
        self.stays.leave(number)
        self._audience.step(number, arrivals)
        self._spread(number, arrivals, incidents)
        self._sources.tell(self.lives)
        incidents.lost, self._lost = self._lost, 0
        return incidents

    def reap(self) -> Incidents:
        """Notice who was ended since the step: whoever was on it is cut, and comes back in the next step."""
        incidents = Incidents()
        for key, node in [(key, node) for key, node in self.world.nodes.items() if not node.answers and _ended(node)]:
            life = self.lives.pop(key, None)
            if life is not None:
                incidents.viewers_cut += life.viewers
                incidents.publishers_cut += life.publishers
                self._scatter(life, node, cut=True)
            if node.instance.state is InstanceState.TERMINATED:
                del self.world.nodes[key]
                self.world.frozen.pop(key, None)
        self.world.writes.clear()
        return incidents

    def crash(self, count: int) -> None:
        """Let the busiest nodes in service die at once, as hardware does."""
        for node in self._busiest(self.serving_nodes())[:count]:
            self._take(node.instance.instance_id)

    def interrupt(self, count: int) -> None:
        """Let EC2 announce that it takes back the busiest spot instances in service; others it never takes."""
        spot = [node for node in self.serving_nodes() if node.instance.spot]
        for node in self._busiest(spot)[:count]:
            self._chance.interrupt(node.instance.instance_id, (self.world.now - self._begun).total_seconds())

    def disconnect(self, share: float) -> None:
        """Cut off a share of all viewers, on each node alike, as a broken network between them and us does.

        They come back.
        """
        cookies = {life: self.world.nodes[key].instance.ip for key, life in self.lives.items()}
        gone = self.stays.scatter(list(self.lives.values()), publisher=False, share=Share(share))
        for life, last_step, stream in gone:
            self.returning.append(Visit(publisher=False, last_step=last_step, stream=stream, cookie=cookies[life]))
        self._lost += len(gone)

    @property
    def standing(self) -> Standing:
        """The nodes that there are."""
        instances = [node.instance for node in self.world.nodes.values()]
        return self._register.look(instances, self._balancer.members)

    @property
    def present(self) -> tuple[int, int]:
        """How many viewers and publishers are connected."""
        lives = self.lives.values()
        return sum([life.viewers for life in lives]), sum([life.publishers for life in lives])

    @property
    def waiting(self) -> int:
        """How many who were cut or refused try again in the next step."""
        return len(self.returning)

    @property
    def role(self) -> str:
        """Who is on the group's nodes."""
        return self._policy.role

    @property
    def subnets(self) -> Sequence[str]:
        """Where the group launches."""
        return self._policy.launch.subnets

    @property
    def needed(self) -> int:
        """How many nodes of the policy's first type would just carry everybody who wants to be here, refused or not."""
        return self._audience.needed

    @property
    def overloaded(self) -> bool:
        """Whether any node is beyond AMS's limit, by a stream that it has to fetch now: nobody is let in there."""
        return self._fetching and any(life.full for life in self.lives.values())

    def serving_nodes(self) -> list[SimulatedNode]:
        """List the nodes to which the balancer sends."""
        doors = {door.ip for door in self._balancer.doors(self.lives)}
        return [node for node in self.world.nodes.values() if node.instance.ip in doors]

    def _busiest(self, nodes: Iterable[SimulatedNode]) -> list[SimulatedNode]:
        return sorted(nodes, key=lambda node: -self.lives[node.instance.instance_id].load())

    def _boot(self) -> None:
        """Let nodes start, and join when they have booted: one that answers has done both."""
        nodes, lives = self.world.nodes, self.lives
        for key, node in [(key, node) for key, node in nodes.items() if not node.answers or key not in lives]:
            if _ended(node):
                continue
            life = lives.get(key)
            if life is None:
                life = lives[key] = self._born(node)
            if node.instance.state is InstanceState.PENDING:
                node.instance = replace(node.instance, state=InstanceState.RUNNING)
            if not node.answers and life.ready_at is not None and life.ready_at <= self._elapsed_s:
                node.answers = True

    def _born(self, node: SimulatedNode) -> Life:
        took = self._chance.boot(node)
        self._chance.born(node.instance, self._elapsed_s)
        ready_at = None if took is None else self._elapsed_s + took
        return Life(self._sizes.of(node.instance.instance_type), ready_at)

    def _spread(self, number: int, arrivals: Coming, incidents: Incidents) -> None:
        """Let in who is back and who is new. Who is refused tries again every step, as long as people have patience.

        Whose time is over while they wait come no more.
        """
        world = self.world
        incidents.waited_s += self._step_s * sum(visit.cut and not visit.publisher for visit in self.returning)
        returning = [visit for visit in self.returning if visit.last_step > number]
        self.returning = []
        if world.refusals:
            world.refusals = [told for told in world.refusals if world.now - told[0] <= _TOLD]
        for visit, ip in self._balancer.spread(number, returning, arrivals, self.lives):
            if ip:
                world.refusals.append((world.now, ip))
            incidents.rejected += visit.until is None
            until = number + self._patience if visit.until is None else visit.until
            if number < until:
                cookie = ip or visit.cookie
                again = Visit(visit.publisher, visit.last_step, visit.stream, visit.cut, until, cookie)
                self.returning.append(again)

    def _scatter(self, life: Life, node: SimulatedNode, *, cut: bool) -> None:
        """Cut off everybody on a node."""
        for publisher in (True, False) if life.people else ():
            gone = self.stays.scatter([life], publisher=publisher)
            cookie = node.instance.ip
            self.returning += [Visit(publisher, last, stream, cut, None, cookie) for _, last, stream in gone]

    def _take(self, key: str) -> None:
        """Take a node from EC2, if it is there, with all on it; the balancer's health check sees it."""
        node = self.world.nodes.get(key)
        if node is None or _ended(node):
            return
        life = self.lives.pop(key, None)
        if life:
            self._lost += life.people
            self._scatter(life, node, cut=False)
        del self.world.nodes[key]
        self.world.frozen.pop(key, None)
        for place, server in self.world.servers.items():
            if server.ip == node.instance.ip:
                self.world.servers[place] = replace(server, status=ServerStatus.DOWN, sessions=0)


def _ended(node: SimulatedNode) -> bool:
    state = node.instance.state
    return state is InstanceState.STOPPED or state is InstanceState.TERMINATED
