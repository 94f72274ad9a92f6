"""Which nodes a made-up cluster has: in which phase each is, what all of them carry, and what they cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from autoscaler.model.snapshot import Instance
from autoscaler.simulate.balancer import Members
from autoscaler.simulate.life import Size, size_of
from autoscaler.simulate.spec import WorldSpec
from autoscaler.simulate.world import LIVING


class Sizes:
    """What the nodes of each type carry; types that are alike have the same `Size`."""

    def __init__(self, spec: WorldSpec, usual: str, role: str) -> None:
        """`usual` is the policy's first type; `role` tells for whom the nodes are."""
        self._spec, self._role = spec, role
        self._known: dict[str, Size] = {}
        self.usual = self.of(usual)

    def of(self, instance_type: str) -> Size:
        """Return a type's size."""
        found = self._known.get(instance_type)
        if found is None:
            new = size_of(self._spec, instance_type)
            found = self._known[instance_type] = next((size for size in self._known.values() if size == new), new)
        return found

    def price(self, instances: Iterable[Instance]) -> float:
        """Return what an hour of these costs, of the stopped ones too."""
        if all(size.free for size in self._known.values()):
            return 0.0
        return sum(self.of(instance.instance_type).hour(instance) for instance in instances)

    def carrying(self, living: Sequence[Instance]) -> float:
        """Return how many nodes of the usual type carry as much as these."""
        if all(size is self.usual for size in self._known.values()):
            return len(living)
        return sum(self._worth(instance.instance_type) for instance in living)

    def _worth(self, instance_type: str) -> float:
        """Return how many nodes of the usual type carry as many of those whom the group is for."""
        size, usual = self.of(instance_type), self.usual
        if size is usual:
            return 1.0
        if self._role == "origin":
            return size.carries(size.publisher) / usual.carries(usual.publisher)
        return size.carries(size.viewer) / usual.carries(usual.viewer)


@dataclass(frozen=True, slots=True)
class Standing:
    """The nodes of a moment.

    Those that are paid for by their phase: `serving`, `draining` or `coming`; `nodes` are all of these, and `carrying`
    is how many nodes of the policy's first type carry as much. `price` is of an hour, the stopped ones included.
    """

    phases: Counter[str]
    nodes: int
    carrying: float
    stopped: int
    price: float


class Register:
    """Says what stands there: the same for as long as no instance and no server changes."""

    def __init__(self, sizes: Sizes) -> None:
        """Nothing was looked at yet."""
        self._sizes = sizes
        self._of: tuple[list[Instance], Members | None] = [], None
        self._standing = Standing(Counter(), 0, 0, 0, 0.0)

    def look(self, instances: list[Instance], members: Members) -> Standing:
        """Return how these stand, with these servers."""
        known, of = self._of
        if members is not of or instances != known:
            self._of = instances, members
            living = [one for one in instances if one.state in LIVING]
            self._standing = Standing(
                phases=Counter([members.phases.get(one.ip, "coming") for one in living]),
                nodes=len(living),
                carrying=self._sizes.carrying(living),
                stopped=len(instances) - len(living),
                price=self._sizes.price(instances),
            )
        return self._standing
