"""Every node with its phase, and what the nodes that count are worth: what the rules and the limits work from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from math import ceil
from typing import NamedTuple

from autoscaler.decide.capacity import next_type, weight
from autoscaler.decide.classify import classify, overdue, unseen, used
from autoscaler.decide.view import View
from autoscaler.model.decision import LEAVING, WARMING, Phase
from autoscaler.model.quick import quick
from autoscaler.model.recent import recent
from autoscaler.model.snapshot import Instance

_ROUNDING = 1e-9
"""Keeps 3 x 0.1 / 0.1 from becoming four nodes."""

_MOST = 1_000_000
"""A hundred times what bounds may allow: a target close to zero must not ask for infinitely many."""


def rounded_up(capacity: float) -> int:
    """Return a capacity as whole nodes of the policy's first type."""
    return ceil(min(max(capacity - _ROUNDING, 0.0), _MOST))


_OUTSIDE = frozenset({Phase.BOOTING, Phase.FILLING, Phase.JOINED, Phase.FAILED_TO_JOIN})
"""Nodes that run and are not in service, though some balancer may use them."""


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

    `at_work`: whose load counts. These are the nodes in service, and those that only some balancers use: what they
    carry is there, whether they are counted on, as those on their way are, or not any more, as the overdue.
    """

    phases: dict[str, Phase]
    in_service: tuple[Member, ...]
    at_work: tuple[Member, ...]
    leaving: tuple[Member, ...]
    warming: int
    unseen: int
    sizes: tuple[float, ...]
    next_size: float
    capacity: float
    """What all current nodes are worth."""
    serving: float
    """What those in service are worth."""
    sharing: float
    """What those are worth over whom a mean spreads what is carried: in service, or at work on their way."""
    cold: bool
    """Whether any at work has been in service for less than `warm_up`."""

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
    phases = dict.fromkeys(view.nodes.where, Phase.IN_SERVICE)
    phases |= dict.fromkeys(view.asleep, Phase.STOPPED)
    phases |= {node.instance_id: classify(node, view) for node in view.others}
    in_service = _in_service(view, phases, weigh)
    leaving = [node for node in view.others if phases[node.instance_id] in LEAVING]
    warming = {
        node.instance_id: node.instance.instance_type
        for node in view.others
        if phases[node.instance_id] in WARMING and not overdue(node, view)
    }
    partly = [node for node in view.others if phases[node.instance_id] in _OUTSIDE and used(node)]
    also = tuple([_member(node.instance, view, weigh) for node in partly])
    launched = unseen(view)
    serving = _worth(in_service)
    coming = [*map(weigh, warming.values()), *map(weigh, launched)]
    return Roster(
        phases=phases,
        in_service=in_service,
        at_work=(*in_service, *also) if also else in_service,
        leaving=tuple([_member(node.instance, view, weigh) for node in leaving]),
        warming=len(warming),
        unseen=len(launched),
        sizes=tuple(sorted([*serving.sizes, *coming], reverse=True)) if coming else serving.sizes,
        next_size=weigh(next_type(view)),
        capacity=sum(coming, serving.total),
        serving=serving.total,
        sharing=sum([member.weight for member in also if member.instance_id in warming], serving.total),
        cold=serving.cold or any(member.cold for member in also),
    )


def _in_service(view: View, phases: Mapping[str, Phase], weigh: Callable[[str], float]) -> tuple[Member, ...]:
    """Return the members in service: the same as a cycle ago for as long as they, and what each is worth, are."""
    also = [node.instance_id for node in view.others if phases[node.instance_id] is Phase.IN_SERVICE]
    crew = _crew(view.nodes.instances, view.settled.union(also) if also else view.settled)
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
