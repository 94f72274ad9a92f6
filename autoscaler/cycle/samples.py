"""Every signal source, laid out by source and node from what was observed.

A value that was not observed has no sample. What can be looked at is listed in `policy.signals`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from autoscaler.model.snapshot import GROUP, HEARTBEAT_MAX_AGE, Audience, Gap, Heartbeat, Node, Sample, Server, Streams

Samples = Mapping[str, Mapping[str, Sample]]


def sample(nodes: Sequence[Node], streams: Streams | Gap, now: datetime, applications: Collection[str] = ()) -> Samples:
    """Return `[source][instance id or GROUP]`. A heartbeat's values are as old as the heartbeat.

    What is of one of `applications` stands under `source:application`; of one that is not there, nothing does.
    """
    samples: defaultdict[str, dict[str, Sample]] = defaultdict(dict)
    for node in nodes:
        for source, taken in _of_node(node, now):
            samples[source][node.instance_id] = taken
    if not isinstance(streams, Gap):
        for source, value in _of_group(streams):
            samples[source][GROUP] = Sample(value, now)
        for name in streams.applications.keys() & applications:
            for source, value in _of_group(streams.applications[name]):
                samples[f"{source}:{name}"][GROUP] = Sample(value, now)
            samples[f"mongodb.node.publishers:{name}"] = dict(_publishers(nodes, streams.applications[name], now))
    return samples


def _publishers(nodes: Iterable[Node], audience: Audience, now: datetime) -> Iterator[tuple[str, Sample]]:
    """Yield each node's live streams of an application. Of a node that writes no more, none found proves nothing."""
    for node in nodes:
        count = audience.publishers.get(node.instance.ip, 0)
        beat = node.heartbeat
        if count or not isinstance(beat, Heartbeat) or now - beat.at <= HEARTBEAT_MAX_AGE:
            yield node.instance_id, Sample(count, now)


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


def _of_group(streams: Audience) -> Iterator[tuple[str, int]]:
    yield "mongodb.viewers", sum(streams.viewers.values())
    for kind in ("webrtc", "hls", "dash", "rtmp"):
        yield f"mongodb.viewers.{kind}", streams.viewers.get(kind, 0)
    yield "mongodb.streams", sum(streams.publishers.values())
