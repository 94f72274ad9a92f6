"""The story of `autoscaler demo`: start everything, let a crowd come and go, add up, leave nothing behind."""

from __future__ import annotations

import asyncio
import random
import shutil
import signal
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from autoscaler.demo.news import News
from autoscaler.demo.processes import ComponentFailed
from autoscaler.demo.region import Region
from autoscaler.demo.stack import Stack, forget_aws
from autoscaler.demo.summary import Summary
from autoscaler.demo.tally import Tally
from autoscaler.demo.timeline import LIMIT_S, Stage, Timeline
from autoscaler.demo.traffic import Traffic
from autoscaler.demo.view import Scene
from autoscaler.demo.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from autoscaler.demo.processes import Component
    from autoscaler.demo.view import View

STEP_S = 0.25
LOOK_S = 0.5
STARTING_LIMIT_S = 90.0
LEAVING_S = 10.0
STORIES_TOLD = 5
SEED = 7
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):
    """Somebody ended the demo; everything was taken down. `number` is the signal's."""

    def __init__(self, number: int) -> None:
        """Keep which signal it was."""
        super().__init__(f"ended by {signal.Signals(number).name}; nothing was left behind")
        self.number = number


@dataclass(frozen=True, slots=True)
class Result:
    """The summary, and all that is wrong with it: nothing when the promise was kept."""

    summary: Summary
    complaints: tuple[str, ...]


def run(view: View, *, keep: bool, speed: float) -> Result:
    """Run the demo from start to end. Raises ComponentFailed and Interrupted; in every case it cleans up first."""
    forget_aws()
    return asyncio.run(_interruptible(_in_folder(view, Timeline(speed), keep=keep)))


async def _in_folder(view: View, timeline: Timeline, *, keep: bool) -> Result:
    folder = Path(tempfile.mkdtemp(prefix="ams-demo-"))
    try:
        return await Demo(folder, timeline, view).play()
    finally:
        if keep:
            view.say(f"logs and configuration are kept in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


async def _interruptible(play: Coroutine[None, None, Result]) -> Result:
    """Turn a signal into a cancellation, so that every `finally` runs; a second one changes nothing."""
    story = asyncio.create_task(play)
    received: list[int] = []

    def interrupt(number: int) -> None:
        if not received:
            received.append(number)
            story.cancel()

    for number in SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, interrupt, number)
    try:
        return await story
    except asyncio.CancelledError:
        raise Interrupted(received[0] if received else signal.SIGINT) from None


@dataclass(slots=True)
class Demo:
    """One run. `play` is the whole of it, from top to bottom."""

    folder: Path
    timeline: Timeline
    view: View
    tally: Tally = field(default_factory=Tally)
    started: float = field(default_factory=time.monotonic)
    dice: random.Random = field(default_factory=lambda: random.Random(SEED))  # noqa: S311 - a crowd, not a secret
    stack: Stack = field(init=False)
    watch: Watch = field(init=False)
    region: Region = field(init=False)
    traffic: Traffic = field(init=False)
    news: News = field(init=False)
    background: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def elapsed_s(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self.started

    async def play(self) -> Result:
        """Tell the story."""
        self.stack = Stack(self.folder, self.timeline)
        try:
            with self.view:
                self.view.say("starting HAProxy and the stand-ins for MongoDB and EC2")
                await self.stack.start()
                self._gather(self.stack.start_daemon())
                await self._perform()
        finally:
            self.stack.stop()
        summary = Summary.of(self.tally, self.watch, self.elapsed_s)
        stories = self.tally.stories[:STORIES_TOLD]
        return Result(summary, (*summary.complaints(self.watch.smallest), *self.watch.violations, *stories))

    def _gather(self, daemon: Component) -> None:
        """Bring the actors together, now that there is a stage."""
        self.watch = Watch(*self.stack.bounds)
        self.region = Region(
            ec2=self.stack.ec2(),
            folder=self.folder / "nodes",
            timeline=self.timeline,
            names=self.stack.names,
            dice=self.dice,
            departed=self.watch.departed,
        )
        self.traffic = Traffic(self.stack.balancer, self.timeline, self.tally, self.dice)
        self.news = News(self.region, self.watch, daemon.log)
        self.view.say(f"the daemon runs; its group of {self.watch.smallest} to {self.watch.largest} nodes begins at 0")

    async def _perform(self) -> None:
        """Let the crowd come and go while region and watch look on; at the end everybody leaves by themselves."""
        self.background = [asyncio.create_task(self.region.follow()), asyncio.create_task(self._look_on())]
        try:
            await self._stages()
            await asyncio.to_thread(self.stack.stop_daemon)
            await self._end_background()
            self.view.say("the daemon is stopped; everybody leaves")
            await self.traffic.everybody_leaves(LEAVING_S)
        finally:
            await self._end_background()
            self.traffic.cancel()
            await self.region.close()

    async def _stages(self) -> None:
        await self._until(Stage.STARTING, lambda _: self.watch.in_service >= self.watch.smallest)
        if self.watch.in_service < self.watch.smallest:
            raise ComponentFailed(f"no cluster after {self.elapsed_s:.0f} s: {self.news.trouble}")
        await self._until(Stage.CALM, lambda elapsed_s: elapsed_s > self.timeline.calm_s)
        await self._until(Stage.SURGE, lambda elapsed_s: elapsed_s > self.timeline.surge_s)
        await self._until(Stage.FALL, lambda elapsed_s: elapsed_s > self.timeline.lingering_s and self._small_again())

    def _small_again(self) -> bool:
        here = [host for host in self.region.hosts.values() if not host.gone]
        return len(here) == self.watch.in_service == self.watch.smallest

    async def _until(self, stage: Stage, done: Callable[[float], bool]) -> None:
        """Stay in a stage until it is done, but never beyond the time that the whole demo, or its start, may take."""
        self.view.say(f"stage: {stage}")
        entered = time.monotonic()
        limit_s = STARTING_LIMIT_S if stage is Stage.STARTING else LIMIT_S
        while self.elapsed_s < limit_s and not done(time.monotonic() - entered):
            self.stack.check()
            for task in self.background:
                if task.done():
                    task.result()
            self.traffic.step(self.timeline.crowd(stage, time.monotonic() - entered))
            self.view.update(Scene.of(self.elapsed_s, stage, self.region, self.watch, self.traffic))
            await asyncio.sleep(STEP_S)

    async def _look_on(self) -> None:
        """Read HAProxy again and again for the watch; one look that fails is made up for by the next."""
        while True:
            with suppress(OSError):
                self.watch.look(await self.stack.balancer.look(), self.region.hosts)
            for line in self.news.fresh():
                self.view.say(line)
            await asyncio.sleep(LOOK_S)

    async def _end_background(self) -> None:
        for task in self.background:
            task.cancel()
        await asyncio.gather(*self.background, return_exceptions=True)
