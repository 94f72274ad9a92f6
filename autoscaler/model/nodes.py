"""The nodes of a snapshot, and what all that look at them ask of them as a whole."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import overload

from autoscaler.model.layout import places_up
from autoscaler.model.recent import recent
from autoscaler.model.snapshot import FleetSnapshot, Gap, Heartbeat, Instance, Node


class Nodes(Sequence[Node]):
    """A group's nodes, in the order of their instances. Equal to any sequence of equal nodes.

    What is asked of them as a whole is told here node by node; who knows a faster way answers the same.
    """

    @property
    @abstractmethod
    def instances(self) -> tuple[Instance, ...]:
        """The instances; the same object for as long as EC2's answer is."""

    @cached_property
    def places_up(self) -> Mapping[str, int]:
        """How many places send new sessions to each node, by instance id. Only nodes with servers are named."""
        return {
            node.instance_id: places_up(node.servers)
            for node in self
            if isinstance(node.servers, tuple) and node.servers
        }  # fmt: skip

    @cached_property
    def heartbeats(self) -> Sequence[tuple[str, Heartbeat]]:
        """The heartbeats that there are, each with its instance id."""
        return [(node.instance_id, node.heartbeat) for node in self if isinstance(node.heartbeat, Heartbeat)]

    @cached_property
    def uncounted(self) -> bool:
        """Whether there is a node whose sessions nobody can count."""
        return any(isinstance(node.sessions, Gap) for node in self)

    def served(self, figure: str, backend: str = "") -> Mapping[str, int]:
        """Add up a figure of each node's servers, of one backend or of all; a node without any has no sum."""
        sums: dict[str, int] = {}
        for node in self:
            servers = node.servers if isinstance(node.servers, tuple) else ()
            values = [getattr(server, figure) for server in servers if backend in {"", server.backend}]
            if values:
                sums[node.instance_id] = sum(values)
        return sums

    def partly(self, instance_id: str) -> bool:
        """Whether a node may have more sessions than its servers tell."""
        node = self.find(instance_id)
        return node is not None and isinstance(node.sessions, Gap)

    @cached_property
    def where(self) -> Mapping[str, int]:
        """Where each node stands, by its instance id."""
        return positions(self.instances)

    def find(self, instance_id: str) -> Node | None:
        """Return the node of an instance."""
        position = self.where.get(instance_id)
        return None if position is None else self[position]

    def of(self, instance_ids: Sequence[str]) -> list[Node]:
        """Return the nodes of these instances, each of which there is."""
        return [self[self.where[instance_id]] for instance_id in instance_ids]

    def __eq__(self, other: object) -> bool:
        """Compare node by node."""
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    __hash__ = None  # type: ignore[assignment]  # nodes have none either

    def __repr__(self) -> str:
        """Show the nodes."""
        return repr(tuple(self))


class Given(Nodes):
    """Nodes that somebody made one by one."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        """Keep them."""
        self._nodes = tuple(nodes)

    def __len__(self) -> int:
        """Count them."""
        return len(self._nodes)

    @overload
    def __getitem__(self, index: int) -> Node: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Node, ...]: ...
    def __getitem__(self, index: int | slice) -> Node | tuple[Node, ...]:
        """Return one, or some."""
        return self._nodes[index]

    @cached_property
    def instances(self) -> tuple[Instance, ...]:
        """See `Nodes`."""
        return tuple(node.instance for node in self._nodes)


def nodes_of(snapshot: FleetSnapshot) -> Nodes:
    """Return the snapshot's nodes as a whole."""
    return snapshot.nodes if isinstance(snapshot.nodes, Nodes) else _given(tuple(snapshot.nodes))


_given = recent(Given)


@recent
def positions(instances: tuple[Instance, ...]) -> Mapping[str, int]:
    """Return where each instance stands, by its id."""
    return {instance.instance_id: position for position, instance in enumerate(instances)}
