"""The ports over a World. The contract suites hold them and the real adapters to the same behaviour."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from operator import attrgetter, is_

from autoscaler.model.errors import ActionError, ObservationError
from autoscaler.model.plan import (
    Admission,
    Deregister,
    Done,
    Drain,
    Endpoint,
    Failed,
    Forget,
    Launch,
    Result,
    Skipped,
)
from autoscaler.model.snapshot import (
    COUNTERS,
    MEANS,
    PARKING,
    Audience,
    Heartbeat,
    Instance,
    InstanceState,
    Line,
    Proxy,
    Server,
    ServerStatus,
    Streams,
    Traffic,
    total_of,
)
from autoscaler.simulate.world import Place, World

_COUNTED = (*COUNTERS, "requests", "rate")
"""What HAProxy tells from the first moment on."""

_PRESENT = ("sessions", "queued")
"""Figures that are no traffic, but of a server's present."""


@dataclass(frozen=True)
class SimulatedClock:
    """The world's time."""

    world: World

    def now(self) -> datetime:
        """Return the world's now."""
        return self.world.now


@dataclass
class SimulatedFleet:
    """EC2: both the reading and the writing port."""

    world: World
    _listed: dict[str, tuple[Instance, ...]] = field(default_factory=dict)

    def instances(self, group: str) -> tuple[Instance, ...]:
        """Return the group's instances that are ours."""
        self.world.alive("ec2")
        found = tuple([
            instance
            for node in self.world.nodes.values()
            if (instance := node.instance).state is not InstanceState.TERMINATED and node.group == group and node.ours
        ])  # fmt: skip
        listed = self._listed.get(group, ())
        if len(found) != len(listed) or not all(map(is_, found, listed)):
            listed = self._listed[group] = found
        return listed

    def vcpus(self, types: Sequence[str]) -> Mapping[str, int]:
        """Return each type's vCPUs."""
        self.world.alive("ec2")
        unknown = [name for name in types if name not in self.world.vcpus]
        if unknown:
            raise ObservationError("ec2", f"there is no instance type {unknown[0]}")
        return {name: self.world.vcpus[name] for name in types}

    def launch(self, action: Launch) -> tuple[str, ...]:
        """Launch; the instances start as pending."""
        self._write(f"launch {action.subnet} {action.count}")
        return self.world.launch(action)

    def wake(self, instance_id: str) -> None:
        """Start a stopped instance: it is pending again, launched now."""
        node = self.world.owned(instance_id)
        if node is None or node.instance.state is InstanceState.TERMINATED:
            raise ActionError("ec2_not_found", f"there is no instance {instance_id} any more", retryable=False)
        self._write(f"wake {instance_id}")
        self.world.wake(node)

    def stop(self, instance_id: str) -> None:
        """Stop an instance; one that is gone has stopped."""
        node = self.world.owned(instance_id)
        self._write(f"stop {instance_id}")
        if node is not None:
            self.world.stop(node)

    def terminate(self, instance_id: str) -> None:
        """End an instance at once, with everything on it."""
        node = self.world.owned(instance_id)
        self._write(f"terminate {instance_id}")
        if node is None:
            return
        node.instance = replace(node.instance, state=InstanceState.TERMINATED)
        node.publishers, node.answers = 0, False

    def _write(self, what: str) -> None:
        if "ec2" in self.world.dead:
            raise ActionError("ec2_unreachable", "does not answer")
        self.world.writes.append(what)


@dataclass(frozen=True)
class SimulatedNodeLoads:
    """MongoDB as AMS writes it."""

    world: World

    def heartbeats(self) -> Mapping[str, Heartbeat]:
        """Return each node's newest row."""
        self.world.alive("mongodb")
        return {node.instance.ip: beat for node in self.world.nodes.values() if (beat := node.heartbeat)}

    def streams(self, now: datetime) -> Streams:
        """Return live publishers by ip; the simulated ones are always fresh at `now`."""
        self.world.alive("mongodb")
        del now
        busy = [node for node in self.world.nodes.values() if node.publishers]
        publishers = {node.instance.ip: self.world.visible_publishers(node) for node in busy}
        live = Audience({ip: count for ip, count in publishers.items() if count}, dict(self.world.viewers))
        return total_of({"live": live, **self.world.applications})


@dataclass(frozen=True)
class SimulatedProbe:
    """Nodes asked directly."""

    world: World

    def answers(self, endpoints: Sequence[tuple[str, int]]) -> Mapping[str, bool]:
        """Return which ips answer."""
        up = {node.instance.ip for node in self.world.nodes.values() if node.answers}
        return {ip: ip in up for ip, _ in endpoints}


@dataclass(slots=True)
class SimulatedProxyStats:
    """One balancer's statistics."""

    world: World
    balancer: str = "lb1"
    _asked: Sequence[str] | None = None
    _places: list[Place] = field(default_factory=list)
    _of_backend: dict[str, list[int]] = field(default_factory=dict)
    _version: int = -1

    def read(self, backends: Sequence[str] | None, figures: Collection[str] = (), *, each_server: bool = True) -> Proxy:
        """Return the servers of these backends, or of all, and what the world's `traffic` says of them."""
        world = self.world
        world.alive(f"haproxy:{self.balancer}")
        servers = tuple([world.servers[place] for place in self._listed(backends)])
        traffic: tuple[Traffic, ...] = ()
        if figures:
            lines = [
                *(self._lines(servers, figures) if each_server else ()),
                *self._totals(servers, frozenset(figures)),
            ]
            traffic = (Traffic(f"4242 {world.haproxy_started_at.isoformat()}", world.now, tuple(lines)),)
        return Proxy(self.balancer, "2.6.12", 4242, world.haproxy_started_at, servers, traffic=traffic)

    def _listed(self, backends: Sequence[str] | None) -> Sequence[Place]:
        """Return where the servers of these backends stand; looked up anew when any has changed but in its sessions."""
        servers = self.world.servers
        if (servers.version, backends) != (self._version, self._asked):
            self._version, self._asked = servers.version, backends
            self._places = [
                place
                for place in servers
                if place[0] == self.balancer and (backends is None or place[1] in backends)
            ]  # fmt: skip
            self._of_backend = {place[1]: [] for place in self._places}
            for position, place in enumerate(self._places):
                self._of_backend[place[1]].append(position)
        return self._places

    def _lines(self, servers: Iterable[Server], figures: Collection[str]) -> Iterator[Line]:
        """Yield each server's line."""
        untouched, counts = _untouched(figures), _counts(figures)
        for server in servers:
            told = {name: getattr(server, name) for name in counts} | self._told(server.backend, server.name, figures)
            yield Line(server.backend, server.name, server.ip, server.port, untouched | told)

    def _totals(self, servers: Sequence[Server], figures: frozenset[str]) -> Iterator[Line]:
        """Yield each backend's line: what its servers have now, and what is told of it, or of them, but for means."""
        counting = {place[1] for place in self.world.traffic}
        for backend, positions in self._of_backend.items():
            total, told = _untouched(figures), self._told(backend, "", figures)
            there = [servers[position] for position in positions]
            for name in _counts(figures):
                total[name] = sum(map(attrgetter(name), there))
            for figure in figures - told.keys() - {*_PRESENT, *MEANS} if backend in counting else ():
                counted = [self._told(backend, server.name, (figure,)) for server in there]
                if any(counted):
                    total[figure] = sum(each.get(figure, 0) for each in counted)
            yield Line(backend, "", "", 0, total | told)

    def _told(self, backend: str, server: str, figures: Collection[str]) -> dict[str, int]:
        told = self.world.traffic.get((self.balancer, backend, server))
        return {figure: value for figure, value in told.items() if figure in figures} if told else {}


def _untouched(figures: Collection[str]) -> dict[str, int]:
    return {figure: 0 for figure in _COUNTED if figure in figures}


def _counts(figures: Collection[str]) -> list[str]:
    return [figure for figure in _PRESENT if figure in figures]


@dataclass(frozen=True)
class SimulatedProxyControl:
    """Membership on every balancer of the world. A node that answers passes its health check at once."""

    world: World

    def admit(self, admissions: Sequence[Admission]) -> list[Result]:
        """Point the slot at the node, check it, make it ready on all balancers or on none."""
        return [self._down() or self._admit(admission) for admission in admissions]

    def drain(self, drains: Sequence[Drain]) -> list[Result]:
        """No new sessions."""
        return [self._down() or self._set(d.ip, d.endpoints, ServerStatus.DRAIN) for d in drains]

    def park(self, parks: Sequence[Deregister]) -> list[Result]:
        """Maintenance."""
        return [self._down() or self._set(p.ip, p.endpoints, ServerStatus.MAINT) for p in parks]

    def free(self, servers: Sequence[Forget]) -> list[Result]:
        """Maintenance and the parking address."""
        return [self._down() or self._free(forget) for forget in servers]

    def _down(self) -> Failed | None:
        dead = [name for name in self.world.balancers if f"haproxy:{name}" in self.world.dead]
        return Failed("haproxy_unreachable", f"{dead[0]} does not answer", retryable=True) if dead else None

    def _slots(self, slot: str, endpoints: Sequence[Endpoint]) -> list[tuple[tuple[str, str, str], Endpoint]]:
        return [((name, endpoint.backend, slot), endpoint) for name in self.world.balancers for endpoint in endpoints]

    def _admit(self, admission: Admission) -> Result:
        places = self._slots(admission.slot, admission.endpoints)
        missing = [key for key, _ in places if key not in self.world.servers]
        if missing:
            return Failed("no_such_server", "/".join(missing[0]), retryable=False)
        for key, endpoint in places:
            server = self.world.servers[key]
            moving = (server.ip, server.port) != (admission.ip, endpoint.port)
            if moving and (server.sessions or server.status is not ServerStatus.MAINT):
                return Failed("slot_occupied", f"{admission.slot} still serves {server.ip}", retryable=True)
        healthy = any(n.answers and n.instance.ip == admission.ip for n in self.world.nodes.values())
        status = ServerStatus.UP if healthy else ServerStatus.CHECKING
        for key, endpoint in places:
            server = self.world.servers[key]
            self.world.servers[key] = replace(server, ip=admission.ip, port=endpoint.port, status=status)
        self.world.writes.append(f"admit {admission.ip}")
        return Done() if healthy else Skipped("waiting_for_health_check")

    def _set(self, ip: str, endpoints: Sequence[Endpoint], status: ServerStatus) -> Result:
        wanted = {(endpoint.backend, endpoint.port) for endpoint in endpoints}
        for key, server in self.world.servers.items():
            if server.ip != ip or (server.backend, server.port) not in wanted:
                continue
            if server.status is not ServerStatus.MAINT:  # a parked server never steps back to draining
                self.world.servers[key] = replace(server, status=status)
        self.world.writes.append(f"{status.lower()} {ip}")
        return Done()

    def _free(self, forget: Forget) -> Result:
        left = False
        for key, _ in self._slots(forget.slot, forget.endpoints):
            server = self.world.servers.get(key)
            if server is None or server.ip != forget.ip:
                continue
            ip, port = (server.ip, server.port) if server.sessions else PARKING
            self.world.servers[key] = replace(server, ip=ip, port=port, status=ServerStatus.MAINT)
            left = left or server.sessions > 0
        self.world.writes.append(f"free {forget.slot}")
        return Skipped("sessions_left") if left else Done()
