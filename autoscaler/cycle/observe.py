"""Everything a cycle reads, joined on ip into one snapshot. What cannot be read becomes a Gap, never a zero."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from autoscaler.cycle.joined import Joined, Sources, unvouched
from autoscaler.cycle.media import add_media
from autoscaler.cycle.samples import sample
from autoscaler.cycle.traffic import add_traffic, figures, of_servers
from autoscaler.decide.past import looked_at
from autoscaler.decide.windows import smooth
from autoscaler.model.booking import Booking
from autoscaler.model.errors import ObservationError
from autoscaler.model.layout import layout_of, lines_of
from autoscaler.model.memory import Memory
from autoscaler.model.recent import recent
from autoscaler.model.snapshot import (
    GROUP,
    FleetSnapshot,
    Gap,
    Instance,
    Proxy,
    Sample,
)
from autoscaler.policy.schema import Policy
from autoscaler.ports import ProxyStats, Senses

T = TypeVar("T")


def observe(senses: Senses, policy: Policy, memory: Memory) -> FleetSnapshot:
    """Read every source once. A source that fails costs its own part of the snapshot and nothing else."""
    now = senses.clock.now()
    backends = [endpoint.backend for endpoint in policy.endpoints]
    heartbeats = _read("mongodb", senses.loads.heartbeats, now)  # before EC2, which may take longer than they are fresh
    instances = _read("ec2", lambda: senses.fleet.instances(policy.group), now)
    streams = _read("mongodb", lambda: senses.loads.streams(now), now)
    bookings = _bookings(senses, policy, now)
    readings = [_read_proxy(stats, backends, policy, now) for stats in senses.proxies]
    proxies = tuple(reading for reading in readings if not isinstance(reading, Gap))
    deaf = [reading for reading in readings if isinstance(reading, Gap)]
    lines = lines_of(proxies)
    hiding = tuple(proxy for proxy in proxies if not proxy.sees_old_workers)
    sources = Sources(now, heartbeats, streams, lines, layout_of(lines), hiding, deaf[0] if deaf else None)
    listed = () if isinstance(instances, Gap) else instances
    nodes = Joined(listed, _ask_directly(senses, policy, memory, listed, sources))
    vcpus = _vcpus(senses, policy, listed, now)
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


def _vcpus(senses: Senses, policy: Policy, instances: tuple[Instance, ...], now: datetime) -> Mapping[str, int] | Gap:
    """Ask how large the types are, if there are several and the policy does not weigh them all."""
    types = _types(instances) | set(policy.launch.types)
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
    if isinstance(reading, Gap) or "" not in layout_of(reading.servers).of:
        return reading
    return Gap(source, GROUP, now, "tells no addresses; a socket needs level operator, the page `stats show-legends`")


def _history(senses: Senses, policy: Policy, now: datetime) -> Mapping[str, tuple[Sample, ...]] | Gap:
    """Read what the policy's forecasts look at. Unread it is a gap: without the floor the group must not shrink."""
    buckets = looked_at(policy, now)
    return _read("history", lambda: senses.history.read(policy.group, buckets), now) if buckets else {}


def _ask_directly(
    senses: Senses, policy: Policy, memory: Memory, instances: tuple[Instance, ...], sources: Sources
) -> Sources:
    """Ask the nodes over which a decision hangs: those that run, and that no balancer vouches for."""
    unclear = sorted({one.ip for one in unvouched(instances, sources) if one.instance_id not in memory.drains})
    if not unclear:
        return sources
    return replace(sources, answers=senses.probe.answers([(ip, policy.join.port) for ip in unclear]))


@recent
def _types(instances: tuple[Instance, ...]) -> frozenset[str]:
    return frozenset(instance.instance_type for instance in instances)
