"""A told situation as the facts that `decide` and `plan` work on: a snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil

from autoscaler.model.booking import Booking
from autoscaler.model.decision import LEAVING, Phase
from autoscaler.model.memory import Memory
from autoscaler.model.snapshot import (
    GROUP,
    PARKING,
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
from autoscaler.policy.rules import Reservation
from autoscaler.policy.schema import Policy
from autoscaler.policy.signals import Aggregate, Signal
from autoscaler.review.past import Told, history
from autoscaler.review.scenario import NodeTold, SignalTold
from autoscaler.review.words import MISSING, Missing

SOURCE_OF = {
    "cpu": "mongodb.node.cpu_percent",
    "memory": "mongodb.node.memory_percent",
    "sessions": "haproxy.server.sessions",
    "publishers": "mongodb.node.publishers",
}
"""Which source a fact about a node is a value of."""

_BALANCER = "lb1"
_STATES = {
    Phase.PENDING: InstanceState.PENDING,
    Phase.STOPPED: InstanceState.STOPPED,
    Phase.TERMINATING: InstanceState.SHUTTING_DOWN,
}
_STATUS = {
    Phase.IN_SERVICE: ServerStatus.UP,
    Phase.DRAINING: ServerStatus.DRAIN,
    Phase.DRAINED: ServerStatus.MAINT,
    Phase.LOST: ServerStatus.DOWN,
}
_ANSWERS = {
    Phase.JOINED: True, Phase.FILLING: True, Phase.BOOTING: False, Phase.FAILED_TO_JOIN: False, Phase.LOST: False,
}  # fmt: skip
_BEATING = frozenset({Phase.IN_SERVICE, Phase.JOINED, Phase.FILLING, *LEAVING})
_LONG_SILENT = timedelta(hours=1)
_OLD = timedelta(days=365)

_SIGNALS_ONLY = frozenset({"ams"})
"""Sources whose silence the rules that look at them mind, and no other."""


@dataclass(frozen=True, slots=True)
class Member:
    """One node of the scene. `parked`: holders of its cookie were moved away already.

    `launched`: by the plan, and nobody told since that it joined.
    """

    name: str
    told: NodeTold
    phase: Phase
    launched_at: datetime
    subnet: str
    parked: bool = False
    launched: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    """The group at one moment. `signals` are by the key under which the snapshot keeps their samples."""

    policy: Policy
    now: datetime
    members: tuple[Member, ...]
    signals: Mapping[str, SignalTold]
    gaps: tuple[str, ...]
    memory: Memory
    past: Told = field(default_factory=dict)
    bookings: tuple[Reservation, ...] = ()
    vcpus: Mapping[str, int] = field(default_factory=dict)

    @property
    def serving(self) -> int:
        """How many members are in service."""
        return sum(member.phase is Phase.IN_SERVICE for member in self.members)


def snapshot(scene: Scene) -> FleetSnapshot:
    """Return what the daemon would see."""
    gaps = tuple(_gap(source, GROUP, scene.now) for source in scene.gaps)
    blind = {gap.source.partition(":")[0]: gap for gap in gaps}
    nodes = [_node(number, scene, blind) for number in range(len(scene.members))]
    return FleetSnapshot(
        group=scene.policy.group,
        taken_at=scene.now,
        nodes=() if "ec2" in blind else tuple(nodes),
        samples={key: dict(_samples(key, scene)) for key in _keys(scene) if key.partition(".")[0] not in blind},
        streams=blind.get("mongodb") or Streams({}, {}),
        proxies=() if "haproxy" in blind else (_proxy(scene),),
        gaps=tuple(gap for gap in gaps if gap.source not in _SIGNALS_ONLY),
        signal_gaps=tuple(gap for gap in gaps if gap.source in _SIGNALS_ONLY),
        vcpus=scene.vcpus,
        bookings=() if "mongodb" in blind else tuple(_bookings(scene)),
        history={} if {"mongodb", "history"} & {*blind} else history(scene.past, scene.policy, scene.now),
    )


def _bookings(scene: Scene) -> Iterator[Booking]:
    """Yield what somebody reserved, and is not over."""
    for told in scene.bookings:
        if scene.now < told.until:
            nodes = scene.policy.reserved(told)
            yield Booking(told.name, told.at, told.until, told.lead, nodes, told.viewers, by="this test")


def _gap(source: str, subject: str, now: datetime) -> Gap:
    balancer = f":{_BALANCER}" if source == "haproxy" else ""
    return Gap(f"{source}{balancer}", subject, now, "is missing in this test")


def _keys(scene: Scene) -> Mapping[str, Signal]:
    return {signal.key: signal for signal in scene.policy.signals.values() if signal.expr is None}


def _samples(key: str, scene: Scene) -> Iterator[tuple[str, Sample]]:
    """Yield who has which value of a signal. A value that nobody told is missing."""
    signal = _keys(scene)[key]
    if not signal.per_node:
        told = scene.signals.get(key, SignalTold())
        if isinstance(told.value, float):
            yield GROUP, Sample(told.value, scene.now)
        return
    for number, member in enumerate(scene.members):
        value = _value(signal, number, scene)
        if isinstance(value, int | float):
            yield member.name, Sample(value, scene.now)


def _value(signal: Signal, number: int, scene: Scene) -> float | Missing | None:
    """Return a member's value: told by a list, or as the member's own fact, or as its share of the total."""
    member, told = scene.members[number], scene.signals.get(signal.key)
    fact = _fact(signal.source, member)
    if member.phase not in _STATUS:
        return None
    if told is None:
        return fact
    if told.each is not None:
        return told.each[number] if number < len(told.each) else MISSING
    if signal.aggregate != Aggregate.SUM or told.value == MISSING or told.value is None:
        return told.value
    return told.value / scene.serving if member.phase is Phase.IN_SERVICE else 0


def _fact(source: str, member: Member) -> float | Missing | None:
    """Return what was told about the node itself. Nobody is on it unless somebody is told to be."""
    told: Mapping[str, float | Missing | None] = {
        SOURCE_OF["cpu"]: member.told.cpu,
        SOURCE_OF["memory"]: member.told.memory,
        SOURCE_OF["sessions"]: 0 if member.told.sessions is None else member.told.sessions,
        SOURCE_OF["publishers"]: 0 if member.told.publishers is None else member.told.publishers,
    }
    return told.get(source)


def _node(number: int, scene: Scene, blind: Mapping[str, Gap]) -> Node:
    member = scene.members[number]
    beating = member.phase in _BEATING and not member.launched
    beat = scene.now if beating else scene.now - _LONG_SILENT
    heartbeat = Heartbeat(beat) if beating or member.phase is Phase.LOST else None
    return Node(
        instance=Instance(
            instance_id=member.name,
            ip=_ip(number),
            zone=member.told.zone or f"zone of {member.subnet}",
            subnet=member.subnet,
            instance_type=member.told.type or next(iter(scene.policy.launch.types), ""),
            launched_at=member.launched_at,
            state=_STATES.get(member.phase, InstanceState.RUNNING),
            spot=member.told.spot,
        ),
        heartbeat=blind.get("mongodb", heartbeat),
        servers=blind.get("haproxy") or tuple(_servers(number, scene)),
        sessions=blind.get("haproxy") or _count("sessions", number, scene),
        publishers=blind.get("mongodb") or _count("publishers", number, scene),
        answers=_ANSWERS.get(member.phase),
    )


def _count(fact: str, number: int, scene: Scene) -> int | Gap:
    """Count a node's sessions or publishers: as a signal of that source says, or as the node's own fact."""
    signals = (s for s in scene.policy.signals.values() if s.source == SOURCE_OF[fact] and s.key in scene.signals)
    signal, member = next(signals, None), scene.members[number]
    value = _value(signal, number, scene) if signal else _fact(SOURCE_OF[fact], member)
    return ceil(value or 0) if value != MISSING else _gap("haproxy", member.name, scene.now)


def _ip(number: int) -> str:
    return f"10.0.{number // 250}.{number % 250 + 1}"


def _servers(number: int, scene: Scene) -> Iterator[Server]:
    member = scene.members[number]
    status = ServerStatus.MAINT if member.parked else _STATUS.get(member.phase)
    if status is not None:
        for endpoint in scene.policy.endpoints:
            slot = f"{scene.policy.slots}{number + 1}"
            yield Server(_BALANCER, endpoint.backend, slot, _ip(number), endpoint.port, status, 0)


def _proxy(scene: Scene) -> Proxy:
    """Build one balancer with a free slot for every node that the policy may ever want."""
    most = max(scene.policy.bounds.max, *(rule.schedule.max or 0 for rule in scene.policy.scale if rule.schedule), 0)
    servers: list[Server] = []
    for number in range(max(most + max(1, most // 10), len(scene.members))):
        taken = list(_servers(number, scene)) if number < len(scene.members) else []
        servers += taken or [
            Server(_BALANCER, endpoint.backend, f"{scene.policy.slots}{number + 1}", *PARKING, ServerStatus.MAINT, 0)
            for endpoint in scene.policy.endpoints
        ]
    return Proxy(_BALANCER, "2.6.12", 1, scene.now - _OLD, tuple(servers))
