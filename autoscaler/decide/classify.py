"""Each node's phase, told from the facts and from what earlier cycles remember."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, lru_cache, partial
from math import ceil
from typing import NamedTuple

from autoscaler.decide.capacity import next_type, weight
from autoscaler.decide.view import View
from autoscaler.model.decision import LEAVING, WARMING, Phase
from autoscaler.model.quick import quick
from autoscaler.model.recent import recent
from autoscaler.model.snapshot import (
    HEARTBEAT_MAX_AGE,
    Gap,
    Heartbeat,
    Instance,
    InstanceState,
    Node,
    ServerStatus,
)

UNSEEN_LAUNCH_MAX_AGE = timedelta(minutes=5)
"""How long a launched instance may stay invisible to DescribeInstances before we stop counting on it."""

UNSEEN_WAKE_MAX_AGE = timedelta(minutes=1)
"""How long EC2 may still list as stopped what we started. Later it has stopped again by itself."""

UNSEEN_ENDING_MAX_AGE = timedelta(minutes=3)
"""How long EC2 may still list as running what it said it would end. Later it is asked again."""

UNANSWERED_ENDING_MAX_AGE = timedelta(seconds=15)
"""The same where no answer came, as when we died while we asked: it may not have heard, and is asked again soon."""

_UP = frozenset({InstanceState.PENDING, InstanceState.RUNNING})

_ROUNDING = 1e-9
"""Keeps 3 x 0.1 / 0.1 from becoming four nodes."""

_MOST = 1_000_000
"""A hundred times what bounds may allow: a target close to zero must not ask for infinitely many."""

_BY_STATE = {
    InstanceState.PENDING: Phase.PENDING,
    InstanceState.STOPPING: Phase.STOPPED,
    InstanceState.STOPPED: Phase.STOPPED,
    InstanceState.SHUTTING_DOWN: Phase.TERMINATING,
    InstanceState.TERMINATED: Phase.TERMINATING,
}


def rounded_up(capacity: float) -> int:
    """Return a capacity as whole nodes of the policy's first type."""
    return ceil(min(max(capacity - _ROUNDING, 0.0), _MOST))


class Member(NamedTuple):
    """A node whose load counts. `weight` is its worth in nodes of the policy's first type.

    `cold`: in service for less than `warm_up`.
    """

    instance_id: str
    weight: float
    cold: bool


@quick
@dataclass(frozen=True, slots=True)
class Roster:
    """Every node with its phase. `warming` counts those on their way, but for the overdue.

    `unseen` counts launched instances that EC2 does not list yet. `sizes`: what all current nodes are worth, in nodes
    of the policy's first type, largest first; `next_size`: what the node is that would be launched now.
    """

    phases: dict[str, Phase]
    in_service: tuple[Member, ...]
    leaving: tuple[Member, ...]
    warming: int
    unseen: int
    sizes: tuple[float, ...]
    next_size: float
    capacity: float
    """What all current nodes are worth."""
    serving: float
    """What those in service are worth."""
    cold: bool
    """Whether any of these has been in service for less than `warm_up`."""

    @property
    def current(self) -> int:
        """How many nodes are in service and on their way."""
        return len(self.in_service) + self.warming + self.unseen

    def nodes_for(self, capacity: float) -> int:
        """Return how many nodes of any size make up a capacity.

        What is missing is launched in nodes of `next_size`. What is spare leaves in the largest nodes there are: the
        plan may choose any, so of unequal nodes up to one largest node's worth may stay.
        """
        missing = min(capacity - self.capacity, _MOST)
        if missing > _ROUNDING:
            return self.current + ceil(missing / self.next_size - _ROUNDING)
        spare, kept = _ROUNDING - missing, self.current
        for size in self.sizes:
            spare -= size
            if spare < 0:
                break
            kept -= 1
        return kept


def call_roll(view: View) -> Roster:
    """Classify every node once; the rules and the limits both work from the result."""
    weigh = cache(partial(weight, view=view))
    phases = dict.fromkeys(view.fleet.where, Phase.IN_SERVICE)
    phases |= dict.fromkeys(view.asleep, Phase.STOPPED)
    phases |= {node.instance_id: classify(node, view) for node in view.others}
    in_service = _in_service(view, phases, weigh)
    leaving = [node for node in view.others if phases[node.instance_id] in LEAVING]
    warming = [
        node.instance.instance_type
        for node in view.others
        if phases[node.instance_id] in WARMING and not overdue(node, view)
    ]
    launched = unseen(view)
    serving = _worth(in_service)
    coming = [*map(weigh, warming), *map(weigh, launched)]
    return Roster(
        phases=phases,
        in_service=in_service,
        leaving=tuple([_member(node.instance, view, weigh) for node in leaving]),
        warming=len(warming),
        unseen=len(launched),
        sizes=tuple(sorted([*serving.sizes, *coming], reverse=True)) if coming else serving.sizes,
        next_size=weigh(next_type(view)),
        capacity=sum(coming, serving.total),
        serving=serving.total,
        cold=serving.cold,
    )


def _in_service(view: View, phases: Mapping[str, Phase], weigh: Callable[[str], float]) -> tuple[Member, ...]:
    """Return the members in service: the same as a cycle ago for as long as they, and what each is worth, are."""
    also = [node.instance_id for node in view.others if phases[node.instance_id] is Phase.IN_SERVICE]
    crew = _crew(view.fleet.instances, view.settled.union(also) if also else view.settled)
    since = [at for one in crew.members if (at := view.memory.admitted.get(one.instance_id))]
    if len(since) == len(crew.members) and max(since, default=view.now) <= view.now - view.policy.warm_up:
        return _warm(crew, *map(weigh, crew.types))
    return tuple([_member(one, view, weigh) for one in crew.members])


def _member(instance: Instance, view: View, weigh: Callable[[str], float]) -> Member:
    return Member(instance.instance_id, weigh(instance.instance_type), view.warming_up(instance.instance_id))


@dataclass(frozen=True, slots=True)
class _Worth:
    sizes: tuple[float, ...]
    total: float
    cold: bool


@recent
def _worth(in_service: tuple[Member, ...]) -> _Worth:
    """Return what members are worth, largest first and in all, and whether any is cold."""
    weights = [weight for _, weight, _ in in_service]
    return _Worth(tuple(sorted(weights, reverse=True)), sum(weights), any(cold for _, _, cold in in_service))


@dataclass(frozen=True, slots=True, eq=False)
class _Crew:
    members: tuple[Instance, ...]
    types: tuple[str, ...]


@recent
def _crew(instances: tuple[Instance, ...], ids: frozenset[str]) -> _Crew:
    members = tuple(one for one in instances if one.instance_id in ids)
    return _Crew(members, tuple(sorted({one.instance_type for one in members})))


@lru_cache(maxsize=16)
def _warm(crew: _Crew, *weights: float) -> tuple[Member, ...]:
    """Return members of which none is cold. `weights` are those of the crew's types."""
    weigh = dict(zip(crew.types, weights, strict=True))
    return tuple(Member(one.instance_id, weigh[one.instance_type], cold=False) for one in crew.members)


def classify(node: Node, view: View) -> Phase:
    """Tell a node's phase. A source that could not be read never makes a node look worse than it was."""
    key = node.instance.instance_id
    ended = _ended(node, view) if key in view.memory.endings else None
    if ended is not None:
        return ended
    if node.instance.state is not InstanceState.RUNNING:
        return _not_running(node, view)
    if key in view.memory.drains:
        return _draining(node, view)
    if key in view.serving:
        return Phase.IN_SERVICE
    admitted = key in view.memory.admitted
    if isinstance(node.servers, Gap) and admitted:
        return Phase.IN_SERVICE
    return _out_of_service(node, view, admitted=admitted)


def _ended(node: Node, view: View) -> Phase | None:
    """Tell the phase of a node that we ended: EC2's list lags behind, and whoever shuts down must not serve again."""
    ending, instance = view.memory.endings[node.instance_id], node.instance
    if instance.launched_at > ending.at:  # started again, by whomever
        return None
    if not ending.stop:
        return Phase.TERMINATING
    return Phase.STOPPED if instance.state in _UP else None


def _not_running(node: Node, view: View) -> Phase:
    """Tell the phase by EC2's state, but for what it tells too late, and for what starts to fill the warm pool."""
    phase = _BY_STATE[node.instance.state]
    if phase is Phase.STOPPED and _awaited(node, view):
        return Phase.PENDING
    return Phase.FILLING if phase is Phase.PENDING and pooled(node, view) else phase


def _awaited(node: Node, view: View) -> bool:
    wake = view.memory.wakes.get(node.instance_id)
    return wake is not None and not wake.failed and view.now - wake.at <= UNSEEN_WAKE_MAX_AGE


def pooled(node: Node, view: View) -> bool:
    """Whether the node is the warm pool's, and was not told to serve."""
    wake = view.memory.wakes.get(node.instance_id)
    return node.instance_id in view.memory.pool and (wake is None or wake.failed)


def _out_of_service(node: Node, view: View, *, admitted: bool) -> Phase:
    suspect_since = view.memory.suspects.get(node.instance_id)
    if suspect_since is not None and view.now - suspect_since >= view.policy.join.lost_after:
        return Phase.LOST
    apart = pooled(node, view)
    if joined(node, view.now):
        return Phase.FILLING if apart else Phase.JOINED
    if late(node, view) and node.heartbeat is None and not admitted:
        return Phase.FAILED_TO_JOIN
    return Phase.FILLING if apart else Phase.BOOTING


def joined(node: Node, now: datetime) -> bool:
    """Whether a node that no balancer vouches for runs, is a member of the cluster, and answers."""
    return node.instance.state is InstanceState.RUNNING and beating(node, now) and node.answers is not False


def late(node: Node, view: View) -> bool:
    """Whether the node was launched, or started, so long ago that it should have joined."""
    return view.now - node.instance.launched_at >= view.policy.join.timeout


def overdue(node: Node, view: View) -> bool:
    """Whether a node has been out of service for so long that we no longer count on it, whatever it says of itself."""
    since = view.memory.outside.get(node.instance_id)
    admitted = node.instance_id in view.memory.admitted
    patience = view.policy.join.lost_after if admitted else view.policy.join.timeout
    return since is not None and view.now - since >= patience


def beating(node: Node, now: datetime) -> bool:
    """Whether the node's heartbeat is fresh."""
    return isinstance(node.heartbeat, Heartbeat) and now - node.heartbeat.at <= HEARTBEAT_MAX_AGE


def suspect(node: Node, view: View) -> bool:
    """Whether independent sources agree that a running node is gone: a stale heartbeat, no answer, UP nowhere.

    A stale row alone may mean "overloaded", the opposite of "remove it" (Ant-Media-Server #7045, #7226).
    """
    if node.answers is not False or isinstance(node.servers, Gap):
        return False
    stale = isinstance(node.heartbeat, Heartbeat) and not beating(node, view.now)
    return stale and all(server.status is not ServerStatus.UP for server in node.servers)


def parked(node: Node) -> bool:
    """Whether no balancer sends anything new to the node, its cookie's holders included."""
    return not isinstance(node.servers, Gap) and all(s.status is ServerStatus.MAINT for s in node.servers)


def _draining(node: Node, view: View) -> Phase:
    empty_since = view.memory.drains[node.instance_id].empty_since
    long_enough = empty_since is not None and view.now - empty_since >= view.policy.drain.empty_for
    return Phase.DRAINED if long_enough and node.empty and parked(node) else Phase.DRAINING


def unseen(view: View, *, pool: bool = False) -> list[str]:
    """Return the type of each instance that a launch promised and EC2 does not list: DescribeInstances lags behind.

    Those for the warm pool, or the others.
    """
    if not view.memory.launches:
        return []
    listed = view.fleet.where
    tokens = {instance.token for instance in view.fleet.instances}
    types: list[str] = []
    for launch in view.memory.launches:
        if view.now - launch.at > UNSEEN_LAUNCH_MAX_AGE or launch.pool is not pool:
            continue
        unlisted = sum(instance_id not in listed for instance_id in launch.instance_ids)
        if not launch.instance_ids and launch.token not in tokens:
            unlisted = launch.count
        types += [launch.instance_type] * unlisted
    return types
