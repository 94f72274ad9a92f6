"""The balancer of a made-up cluster: cookies first, else the server with the fewest connections for its weight."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heapreplace
from random import Random

from autoscaler.model.snapshot import ServerStatus
from autoscaler.simulate.counts import SessionCounts
from autoscaler.simulate.crowd import Visit
from autoscaler.simulate.life import Life
from autoscaler.simulate.world import Place, World

_WEIGHTS = 256
"""The largest weight of a server (HAProxy configuration manual)."""

_COOKIES = 4096
"""Of so many sessions the servers are known of which somebody may hold a cookie."""


@dataclass(frozen=True, slots=True)
class Door:
    """A server that takes sessions, and the node behind it."""

    place: Place
    ip: str
    life: Life

    @property
    def queue(self) -> int:
        """How full it is, as HAProxy compares servers (fwlc_queue_srv in lb_fwlc.c): plus one, lest 0 weigh nothing."""
        people = self.life.people
        return (people + 1) * _WEIGHTS // self.life.size.weight if people else 0


@dataclass(slots=True)
class Balancer:
    """One backend. `sticky`: its clients hold cookies. `returning`: the share of viewers who were here before."""

    world: World
    backend: str
    sticky: bool
    returning: float
    counts: SessionCounts | None
    random: Random
    _given: deque[str] = field(default_factory=lambda: deque(maxlen=_COOKIES))

    def doors(self, lives: Mapping[str, Life], *, draining: bool = False) -> list[Door]:
        """List where sessions are sent, in order of the nodes' launch: servers that are up, or those that drain."""
        status = ServerStatus.DRAIN if draining else ServerStatus.UP
        places = {
            server.ip: place
            for place, server in self.world.servers.items()
            if server.status is status and place[1] == self.backend
        }
        return [
            Door(places[node.instance.ip], node.instance.ip, lives[key])
            for key, node in self.world.nodes.items()
            if node.answers and node.instance.ip in places and key in lives
        ]

    def spread(self, number: int, visits: Sequence[Visit], lives: Mapping[str, Life]) -> list[tuple[Visit, str]]:
        """Give each visit of a step a server; return whom AMS refused there, or "" where there was no server.

        AMS goes on passing health checks while it refuses (Ant-Media-Server, StatsCollector.java), so its balancer goes
        on sending. Whoever holds the cookie of a server that is up, or drains, goes there (HAProxy management guide,
        `set server state drain`). One who was here before holds the cookie of any of the last sessions.
        """
        doors, given = self.doors(lives), list[Door]()
        refused: list[tuple[Visit, str]] = []
        rest = self._led_by_cookies(visits, doors, lives, given, refused) if self.sticky else visits
        if not doors:
            refused += [(visit, "") for visit in rest]
        elif all(door.life.size.weight == 1 for door in doors):
            _level(rest, doors, given, refused)
        else:
            _level_by_weight(rest, doors, given, refused)
        if self.counts:
            self.counts.add(number, [door.place for door in given])
        if self.returning:
            self._given.extend(door.ip for door in given)
        return refused

    def _led_by_cookies(
        self, visits: Sequence[Visit], doors: Sequence[Door], lives: Mapping[str, Life], given: list[Door],
        refused: list[tuple[Visit, str]],
    ) -> list[Visit]:  # fmt: skip
        """Let in who holds a cookie that leads somewhere; return the others."""
        rest: list[Visit] = []
        known: dict[str, Door] | None = None
        for visit in visits:
            cookie = visit.cookie or (self._from_before(visit) if self.returning else "")
            if cookie and known is None:
                known = {door.ip: door for door in (*doors, *self.doors(lives, draining=True))}
            door = known.get(cookie) if known and cookie else None
            if door is None:
                rest.append(visit)
                continue
            given.append(door)
            if not door.life.enter(visit):
                refused.append((visit, door.ip))
        return rest

    def _from_before(self, visit: Visit) -> str:
        """Return the cookie that one who is new brings along."""
        if visit.publisher or visit.until is not None or self.random.random() >= self.returning or not self._given:
            return ""
        return self._given[int(self.random.random() * len(self._given))]


def _level(
    visits: Sequence[Visit], doors: Sequence[Door], given: list[Door], refused: list[tuple[Visit, str]]
) -> None:  # fmt: skip
    """Let each in where fewest are; of several such the node that was launched first."""
    many = len(doors)
    heap = [door.life.people * many + number for number, door in enumerate(doors)]
    heapify(heap)
    for visit in visits:
        door = doors[heap[0] % many]
        given.append(door)
        if door.life.enter(visit):
            heapreplace(heap, heap[0] + many)
        else:
            refused.append((visit, door.ip))


def _level_by_weight(
    visits: Sequence[Visit], doors: Sequence[Door], given: list[Door], refused: list[tuple[Visit, str]]
) -> None:  # fmt: skip
    many = len(doors)
    heap = [door.queue * many + number for number, door in enumerate(doors)]
    heapify(heap)
    for visit in visits:
        number = heap[0] % many
        door = doors[number]
        given.append(door)
        if door.life.enter(visit):
            heapreplace(heap, door.queue * many + number)
        else:
            refused.append((visit, door.ip))
