"""Everything a cycle reads, joined on ip into one snapshot. What cannot be read becomes a Gap, never a zero."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from autoscaler.cycle.media import add_media
from autoscaler.cycle.samples import sample
from autoscaler.cycle.traffic import add_traffic, figures, of_servers
from autoscaler.decide.past import looked_at
from autoscaler.decide.windows import smooth
from autoscaler.model.booking import Booking
from autoscaler.model.errors import ObservationError
from autoscaler.model.memory import Memory
from autoscaler.model.snapshot import (
    GROUP,
    HEARTBEAT_MAX_AGE,
    FleetSnapshot,
    Gap,
    Heartbeat,
    Instance,
    InstanceState,
    Node,
    Proxy,
    Sample,
    Server,
    ServerStatus,
    Streams,
)
from autoscaler.policy.schema import Policy
from autoscaler.ports import ProxyStats, Senses

T = TypeVar("T")


def observe(senses: Senses, policy: Policy, memory: Memory) -> FleetSnapshot:
    """Read every source once. A source that fails costs its own part of the snapshot and nothing else."""
    now = senses.clock.now()
    backends = [endpoint.backend for endpoint in policy.endpoints]
    instances = _read("ec2", lambda: senses.fleet.instances(policy.group), now)
    heartbeats = _read("mongodb", senses.loads.heartbeats, now)
    streams = _read("mongodb", lambda: senses.loads.streams(now), now)
    bookings = _bookings(senses, policy, now)
    readings = [_read_proxy(stats, backends, policy, now) for stats in senses.proxies]
    proxies = tuple(reading for reading in readings if not isinstance(reading, Gap))
    deaf = [reading for reading in readings if isinstance(reading, Gap)]
    sources = _Sources(now, heartbeats, streams, _by_ip(proxies), _hiding(proxies), deaf[0] if deaf else None)
    nodes = () if isinstance(instances, Gap) else tuple(_nodes(instances, sources))
    nodes = _ask_directly(senses, policy, memory, nodes)
    vcpus = _vcpus(senses, policy, nodes, now)
    history = _history(senses, policy, now)
    found = (instances, heartbeats, streams, bookings, vcpus, history)
    gaps = [source for source in found if isinstance(source, Gap)]
    shot = FleetSnapshot(
        group=policy.group,
        taken_at=now,
        nodes=nodes,
        samples=sample(nodes, streams, now, _applications(policy)),
        streams=streams,
        proxies=proxies,
        bookings=() if isinstance(bookings, Gap) else bookings,
        gaps=tuple(dict.fromkeys((*gaps, *deaf))),
        vcpus={} if isinstance(vcpus, Gap) else vcpus,
        history={} if isinstance(history, Gap) else history,
    )
    shot = add_media(senses, policy, memory, add_traffic(policy, memory, shot))
    return smooth(policy, memory, shot)


def _applications(policy: Policy) -> frozenset[str]:
    return frozenset(signal.application.lower() for signal in policy.signals.values() if signal.application)


def _read(source: str, ask: Callable[[], T], now: datetime) -> T | Gap:
    try:
        return ask()
    except ObservationError as error:
        return Gap(source, GROUP, now, error.detail)


def _vcpus(senses: Senses, policy: Policy, nodes: Iterable[Node], now: datetime) -> Mapping[str, int] | Gap:
    """Ask how large the types are, if there are several and the policy does not weigh them all."""
    types = {node.instance.instance_type for node in nodes} | set(policy.launch.types)
    if len(types) == 1 or not policy.launch.types or types <= policy.launch.weights.keys():
        return {}
    sizes = _read("ec2", lambda: senses.fleet.vcpus(sorted(types)), now)
    return replace(sizes, subject="instance types") if isinstance(sizes, Gap) else sizes


def _bookings(senses: Senses, policy: Policy, now: datetime) -> tuple[Booking, ...] | Gap:
    """Read what is reserved by command. Unread it is a gap, so nothing shrinks below what may be reserved."""
    found = _read("mongodb", lambda: senses.bookings.read(policy.group, now), now)
    return replace(found, subject="reservations") if isinstance(found, Gap) else found


def _read_proxy(stats: ProxyStats, backends: Sequence[str], policy: Policy, now: datetime) -> Proxy | Gap:
    """Read one balancer. Without addresses nobody could say which server is whose."""
    source = f"haproxy:{stats.balancer}"
    reading = _read(source, lambda: stats.read(backends, figures(policy), each_server=of_servers(policy)), now)
    if isinstance(reading, Gap) or "" not in {server.ip for server in reading.servers}:
        return reading
    return Gap(source, GROUP, now, "tells no addresses; a socket needs level operator, the page `stats show-legends`")


def _history(senses: Senses, policy: Policy, now: datetime) -> Mapping[str, tuple[Sample, ...]] | Gap:
    """Read what the policy's forecasts look at. Unread it is a gap: without the floor the group must not shrink."""
    buckets = looked_at(policy, now)
    return _read("history", lambda: senses.history.read(policy.group, buckets), now) if buckets else {}


@dataclass(frozen=True, slots=True)
class _Sources:
    """What there is to join an instance with.

    `hiding` are the processes that may hide sessions of nodes older than they are; `deaf` is the first balancer that
    could not be read.
    """

    now: datetime
    heartbeats: Mapping[str, Heartbeat] | Gap
    streams: Streams | Gap
    servers: Mapping[str, list[Server]]
    hiding: tuple[Proxy, ...]
    deaf: Gap | None


def _by_ip(proxies: Iterable[Proxy]) -> Mapping[str, list[Server]]:
    servers: defaultdict[str, list[Server]] = defaultdict(list)
    for proxy in proxies:
        for server in proxy.servers:
            servers[server.ip].append(server)
    return servers


def _hiding(proxies: Iterable[Proxy]) -> tuple[Proxy, ...]:
    """Return the processes of which a reload would leave sessions out of sight, in an older worker."""
    return tuple(proxy for proxy in proxies if not proxy.sees_old_workers)


def _nodes(instances: Iterable[Instance], sources: _Sources) -> Iterator[Node]:
    """Join each instance with the row, the servers and the streams of its ip.

    A row counts if it was written after the launch: an address may be inherited from a dead node. No stream found
    proves nothing while a node does not write to MongoDB at all: heartbeats and streams are written by the same process
    and freeze together (Ant-Media-Server #7045, #7226).
    """
    heartbeats, streams, deaf = sources.heartbeats, sources.streams, sources.deaf
    publishers: Mapping[str, int] = {} if isinstance(streams, Gap) else streams.publishers
    stale = sources.now - HEARTBEAT_MAX_AGE
    for instance in instances:
        ip = instance.ip
        heartbeat = heartbeats if isinstance(heartbeats, Gap) else heartbeats.get(ip)
        if isinstance(heartbeat, Heartbeat) and heartbeat.at < instance.launched_at:
            heartbeat = None
        servers = deaf or tuple(sources.servers.get(ip, ()))
        count: int | Gap = streams if isinstance(streams, Gap) else publishers.get(ip, 0)
        if not count and isinstance(heartbeat, Heartbeat) and heartbeat.at < stale:
            detail = "its heartbeat is stale, and its streams may be, too"
            count = Gap("mongodb", instance.instance_id, heartbeat.at, detail)
        yield Node(instance, heartbeat, servers, _sessions(instance, servers, sources.hiding), count)


def _sessions(instance: Instance, servers: tuple[Server, ...] | Gap, hiding: Iterable[Proxy]) -> int | Gap:
    """Count a node's sessions, unless a reload left some in a worker that the reading does not reach.

    A reloaded HAProxy starts to count at zero while the old worker carries the streams on; only a node younger than
    the worker is sure to have none there.
    """
    if isinstance(servers, Gap):
        return servers
    for proxy in hiding:
        if proxy.started_at > instance.launched_at:
            return Gap(
                f"haproxy:{proxy.balancer}",
                instance.instance_id,
                proxy.started_at,
                "reloaded since the node's launch: older workers may carry sessions that only the master socket shows",
            )
    count = 0
    for server in servers:
        count += server.sessions + server.queued
    return count


def _ask_directly(senses: Senses, policy: Policy, memory: Memory, nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """Ask the nodes over which a decision hangs: those that run, and that no balancer vouches for."""
    unclear = {
        node.instance.ip
        for node in nodes
        if node.instance.state is InstanceState.RUNNING and not _up(node) and node.instance_id not in memory.drains
    }
    if not unclear:
        return nodes
    answers = senses.probe.answers([(ip, policy.join.port) for ip in sorted(unclear)])
    return tuple(
        replace(node, answers=answers[node.instance.ip]) if node.instance.ip in answers else node for node in nodes
    )


def _up(node: Node) -> bool:
    if isinstance(node.servers, Gap):
        return False
    for server in node.servers:
        if server.status is not ServerStatus.UP:
            return False
    return bool(node.servers)
