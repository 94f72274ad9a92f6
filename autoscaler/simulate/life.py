"""What people cost a node, and who is on it. All loads are whole numbers: they add up to the same on every machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from autoscaler.model.snapshot import Instance
from autoscaler.simulate.crowd import Crowd, Share, Visit
from autoscaler.simulate.spec import TypeSpec, WorldSpec
from autoscaler.simulate.world import LIVING

UNIT = 2**16 * 3**5 * 5**6 * 7**2 * 11 * 13
"""All of a node's CPU, or all of the memory that an idle one has left; of most round numbers their parts are whole."""

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Cost:
    """What one more takes of a node, in parts of UNIT."""

    cpu: int = 0
    memory: int = 0


@dataclass(frozen=True, slots=True)
class Size:
    """What a type's nodes carry: each may fill `most`, of both. `price` and `spot_price` are of an hour."""

    viewer: Cost
    publisher: Cost
    stream: Cost
    most: Cost
    weight: int
    price: float
    spot_price: float
    stopped_price: float

    @property
    def fetches(self) -> bool:
        """Whether it costs anything to fetch a stream for its viewers."""
        return self.stream != Cost()

    @property
    def free(self) -> bool:
        """Whether it has no price."""
        return not (self.price or self.spot_price or self.stopped_price)

    def carries(self, cost: Cost) -> float:
        """Return how many that cost so much a node carries, if they are alone."""
        by_memory = self.most.memory / cost.memory if cost.memory else float("inf")
        return min(self.most.cpu / cost.cpu, by_memory)

    def hour(self, instance: Instance) -> float:
        """Return what an hour of an instance costs."""
        if instance.state not in LIVING:
            return self.stopped_price
        return self.spot_price if instance.spot else self.price


def size_of(spec: WorldSpec, instance_type: str) -> Size:
    """Work out what a type's nodes carry."""
    kind = spec.size(instance_type)
    memory = kind.memory
    publisher = Cost(
        _part(kind.full_publishers) + spec.renditions * _part(kind.full_renditions),
        _part(memory.publishers) + spec.renditions * _part(memory.renditions),
    )
    return Size(
        viewer=Cost(_part(kind.full_viewers), _part(memory.viewers)),
        publisher=publisher,
        stream=Cost(_part(kind.streams), _part(memory.streams)),
        most=Cost(
            _share(spec.refuse_cpu - spec.idle_cpu, 100),
            _share(spec.refuse_memory - spec.idle_memory, 100 - spec.idle_memory),
        ),
        weight=kind.weight,
        price=kind.price,
        spot_price=_spot_price(spec, kind),
        stopped_price=kind.stopped_price,
    )


def _spot_price(spec: WorldSpec, kind: TypeSpec) -> float:
    return kind.price * spec.spot.price / 100 if kind.spot_price is None else kind.spot_price


def _part(full: float | None) -> int:
    """Return what one takes of which `full` alone take all; what is not told takes nothing."""
    return round(UNIT / full) if full else 0


def _share(part: float, whole: float) -> int:
    return int((part / whole + _ROUNDING) * UNIT)


@dataclass(slots=True)
class Carried:
    """The streams on a node: each is fetched once for all who watch it, unless it is published there."""

    watched: Counter[int] = field(default_factory=Counter)
    published: Counter[int] = field(default_factory=Counter)

    def change(self, stream: int, *, publisher: bool, more: int) -> int:
        """Add `more`, 1 or -1, and return how many more streams are fetched."""
        before = self._fetched(stream)
        people = self.published if publisher else self.watched
        people[stream] += more
        if not people[stream]:
            del people[stream]
        return self._fetched(stream) - before

    def _fetched(self, stream: int) -> int:
        return int(stream in self.watched and stream not in self.published)


@dataclass(slots=True)
class Life:
    """What the simulation knows of a node beyond its instance. `ready_at` is None for one that never joins."""

    size: Size
    ready_at: float | None = None
    viewers: Crowd = field(default_factory=Crowd)
    publishers: Crowd = field(default_factory=Crowd)
    cpu: int = 0
    memory: int = 0
    _carried: Carried | None = None

    def __post_init__(self) -> None:
        """Mind streams only where they cost anything."""
        self._carried = Carried() if self.size.fetches else None

    @property
    def people(self) -> int:
        """How many are on the node."""
        return self.viewers.present + self.publishers.present

    @property
    def full(self) -> bool:
        """Whether AMS would refuse even one who costs nothing."""
        return self.cpu > self.size.most.cpu or self.memory > self.size.most.memory

    def load(self) -> float:
        """Return how much of the node's CPU its people take, as a ratio."""
        return self.cpu / UNIT

    def filled(self) -> float:
        """Return how much of the memory that an idle node has left its people take, as a ratio."""
        return self.memory / UNIT

    def enter_all(self, visits: Iterable[Visit]) -> None:
        """Let everybody in, whatever AMS would say."""
        if self._carried is not None:
            for visit in visits:
                self.enter(visit, limited=False)
            return
        for visit in visits:
            crowd = self.publishers if visit.publisher else self.viewers
            crowd.present += 1
            crowd.ends[visit.last_step].append(visit.stream)
        viewer, publisher = self.size.viewer, self.size.publisher
        self.cpu = self.viewers.present * viewer.cpu + self.publishers.present * publisher.cpu
        self.memory = self.viewers.present * viewer.memory + self.publishers.present * publisher.memory

    def enter(self, visit: Visit, *, limited: bool = True) -> bool:
        """Let one in, if AMS does not refuse."""
        size = self.size
        cost = size.publisher if visit.publisher else size.viewer
        cpu, memory = self.cpu + cost.cpu, self.memory + cost.memory
        if self._carried is not None:
            fetched = self._carried.change(visit.stream, publisher=visit.publisher, more=1)
            cpu, memory = cpu + fetched * size.stream.cpu, memory + fetched * size.stream.memory
        if limited and (cpu > size.most.cpu or memory > size.most.memory):
            if self._carried is not None:
                self._carried.change(visit.stream, publisher=visit.publisher, more=-1)
            return False
        self.cpu, self.memory = cpu, memory
        crowd = self.publishers if visit.publisher else self.viewers
        crowd.present += 1
        crowd.ends[visit.last_step].append(visit.stream)
        return True

    def leave(self, step: int) -> None:
        """Let go who wants to go in this step."""
        viewers = self.viewers.ends.pop(step, None)
        if viewers:
            self.viewers.present -= len(viewers)
            self._without(viewers, self.size.viewer, publisher=False)
        publishers = self.publishers.ends.pop(step, None)
        if publishers:
            self.publishers.present -= len(publishers)
            self._without(publishers, self.size.publisher, publisher=True)

    def scatter(
        self, *, publishers: bool, share: Share | None = None, cut: bool = False, cookie: str = ""
    ) -> list[Visit]:  # fmt: skip
        """Cut off a share of its viewers, or of its publishers, or all of them; return who wants in again."""
        crowd = self.publishers if publishers else self.viewers
        lost = [Visit(publishers, last, stream, cut, None, cookie) for last, stream in crowd.scatter(share)]
        cost = self.size.publisher if publishers else self.size.viewer
        self._without([visit.stream for visit in lost], cost, publisher=publishers)
        return lost

    def _without(self, streams: list[int], cost: Cost, *, publisher: bool) -> None:
        """Take off what these have cost."""
        self.cpu -= len(streams) * cost.cpu
        self.memory -= len(streams) * cost.memory
        if self._carried is not None:
            fetched = sum(self._carried.change(stream, publisher=publisher, more=-1) for stream in streams)
            self.cpu += fetched * self.size.stream.cpu
            self.memory += fetched * self.size.stream.memory
