"""Every signal source, laid out by source and node from what was observed.

A value that was not observed has no sample. What can be looked at is listed in `policy.signals`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from autoscaler.model.snapshot import GROUP, Gap, Heartbeat, Node, Sample, Server, Streams

Samples = Mapping[str, Mapping[str, Sample]]


def sample(nodes: Iterable[Node], streams: Streams | Gap, now: datetime) -> Samples:
    """Return `[source][instance id or GROUP]`. A heartbeat's values are as old as the heartbeat."""
    samples: defaultdict[str, dict[str, Sample]] = defaultdict(dict)
    for node in nodes:
        for source, taken in _of_node(node, now):
            samples[source][node.instance_id] = taken
    if not isinstance(streams, Gap):
        for source, value in _of_group(streams):
            samples[source][GROUP] = Sample(value, now)
    return samples


def _of_node(node: Node, now: datetime) -> Iterator[tuple[str, Sample]]:
    if isinstance(node.heartbeat, Heartbeat):
        yield from _of_heartbeat(node.heartbeat)
    if not isinstance(node.publishers, Gap):
        yield "mongodb.node.publishers", Sample(node.publishers, now)
    if not isinstance(node.servers, Gap):
        for source, value in _of_servers(node.servers).items():
            yield source, Sample(value, now, partial=isinstance(node.sessions, Gap))


def _of_heartbeat(beat: Heartbeat) -> Iterator[tuple[str, Sample]]:
    if beat.cpu_percent is not None:
        yield "mongodb.node.cpu_percent", Sample(beat.cpu_percent, beat.at)
    if beat.memory_percent is not None:
        yield "mongodb.node.memory_percent", Sample(beat.memory_percent, beat.at)
    if beat.query_ms is not None:
        yield "mongodb.node.query_ms", Sample(beat.query_ms, beat.at)


def _of_servers(servers: Iterable[Server]) -> Mapping[str, int]:
    sums: defaultdict[str, int] = defaultdict(int)
    for server in servers:
        for source, value in (("sessions", server.sessions), ("queued", server.queued)):
            sums[f"haproxy.server.{source}"] += value
            sums[f"haproxy.server.{source}:{server.backend}"] += value
    return sums


def _of_group(streams: Streams) -> Iterator[tuple[str, int]]:
    yield "mongodb.viewers", sum(streams.viewers.values())
    for kind in ("webrtc", "hls", "dash", "rtmp"):
        yield f"mongodb.viewers.{kind}", streams.viewers.get(kind, 0)
    yield "mongodb.streams", sum(streams.publishers.values())
