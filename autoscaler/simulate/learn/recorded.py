"""One group's recorded cycles, boiled down: minutes of nodes at work, boots, and how fast load ever rose.

Nothing of a cycle is kept but these, so a recording of weeks fits into memory: 64 bytes a node and minute.

A minute's means stand for its readings. A heartbeat's CPU is of some seconds before the sessions beside it are
counted, and of two counts that lag behind each other a fit makes too flat a line: too many viewers a node. Over a
minute that evens out.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import nan
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from autoscaler.model.decision import LEAVING, Phase
from autoscaler.model.report import CycleReport
from autoscaler.model.snapshot import Node
from autoscaler.policy.schema import Policy
from autoscaler.simulate.learn.readings import Count, LeftOut, Reader, Reading, believable, publishers_on, viewers_on

Floats = npt.NDArray[np.float64]
BLOCK = 10
"""Minutes. Readings of one node within such a time are too much alike to count as many."""

_MINUTE_S = 60
LONGEST_STEP = timedelta(minutes=1)
"""Between two cycles. A recording has holes, and a rise over a hole is none that was watched."""

LEAST_KNOWN = 0.9
"""Of the cycles in which nodes served. What is not known of more of them may be the steepest rise of all."""

_USED = {Phase.IN_SERVICE, *LEAVING}

NODE, MINUTE, VIEWERS, PUBLISHERS, CPU, CPU_MOST, MEMORY, MEMORY_MOST = range(8)
"""Columns of `Recorded.minutes`."""


@dataclass(slots=True)
class _Minute:
    """Readings of one node that are not a whole minute yet."""

    number: int
    readings: list[Reading] = field(default_factory=list)

    def row(self, node: int) -> tuple[float, ...]:
        many = len(self.readings)
        memory = [each.memory for each in self.readings if each.memory is not None]
        whole = len(memory) == many
        return (
            node,
            self.number,
            sum(each.viewers for each in self.readings) / many,
            sum(each.publishers for each in self.readings) / many,
            sum(each.cpu for each in self.readings) / many,
            max(each.cpu for each in self.readings),
            sum(memory) / many if whole else nan,
            max(memory) if whole else nan,
        )


@dataclass(slots=True)
class Boot:
    """A node that was seen to come: seconds from EC2's launch to membership, and to service; None so far.

    `woken`: it was stopped before and joins much sooner, for it knows the cluster. That is no boot.
    """

    woken: bool
    joined_s: float | None = None
    serving_s: float | None = None


class Rise(NamedTuple):
    """The most that came for each node; None where that is not known. `known`: in which share of the cycles it was."""

    most: float | None
    known: float


class Recorded:
    """What is taken from a group's cycles. `left_out` counts nodes in cycles, by why they were no reading."""

    def __init__(self, group: str, count: Count) -> None:
        """Begin with nothing; `count` says what counts viewers."""
        self.group = group
        self.count = count
        self.cycles = 0
        self.repeated = 0
        self.readings = 0
        self.longest_join = timedelta(0)
        self.left_out: Counter[LeftOut] = Counter()
        self.vcpus: dict[str, int] = {}
        self._reader = Reader(count)
        self._nodes: dict[str, int] = {}
        self._open: dict[tuple[str, bool, str], _Minute] = {}
        self._rows: dict[tuple[str, bool], array[float]] = {}
        self._boots: dict[tuple[str, datetime], Boot] = {}
        self._levels = array("d")
        self._seen: set[datetime] = set()
        self._stopped: set[str] = set()

    def add(self, report: CycleReport, policy: Policy) -> None:
        """Take what a cycle says; `policy` was in force. A cycle that two recordings hold counts once."""
        if report.snapshot.taken_at in self._seen:
            self.repeated += 1
            return
        self._seen.add(report.snapshot.taken_at)
        self.cycles += 1
        self.longest_join = max(self.longest_join, policy.join.timeout)
        self.vcpus.update({kind: many for kind, many in report.snapshot.vcpus.items() if many > 0 and believable(many)})
        for found in self._reader.read(report, policy):
            if isinstance(found, LeftOut):
                self.left_out[found] += 1
                continue
            self._take(found)
            if found.saturated:
                self.left_out[LeftOut.SATURATED] += 1
            else:
                self.readings += 1
        for node in report.snapshot.nodes:
            self._watch(node, report)
        self._weigh(report)

    def minutes(self, *, saturated: bool = False) -> dict[str, Floats]:
        """Return by instance type a table of minutes, maybe without rows; its columns are NODE to MEMORY_MOST.

        `saturated`: of the readings that were left out for that, whose CPU and memory tell nothing, and people do.
        """
        for key, minute in self._open.items():
            self._close(key, minute)
        self._open = {}
        kinds = sorted({kind for kind, _ in self._rows})
        return {
            kind: np.array(self._rows.get((kind, saturated), ()), dtype=np.float64).reshape(-1, 8) for kind in kinds
        }

    def boots(self) -> list[Boot]:
        """Return the nodes that were launched, seen to come, and got as far as service."""
        whole = [boot for boot in self._boots.values() if boot.joined_s is not None and boot.serving_s is not None]
        return [boot for boot in whole if not boot.woken]

    def slowest_s(self) -> float | None:
        """Return the most seconds after which any node was seen to join or to serve, woken ones among them."""
        times = [took for boot in self._boots.values() for took in (boot.joined_s, boot.serving_s)]
        return max((took for took in times if took is not None), default=None)

    def step(self) -> timedelta:
        """Return how long it was from cycle to cycle."""
        apart = np.diff(np.sort(np.array([at.timestamp() for at in self._seen])))
        return timedelta(seconds=float(np.median(apart))) if len(apart) else timedelta(0)

    def watched(self) -> timedelta:
        """Return for how long nodes were seen to serve; holes in the recording are no part of it."""
        apart = np.diff(np.sort(np.array(self._levels, dtype=np.float64)[::4]))
        return timedelta(seconds=float(apart[apart <= LONGEST_STEP.total_seconds()].sum()))

    def rise(self, within: timedelta) -> tuple[Rise, Rise]:
        """Return the most viewers and publishers that came within such a time, for each node that served at its begin.

        Viewers and publishers count each by themselves. Cycles in which they are not known of every node are no part of
        it, and neither are times over a hole in the recording.
        """
        levels = np.array(self._levels, dtype=np.float64).reshape(-1, 4)
        levels = levels[np.argsort(levels[:, 0])]  # recordings come in any order
        viewers, publishers = (_rise(levels[:, [0, column, 3]], within.total_seconds()) for column in (1, 2))
        return viewers, publishers

    def _take(self, reading: Reading) -> None:
        key = (reading.instance_type, reading.saturated, reading.node)
        number = int(reading.at.timestamp()) // _MINUTE_S
        minute = self._open.get(key)
        if minute is None or minute.number != number:
            if minute is not None:
                self._close(key, minute)
            minute = self._open[key] = _Minute(number)
        minute.readings.append(reading)

    def _close(self, key: tuple[str, bool, str], minute: _Minute) -> None:
        kind, saturated, node = key
        number = self._nodes.setdefault(node, len(self._nodes))
        self._rows.setdefault((kind, saturated), array("d")).extend(minute.row(number))

    def _watch(self, node: Node, report: CycleReport) -> None:
        """Time the boots of nodes that were seen before they had joined: of others nobody knows when they did."""
        key = node.instance_id, node.instance.launched_at
        phase = report.decision.phases.get(node.instance_id)
        if phase is Phase.STOPPED:
            self._stopped.add(node.instance_id)
        if phase in {Phase.PENDING, Phase.BOOTING}:
            self._boots.setdefault(key, Boot(woken=node.instance_id in self._stopped))
        boot = self._boots.get(key)
        if boot is None or phase not in {Phase.JOINED, Phase.IN_SERVICE}:
            return
        took = (report.snapshot.taken_at - node.instance.launched_at).total_seconds()
        boot.joined_s = boot.joined_s if boot.joined_s is not None else took
        if phase is Phase.IN_SERVICE and boot.serving_s is None:
            boot.serving_s = took

    def _weigh(self, report: CycleReport) -> None:
        """Note how many nodes serve and how many are on them, if that is known. Those on leaving nodes are not new."""
        phases = report.decision.phases
        used = [node for node in report.snapshot.nodes if phases.get(node.instance_id) in _USED]
        serving = sum(phases[node.instance_id] is Phase.IN_SERVICE for node in used)
        viewers = _sum(viewers_on(node, report.snapshot, self.count) for node in used)
        publishers = _sum(map(publishers_on, used))
        if serving:
            self._levels.extend((report.snapshot.taken_at.timestamp(), viewers, publishers, serving))


def _sum(values: Iterable[float | None]) -> float:
    """Add them up; nan where one is not known."""
    return sum((nan if value is None else value for value in values), start=0.0)


def _rise(levels: Floats, within_s: float) -> Rise:
    """Return the steepest rise of levels: rows of when it was, how many there were, nan if not known, and nodes."""
    at, counts, nodes = levels[~np.isnan(levels[:, 1])].T
    begins = np.arange(len(at))
    bounds = np.append(np.flatnonzero(np.diff(at) > LONGEST_STEP.total_seconds()) + 1, len(at))  # before each hole
    ends = np.minimum(
        np.searchsorted(at, at + within_s, side="right"), bounds[np.searchsorted(bounds[:-1], begins, side="right")]
    )
    watched = ends - begins > 1  # a rise has a begin and an end
    known = float((watched | np.append(False, watched[:-1])[: len(at)]).sum() / max(1, len(levels)))
    if known < LEAST_KNOWN:
        return Rise(None, known)
    highest = _highest(counts, np.column_stack([begins, ends]).ravel())
    return Rise(float(((highest - counts) / nodes).max()), known)


def _highest(values: Floats, edges: npt.NDArray[np.intp]) -> Floats:
    """Return the highest of each stretch `[edges[2i], edges[2i + 1])`, which may reach the end."""
    return np.maximum.reduceat(np.append(values, -np.inf), edges)[::2]
