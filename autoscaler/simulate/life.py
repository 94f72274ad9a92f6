"""What people cost a node, and who is on it. All loads are whole numbers: they add up to the same on every machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from autoscaler.model.snapshot import Instance
from autoscaler.simulate.spec import TypeSpec, WorldSpec
from autoscaler.simulate.world import LIVING, QUERY_MS

UNIT = 2**16 * 3**5 * 5**6 * 7**2 * 11 * 13
"""All of a node's CPU, or all of the memory that an idle one has left; of most round numbers their parts are whole."""

_ROUNDING = 1e-9
_MOST_KNOWN = 1000


@dataclass(frozen=True, slots=True)
class Cost:
    """What one more takes of a node, in parts of UNIT."""

    cpu: int = 0
    memory: int = 0


class Beside(dict[int, tuple[float, float, float]]):
    """What a node beside some publishers and fetched streams writes into MongoDB, by how many viewers it has.

    That is as in `SimulatedNode.row`, rounded, and worked out when it is asked for. More than `most_viewers` are beyond
    AMS's limit; where already the others are, that is -1.
    """

    def __init__(self, size: Size, publishers: int, fetched: int) -> None:
        """Work out what is left for viewers."""
        super().__init__()
        self._size, self._publishers, self._fetched = size, publishers, fetched
        cpu, memory = size.filled(0, publishers, fetched)
        cpu, memory = size.most.cpu - cpu, size.most.memory - memory
        most = cpu // size.viewer.cpu
        if size.viewer.memory:
            most = min(most, memory // size.viewer.memory)
        self.most_viewers = -1 if cpu < 0 or memory < 0 else most

    def __missing__(self, viewers: int) -> tuple[float, float, float]:
        """Work it out."""
        size = self._size
        cpu, memory = size.filled(viewers, self._publishers, self._fetched)
        idle_cpu, idle_memory = size.idle
        found = self[viewers] = (
            round(min(100.0, idle_cpu + 100 * (cpu / UNIT)), 2),
            round(min(100.0, idle_memory + (100 - idle_memory) * (memory / UNIT)), 2),
            QUERY_MS,
        )
        return found


@dataclass(frozen=True, slots=True)
class Size:
    """What a type's nodes carry: each may fill `most`, of both. `price` and `spot_price` are of an hour.

    `idle`: CPU and memory, in percent, of a node on which nobody is.
    """

    viewer: Cost
    publisher: Cost
    stream: Cost
    most: Cost
    idle: tuple[float, float]
    weight: int
    price: float
    spot_price: float
    stopped_price: float
    _known: dict[tuple[int, int], Beside] = field(default_factory=dict, compare=False, repr=False)

    @property
    def fetches(self) -> bool:
        """Whether it costs anything to fetch a stream for its viewers."""
        return self.stream != Cost()

    @property
    def free(self) -> bool:
        """Whether it has no price."""
        return not (self.price or self.spot_price or self.stopped_price)

    def filled(self, viewers: int, publishers: int, fetched: int) -> tuple[int, int]:
        """Return what so many take of the CPU, and of the memory."""
        viewer, publisher, stream = self.viewer, self.publisher, self.stream
        return (
            viewers * viewer.cpu + publishers * publisher.cpu + fetched * stream.cpu,
            viewers * viewer.memory + publishers * publisher.memory + fetched * stream.memory,
        )

    def beside(self, publishers: int, fetched: int) -> Beside:
        """Return what a node is like beside so many; what was worked out once is known, up to a bound."""
        found = self._known.get((publishers, fetched))
        if found is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            found = self._known[publishers, fetched] = Beside(self, publishers, fetched)
        return found

    def carries(self, cost: Cost) -> float:
        """Return how many that cost so much a node carries, if they are alone."""
        by_memory = self.most.memory / cost.memory if cost.memory else float("inf")
        return min(self.most.cpu / cost.cpu, by_memory)

    def whole(self, cost: Cost) -> int:
        """Return how many whole people that cost so much a node carries, if they are alone; at least one."""
        by_cpu = self.most.cpu // cost.cpu
        return max(1, min(by_cpu, self.most.memory // cost.memory) if cost.memory else by_cpu)

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
        idle=(spec.idle_cpu, spec.idle_memory),
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


@dataclass(slots=True, eq=False)
class Life:
    """What the simulation knows of a node beyond its instance. `ready_at` is None for one that never joins.

    `beside`: what it is like beside its publishers and the streams that it fetches; those are minded only where
    fetching costs anything.
    """

    size: Size
    ready_at: float | None = None
    viewers: int = 0
    publishers: int = 0
    fetched: int = 0
    beside: Beside = field(init=False)
    carried: Carried | None = field(init=False)

    def __post_init__(self) -> None:
        """Begin with nobody."""
        self.beside = self.size.beside(0, 0)
        self.carried = Carried() if self.size.fetches else None

    @property
    def people(self) -> int:
        """How many are on the node."""
        return self.viewers + self.publishers

    @property
    def full(self) -> bool:
        """Whether AMS would refuse even one who costs nothing."""
        return self.viewers > self.beside.most_viewers

    def load(self) -> float:
        """Return how much of the node's CPU its people take, as a ratio."""
        cpu, _ = self.size.filled(self.viewers, self.publishers, self.fetched)
        return cpu / UNIT

    def enter(self, stream: int, *, publisher: bool = False) -> bool:
        """Let one in, if AMS does not refuse."""
        self.change((stream,), publisher=publisher, more=1)
        if self.full:
            self.change((stream,), publisher=publisher, more=-1)
            return False
        return True

    def change(self, streams: Sequence[int], *, publisher: bool, more: int) -> None:
        """Count one more, 1, or less, -1, for each of these streams, whatever AMS would say."""
        if not streams:
            return
        if publisher:
            self.publishers += more * len(streams)
        else:
            self.viewers += more * len(streams)
        if self.carried is not None:
            for stream in streams:
                self.fetched += self.carried.change(stream, publisher=publisher, more=more)
        elif not publisher:
            return
        self.beside = self.size.beside(self.publishers, self.fetched)
