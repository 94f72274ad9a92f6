"""Every signal source, laid out by source and node from what was observed.

A value that was not observed has no sample. What can be looked at is listed in `policy.signals`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from functools import cached_property, lru_cache, partial
from operator import attrgetter

from autoscaler.model.column import Column
from autoscaler.model.nodes import Nodes
from autoscaler.model.snapshot import GROUP, HEARTBEAT_MAX_AGE, Audience, Gap, Heartbeat, Sample, Streams

_Samples = Mapping[str, Sample]

_VIEWERS = "mongodb.viewers"
_STREAMS = "mongodb.streams"
_PUBLISHERS = "mongodb.node.publishers"


def sample(
    nodes: Nodes, streams: Streams | Gap, now: datetime, applications: Collection[str] = ()
) -> Mapping[str, _Samples]:
    """Return `[source][instance id or GROUP]`. A heartbeat's values are as old as the heartbeat.

    What is of one of `applications` stands under `source:application`; of one that is not there, nothing does.
    """
    return Samples(nodes, streams, now, applications)


class Samples(Mapping[str, _Samples]):
    """A column a source, laid out when it is first looked at: of two dozen sources a policy wants two or three."""

    def __init__(self, nodes: Nodes, streams: Streams | Gap, now: datetime, applications: Collection[str]) -> None:
        """See `sample`."""
        self._nodes = nodes
        self._now = now
        self._audiences: dict[str, Audience] = {}
        if not isinstance(streams, Gap):
            self._audiences[""] = streams
            self._audiences |= {name: streams.applications[name] for name in streams.applications.keys() & applications}
        self._laid_out: dict[str, _Samples] = {}

    def __getitem__(self, source: str) -> _Samples:
        """Return the samples of a source; KeyError where there are none."""
        column = self._laid_out.get(source)
        if column is None:
            name, part = _parts(source)
            column = self._laid_out[source] = _COLUMNS[name](self, part)
        if not column:
            raise KeyError(source)
        return column

    def __iter__(self) -> Iterator[str]:
        """Name the sources that have samples."""
        return (source for source in self._sources() if source in self)

    def __len__(self) -> int:
        """Count them."""
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        """Show all of them."""
        return repr(dict(self))

    def of_heartbeats(self, part: str, *, figure: str) -> _Samples:
        """Take a figure of each node's heartbeat."""
        if part:
            return {}
        take = attrgetter(figure)
        values = {key: value for key, beat in self._nodes.heartbeats if (value := take(beat)) is not None}
        return Column(values, self._beat_at) if values else {}

    @cached_property
    def _beat_at(self) -> Mapping[str, datetime]:
        return {key: beat.at for key, beat in self._nodes.heartbeats}

    def of_servers(self, backend: str, *, figure: str) -> _Samples:
        """Add up a figure of each node's servers, of one backend or of all."""
        sums, partly = self._nodes.served(figure, backend), self._nodes.partly
        if self._nodes.uncounted:
            return {key: Sample(value, self._now, partly(key)) for key, value in sums.items()}
        return Column(sums, self._now) if sums else {}

    def of_publishers(self, application: str) -> _Samples:
        """Count each node's live streams. Of a node that writes no more, none found proves nothing."""
        if not application:
            counts = {node.instance_id: node.publishers for node in self._nodes}
            return {key: Sample(count, self._now) for key, count in counts.items() if not isinstance(count, Gap)}
        column = {}
        for node in self._nodes if application in self._audiences else ():
            count = self._audiences[application].publishers.get(node.instance.ip, 0)
            beat = node.heartbeat
            if count or not isinstance(beat, Heartbeat) or self._now - beat.at <= HEARTBEAT_MAX_AGE:
                column[node.instance_id] = Sample(count, self._now)
        return column

    def of_audience(self, application: str, *, count: Callable[[Audience], int]) -> _Samples:
        """Count over the cluster."""
        audience = self._audiences.get(application)
        return {} if audience is None else {GROUP: Sample(count(audience), self._now)}

    def _sources(self) -> Iterator[str]:
        lines = [server for node in self._nodes if isinstance(node.servers, tuple) for server in node.servers]
        parts = {
            **{name: ["", *dict.fromkeys(server.backend for server in lines)] for name in _OF_SERVERS},
            **{name: ["", *sorted(self._audiences.keys() - {""})] for name in (_PUBLISHERS, *_OF_AUDIENCES)},
        }
        return (f"{name}:{part}" if part else name for name in _COLUMNS for part in parts.get(name, ("",)))


@lru_cache(maxsize=256)
def _parts(source: str) -> tuple[str, str]:
    """Split `source:application` or `source:backend`: the same strings each time, by which others remember."""
    name, _, part = source.partition(":")
    return name, part


def _viewers_of(audience: Audience, *, kind: str) -> int:
    return audience.viewers.get(kind, 0)


_OF_HEARTBEATS = {
    f"mongodb.node.{figure}": partial(Samples.of_heartbeats, figure=figure)
    for figure in ("cpu_percent", "memory_percent", "query_ms")
}
_OF_SERVERS = {
    f"haproxy.server.{figure}": partial(Samples.of_servers, figure=figure) for figure in ("sessions", "queued")
}
_OF_AUDIENCES = {
    _VIEWERS: partial(Samples.of_audience, count=lambda audience: sum(audience.viewers.values())),
    **{
        f"{_VIEWERS}.{kind}": partial(Samples.of_audience, count=partial(_viewers_of, kind=kind))
        for kind in ("webrtc", "hls", "dash", "rtmp")
    },
    _STREAMS: partial(Samples.of_audience, count=lambda audience: sum(audience.publishers.values())),
}
_COLUMNS: Mapping[str, Callable[[Samples, str], _Samples]] = {
    **_OF_HEARTBEATS,
    _PUBLISHERS: Samples.of_publishers,
    **_OF_SERVERS,
    **_OF_AUDIENCES,
}
