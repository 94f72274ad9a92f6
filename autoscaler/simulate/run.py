"""A policy and a trace, played: the daemon's own cycle in a made-up cluster, on a virtual clock."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from math import ceil

from autoscaler.cycle.cycle import run_cycle
from autoscaler.cycle.execute import LiveExecutor
from autoscaler.model.plan import Action, Outcome
from autoscaler.model.report import CycleReport
from autoscaler.model.snapshot import InstanceState
from autoscaler.policy.schema import Policy
from autoscaler.ports import Hands, Senses
from autoscaler.simulate.arrivals import by_step
from autoscaler.simulate.cluster import Cluster, Incidents
from autoscaler.simulate.crowd import Coming
from autoscaler.simulate.events import befall
from autoscaler.simulate.media import SimulatedRefusals
from autoscaler.simulate.opening import begin
from autoscaler.simulate.oracle import Oracle
from autoscaler.simulate.ports import (
    SimulatedClock,
    SimulatedFleet,
    SimulatedNodeLoads,
    SimulatedProbe,
    SimulatedProxyControl,
    SimulatedProxyStats,
)
from autoscaler.simulate.spec import WorldSpec
from autoscaler.simulate.stores import SimulatedBookings, SimulatedHistory, SimulatedMemoryStore
from autoscaler.simulate.timeline import Tick, Timeline, Turn
from autoscaler.simulate.traffic.sessions import Event, Traffic
from autoscaler.simulate.world import World

_TOLD_EVERY = 100
_THRESHOLDS = (100_000, 50, 100)

FLAP = timedelta(minutes=30)
"""A turn back so soon after the last change is a flap."""


@dataclass(frozen=True, slots=True)
class Steered:
    """What whoever steers a group did in one step: how many nodes it wants, and why."""

    desired: int
    direction: str
    reasons: tuple[tuple[str, str], ...]


Steering = Callable[[], Steered]
"""Looks at the world through its ports, and steers. Ours, or the rule of somebody else."""


@dataclass(slots=True)
class Totals:
    """Sums over a whole run. `usual_seconds`: the same in nodes of the policy's first type, by what each carries."""

    node_seconds: float = 0.0
    usual_seconds: float = 0.0
    stopped_seconds: float = 0.0
    cost: float = 0.0
    sessions: int = 0
    rejected_sessions: int = 0
    breached_s: float = 0.0
    disrupted_s: float = 0.0
    publishers_cut: int = 0
    viewers_cut: int = 0
    lost_sessions: int = 0
    scale_outs: int = 0
    scale_ins: int = 0
    flaps: int = 0
    max_nodes: int = 0
    min_nodes: int | None = None


@dataclass(slots=True)
class Played:
    """One policy on one trace: what came of it."""

    totals: Totals
    timeline: Timeline
    oracle: Oracle
    cycles: int = 0


@dataclass
class Stage:
    """A group in a made-up cluster, with everything that a cycle reads and writes through.

    `observer`, when there is one, is shown the report of every cycle of ours.
    """

    policy: Policy
    spec: WorldSpec
    world: World
    cluster: Cluster
    senses: Senses
    hands: Hands
    observer: Callable[[CycleReport], object] | None = None

    def steer(self) -> Steered:
        """Run one cycle of ours."""
        memory = self.hands.store.load(self.policy.group)
        report = run_cycle(self.senses, LiveExecutor(self.senses, self.hands), self.policy, memory)
        if self.observer:
            self.observer(report)
        decision = report.decision
        reasons = tuple((reason.code, reason.detail) for reason in decision.reasons)
        return Steered(decision.desired, decision.direction.value, reasons)


class Silent:
    """A journal that nobody reads: a month of reports would fill the memory."""

    def intent(self, group: str, action: Action) -> None:
        """Keep nothing."""

    def outcome(self, group: str, outcome: Outcome) -> None:
        """Keep nothing."""

    def cycle(self, report: CycleReport) -> None:
        """Keep nothing."""


def set_stage(policy: Policy, traffic: Traffic, spec: WorldSpec, seed: int, step: timedelta) -> Stage:
    """Build the world as it is when the trace begins, with as many nodes as the policy has for those who come at once.

    They are in service since long ago, and nobody is on them yet.
    """
    number, first = next(by_step(traffic, step.total_seconds(), policy.role), (0, Coming()))
    nodes, wanted = 0, policy.bounds.min
    while wanted > nodes:  # whoever finds no room is not seen, so it takes some looks
        nodes = wanted
        stage = _build(policy, traffic, spec, seed, step, nodes)
        stage.cluster.step(0, first if number == 0 else Coming())
        wanted = stage.steer().desired
    return _build(policy, traffic, spec, seed, step, nodes)


def _build(policy: Policy, traffic: Traffic, spec: WorldSpec, seed: int, step: timedelta, nodes: int) -> Stage:
    world = World(now=traffic.begin, haproxy_started_at=traffic.begin - timedelta(days=30))
    world.listening_since = world.haproxy_started_at
    world.vcpus = {name: spec.size(name).vcpus for name in {*policy.launch.types, *spec.types, "c5.xlarge"}}
    begin(policy, spec, world, nodes)
    cluster = Cluster(world, policy, spec, seed, step.total_seconds())
    fleet, history = SimulatedFleet(world), SimulatedHistory()
    senses = Senses(
        SimulatedClock(world), fleet, SimulatedNodeLoads(world), (SimulatedProxyStats(world),), SimulatedProbe(world),
        history=history, bookings=SimulatedBookings(world), refusals=SimulatedRefusals(world),
    )  # fmt: skip
    store = SimulatedMemoryStore()
    since = {key: node.instance.launched_at for key, node in world.nodes.items()}
    pool = {key: at for key, at in since.items() if world.nodes[key].instance.state is InstanceState.STOPPED}
    admitted = {key: at for key, at in since.items() if key not in pool}
    memory = replace(store.load(policy.group), admitted=admitted, pool=pool, looked_at=traffic.begin - step)
    store.save(policy.group, memory)
    hands = Hands(fleet, SimulatedProxyControl(world), store, Silent(), history)
    return Stage(policy, spec, world, cluster, senses, hands)


def play(
    stage: Stage,
    traffic: Traffic,
    step: timedelta,
    steering: Steering | None = None,
    tell: Callable[[float], object] = abs,
) -> Played:
    """Play the whole trace. `steering` is ours unless somebody else's rule is to be measured in the same world.

    `tell` hears now and then, in seconds, how far the trace was played.
    """
    with _rare_collections():
        return _play(stage, traffic, step, steering or stage.steer, tell)


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Collect garbage rarely: nearly all is freed without, and each time it would look through all viewers."""
    before = gc.get_threshold()
    gc.set_threshold(*_THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _play(stage: Stage, traffic: Traffic, step: timedelta, steer: Steering, tell: Callable[[float], object]) -> Played:
    step_s = step.total_seconds()
    played = Played(Totals(), Timeline(), _oracle(stage, step_s))
    referee = _Referee(played, stage, step_s, traffic.events)
    crowds = by_step(traffic, step_s, stage.policy.role)
    waiting = next(crowds, None)
    begin = traffic.begin
    for number in range(ceil(traffic.length_s / step_s)):
        stage.world.now = begin + number * step
        at_s = number * step_s
        referee.events(at_s)
        arrivals = Coming()
        if waiting is not None and waiting[0] == number:
            arrivals, waiting = waiting[1], next(crowds, None)
        if number % _TOLD_EVERY == 0:
            tell(at_s)
        incidents = stage.cluster.step(number, arrivals)
        steered = steer()
        referee.note(at_s, len(arrivals), incidents, steered, stage.cluster.reap())
    return played


class _Referee:
    """Counts, and does to the cluster what the trace's events say."""

    def __init__(self, played: Played, stage: Stage, step_s: float, events: Iterable[Event]) -> None:
        self._played = played
        self._stage = stage
        self._step_s = step_s
        self._last_turn: tuple[float, int] | None = None
        self._size: int | None = None
        self._events = deque(events)
        self._until: list[tuple[float, Callable[[], None]]] = []

    def events(self, at_s: float) -> None:
        """Let what is due happen within this step, and let end what has lasted long enough."""
        for _, end in [entry for entry in self._until if entry[0] <= at_s]:
            end()
        self._until = [entry for entry in self._until if entry[0] > at_s]
        while self._events and self._events[0].at_s < at_s + self._step_s:
            event = self._events.popleft()
            end = befall(self._stage.cluster, event)
            if event.lasts_s:
                self._until.append((event.at_s + event.lasts_s, end))

    def note(self, at_s: float, arrived: int, lived: Incidents, steered: Steered, ended: Incidents) -> None:
        """Add one step to the sums and to the timeline."""
        totals, cluster = self._played.totals, self._stage.cluster
        standing = cluster.standing
        phases, nodes = standing.phases, standing.nodes
        rejected = lived.rejected
        viewers, publishers = cluster.present
        totals.sessions += arrived
        totals.rejected_sessions += rejected
        totals.publishers_cut += ended.publishers_cut
        totals.viewers_cut += ended.viewers_cut
        totals.lost_sessions += lived.lost
        totals.disrupted_s += lived.waited_s
        totals.breached_s += self._step_s if rejected or cluster.overloaded else 0.0
        totals.node_seconds += nodes * self._step_s
        totals.usual_seconds += standing.carrying * self._step_s
        totals.stopped_seconds += standing.stopped * self._step_s
        totals.cost += standing.price * self._step_s / 3600
        totals.max_nodes = max(totals.max_nodes, nodes)
        totals.min_nodes = nodes if totals.min_nodes is None else min(totals.min_nodes, nodes)
        self._played.oracle.add(cluster.needed)
        self._played.cycles += 1
        self._turn(at_s, steered)
        codes = tuple(code for code, _ in steered.reasons)
        cut = ended.viewers_cut + ended.publishers_cut
        self._played.timeline.add(
            Tick(at_s, viewers, publishers, rejected, cut, phases["serving"], phases["draining"], phases["coming"],
                 steered.desired, steered.direction, codes)
        )  # fmt: skip

    def _turn(self, at_s: float, steered: Steered) -> None:
        """Notice that another size is wanted than a step ago."""
        before, self._size = self._size, steered.desired
        if before is None or before == steered.desired:
            return
        totals = self._played.totals
        way = 1 if steered.desired > before else -1
        totals.scale_outs += way > 0
        totals.scale_ins += way < 0
        if self._last_turn and self._last_turn[1] != way and at_s - self._last_turn[0] < FLAP.total_seconds():
            totals.flaps += 1
        self._last_turn = at_s, way
        self._played.timeline.turns.append(Turn(at_s, before, steered.desired, steered.reasons))


def _oracle(stage: Stage, step_s: float) -> Oracle:
    boot_steps = stage.spec.boot.median.total_seconds() / step_s
    return Oracle(step_s, boot_steps, least=stage.policy.bounds.min)
