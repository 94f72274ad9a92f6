"""How the demo is shown: a live picture on a terminal, plain lines anywhere else."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from autoscaler.demo.nodes import CPU_LIMIT_PERCENT
from autoscaler.demo.watch import Shown

if TYPE_CHECKING:
    from types import TracebackType

    from autoscaler.demo.region import Region
    from autoscaler.demo.tally import Tally
    from autoscaler.demo.timeline import Stage
    from autoscaler.demo.traffic import Traffic
    from autoscaler.demo.watch import Watch

LINE_EVERY_S = 5.0
LINES_KEPT = 9
BAR = 20
COLOURS = {
    Shown.PENDING: "dim",
    Shown.BOOTING: "yellow",
    Shown.UP: "yellow",
    Shown.PROVING: "cyan",
    Shown.IN_SERVICE: "green",
    Shown.DRAINING: "magenta",
    Shown.PARKED: "blue",
    Shown.GONE: "dim",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One node, to be shown."""

    instance_id: str
    ip: str
    zone: str
    shown: Shown
    cpu_percent: int
    viewers: int
    hls: int
    publishers: int


@dataclass(frozen=True, slots=True)
class Scene:
    """One moment of the demo, to be shown."""

    elapsed_s: float
    stage: Stage
    rows: tuple[Row, ...]
    viewers: int
    hls: int
    publishers: int
    tally: Tally

    @classmethod
    def of(cls, elapsed_s: float, stage: Stage, region: Region, watch: Watch, traffic: Traffic) -> Scene:
        """Take the picture."""
        rows = []
        for host in region.hosts.values():
            node = host.node
            loads = (node.cpu_percent, len(node.viewers), node.hls_viewers, len(node.publishers)) if node else (0,) * 4
            if not host.gone:
                rows.append(Row(host.instance_id, host.ip, host.zone, watch.shown(host), *loads))
        return cls(elapsed_s, stage, tuple(rows), *traffic.going_on, traffic.tally)

    def count(self, *shown: Shown) -> int:
        """How many nodes are in one of these places."""
        return sum(row.shown in shown for row in self.rows)

    @property
    def line(self) -> str:
        """The moment in one line."""
        serving = [row.cpu_percent for row in self.rows if row.shown is Shown.IN_SERVICE]
        cpu = f", cpu {sum(serving) / len(serving):.0f} %" if serving else ""
        coming = self.count(Shown.PENDING, Shown.BOOTING, Shown.UP, Shown.PROVING)
        leaving = self.count(Shown.DRAINING, Shown.PARKED)
        return (
            f"{self.stage}: {len(serving)} nodes in service (+{coming} coming, {leaving} leaving){cpu}; "
            f"{self.viewers} viewers, {self.hls} HLS, {self.publishers} publishers; "
            f"refused {self.tally.refusals}, broken {self.tally.sessions_failed + self.tally.publishers_cut}"
        )


class View(Protocol):
    """What the demo tells its audience through. A context manager for as long as there is something to see."""

    def __enter__(self) -> Self:
        """Begin."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End, and leave the terminal as it was."""
        ...

    def say(self, text: str) -> None:
        """Tell one event."""
        ...

    def update(self, scene: Scene) -> None:
        """Show the present moment."""
        ...


@dataclass(slots=True)
class Lines:
    """Plain progress: a line for each event, and one for the state of things every few seconds."""

    console: Console
    began: float = field(default_factory=time.monotonic)
    _next_s: float = 0.0

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End."""

    def say(self, text: str) -> None:
        """Print the event with its time."""
        stamped = f"[{time.monotonic() - self.began:5.1f} s] {text}"
        self.console.print(stamped, markup=False, highlight=False, soft_wrap=True)

    def update(self, scene: Scene) -> None:
        """Print the moment, when it is time again."""
        if scene.elapsed_s >= self._next_s:
            self._next_s = scene.elapsed_s + LINE_EVERY_S
            self.say(scene.line)


@dataclass(slots=True)
class Picture:
    """The live view of a terminal: the nodes, the crowd, and the last events."""

    console: Console
    began: float = field(default_factory=time.monotonic)
    _events: deque[str] = field(default_factory=lambda: deque(maxlen=LINES_KEPT))
    _live: Live = field(init=False)

    def __post_init__(self) -> None:
        """Prepare, without drawing yet."""
        self._live = Live(console=self.console, refresh_per_second=4, transient=False)

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave the last picture where it is."""
        self._live.stop()

    def say(self, text: str) -> None:
        """Keep the event for the list below the nodes."""
        stamped = f"{time.monotonic() - self.began:5.1f} s  {text}"
        self._events.append(stamped)
        if not self._live.is_started:
            self.console.print(stamped, markup=False, highlight=False)

    def update(self, scene: Scene) -> None:
        """Draw the moment."""
        events = Text("\n".join(self._events), overflow="ellipsis", no_wrap=True)
        self._live.update(Group(_nodes(scene), Panel(events, title="events", title_align="left", border_style="dim")))


def _nodes(scene: Scene) -> RenderableType:
    table = Table(title=f"{scene.elapsed_s:.0f} s · {scene.line}", title_justify="left", expand=True)
    for name in ("instance", "address", "zone", "phase"):
        table.add_column(name, no_wrap=True)
    table.add_column("cpu", min_width=BAR + 5)
    for name in ("viewers", "HLS", "publishers"):
        table.add_column(name, justify="right")
    for row in scene.rows:
        phase = Text(row.shown, style=COLOURS[row.shown])
        load = (str(row.viewers), str(row.hls), str(row.publishers))
        table.add_row(row.instance_id, row.ip, row.zone, phase, _bar(row.cpu_percent), *load)
    return table


def _bar(percent: int) -> Text:
    filled = round(percent * BAR / 100)
    style = "red" if percent >= CPU_LIMIT_PERCENT else "green"
    return Text.assemble(("█" * filled, style), ("·" * (BAR - filled), "dim"), f" {percent:3d} %")
