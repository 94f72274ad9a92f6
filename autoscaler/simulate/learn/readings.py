"""What recorded cycles say of nodes at work: who was on a node, and what that took of it.

What is missing is missing and never a zero, not even the publishers of an edge: a node without a fresh heartbeat, or
whose people are not known, is no reading, and neither is one that boots, warms up or leaves, for its load is not that
of its people alone. How many were left out, and why, is counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from autoscaler.decide.view import View
from autoscaler.model.decision import LEAVING, Phase
from autoscaler.model.report import CycleReport
from autoscaler.model.snapshot import HEARTBEAT_MAX_AGE, FleetSnapshot, Heartbeat, InstanceState, Node
from autoscaler.policy.schema import Policy
from autoscaler.policy.signals import Aggregate, Signal

SESSIONS, AMS_VIEWERS = "haproxy.server.sessions", "ams.node.viewers"
PUBLISHERS = "mongodb.node.publishers"
_SATURATED = 99.0
"""Percent. More cannot be measured, so what lies there says nothing of how many more there were."""

MOST = 1_000_000
"""Viewers, publishers or vCPUs of one node. Of more no recording can be believed."""


class LeftOut(StrEnum):
    """Why a node was no reading in a cycle."""

    NOT_IN_SERVICE = "not-in-service"
    LEAVING = "leaving"
    WARM_UP = "warm-up"
    NO_HEARTBEAT = "no-heartbeat"
    STALE = "stale-heartbeat"
    REPEATED = "repeated-heartbeat"
    NO_VIEWERS = "viewers-unknown"
    NO_PUBLISHERS = "publishers-unknown"
    SATURATED = "saturated"


NOT_AT_WORK = {LeftOut.NOT_IN_SERVICE, LeftOut.LEAVING, LeftOut.WARM_UP}


@dataclass(frozen=True, slots=True)
class Reading:
    """One node in one cycle. CPU and memory are 0-100; memory is None where the heartbeat has none."""

    node: str
    instance_type: str
    at: datetime
    viewers: float
    publishers: float
    cpu: float
    memory: float | None

    @property
    def saturated(self) -> bool:
        """Whether CPU or memory may have been any more than they say."""
        return max(self.cpu, self.memory or 0.0) >= _SATURATED


@dataclass(frozen=True, slots=True)
class Count:
    """What counts a node's viewers: `key` as in `FleetSnapshot.samples`; "" where there are none, on origins.

    `less_publishers`: publishers come through the same balancer, so they are among the sessions, and are taken out.
    """

    key: str
    less_publishers: bool = False


def count_of(policy: Policy) -> Count:
    """Return what counts viewers in the unit by which the policy steers, else as it measures them, else sessions.

    A group of origins that measures no viewers has none.
    """
    steering = [rule.target_tracking or rule.forecast for rule in policy.scale]
    signals = [policy.signals[rule.signal] for rule in steering if rule] + [*policy.signals.values()]
    keys = [viewers_key(signal) for signal in signals]
    usual = "" if policy.role == "origin" else SESSIONS
    return counted_by(next((key for key in keys if key), usual), policy)


def counted_by(key: str, policy: Policy) -> Count:
    """Return a count by this key. Over all backends of a group with publishers, these are among the sessions."""
    return Count(key, less_publishers=key == SESSIONS and policy.role != "edge")


def viewers_key(signal: Signal) -> str:
    """Return what counts, of one node, what a signal adds up: sessions or viewers. "" where it adds up neither."""
    if signal.aggregate != Aggregate.SUM or signal.expr is not None or signal.application:
        return ""
    source = signal.source.replace("haproxy.backend.sessions", SESSIONS).replace("mongodb.viewers", AMS_VIEWERS)
    if source == SESSIONS:
        return f"{source}:{signal.backend}" if signal.backend else source
    return source if source.startswith(AMS_VIEWERS) and source != f"{AMS_VIEWERS}.rtmp" else ""


def counts_publishers(signal: Signal) -> bool:
    """Whether a signal adds up publishers."""
    summed = signal.aggregate == Aggregate.SUM and signal.expr is None and not signal.application
    return summed and signal.source in {PUBLISHERS, "mongodb.streams"}


class Reader:
    """Reads one group's cycles, in the order in which they were recorded. What is saturated is a reading here."""

    def __init__(self, count: Count) -> None:
        """`count` says what counts viewers."""
        self.count = count
        self._heard: dict[str, datetime] = {}

    def read(self, report: CycleReport, policy: Policy) -> Iterator[Reading | LeftOut]:
        """Yield what each running node of a cycle says, or why it says nothing. `policy` was in force."""
        for node in report.snapshot.nodes:
            if node.instance.state is InstanceState.RUNNING:
                yield self._read(node, report, policy)

    def _read(self, node: Node, report: CycleReport, policy: Policy) -> Reading | LeftOut:
        beat = _away(node, report, policy) or _beat(node, report.snapshot.taken_at)
        if isinstance(beat, LeftOut):
            return beat
        if self._heard.get(node.instance_id) == beat.at:
            return LeftOut.REPEATED
        self._heard[node.instance_id] = beat.at
        viewers, publishers = viewers_on(node, report.snapshot, self.count), publishers_on(node)
        if viewers is None or publishers is None:
            return LeftOut.NO_VIEWERS if viewers is None else LeftOut.NO_PUBLISHERS
        kind, at, cpu = node.instance.instance_type, report.snapshot.taken_at, beat.cpu_percent or 0.0
        return Reading(node.instance_id, kind, at, viewers, publishers, cpu, beat.memory_percent)


def _beat(node: Node, now: datetime) -> Heartbeat | LeftOut:
    """Return a node's heartbeat if it tells how busy the node is, now. What is no percentage tells nothing."""
    beat = node.heartbeat
    if not isinstance(beat, Heartbeat) or beat.cpu_percent is None:
        return LeftOut.NO_HEARTBEAT
    told = (beat.cpu_percent, beat.memory_percent or 0.0)
    if not all(percent >= 0 for percent in told):
        return LeftOut.NO_HEARTBEAT
    return LeftOut.STALE if now - beat.at > HEARTBEAT_MAX_AGE else beat


def _away(node: Node, report: CycleReport, policy: Policy) -> LeftOut | None:
    """Return why a node is not at work as one in service is."""
    phase = report.decision.phases.get(node.instance_id)
    if phase in LEAVING:
        return LeftOut.LEAVING
    if phase is not Phase.IN_SERVICE:
        return LeftOut.NOT_IN_SERVICE
    warming = View(report.snapshot, policy, report.memory).warming_up(node.instance_id)
    return LeftOut.WARM_UP if warming else None


def believable(count: float) -> bool:
    """Whether a node can have so many of anything. Of nan, of less than none and of absurdly many it cannot."""
    return 0 <= count <= MOST


def publishers_on(node: Node) -> float | None:
    """Return a node's publishers; None where they are not known."""
    count = node.publishers
    return float(count) if isinstance(count, int) and believable(count) else None


def viewers_on(node: Node, snapshot: FleetSnapshot, count: Count) -> float | None:
    """Return a node's viewers; None where they are not known, known in part, or older than a heartbeat may be."""
    if not count.key:
        return 0.0
    told = snapshot.samples.get(count.key, {}).get(node.instance_id)
    if told is None or told.partial or snapshot.taken_at - told.at > HEARTBEAT_MAX_AGE or not believable(told.value):
        return None
    if not count.less_publishers:
        return told.value
    publishers = publishers_on(node)
    less = told.value - publishers if publishers is not None else -1.0
    return less if less >= 0 else None  # streams that no balancer saw: pulled, or by SRT
