"""Balancers for the contract suites: a real HAProxy and the simulated one behind the same few verbs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Protocol

from autoscaler.adapters.haproxy_control import HaproxyControl
from autoscaler.adapters.haproxy_stats import HttpStats, SocketStats
from autoscaler.model.plan import Deregister, Done, Drain, Endpoint, Forget, Register
from autoscaler.model.snapshot import Server, ServerStatus
from autoscaler.ports import ProxyControl, ProxyStats
from autoscaler.simulate.ports import SimulatedProxyControl, SimulatedProxyStats
from autoscaler.simulate.world import World
from tests.support.haproxy import SLOTS, Session, Setup, get, until
from tests.support.living import BROKEN, Living

BALANCER = "lb1"
BACKENDS = ("backend_rtmp", "backend_http", "backend_http_sticky")


class Rig(Protocol):
    """One balancer with three backends of SLOTS slots `slot1...`, and nodes to put behind it."""

    control: ProxyControl
    stats: ProxyStats
    endpoints: tuple[Endpoint, ...]

    def node(self) -> str:
        """Make a node that answers, and return its ip."""
        ...

    def silent(self) -> str:
        """Make a node that does not answer, and return its ip."""
        ...

    def revive(self, ip: str) -> None:
        """Let a silent node answer."""
        ...

    def hold(self) -> str:
        """Open a session that lasts, and return the ip of the node it is on."""
        ...

    def hang_up(self) -> None:
        """End all sessions."""
        ...

    def fetch(self) -> str:
        """Ask for a page over HTTP, and return the ip of the node that answered."""
        ...

    def die(self) -> None:
        """Let the balancer die."""
        ...

    def close(self) -> None: ...


class RealRig:
    """HAProxy with the set-up that terminates HTTP."""

    def __init__(self, *, over_http: bool = False) -> None:
        self.setup = Setup("http", stats_extra="stats show-legends")
        socket = self.setup.haproxy.socket()
        self.control: ProxyControl = HaproxyControl({BALANCER: socket}, timedelta(seconds=2))
        page = f"http://127.0.0.1:{self.setup.stats}/haproxy_stats"
        self.stats: ProxyStats = (
            HttpStats(BALANCER, page, "Username", "Password") if over_http else SocketStats(BALANCER, socket)
        )
        self.endpoints = self.setup.endpoints
        self._ips = 0
        self._sessions: list[Session] = []

    def silent(self) -> str:
        self._ips += 1
        return f"127.20.1.{self._ips}"

    def node(self) -> str:
        ip = self.silent()
        self.revive(ip)
        return ip

    def revive(self, ip: str) -> None:
        self.setup.node(ip)

    def hold(self) -> str:
        self._sessions.append(self.setup.session())
        return self._sessions[-1].node

    def hang_up(self) -> None:
        for session in self._sessions:
            session.close()
        self._sessions.clear()
        until(lambda: not any(server.sessions for server in self.stats.read(BACKENDS).servers), "sessions stay")

    def fetch(self) -> str:
        return get(self.setup.http)[2]

    def die(self) -> None:
        self.setup.haproxy.kill()

    def close(self) -> None:
        self.setup.close()


class SimulatedRig:
    """A World with the same backends."""

    def __init__(self) -> None:
        self.world = World()
        for backend in BACKENDS:
            self.world.add_slots(backend, SLOTS)
        self.control: ProxyControl = SimulatedProxyControl(self.world)
        self.stats: ProxyStats = SimulatedProxyStats(self.world, BALANCER)
        self.endpoints = (Endpoint(BACKENDS[0], 1935), *(Endpoint(backend, 5080) for backend in BACKENDS[1:]))

    def silent(self) -> str:
        return self.world.add_node().instance.ip

    def node(self) -> str:
        ip = self.silent()
        self.revive(ip)
        return ip

    def revive(self, ip: str) -> None:
        self.world.join(next(node for node in self.world.nodes.values() if node.instance.ip == ip))

    def hold(self) -> str:
        key, server = next(
            (key, server) for key, server in self.world.servers.items()
            if server.backend == BACKENDS[0] and server.status is ServerStatus.UP
        )  # fmt: skip
        self.world.servers[key] = replace(server, sessions=server.sessions + 1)
        return server.ip

    def hang_up(self) -> None:
        for key, server in self.world.servers.items():
            self.world.servers[key] = replace(server, sessions=0)

    def fetch(self) -> str:
        server = next(
            server for server in self.world.servers.values()
            if server.backend == BACKENDS[-1] and server.status is ServerStatus.UP
        )  # fmt: skip
        counts = self.world.traffic.setdefault((BALANCER, server.backend, server.name), {})
        for figure, more in {"requests": 1, "rate": 1, "bytes_in": 40, "bytes_out": 90}.items():
            counts[figure] = counts.get(figure, 0) + more
        counts["response_ms"] = counts["queue_ms"] = 0
        return server.ip

    def die(self) -> None:
        self.world.dead.add(f"haproxy:{BALANCER}")

    def close(self) -> None: ...


class LivingRig(SimulatedRig):
    """The same, in which a Cluster lives: nodes boot, and people come to the first backend."""

    def __init__(self) -> None:
        super().__init__()
        self._living = Living(self.world, self.endpoints)

    def silent(self) -> str:
        return self._living.node(BROKEN).instance.ip

    def node(self) -> str:
        return self._living.node().instance.ip

    def revive(self, ip: str) -> None:
        self._living.revive(ip)

    def hold(self) -> str:
        return self._living.come(lasts=1000)

    def hang_up(self) -> None:
        for _ in range(1001):
            self._living.live()


def register(rig: Rig, ip: str, slot: str) -> Register:
    return Register(token="t", why="joined", instance_id=f"i-{ip}", ip=ip, slot=slot, endpoints=rig.endpoints)


def drain(rig: Rig, ip: str) -> Drain:
    return Drain(token="t", why="scale_in", instance_id=f"i-{ip}", ip=ip, endpoints=rig.endpoints)


def park(rig: Rig, ip: str) -> Deregister:
    return Deregister(token="t", why="drained", instance_id=f"i-{ip}", ip=ip, endpoints=rig.endpoints)


def forget(rig: Rig, ip: str, slot: str) -> Forget:
    return Forget(token="t", why="gone", ip=ip, slot=slot, endpoints=rig.endpoints)


def serve(rig: Rig, slot: str = "slot1") -> str:
    """Put a new node into service and return its ip."""
    ip = rig.node()
    assert rig.control.admit([register(rig, ip, slot)]) == [Done()]
    return ip


def servers(rig: Rig, slot: str) -> list[Server]:
    """Read one slot in all backends."""
    return [server for server in rig.stats.read(BACKENDS).servers if server.name == slot]


def statuses(rig: Rig, slot: str) -> set[ServerStatus]:
    return {server.status for server in servers(rig, slot)}


def sessions(rig: Rig, slot: str) -> int:
    return sum(server.sessions for server in servers(rig, slot))
