"""What every pure function of a cycle looks at: one snapshot, one policy, one memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from autoscaler.model.memory import Memory
from autoscaler.model.snapshot import FleetSnapshot, Node
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
    def serving(self) -> frozenset[str]:
        """The nodes to which every balancer sends new sessions, in every backend of the policy."""
        places = self.places
        return frozenset(key for key, up in self.snapshot.places_up.items() if up >= places > 0)

    def of(self, keys: Iterable[str]) -> list[Node]:
        """Return the nodes with these ids."""
        return [self.snapshot.by_id[key] for key in keys]

    def warming_up(self, node: Node) -> bool:
        """Whether the node entered service less than `warm_up` ago: what it measures is still its own boot."""
        at = self.memory.admitted.get(node.instance_id)
        return at is None or self.now - at < self.policy.warm_up
