"""What happens to nodes by chance. Each thing has random numbers of its own, so that none disturbs another."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from random import Random

import numpy as np

from autoscaler.model.snapshot import Instance
from autoscaler.simulate.spec import Spells, WorldSpec
from autoscaler.simulate.traffic.exact import ln
from autoscaler.simulate.world import SimulatedNode, World


class Chance:
    """Draws boots, and keeps an agenda of what is to come: spot instances taken, heartbeats that stop, stock-outs.

    A step costs nothing while nothing is due. Times are seconds since the trace began, rounded to 0.1 s.
    """

    def __init__(self, spec: WorldSpec, seed: int, world: World) -> None:
        """Write the stock-outs of all types into the agenda."""
        self._spec, self._seed, self._world = spec, seed, world
        self._boots = Random(seed)  # noqa: S311 - a simulation draws what it can draw again
        self._agenda: list[tuple[float, str, str, int]] = []
        self._silent: set[str] = set()  # whose heartbeats stop now and then
        for name, kind in sorted(spec.types.items()):
            if kind.stock_outs:
                self._begin("stock_out", name, 0, 0.0, kind.stock_outs)

    def boot(self, node: SimulatedNode) -> float | None:
        """Draw how long a node takes to join, None for never."""
        failed = self._spec.size(node.instance.instance_type).failed_joins
        fails = self._boots.random() * 100 < (self._spec.failed_joins if failed is None else failed)
        kind = self._spec.wake if node.woken else self._spec.boot
        took = kind.seconds(min(max(self._boots.random(), 0.001), 0.999))
        return None if fails else took

    def born(self, instance: Instance, now_s: float) -> None:
        """Write into the agenda what is to happen to a node that starts."""
        key = instance.instance_id
        hazard = self._spec.size(instance.instance_type).interruptions / 100
        if instance.spot and hazard:
            self._enter(now_s + _lasting(self._draw("interruption", key), 3600 / hazard), "interruption", key, 0)
        if self._spec.heartbeat_stops and key not in self._silent:
            self._silent.add(key)
            self._begin("heartbeats", key, 0, now_s, self._spec.heartbeat_stops)

    def interrupt(self, key: str, now_s: float) -> None:
        """Give a spot instance notice."""
        self._enter(now_s + self._spec.spot.notice.total_seconds(), "interruption", key, 0)

    def due(self, now_s: float) -> Iterator[str]:
        """Let happen what is due; yield the nodes that EC2 takes."""
        while self._agenda and self._agenda[0][0] <= now_s:
            at_s, kind, subject, number = heappop(self._agenda)
            if kind == "interruption":
                yield subject
            elif kind == "stock_out":
                self._stock_out(at_s, subject, number)
            elif subject in self._world.nodes:
                self._heartbeats(at_s, subject, number)
            else:
                self._silent.discard(subject)

    def _stock_out(self, at_s: float, name: str, number: int) -> None:
        spells = self._spec.types[name].stock_outs
        if spells and name in self._world.sold_out:
            self._world.sold_out.discard(name)
            self._begin("stock_out", name, number, at_s, spells)
        elif spells:
            self._world.sold_out.add(name)
            self._enter(at_s + spells.lasts.total_seconds(), "stock_out", name, number + 1)

    def _heartbeats(self, at_s: float, key: str, number: int) -> None:
        spells = self._spec.heartbeat_stops
        if spells and number % 2:
            self._world.thaw(key)
            self._begin("heartbeats", key, number + 1, at_s, spells)
        elif spells:
            self._world.freeze(key)
            self._enter(at_s + spells.lasts.total_seconds(), "heartbeats", key, number + 1)

    def _begin(self, kind: str, subject: str, number: int, now_s: float, spells: Spells) -> None:
        draw = self._draw(kind, f"{subject} {number}")
        self._enter(now_s + _lasting(draw, spells.every.total_seconds()), kind, subject, number)

    def _enter(self, at_s: float, kind: str, subject: str, number: int) -> None:
        heappush(self._agenda, (round(at_s, 1), kind, subject, number))

    def _draw(self, what: str, which: str) -> float:
        """Return a number of its own from above 0 to below 1; a text seeds by its SHA-512, the same in every Python."""
        drawn = Random(f"{self._seed} {what} {which}").random()  # noqa: S311 - as above
        return min(max(drawn, 2.0**-53), 1 - 2.0**-53)


def _lasting(draw: float, mean_s: float) -> float:
    """Return how long it takes until something happens that happens once in `mean_s` on average, at any time alike."""
    return -float(ln(np.array([draw]))[0]) * mean_s
