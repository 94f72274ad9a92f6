"""Who is on the stage: nodes as they are told, what is remembered of them, and how a plan changes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from autoscaler.decide.pipeline import decide
from autoscaler.model.decision import LEAVING, Phase
from autoscaler.model.memory import DrainRecord, Memory, Recommendation, ScaleEvent
from autoscaler.model.plan import (
    Action,
    CancelDrain,
    Deregister,
    Done,
    Drain,
    Launch,
    Outcome,
    Plan,
    Register,
    Stop,
    Terminate,
    Wake,
)
from autoscaler.plan.remember import intend, settle
from autoscaler.policy.schema import Policy
from autoscaler.review.past import told_past
from autoscaler.review.scenario import Given, NodeTold, SignalTold, Step
from autoscaler.review.stage import SOURCE_OF, Member, Scene, snapshot

CYCLE = timedelta(seconds=5)
"""How often the daemon looks, unless its settings say otherwise."""

_SETTLED = timedelta(hours=1)
_OLD_LOAD = timedelta(days=1)
_YOUNG = {
    Phase.PENDING: timedelta(seconds=10),
    Phase.BOOTING: timedelta(seconds=30),
    Phase.FILLING: timedelta(seconds=30),
    Phase.JOINED: timedelta(seconds=30),
}
_ADMITTED = frozenset({Phase.IN_SERVICE, Phase.LOST, *LEAVING})
_BECOMES: Mapping[type[Action], Phase] = {
    Drain: Phase.DRAINING,
    CancelDrain: Phase.IN_SERVICE,
    Register: Phase.IN_SERVICE,
    Stop: Phase.STOPPED,
    Wake: Phase.PENDING,
}


def open_scene(given: Given, policy: Policy) -> Scene:
    """Set the stage, with a past as `given` tells it."""
    now = given.now
    members = tuple(_members(given.nodes or (), policy, now, {}))
    memory = _remembered(members, {}, policy, now, Memory(looked_at=now, events=tuple(_events(given))))
    signals, past = _by_key(given.signals, policy), told_past(given, policy)
    scene = Scene(policy, now, members, signals, given.gaps, memory, past, given.bookings, given.vcpus)
    return replace(scene, memory=_with_past(given, scene))


def change_scene(scene: Scene, step: Step) -> Scene:
    """Change what a step tells, and nothing else. A node that was there keeps its age, and what is remembered of it."""
    signals = dict(scene.signals)
    members, memory = scene.members, scene.memory
    if step.nodes is not None:
        before = {member.name: member for member in scene.members}
        members = tuple(_members(step.nodes, scene.policy, scene.now, before))
        memory = _remembered(members, before, scene.policy, scene.now, memory)
        signals = {key: told for key, told in signals.items() if not _told_of_nodes(key, step.nodes)}
    signals |= _by_key(step.signals, scene.policy)
    gaps = scene.gaps if step.gaps is None else step.gaps
    bookings = scene.bookings if step.bookings is None else step.bookings
    return replace(scene, members=members, memory=memory, signals=signals, gaps=gaps, bookings=bookings)


def carry_out(scene: Scene, plan: Plan) -> Scene:
    """Take every step of a plan, each with success. What is launched boots until the test says that it is there."""
    members = {member.name: member for member in scene.members}
    outcomes: list[Outcome] = []
    pool: dict[str, datetime] = {}
    for action in plan.actions:
        brought: tuple[str, ...] = ()
        if isinstance(action, Launch):
            fresh = tuple(_launched(action, len(members), scene.now, set(members)))
            members |= {member.name: member for member in fresh}
            brought = tuple(member.name for member in fresh)
            pool |= dict.fromkeys(brought, scene.now) if action.pool else {}
        elif isinstance(action, Terminate):
            del members[action.instance_id]
        else:  # nothing is ever forgotten here: a node that is ended takes its servers along
            members[action.subject] = _changed(members[action.subject], action, scene.now)
        outcomes.append(Outcome(action, Done(brought)))
    memory = settle(intend(scene.memory, plan, scene.now), outcomes, scene.now)
    memory = replace(memory, launches=(), pool={**memory.pool, **pool})
    return replace(scene, members=tuple(members.values()), memory=memory)


def _changed(member: Member, action: Action, now: datetime) -> Member:
    """Return a member after a step on it. Who is on the way into the warm pool runs already when it is to serve."""
    if isinstance(action, Deregister):
        return replace(member, parked=True)
    if isinstance(action, Wake) and member.phase is Phase.FILLING:
        return replace(member, phase=Phase.BOOTING if member.launched else Phase.JOINED)
    launched_at = now if isinstance(action, Wake) else member.launched_at
    return replace(member, phase=_BECOMES[type(action)], parked=False, launched_at=launched_at)


def _launched(action: Launch, number: int, now: datetime, taken: set[str]) -> Iterator[Member]:
    for _ in range(action.count):
        while f"n{number + 1}" in taken:
            number += 1
        taken.add(f"n{number + 1}")
        told = NodeTold(type=action.spec.instance_type, spot=action.spec.spot)
        phase = Phase.FILLING if action.pool else Phase.BOOTING
        yield Member(f"n{number + 1}", told, phase, now, action.subnet, launched=True)


def _by_key(signals: Mapping[str, SignalTold], policy: Policy) -> dict[str, SignalTold]:
    return {policy.signals[name].key: told for name, told in signals.items()}


def _told_of_nodes(key: str, nodes: tuple[NodeTold, ...]) -> bool:
    """Whether the nodes themselves tell what a signal told before."""
    source = key.partition(":")[0]
    return any(getattr(node, fact) is not None for node in nodes for fact, of in SOURCE_OF.items() if of == source)


def _members(
    nodes: tuple[NodeTold, ...], policy: Policy, now: datetime, before: Mapping[str, Member]
) -> Iterator[Member]:
    subnets = policy.launch.subnets
    for number, told in enumerate(nodes):
        name = told.name or f"n{number + 1}"
        known = before.get(name)
        age = told.age or _age(told.phase, policy)
        launched_at = known.launched_at if known and told.age is None else now - age
        subnet = told.subnet or (known.subnet if known else subnets[number % len(subnets)])
        parked = known.parked if known and known.phase is told.phase else False
        yield Member(name, told, told.phase, launched_at, subnet, parked)


def _age(phase: Phase, policy: Policy) -> timedelta:
    if phase is Phase.FAILED_TO_JOIN:
        return policy.join.timeout
    return _YOUNG.get(phase, max(_SETTLED, policy.warm_up))


def _remembered(
    members: tuple[Member, ...], before: Mapping[str, Member], policy: Policy, now: datetime, memory: Memory
) -> Memory:
    """Remember of each node what the daemon would. A node that is told for the first time has a past by its phase."""
    admitted = {m.name: m.launched_at for m in members if m.phase in _ADMITTED and m.name not in before}
    suspects = {m.name: now - policy.join.lost_after for m in members if m.phase is Phase.LOST}
    drains = {m.name: memory.drains.get(m.name) or _drain(m, policy, now) for m in members if m.phase in LEAVING}
    apart = {Phase.FILLING, Phase.STOPPED} if policy.launch.warm_pool.stopped else {Phase.FILLING}
    pool = {m.name: now for m in members if m.phase in apart}
    admitted, pool = {**memory.admitted, **admitted}, {**pool, **memory.pool}
    return replace(memory, admitted=admitted, suspects=suspects, drains=drains, pool=pool)


def _drain(member: Member, policy: Policy, now: datetime) -> DrainRecord:
    if member.phase is Phase.DRAINING:
        return DrainRecord(since=now)
    empty_since = now - policy.drain.empty_for
    return DrainRecord(since=empty_since - policy.drain.sticky_for, empty_since=empty_since)


def _events(given: Given) -> Iterator[ScaleEvent]:
    changes = [(change.ago, change.nodes) for change in given.changes]
    changes += [
        (ago, nodes) for ago, nodes in ((given.last_scale_out, 1), (given.last_scale_in, -1)) if ago is not None
    ]
    for ago, nodes in sorted(changes, reverse=True):
        yield ScaleEvent(given.now - ago, nodes)


def _with_past(given: Given, scene: Scene) -> Memory:
    """Return the memory with what was wanted before, and since when thresholds are passed."""
    history, memory = given.history, scene.memory
    held = given.held or (_OLD_LOAD if history.kind == "stabilized" else timedelta(0))
    first, seen = decide(snapshot(scene), scene.policy, memory)
    memory = replace(memory, breaches=dict.fromkeys(seen.breaches, scene.now - held))
    if history.kind == "none" or not seen.recommendations:
        return memory
    if history.kind == "told":
        told = sorted(((wish.ago, wish.desired) for wish in history.wishes), reverse=True)
        return replace(memory, recommendations=tuple(Recommendation(scene.now - ago, n) for ago, n in told))
    wanted = first.current
    if history.kind == "stabilized":
        _, seen = decide(snapshot(scene), scene.policy, memory)
        wanted = seen.recommendations[-1].desired
    return replace(memory, recommendations=tuple(_watched(scene, wanted)))


def _watched(scene: Scene, wanted: int) -> Iterator[Recommendation]:
    """Yield one wish over every window of the policy: where each begins, and in the last cycle before now."""
    pace, out = scene.policy.scale_in, scene.policy.scale_out
    windows = {pace.stabilization, out.stabilization, *(control.per for control in pace.control), CYCLE}
    for window in sorted(windows, reverse=True):
        if window >= CYCLE:
            yield Recommendation(scene.now - window, wanted)
