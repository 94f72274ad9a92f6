"""What every pure function of a cycle looks at: one snapshot, one policy, one memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from autoscaler.model.memory import Memory
from autoscaler.model.nodes import Nodes, nodes_of
from autoscaler.model.recent import recent
from autoscaler.model.snapshot import FleetSnapshot, Instance, InstanceState, Node
from autoscaler.policy.schema import Policy


@dataclass(frozen=True)
class View:
    """One group in one cycle. `now` is the snapshot's time; there is no other."""

    snapshot: FleetSnapshot
    policy: Policy
    memory: Memory

    @property
    def now(self) -> datetime:
        """When the snapshot was taken."""
        return self.snapshot.taken_at

    @property
    def places(self) -> int:
        """In how many server lines a node in service stands: one in each backend of each balancer."""
        return len(self.snapshot.proxies) * len(self.policy.endpoints)

    @cached_property
    def nodes(self) -> Nodes:
        """The group's nodes as a whole."""
        return nodes_of(self.snapshot)

    @cached_property
    def serving(self) -> frozenset[str]:
        """The nodes to which every balancer sends new sessions, in every backend of the policy."""
        return _serving(self.nodes.places_up, self.places)

    @cached_property
    def settled(self) -> frozenset[str]:
        """The nodes of which serving is all there is to say: they run, and were told neither to leave nor to end."""
        running = _running(self.nodes.instances, self.serving)
        told = running & {*self.memory.drains, *self.memory.endings}
        return running - told if told else running

    @cached_property
    def asleep(self) -> frozenset[str]:
        """The nodes of which being stopped is all there is to say: they were told neither to end nor to wake."""
        stopped = _stopped(self.nodes.instances)
        told = stopped & {*self.memory.wakes, *self.memory.endings}
        return stopped - told if told else stopped

    @cached_property
    def others(self) -> tuple[Node, ...]:
        """The nodes that are neither settled nor asleep, in their order."""
        return tuple(self.nodes.of(_others(self.nodes.instances, self.settled, self.asleep)))

    def warming_up(self, instance_id: str) -> bool:
        """Whether a node entered service less than `warm_up` ago: what it measures is still its own boot."""
        at = self.memory.admitted.get(instance_id)
        return at is None or self.now - at < self.policy.warm_up


@recent
def _serving(places_up: Mapping[str, int], places: int) -> frozenset[str]:
    return frozenset(key for key, up in places_up.items() if up >= places > 0)


@recent
def _running(instances: tuple[Instance, ...], serving: frozenset[str]) -> frozenset[str]:
    running = InstanceState.RUNNING
    return frozenset(one.instance_id for one in instances if one.state is running and one.instance_id in serving)


@recent
def _stopped(instances: tuple[Instance, ...]) -> frozenset[str]:
    return frozenset(one.instance_id for one in instances if one.state is InstanceState.STOPPED)


@recent
def _others(instances: tuple[Instance, ...], *apart: frozenset[str]) -> tuple[str, ...]:
    return tuple(key for one in instances for key in (one.instance_id,) if not any(key in those for those in apart))
