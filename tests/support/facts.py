"""What all sources say at a time, in every combination, and what may change about it until the next time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from hypothesis import strategies as st

from autoscaler.cycle.observe import observe
from autoscaler.model.errors import ObservationError
from autoscaler.model.memory import DrainRecord, EndingRecord, LaunchRecord, Memory, WakeRecord
from autoscaler.model.snapshot import (
    PARKING,
    Audience,
    FleetSnapshot,
    Heartbeat,
    Instance,
    InstanceState,
    Proxy,
    Server,
    ServerStatus,
    Streams,
    total_of,
)
from autoscaler.policy.schema import Policy
from autoscaler.ports import Senses
from autoscaler.simulate.stores import SimulatedBookings, SimulatedHistory
from autoscaler.simulate.world import World
from tests.support.fleet import CPU, LONG_AGO, NOW, PORT, SESSIONS, instance, policy_data, seconds
from tests.support.generated import policies

BACKENDS = ("backend_http", "backend_rtmp")
BALANCERS = ("lb1", "lb2")

Told = TypeVar("Told")


@dataclass(frozen=True)
class Facts:
    """Who says None does not answer. `readings` are by balancer, `answers` of those whom the probe can tell of."""

    now: datetime = NOW
    instances: tuple[Instance, ...] | None = ()
    heartbeats: Mapping[str, Heartbeat] | None = field(default_factory=dict)
    streams: Streams | None = field(default_factory=lambda: Streams({}, {}))
    readings: Mapping[str, Proxy | None] = field(default_factory=dict)
    answers: Mapping[str, bool] = field(default_factory=dict)

    def seen(self, rules: Policy, memory: Memory) -> FleetSnapshot:
        """Let a cycle look at them."""
        told = _Told(self)
        stats = tuple(_Stats(name, reading) for name, reading in self.readings.items())
        history, bookings = SimulatedHistory(), SimulatedBookings(World())
        return observe(Senses(told, told, told, stats, told, history, bookings), rules, memory)


@dataclass(frozen=True)
class _Told:
    """The clock, EC2, MongoDB and the probe."""

    facts: Facts

    def now(self) -> datetime:
        return self.facts.now

    def instances(self, group: str) -> tuple[Instance, ...]:
        del group
        return _or_silence("ec2", self.facts.instances)

    def vcpus(self, types: Sequence[str]) -> Mapping[str, int]:
        return {name: 8 if "2x" in name else 4 for name in types if name != "unheard-of"}

    def heartbeats(self) -> Mapping[str, Heartbeat]:
        return _or_silence("mongodb", self.facts.heartbeats)

    def streams(self, now: datetime) -> Streams:
        del now
        return _or_silence("mongodb", self.facts.streams)

    def answers(self, endpoints: Sequence[tuple[str, int]]) -> Mapping[str, bool]:
        return {ip: self.facts.answers[ip] for ip, _ in endpoints if ip in self.facts.answers}


@dataclass(frozen=True)
class _Stats:
    balancer: str
    reading: Proxy | None

    def read(self, backends: Sequence[str] | None, figures: Collection[str] = (), *, each_server: bool = True) -> Proxy:
        del backends, figures, each_server
        return _or_silence(f"haproxy:{self.balancer}", self.reading)


def _or_silence(source: str, told: Told | None) -> Told:
    if told is None:
        raise ObservationError(source, "does not answer")
    return told


def proxy(balancer: str, servers: Sequence[Server], **changes: Any) -> Proxy:
    return replace(Proxy(balancer, "2.6.12", 1, LONG_AGO - timedelta(days=1), tuple(servers)), **changes)


def line(number: int, status: ServerStatus = ServerStatus.UP, **changes: Any) -> Server:
    """A node's server on the first balancer in the first backend, unless told otherwise."""
    return replace(Server(BALANCERS[0], BACKENDS[0], f"slot{number}", f"10.0.0.{number}", PORT, status, 0), **changes)


def served(*numbers: int, **changes: Any) -> Facts:
    """Nodes in service on one balancer, in one backend."""
    beats = {f"10.0.0.{number}": Heartbeat(NOW, 10.0 * number) for number in numbers}
    readings = {BALANCERS[0]: proxy(BALANCERS[0], [line(number, sessions=number) for number in numbers])}
    return replace(Facts(NOW, tuple(map(instance, numbers)), beats, readings=readings), **changes)


# What comes first is what hypothesis draws most often, and what it shrinks to: the usual.
_states = st.sampled_from([*[InstanceState.RUNNING] * 12, *InstanceState])
_starts = st.sampled_from([LONG_AGO, LONG_AGO, NOW - seconds(30), NOW - timedelta(minutes=8)])
_statuses = st.sampled_from([*[ServerStatus.UP] * 20, *ServerStatus])
_types = st.sampled_from(["c5.xlarge", "c5.xlarge", "c5.2xlarge", "unheard-of"])
_beats = st.sampled_from([0, 0, 0, 3, 15, 21, 60, 100_000, None])


@st.composite
def _instances(draw: st.DrawFn, number: int) -> Instance:
    made = instance(number, state=draw(_states), launched_at=draw(_starts), instance_type=draw(_types))
    return replace(made, ip=draw(st.sampled_from([*[made.ip] * 20, "10.0.0.1", ""])), spot=number % 3 == 0)


@st.composite
def _lines(draw: st.DrawFn, balancer: str, numbers: Sequence[int]) -> list[Server]:
    """Each node's servers, those of an older worker, free slots, and who is none of ours."""
    found: list[Server] = []
    absent = draw(st.sampled_from([*[0] * 6, *numbers]))
    for backend in BACKENDS:
        for number in numbers:
            told = {"balancer": balancer, "backend": backend, "sessions": draw(st.integers(0, 3))}
            if number != absent:
                found.append(line(number, draw(_statuses), queued=draw(st.sampled_from([0, 0, 1])), **told))
            if draw(st.sampled_from([*[False] * 12, True])):
                found.append(line(number, draw(_statuses), name=f"4242/slot{number}", **told))
        parked = {"balancer": balancer, "backend": backend, "ip": PARKING[0], "port": PARKING[1]}
        found += [line(free, ServerStatus.MAINT, **parked) for free in (20, 21)]
        if draw(st.sampled_from([*[False] * 8, True])):
            found.append(line(30, draw(_statuses), balancer=balancer, backend=backend))
    return found


@st.composite
def _readings(draw: st.DrawFn, numbers: Sequence[int]) -> dict[str, Proxy | None]:
    count = draw(st.sampled_from([1, 1, 2, 2, 0]))
    return {
        balancer: proxy(
            balancer,
            draw(_lines(balancer, numbers)),
            started_at=draw(st.sampled_from([*[LONG_AGO - timedelta(days=1)] * 4, NOW - seconds(50)])),
            sees_old_workers=draw(st.booleans()),
        ) if draw(st.sampled_from([*[True] * 12, False])) else None
        for balancer in BALANCERS[:count]
    }  # fmt: skip


@st.composite
def _streams(draw: st.DrawFn, numbers: Sequence[int]) -> Streams:
    publishers = {f"10.0.0.{number}": draw(st.sampled_from([0, 0, 1, 2])) for number in numbers}
    live = Audience({ip: count for ip, count in publishers.items() if count}, {"webrtc": draw(st.integers(0, 300))})
    return total_of({"live": live, "meet": Audience({"10.0.0.1": draw(st.integers(0, 1))}, {"hls": 4})})


@st.composite
def _heartbeats(draw: st.DrawFn, numbers: Sequence[int], now: datetime) -> dict[str, Heartbeat]:
    ages = {f"10.0.0.{number}": draw(_beats) for number in numbers}
    cpu = st.sampled_from([50.0, 20.0, 75.0, 95.0, 0.1, None])
    return {ip: Heartbeat(now - seconds(age), draw(cpu), 40.0) for ip, age in ages.items() if age is not None}


@st.composite
def facts(draw: st.DrawFn) -> Facts:
    """Some nodes, in any state, each source with what it says of them; seldom one that says nothing."""
    numbers = range(1, draw(st.sampled_from([4, 3, 5, 7, 2, 1])))
    silent = draw(st.sampled_from([*[""] * 9, "mongodb", "ec2"]))
    return Facts(
        NOW,
        None if silent == "ec2" else tuple([draw(_instances(number)) for number in numbers]),
        None if silent == "mongodb" else draw(_heartbeats(numbers, NOW)),
        None if silent == "mongodb" else draw(_streams(numbers)),
        draw(_readings(numbers)),
        draw(st.dictionaries(st.sampled_from([f"10.0.0.{number}" for number in range(1, 8)]), st.booleans())),
    )


@st.composite
def rules(draw: st.DrawFn) -> Policy:
    """Any policy that looks at heartbeats and servers, in one backend or two, and at the mean of a while."""
    data = draw(policies(grouped=False))
    narrowed = {"from": SESSIONS, "aggregate": "sum", "backend": BACKENDS[0]}
    data["signals"] |= {"calm": {"from": CPU, "window": "1m"}, "http": narrowed, "queued": {"from": _QUEUED}}
    data["scale"].append({"target_tracking": draw(st.sampled_from(_TARGETS))})
    places = [{"backend": name, "port": PORT} for name in BACKENDS[: draw(st.integers(1, 2))]]
    return Policy.model_validate(policy_data(**data | {"load_balancer": places, "slots": "slot"}))


_QUEUED = "haproxy.server.queued"
_TARGETS = [
    {"signal": "calm", "target": 60},
    {"signal": "http", "target_per_node": 2},
    {"signal": "queued", "target": 1},
]


@st.composite
def memories(draw: st.DrawFn) -> Memory:
    """What may be remembered of some of the nodes."""
    keys = [f"i-{number}" for number in range(1, 8)]
    ages = st.sampled_from([LONG_AGO, *[NOW - seconds(age) for age in (5, 20, 100, 400, 3600)]])
    most = st.sampled_from([*[keys] * 4, keys[:2], keys[2:], []])
    few = st.one_of(*[st.just([])] * 3, st.lists(st.sampled_from(keys), max_size=2, unique=True))
    launch = LaunchRecord("token", "subnet-a", "c5.2xlarge", 2, NOW - seconds(30))
    told = ["i-2", "i-99"]
    return Memory(
        origin="o",
        looked_at=draw(st.sampled_from([*[NOW - seconds(5)] * 4, None, NOW - seconds(90)])),
        admitted={key: draw(ages) for key in draw(most)},
        drains={key: DrainRecord(draw(ages), draw(st.none() | ages)) for key in draw(few)},
        suspects={key: draw(ages) for key in draw(few)},
        outside={key: draw(ages) for key in draw(few)},
        pool={key: draw(ages) for key in draw(few)},
        wakes={key: WakeRecord(draw(ages), draw(st.booleans()), draw(st.booleans())) for key in draw(few)},
        endings={key: EndingRecord(draw(ages), draw(st.booleans()), draw(st.booleans())) for key in draw(few)},
        launches=draw(st.sampled_from([(), (), (launch,), (replace(launch, instance_ids=tuple(told), pool=True),)])),
    )


def _later(draw: st.DrawFn, told: Facts) -> Facts:
    return replace(told, now=told.now + seconds(draw(st.sampled_from([5, 5, 5, 5, 30, 70, 400]))))


def _with_instance(draw: st.DrawFn, told: Facts, change: Callable[[Instance], Instance | None]) -> Facts:
    """Change one, or take it away."""
    if not told.instances:
        return told
    at = draw(st.integers(0, len(told.instances) - 1))
    changed = change(told.instances[at])
    return replace(told, instances=(*told.instances[:at], *filter(None, [changed]), *told.instances[at + 1 :]))


def _launched(draw: st.DrawFn, told: Facts) -> Facts:
    known = told.instances or ()
    fresh = instance(8 + len(known), state=draw(_states), launched_at=told.now, instance_type=draw(_types))
    return replace(told, instances=(*known, fresh))


def _with_line(draw: st.DrawFn, told: Facts, **changes: Any) -> Facts:
    """Change one server of a balancer that answers."""
    heard = {name: reading for name, reading in told.readings.items() if reading and reading.servers}
    if not heard:
        return told
    name = draw(st.sampled_from(sorted(heard)))
    servers = list(heard[name].servers)
    at = draw(st.integers(0, len(servers) - 1))
    servers[at] = replace(servers[at], **changes)
    return replace(told, readings={**told.readings, name: replace(heard[name], servers=tuple(servers))})


def _busier(draw: st.DrawFn, told: Facts) -> Facts:
    """All the servers anew, alike but for their sessions."""
    more = draw(st.integers(0, 2))
    readings = {
        name: reading and replace(
            reading, servers=tuple([replace(server, sessions=server.sessions + more) for server in reading.servers])
        )
        for name, reading in told.readings.items()
    }  # fmt: skip
    return replace(told, readings=readings)


def _with_balancer(draw: st.DrawFn, told: Facts, change: Callable[[Proxy | None], Proxy | None]) -> Facts:
    if not told.readings:
        return told
    name = draw(st.sampled_from(sorted(told.readings)))
    return replace(told, readings={**told.readings, name: change(told.readings[name])})


def _beating(draw: st.DrawFn, told: Facts) -> Facts:
    numbers = range(1, 2 + len(told.instances or ()))
    return replace(told, heartbeats=draw(_heartbeats(numbers, told.now)), streams=draw(_streams(numbers)))


_CHANGES: Sequence[Callable[[st.DrawFn, Facts], Facts]] = [
    _beating,
    _busier,
    _launched,
    lambda draw, told: _with_instance(draw, told, lambda one: replace(one, state=draw(_states))),
    lambda draw, told: _with_instance(draw, told, lambda one: replace(one, launched_at=told.now)),
    lambda draw, told: _with_instance(draw, told, lambda one: replace(one, instance_type=draw(_types))),
    lambda draw, told: _with_instance(draw, told, lambda _: None),
    lambda draw, told: _with_line(draw, told, status=draw(st.sampled_from([*ServerStatus]))),
    lambda draw, told: _with_line(draw, told, ip=draw(st.sampled_from(["10.0.0.1", "10.0.0.8", PARKING[0]]))),
    lambda draw, told: _with_line(draw, told, port=PARKING[1], ip=PARKING[0]),
    lambda draw, told: _with_line(draw, told, name=draw(st.sampled_from(["slot1", "slot20", "4242/slot1"]))),
    lambda draw, told: _with_line(draw, told, backend=draw(st.sampled_from([*BACKENDS]))),
    lambda draw, told: _with_balancer(draw, told, lambda _: None),
    lambda draw, told: _with_balancer(draw, told, lambda one: one and replace(one, started_at=told.now)),
    lambda draw, told: _with_balancer(draw, told, lambda one: one and replace(one, servers=one.servers[:-1])),
    lambda draw, told: replace(told, answers={ip: draw(st.booleans()) for ip in ("10.0.0.1", "10.0.0.2", "10.0.0.9")}),
    lambda _, told: replace(told, heartbeats=None, streams=None),
    lambda _, told: replace(told, instances=None),
]


@st.composite
def stories(draw: st.DrawFn) -> list[Facts]:
    """What is seen one time after another: what did not change is the very same object, or a copy of it."""
    story = [draw(facts())]
    for _ in range(draw(st.integers(1, 5))):
        told = _later(draw, story[-1])
        for change in draw(st.lists(st.sampled_from(_CHANGES), max_size=2)):
            told = change(draw, told)
        story.append(told)
        if draw(st.sampled_from([*[False] * 5, True])):  # and what was wrong is as it was before
            story.append(replace(story[-2], now=told.now + seconds(5)))
    return story
