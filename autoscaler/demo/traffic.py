"""The crowd: keeps as many players and publishers going as the timeline wants, and never sends a viewer away."""

from __future__ import annotations

import asyncio
import itertools
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from autoscaler.demo.players import Stay, publish, watch, watch_hls

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from autoscaler.demo.balancer import Balancer
    from autoscaler.demo.tally import Tally
    from autoscaler.demo.timeline import Crowd, Timeline

ARRIVALS_PER_STEP = 3
"""At most so many of each kind arrive in one step, so that a surge is a wave and not one packet."""

FOR_EVER_S = 3600.0


@dataclass(slots=True)
class Present:
    """The sessions of one kind that are going on."""

    tasks: dict[asyncio.Task[None], Stay] = field(default_factory=dict)
    bugs: list[BaseException] = field(default_factory=list)

    def add(self, session: Coroutine[None, None, None], stay: Stay) -> None:
        """Let one more in; it leaves this list by itself."""
        task = asyncio.create_task(session)
        self.tasks[task] = stay
        task.add_done_callback(self._gone)

    def _gone(self, task: asyncio.Task[None]) -> None:
        del self.tasks[task]
        if not task.cancelled() and (bug := task.exception()) is not None:
            self.bugs.append(bug)

    @property
    def staying(self) -> int:
        """How many have not been asked to leave."""
        return sum(not stay.leave.is_set() for stay in self.tasks.values())

    def ask_to_leave(self, count: int) -> None:
        """Ask the newest `count` to end their session themselves."""
        staying = [stay for stay in self.tasks.values() if not stay.leave.is_set()]
        for stay in staying[len(staying) - count :] if count > 0 else []:
            stay.leave.set()


@dataclass(slots=True)
class Traffic:
    """All sessions through one balancer."""

    balancer: Balancer
    timeline: Timeline
    tally: Tally
    dice: random.Random
    viewers: Present = field(default_factory=Present)
    hls: Present = field(default_factory=Present)
    publishers: Present = field(default_factory=Present)
    _streams: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def step(self, crowd: Crowd) -> None:
        """Let in who is missing. A publisher too many is asked to end its stream; viewers leave in their own time.

        Raises what a player raised: it counts everything that may break, so anything else is a bug of the demo.
        """
        for bug in (*self.viewers.bugs, *self.hls.bugs, *self.publishers.bugs):
            raise bug
        for _ in range(min(ARRIVALS_PER_STEP, crowd.viewers - len(self.viewers.tasks))):
            stay = self._visit()
            self.viewers.add(watch(self.balancer, self.tally, stay), stay)
        for _ in range(min(ARRIVALS_PER_STEP, crowd.hls - len(self.hls.tasks))):
            stay = self._visit()
            self.hls.add(watch_hls(self.balancer, self.tally, stay), stay)
        for _ in range(crowd.publishers - self.publishers.staying):
            stay = Stay(FOR_EVER_S)
            self.publishers.add(publish(self.balancer, self.tally, stay, f"studio-{next(self._streams)}"), stay)
        self.publishers.ask_to_leave(self.publishers.staying - crowd.publishers)

    @property
    def going_on(self) -> tuple[int, int, int]:
        """How many WebSocket viewers, HLS viewers and publishers are there."""
        return len(self.viewers.tasks), len(self.hls.tasks), len(self.publishers.tasks)

    async def everybody_leaves(self, within_s: float) -> None:
        """Let every session end itself, and wait for it."""
        groups = (self.viewers, self.hls, self.publishers)
        for group in groups:
            group.ask_to_leave(len(group.tasks))
        tasks = [task for group in groups for task in group.tasks]
        if tasks:
            await asyncio.wait(tasks, timeout=within_s)

    def cancel(self) -> None:
        """Drop whatever is left, without counting it."""
        for group in (self.viewers, self.hls, self.publishers):
            for task in tuple(group.tasks):
                task.cancel()

    def _visit(self) -> Stay:
        return Stay(self.dice.uniform(*self.timeline.watching_s))
