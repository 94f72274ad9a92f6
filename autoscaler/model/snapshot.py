"""What one cycle saw, and what it could not see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from autoscaler.model.booking import Booking
from autoscaler.model.quick import quick

GROUP = "*"
"""The subject of a sample or gap that concerns the whole group instead of one node."""

PARKING = ("127.0.0.1", 1)
"""Where a free slot points: an address that refuses at once. Not 0.0.0.0, which to HAProxy is the address that the
client asked for: the balancer itself."""


@dataclass(frozen=True, slots=True)
class Gap:
    """An observation that we lack. It is never read as a zero.

    `source` is `ec2`, `mongodb`, `history`, `haproxy:<balancer>`, `ams` or `probe`; `subject` an instance id, or GROUP.
    `since` is when we last knew, or when we first looked in vain.
    """

    source: str
    subject: str
    since: datetime
    detail: str


@quick
@dataclass(frozen=True, slots=True)
class Sample:
    """One reading of one signal source. `at` is the time at which it was true, by the source's clock.

    `partial`: there is at least this much. Good enough to grow by, and never to shrink by.
    """

    value: float
    at: datetime
    partial: bool = False


class InstanceState(StrEnum):
    """EC2's instance states, spelled as EC2 spells them."""

    PENDING = "pending"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    SHUTTING_DOWN = "shutting-down"
    TERMINATED = "terminated"


@dataclass(frozen=True, slots=True)
class Instance:
    """An EC2 instance that carries our tags. `launched_at` is EC2's LaunchTime: of the last start, not the first.

    `spot`: EC2 may take it back at any time, two minutes after saying so.
    """

    instance_id: str
    ip: str
    zone: str
    subnet: str
    instance_type: str
    launched_at: datetime
    state: InstanceState
    token: str = ""
    spot: bool = False


HEARTBEAT_MAX_AGE = timedelta(seconds=20)
"""After this AMS itself calls a node dead; it writes every 5 s (Ant-Media-Server, ClusterNode.java)."""


@quick
@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The newest `clusterdb.clusternode` row of an ip. `at` is the node's own clock.

    cpu and memory are absent in a row until the node measured them for the first time.
    """

    at: datetime
    cpu_percent: float | None = None
    memory_percent: float | None = None
    query_ms: float | None = None


class ServerStatus(StrEnum):
    """What HAProxy's `status` column says, reduced to what we act on.

    UP takes new sessions. DRAIN passed its health check and takes none. CHECKING is in drain, or coming up, without a
    passed check of its own. DOWN fails its check. MAINT is out. Source: HAProxy management guide, `show stat`.
    """

    UP = "UP"
    DRAIN = "DRAIN"
    CHECKING = "CHECKING"
    DOWN = "DOWN"
    MAINT = "MAINT"


@quick
@dataclass(frozen=True, slots=True)
class Server:
    """One server line of one backend of one balancer.

    `sessions` and `queued` are current counts; `ip` is empty when the source does not tell addresses.
    """

    balancer: str
    backend: str
    name: str
    ip: str
    port: int
    status: ServerStatus
    sessions: int
    queued: int = 0


COUNTERS = ("bytes_in", "bytes_out", "connection_errors", "response_errors", "denied")
"""Figures of a Line that only ever rise, while the process lives."""

MEANS = ("queue_ms", "response_ms")
"""Figures of a Line that are means over its last requests."""


@dataclass(frozen=True, slots=True)
class Line:
    """What one line of HAProxy's statistics says of its traffic: a server's, or with `server` "" a whole backend's.

    `figures` are named as in the policy's sources. Counters are totals since the process began; what the version does
    not tell, or did not measure, is not there. `requests` counts the sessions that the line was ever given.
    """

    backend: str
    server: str
    ip: str
    port: int
    figures: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Traffic:
    """What one HAProxy process says at a time, by its own clock.

    `process` tells it from every other one; it is "" when the source names none, as the statistics page does, whose
    counters may then begin anew at any time. `old`: it was reloaded, and carries on the sessions that it has.
    """

    process: str
    at: datetime
    lines: tuple[Line, ...]
    old: bool = False


@dataclass(frozen=True, slots=True)
class Proxy:
    """One HAProxy process as read in this cycle, with every server of the group's backends, ours or not.

    After a reload older workers go on carrying their sessions. `sees_old_workers`: they are in the counts, and in
    `traffic`, which is read only for policies that look at it.
    """

    balancer: str
    version: str
    pid: int
    started_at: datetime
    servers: tuple[Server, ...]
    sees_old_workers: bool = False
    traffic: tuple[Traffic, ...] = ()


@dataclass(frozen=True, slots=True)
class Audience:
    """Live streams and who watches them. `publishers` counts live streams by origin ip; absent means none.

    `viewers` counts by kind (`webrtc`, `hls`, `dash`, `rtmp`), over the cluster: AMS keeps no count per edge.
    """

    publishers: Mapping[str, int]
    viewers: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Streams(Audience):
    """Live streams of all applications, and of each by its lower-cased name, which is that of its database."""

    applications: Mapping[str, Audience] = field(default_factory=dict)


def total_of(applications: Mapping[str, Audience]) -> Streams:
    """Add up the applications of a cluster."""
    if len(applications) == 1:
        (only,) = applications.values()
        return Streams(only.publishers, only.viewers, applications)
    publishers: Counter[str] = Counter()
    viewers: Counter[str] = Counter()
    for audience in applications.values():
        publishers.update(audience.publishers)
        viewers.update(audience.viewers)
    return Streams(dict(publishers), dict(viewers), applications)


@quick
@dataclass(frozen=True, slots=True)
class Node:
    """The facts about one instance, joined on ip.

    `heartbeat` is None when MongoDB was read and holds no row of this launch. `sessions` counts current sessions and
    queued requests over all balancers and backends; it is a Gap when some may live where we cannot see them, such as in
    an older HAProxy worker that outlived a reload. `answers` is None when nobody asked.
    """

    instance: Instance
    heartbeat: Heartbeat | Gap | None
    servers: tuple[Server, ...] | Gap
    sessions: int | Gap
    publishers: int | Gap
    answers: bool | None = None

    @property
    def instance_id(self) -> str:
        """The key of the node everywhere in this package."""
        return self.instance.instance_id

    @property
    def empty(self) -> bool:
        """Whether we know that nobody watches or publishes on it. What we cannot count is somebody."""
        return self.sessions == 0 and self.publishers == 0


class _Over(Mapping[str, Mapping[str, Sample]]):
    """Columns before those of another mapping, whose columns are laid out when somebody looks at them."""

    def __init__(self, told: Mapping[str, Mapping[str, Sample]], below: Mapping[str, Mapping[str, Sample]]) -> None:
        self._told, self._below = told, below

    def __getitem__(self, source: str) -> Mapping[str, Sample]:
        return self._told[source] if source in self._told else self._below[source]

    def __iter__(self) -> Iterator[str]:
        return iter({**self._below, **self._told})

    def __len__(self) -> int:
        return len({*self._below, *self._told})

    def __repr__(self) -> str:
        return repr(dict(self))


@quick
@dataclass(frozen=True)
class FleetSnapshot:
    """One group, seen once. `taken_at` is the cycle's only "now".

    `samples[source][subject]`: subject is an instance id, or GROUP. `gaps` lists sources and subjects that failed.
    `signal_gaps` is what failed, too, but costs only the signals that needed it their values: their own rules mind
    that, and no other rule is kept from shrinking the group.
    `bookings` are those reserved by command that run or are to come.
    `history` holds, by `decide.past.history_key`, what past seasons had in the buckets that a forecast looks at: each
    `at` is a bucket's start. A key that is not there could not be read.
    `vcpus` of instance types is asked for only where a group's nodes differ and the policy does not weigh them.
    """

    group: str
    taken_at: datetime
    nodes: Sequence[Node] = ()
    samples: Mapping[str, Mapping[str, Sample]] = field(default_factory=dict)
    streams: Streams | Gap | None = None
    proxies: tuple[Proxy, ...] = ()
    gaps: tuple[Gap, ...] = ()
    signal_gaps: tuple[Gap, ...] = ()
    bookings: tuple[Booking, ...] = ()
    history: Mapping[str, tuple[Sample, ...]] = field(default_factory=dict)
    vcpus: Mapping[str, int] = field(default_factory=dict)

    @property
    def all_gaps(self) -> tuple[Gap, ...]:
        """Everything that was not seen, for people."""
        return (*self.gaps, *self.signal_gaps)

    def with_samples(self, found: Mapping[str, Mapping[str, Sample]]) -> FleetSnapshot:
        """Return the snapshot with these samples, too, where there are any.

        Those that it had stay as they are: columns that are laid out when somebody looks at them.
        """
        told = {key: column for key, column in found.items() if column}
        return replace(self, samples=_Over(told, self.samples)) if told else self

    def lacks(self, source: str) -> bool:
        """Whether the whole of `source` could not be read."""
        return any(gap.source == source and gap.subject == GROUP for gap in self.gaps)
