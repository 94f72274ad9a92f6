"""Instances joined on ip with the row, the servers and the streams of each, when somebody looks at one.

Most of what a cycle asks, it asks of all nodes: what they carry, and who is in service. That is answered in columns,
and what follows from EC2's list and from the layout of the servers alone is worked out when one of these changes. Only
the few nodes that are not in service are looked at one by one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from operator import attrgetter
from typing import overload

from autoscaler.model.layout import Layout
from autoscaler.model.nodes import Nodes
from autoscaler.model.recent import recent
from autoscaler.model.snapshot import (
    HEARTBEAT_MAX_AGE,
    Gap,
    Heartbeat,
    Instance,
    InstanceState,
    Node,
    Proxy,
    Server,
    Streams,
)


@dataclass(frozen=True, slots=True)
class Sources:
    """What there is to join an instance with.

    `lines` are the servers of all balancers, laid out as `layout` has them. `hiding` are the processes that may hide
    sessions of nodes older than they are; `deaf` is the first balancer that could not be read. `answers` are by ip, of
    those that were asked.
    """

    now: datetime
    heartbeats: Mapping[str, Heartbeat] | Gap
    streams: Streams | Gap
    lines: Sequence[Server]
    layout: Layout
    hiding: tuple[Proxy, ...]
    deaf: Gap | None
    answers: Mapping[str, bool] = field(default_factory=dict)


class Joined(Nodes):
    """Nodes that are joined one by one, when they are looked at."""

    def __init__(self, instances: tuple[Instance, ...], sources: Sources) -> None:
        """Keep what is to be joined."""
        self._instances = instances
        self._sources = sources
        self._made: dict[int, Node] = {}

    @property
    def instances(self) -> tuple[Instance, ...]:
        """See `Nodes`."""
        return self._instances

    def __len__(self) -> int:
        """Count the instances."""
        return len(self._instances)

    @overload
    def __getitem__(self, index: int) -> Node: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Node, ...]: ...
    def __getitem__(self, index: int | slice) -> Node | tuple[Node, ...]:
        """Return one, or some."""
        if isinstance(index, slice):
            return tuple(self)[index]
        node = self._made.get(index)
        if node is None:
            node = self._made[index] = self._join(self._instances[index])
        return node

    def _join(self, instance: Instance) -> Node:
        """Join an instance with the row, the servers and the streams of its ip.

        No stream found proves nothing while a node does not write to MongoDB at all: heartbeats and streams are written
        by the same process and freeze together (Ant-Media-Server #7045, #7226).
        """
        sources, ip = self._sources, instance.ip
        heartbeat = sources.heartbeats if isinstance(sources.heartbeats, Gap) else _row(sources.heartbeats, instance)
        servers = sources.deaf or tuple([sources.lines[at] for at in sources.layout.of.get(ip, ())])
        streams = sources.streams
        count: int | Gap = streams if isinstance(streams, Gap) else streams.publishers.get(ip, 0)
        if not count and isinstance(heartbeat, Heartbeat) and heartbeat.at < sources.now - HEARTBEAT_MAX_AGE:
            detail = "its heartbeat is stale, and its streams may be, too"
            count = Gap("mongodb", instance.instance_id, heartbeat.at, detail)
        return Node(
            instance, heartbeat, servers, self._sessions(instance, servers), count, sources.answers.get(instance.ip)
        )

    def _sessions(self, instance: Instance, servers: tuple[Server, ...] | Gap) -> int | Gap:
        """Count a node's sessions, unless a reload left some in a worker that the reading does not reach."""
        if isinstance(servers, Gap):
            return servers
        hiding = self._hiding(instance)
        if hiding is None:
            return sum([server.sessions + server.queued for server in servers])
        return Gap(
            f"haproxy:{hiding.balancer}",
            instance.instance_id,
            hiding.started_at,
            "reloaded since the node's launch: older workers may carry sessions that only the master socket shows",
        )

    def _hiding(self, instance: Instance) -> Proxy | None:
        """Return the first process that may hide sessions of a node.

        A reloaded HAProxy starts to count at zero while the old worker carries the streams on; only a node younger than
        the worker is sure to have none there.
        """
        return next((proxy for proxy in self._sources.hiding if proxy.started_at > instance.launched_at), None)

    @cached_property
    def places_up(self) -> Mapping[str, int]:
        """See `Nodes`. Unknown while a balancer cannot be read."""
        return {} if self._sources.deaf else _places_up(self._instances, self._sources.layout)

    @cached_property
    def heartbeats(self) -> Sequence[tuple[str, Heartbeat]]:
        """See `Nodes`."""
        rows = self._sources.heartbeats
        if isinstance(rows, Gap):
            return ()
        find = rows.get
        return [
            (key, beat)
            for key, ip, launched_at in _faces(self._instances)
            if (beat := find(ip)) is not None and beat.at >= launched_at  # see _row
        ]

    @cached_property
    def uncounted(self) -> bool:
        """See `Nodes`."""
        if not self._instances or self._sources.deaf:
            return bool(self._instances)
        oldest = _oldest(self._instances)
        return any(proxy.started_at > oldest for proxy in self._sources.hiding)

    def served(self, figure: str, backend: str = "") -> Mapping[str, int]:
        """See `Nodes`."""
        if self._sources.deaf:
            return {}
        values = list(map(attrgetter(figure), self._sources.lines))
        spots = _spots(self._instances, self._sources.layout)
        if backend:
            spots = _spots_in(spots, self._sources.layout, backend)
        return {key: values[at[0]] if len(at) == 1 else sum([values[position] for position in at]) for key, at in spots}


def unvouched(instances: tuple[Instance, ...], sources: Sources) -> Collection[Instance]:
    """Return the running instances that are not up in all their servers: a decision may hang over them."""
    return _running(instances, None) if sources.deaf else _running(instances, sources.layout)


@recent
def _running(instances: tuple[Instance, ...], layout: Layout | None) -> tuple[Instance, ...]:
    up: Collection[str] = layout.all_up if layout else ()
    return tuple(one for one in instances if one.state is InstanceState.RUNNING and one.ip not in up)


def _row(rows: Mapping[str, Heartbeat], instance: Instance) -> Heartbeat | None:
    """Return the row of a launch: an address may be inherited from a dead node, and a row with it."""
    heartbeat = rows.get(instance.ip)
    return None if heartbeat is None or heartbeat.at < instance.launched_at else heartbeat


@recent
def _faces(instances: tuple[Instance, ...]) -> tuple[tuple[str, str, datetime], ...]:
    return tuple((one.instance_id, one.ip, one.launched_at) for one in instances)


_Spots = tuple[tuple[str, tuple[int, ...]], ...]
"""Where the servers of each node that has any stand in the lines, by instance id."""


@recent
def _spots(instances: tuple[Instance, ...], layout: Layout) -> _Spots:
    found = [(instance.instance_id, layout.of.get(instance.ip, ())) for instance in instances]
    return tuple((key, at) for key, at in found if at)


@recent
def _spots_in(spots: _Spots, layout: Layout, backend: str) -> _Spots:
    lines = layout.lines
    found = [(key, tuple(position for position in at if lines[position].backend == backend)) for key, at in spots]
    return tuple((key, at) for key, at in found if at)


@recent
def _places_up(instances: tuple[Instance, ...], layout: Layout) -> Mapping[str, int]:
    return {one.instance_id: layout.up[one.ip] for one in instances if one.ip in layout.of}


@recent
def _oldest(instances: tuple[Instance, ...]) -> datetime:
    return min(instance.launched_at for instance in instances)
