"""What one group's recording teaches: each instance type by itself, and what the group was like meanwhile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from autoscaler.simulate.learn.carry import learn
from autoscaler.simulate.learn.learnt import Finding, Learnt, Limits
from autoscaler.simulate.learn.readings import NOT_AT_WORK, Count, LeftOut
from autoscaler.simulate.learn.recorded import Boot, Recorded
from autoscaler.simulate.spec import WorldSpec

FEWEST_BOOTS = 5
USUAL_BOOT_S = WorldSpec().boot.p95.total_seconds()
LEAST_WATCHED = timedelta(hours=4)
"""Of nodes that serve. The steepest rise of a calm hour is that of a calm hour."""

FEWEST_WITHIN = 60
"""Times as long as a node takes. What none of so many had is in one of twenty at most, with 95 % (three of so many:
Hanley and Lippman-Hand, "If Nothing Goes Wrong, Is Everything All Right?", 1983)."""


@dataclass(frozen=True, slots=True)
class Boots:
    """How long `count` nodes took, in seconds: from EC2's launch to membership, and the slower ones to service."""

    count: int
    joined_median_s: float
    joined_p95_s: float
    serving_p95_s: float


@dataclass(frozen=True, slots=True)
class Growth:
    """The most that came while a node would have come, for each node that served: `within_s` seconds.

    None where that is known in too few cycles; the shares in which it is are `viewers_known` and `publishers_known`.
    `watched_s`: for so many seconds nodes were seen to serve.
    """

    within_s: float
    watched_s: float
    viewers: float | None
    publishers: float | None
    viewers_known: float = 1.0
    publishers_known: float = 1.0

    @property
    def needed_s(self) -> float:
        """Return how long has to be watched before the most that came is worth a target."""
        return max(LEAST_WATCHED.total_seconds(), FEWEST_WITHIN * self.within_s)


@dataclass(frozen=True, slots=True)
class Lesson:
    """All that is learnt of one group. `readings` were used, `left_out` were not; both count nodes in cycles."""

    group: str
    limits: Limits
    count: Count
    cycles: int
    repeated: int
    readings: int
    left_out: Mapping[str, int]
    types: tuple[Learnt, ...]
    vcpus: Mapping[str, int]
    boots: Boots | None
    growth: Growth
    findings: tuple[Finding, ...]

    def type(self, name: str) -> Learnt | None:
        """Return what was learnt of a type, if it was seen."""
        return next((each for each in self.types if each.instance_type == name), None)


def conclude(recorded: Recorded, limits: Limits) -> Lesson:
    """Draw the conclusions from all that was recorded of a group. Types are never thrown together."""
    saturated = recorded.minutes(saturated=True)
    types = tuple(learn(kind, minutes, limits, saturated[kind]) for kind, minutes in recorded.minutes().items())
    boots = _boots(recorded.boots())
    slow_s = boots.serving_p95_s if boots else _guess_s(recorded)
    within = timedelta(seconds=slow_s) + recorded.step()
    left_out = {reason.value: recorded.left_out[reason] for reason in LeftOut if recorded.left_out[reason]}
    findings = []
    if not types:
        findings.append(Finding("no-readings", _why_none(recorded), blocks=True))
    if not boots:
        message = f"fewer than {FEWEST_BOOTS} boots were seen whole: {slow_s:g} s are taken for one"
        findings.append(Finding("boots-unknown", message))
    viewers, publishers = recorded.rise(within)
    growth = Growth(
        within.total_seconds(), recorded.watched().total_seconds(),
        viewers.most, publishers.most, viewers.known, publishers.known,
    )  # fmt: skip
    return Lesson(
        recorded.group, limits, recorded.count, recorded.cycles, recorded.repeated, recorded.readings, left_out,
        types, recorded.vcpus, boots, growth, tuple(findings),
    )  # fmt: skip


def _why_none(recorded: Recorded) -> str:
    """Say why nothing is left of a recording: the main reason among nodes at work, if there were any."""
    beside = {*NOT_AT_WORK, LeftOut.REPEATED}  # a heartbeat that is repeated was left out before for another reason
    at_work = {reason: many for reason, many in recorded.left_out.items() if reason not in beside}
    if not at_work:
        return "no node was ever seen at work"
    main = max(at_work, key=at_work.__getitem__)
    text = f"nodes were at work, and none of them is a reading: {main} {at_work[main]} of {sum(at_work.values())} times"
    if main is not LeftOut.NO_VIEWERS:
        return text
    return f"{text}; viewers were counted by {recorded.count.key}, and --viewers takes what else counts them"


def _guess_s(recorded: Recorded) -> float:
    """Return how long a node takes where too few boots were seen: a usual one or the slowest that came, if any did.

    Where none did nothing is known but what the policy allows.
    """
    slowest_s = recorded.slowest_s()
    return recorded.longest_join.total_seconds() if slowest_s is None else max(USUAL_BOOT_S, slowest_s)


def _boots(seen: Sequence[Boot]) -> Boots | None:
    if len(seen) < FEWEST_BOOTS:
        return None
    joined, serving = (np.array([getattr(boot, name) for boot in seen]) for name in ("joined_s", "serving_s"))
    return Boots(len(seen), float(np.median(joined)), *(float(np.percentile(each, 95)) for each in (joined, serving)))
