"""What one cycle tells the next. Pure functions take it in and give it back; the shell persists it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from autoscaler.model.quick import quick


@quick
@dataclass(frozen=True, slots=True)
class Recommendation:
    """What the rules wanted at a time, before stabilization.

    `blind`: no more than there were, and a rule held for want of data. `before_pause`: nobody watched what was wanted
    since.
    """

    at: datetime
    desired: int
    blind: bool = False
    before_pause: bool = False


EVENTS_KEPT = timedelta(days=1)
"""How far back scale events are remembered: the longest `per` or cooldown that makes sense."""


@dataclass(frozen=True, slots=True)
class ScaleEvent:
    """Nodes that were really launched, woken or taken back (`nodes` > 0), or set to drain (`nodes` < 0)."""

    at: datetime
    nodes: int


@dataclass(frozen=True, slots=True)
class DrainRecord:
    """A node we are emptying. `empty_since` is None while anybody is on it, or while we cannot tell."""

    since: datetime
    empty_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class LaunchRecord:
    """A launch we asked for, or were about to ask for: written before the call, so that a crash repeats no launch."""

    token: str
    subnet: str
    instance_type: str
    count: int
    at: datetime
    instance_ids: tuple[str, ...] = ()
    spot: bool = False
    pool: bool = False


@dataclass(frozen=True, slots=True)
class WakeRecord:
    """A node that we asked EC2 to start, or were about to. `failed`: EC2 refused, for another reason than its stock."""

    at: datetime
    answered: bool = False
    failed: bool = False


@dataclass(frozen=True, slots=True)
class EndingRecord:
    """A node that we asked EC2 to end, or were about to. `stop`: to stop it only. `answered`: EC2 said it would."""

    at: datetime
    stop: bool = False
    answered: bool = False


@quick
@dataclass(frozen=True, slots=True)
class Counted:
    """What one HAProxy process had counted at `at`, by its own clock: totals by line of the statistics and by figure.

    A line is `backend/server ip:port`, so that a slot which was given to another node is another line.
    """

    at: datetime
    lines: Mapping[str, Mapping[str, int]]


LONGEST_BLINK = timedelta(minutes=1)
"""Two looks at most this far apart count as watching without a break."""


@quick
@dataclass(frozen=True, slots=True)
class Past:
    """What was seen of one member of a signal: sums and counts of values by bucket, the present one first.

    `since` is when it was first seen whole, and without a break ever since; `seen` is when it was seen last.
    """

    since: datetime
    seen: datetime
    sums: tuple[float, ...]
    counts: tuple[int, ...]


@quick
@dataclass(frozen=True, slots=True)
class Window:
    """What was seen of a signal within its window, by member. `begins`: the present bucket does."""

    begins: datetime
    members: Mapping[str, Past]


@quick
@dataclass(frozen=True, slots=True)
class Memory:
    """All that a group remembers. Mappings are keyed by instance id, but for four.

    `pool` says since when a node is the warm pool's, launched to fill it or stopped by us, and `wakes` which of them
    were told to serve: both until it is in service. `no_stops_until`: EC2 refused to stop a node, so none is stopped,
    and no pool filled, until then. `endings` are the nodes that were told to stop or end a short while ago: never taken
    back, whatever EC2 lists them as.

    `stock_outs` maps `type/subnet`, with `/spot` behind it for the spot market, to the time until which it is avoided,
    `breaches` a step's threshold to the time since which it is passed, `counters` a HAProxy process, as its balancer's
    name and `Traffic.process`, to what it had counted, `windows` a signal's key to what was seen of it.

    `revision` counts saves; the store refuses a save whose revision is not the stored one, so of two processes that run
    the same group one loses before it wrote anything. `origin` is drawn when the memory is first made, so that no token
    of a memory that was lost, or of another cluster's, is ever used again. `looked_at` is the last cycle's time.
    `suspects` and `outside` say since when a running node seems gone, or is just not in service. `lost_at`: when a node
    that had served went last without being told to.
    """

    revision: int = 0
    origin: str = ""
    looked_at: datetime | None = None
    recommendations: tuple[Recommendation, ...] = ()
    events: tuple[ScaleEvent, ...] = ()
    drains: Mapping[str, DrainRecord] = field(default_factory=dict)
    admitted: Mapping[str, datetime] = field(default_factory=dict)
    suspects: Mapping[str, datetime] = field(default_factory=dict)
    breaches: Mapping[str, datetime] = field(default_factory=dict)
    outside: Mapping[str, datetime] = field(default_factory=dict)
    lost_at: datetime | None = None
    launches: tuple[LaunchRecord, ...] = ()
    stock_outs: Mapping[str, datetime] = field(default_factory=dict)
    counters: Mapping[str, Counted] = field(default_factory=dict)
    windows: Mapping[str, Window] = field(default_factory=dict)
    pool: Mapping[str, datetime] = field(default_factory=dict)
    wakes: Mapping[str, WakeRecord] = field(default_factory=dict)
    no_stops_until: datetime | None = None
    endings: Mapping[str, EndingRecord] = field(default_factory=dict)
