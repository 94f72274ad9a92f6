"""The balancer of a made-up cluster: cookies first, else the server with the fewest connections for its weight."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heapreplace
from random import Random

from autoscaler.model.quick import quick
from autoscaler.model.snapshot import PARKING, ServerStatus
from autoscaler.simulate.counts import SessionCounts
from autoscaler.simulate.crowd import Coming, Visit
from autoscaler.simulate.life import Life
from autoscaler.simulate.stays import Stays
from autoscaler.simulate.world import Place, SimulatedNode, World

_WEIGHTS = 256
"""The largest weight of a server (HAProxy configuration manual)."""

_COOKIES = 4096
"""Of so many sessions the servers are known of which somebody may hold a cookie."""


Refused = list[tuple[Visit, str]]
"""Who was refused, and at which address; "" where there was no server."""


@quick
@dataclass(frozen=True, slots=True, eq=False)
class Door:
    """A server that takes sessions, and the node behind it."""

    place: Place
    ip: str
    node: SimulatedNode
    life: Life

    @property
    def queue(self) -> int:
        """How full it is, as HAProxy compares servers (fwlc_queue_srv in lb_fwlc.c): plus one, lest 0 weigh nothing."""
        people = self.life.people
        return (people + 1) * _WEIGHTS // self.life.size.weight if people else 0


_PHASES = {ServerStatus.UP: "serving", ServerStatus.DRAIN: "draining", ServerStatus.MAINT: "draining"}


@dataclass(slots=True)
class Members:
    """The servers of a backend that point at nodes, sorted when they have changed; `phases` are by address."""

    placed: dict[Place, str] = field(default_factory=dict)
    by_status: dict[ServerStatus, dict[str, Place]] = field(default_factory=dict)
    phases: dict[str, str] = field(default_factory=dict)

    def add(self, place: Place, ip: str, status: ServerStatus) -> None:
        """Take one more."""
        self.placed[place] = ip
        self.by_status.setdefault(status, {})[ip] = place
        if status in _PHASES and self.phases.get(ip) != "serving":
            self.phases[ip] = _PHASES[status]


@dataclass(slots=True)
class Balancer:
    """One backend. `sticky`: its clients hold cookies. `returning`: the share of viewers who were here before."""

    world: World
    backend: str
    sticky: bool
    returning: float
    counts: SessionCounts | None
    random: Random
    stays: Stays = field(default_factory=Stays)
    _given: deque[str] = field(default_factory=lambda: deque(maxlen=_COOKIES))
    _members: Members = field(default_factory=Members)
    _version: int = -1
    _doors: list[Door] = field(default_factory=list)
    _even: bool = True
    _deaf: list[SimulatedNode] = field(default_factory=list)
    _of: tuple[int, int] = (-1, -1)

    @property
    def members(self) -> Members:
        """The backend's servers that point at nodes."""
        world = self.world
        if world.servers.version != self._version:
            self._version, self._members = world.servers.version, Members()
            for place, server in world.servers.items():
                if place[1] == self.backend and server.ip != PARKING[0]:
                    self._members.add(place, server.ip, server.status)
        return self._members

    def doors(self, lives: Mapping[str, Life]) -> list[Door]:
        """List the servers that are up, in order of their nodes' launch; the same list for as long as it is true."""
        of = self.world.servers.version, self.world.born
        if (
            of != self._of
            or False in [door.node.answers for door in self._doors]
            or True in [node.answers for node in self._deaf]
        ):
            up = self.members.by_status.get(ServerStatus.UP, {})
            self._of, self._doors = of, self._at(up, lives)
            self._even = all(door.life.size.weight == 1 and door.life.carried is None for door in self._doors)
            self._deaf = [node for node in self.world.nodes.values() if not node.answers and node.instance.ip in up]
        return self._doors

    def _at(self, places: Mapping[str, Place], lives: Mapping[str, Life]) -> list[Door]:
        return [
            Door(places[node.instance.ip], node.instance.ip, node, lives[key])
            for key, node in self.world.nodes.items()
            if node.answers and node.instance.ip in places and key in lives
        ]

    def spread(self, number: int, back: Sequence[Visit], new: Coming, lives: Mapping[str, Life]) -> Refused:
        """Give each one of a step a server, who is back first; return whom AMS refused there.

        AMS goes on passing health checks while it refuses (Ant-Media-Server, StatsCollector.java), so its balancer goes
        on sending. Whoever holds the cookie of a server that is up, or drains, goes there (HAProxy management guide,
        `set server state drain`). One who was here before holds the cookie of any of the last sessions.
        """
        doors, given, refused = self.doors(lives), list[Door](), Refused()
        if self._alike(doors, back, new):
            counts = self._all_at_once(doors, back, new, given, refused)
        else:
            visits = [*back, *new.visits()]
            rest = self._led_by_cookies(visits, doors, lives, given, refused) if self.sticky else visits
            self._one_by_one(rest, doors, given, refused)
            counts = Counter(given)
        if self.counts:
            self.counts.add(number, len(back) + len(new), given, counts)
        if self.returning:
            self._given.extend(door.ip for door in given)
        return refused

    def _alike(self, doors: Sequence[Door], back: Sequence[Visit], new: Coming) -> bool:
        """Whether nobody needs a look: viewers without cookies, servers of one weight, nodes that mind no streams."""
        if not doors or True in new.publisher or any(visit.publisher for visit in back):
            return False
        if self.sticky and (self.returning or any(visit.cookie for visit in back)):
            return False
        return self._even

    def _all_at_once(
        self, doors: Sequence[Door], back: Sequence[Visit], new: Coming, given: list[Door], refused: Refused
    ) -> Counter[Door]:  # fmt: skip
        """Do what `_one_by_one` does with those who are alike: once one is refused, all after it are, at that door.

        Return how many were given to each.
        """
        last_steps, streams = new.last_step, new.stream
        if back:
            last_steps = [visit.last_step for visit in back] + last_steps
            streams = [visit.stream for visit in back] + streams
        many = len(streams)
        people = [life.viewers + life.publishers for life in [door.life for door in doors]]
        given += [doors[number] for number in _fewest(people, many)]
        counts = taken = Counter(given)
        if True in [door.life.viewers + count > door.life.beside.most_viewers for door, count in taken.items()]:
            many = _first_refused(given)
            given[many:] = [given[many]] * (len(given) - many)
            counts, taken = Counter(given), Counter(given[:many])
            left = [*back[many:], *new.visits(max(0, many - len(back)))]
            refused += [(visit, given[many].ip) for visit in left]
        for door, count in taken.items():
            door.life.viewers += count
        self.stays.add_viewers([door.life for door in given[:many]], last_steps[:many], streams[:many])
        return counts

    def _one_by_one(
        self, visits: Sequence[Visit], doors: Sequence[Door], given: list[Door], refused: Refused
    ) -> None:  # fmt: skip
        """Let each in where fewest are for the weight; of several such the node that was launched first."""
        if not doors:
            refused += [(visit, "") for visit in visits]
            return
        many = len(doors)
        heap = [door.queue * many + number for number, door in enumerate(doors)]
        heapify(heap)
        for visit in visits:
            number = heap[0] % many
            door = doors[number]
            if self._enter(visit, door, given, refused):
                heapreplace(heap, door.queue * many + number)

    def _enter(self, visit: Visit, door: Door, given: list[Door], refused: Refused) -> bool:
        """Send one somewhere; whether AMS lets it in there."""
        given.append(door)
        if not door.life.enter(visit.stream, publisher=visit.publisher):
            refused.append((visit, door.ip))
            return False
        self.stays.add(door.life, visit.last_step, visit.stream, publisher=visit.publisher)
        return True

    def _led_by_cookies(
        self, visits: Sequence[Visit], doors: Sequence[Door], lives: Mapping[str, Life], given: list[Door],
        refused: Refused,
    ) -> list[Visit]:  # fmt: skip
        """Let in who holds a cookie that leads somewhere; return the others."""
        rest: list[Visit] = []
        known: dict[str, Door] | None = None
        for visit in visits:
            cookie = visit.cookie or (self._from_before(visit) if self.returning else "")
            if cookie and known is None:
                leaving = self._at(self.members.by_status.get(ServerStatus.DRAIN, {}), lives)
                known = {door.ip: door for door in (*doors, *leaving)}
            door = known.get(cookie) if known and cookie else None
            if door is None:
                rest.append(visit)
            else:
                self._enter(visit, door, given, refused)
        return rest

    def _from_before(self, visit: Visit) -> str:
        """Return the cookie that one who is new brings along."""
        if visit.publisher or visit.until is not None or self.random.random() >= self.returning or not self._given:
            return ""
        return self._given[int(self.random.random() * len(self._given))]


def _fewest(people: Sequence[int], count: int) -> list[int]:
    """Return the numbers of the doors of so many who come, each where fewest are, if nobody is refused.

    Level by level: all doors that have so few take one each, in their order.
    """
    levels: dict[int, list[int]] = {}
    for number, there in enumerate(people):
        if there in levels:
            levels[there].append(number)
        else:
            levels[there] = [number]
    level, lowest, given = min(levels), list[int](), list[int]()
    while len(given) < count:
        if level in levels:
            lowest = sorted(lowest + levels[level])
        given += lowest
        level += 1
    return given[:count]


def _first_refused(given: Sequence[Door]) -> int:
    """Return the place of the first viewer who is sent where there is no room any more."""
    room = {door: door.life.beside.most_viewers - door.life.viewers for door in given}
    for number, door in enumerate(given):
        if room[door] <= 0:
            return number
        room[door] -= 1
    return len(given)
