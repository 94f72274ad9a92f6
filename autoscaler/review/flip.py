"""What would have decided otherwise: the smallest change of each signal, found by deciding again.

Nothing here knows how a decision is made. Each question is one more run of `decide` on the snapshot, the memory and the
policy of the cycle, with one thing changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from math import inf
from statistics import fmean

from autoscaler.decide.load import is_sum, measure
from autoscaler.decide.pipeline import decide
from autoscaler.decide.roster import Roster, call_roll
from autoscaler.decide.track import track
from autoscaler.decide.view import View
from autoscaler.model.decision import Decision, Direction
from autoscaler.model.memory import Memory
from autoscaler.model.snapshot import FleetSnapshot, Sample
from autoscaler.policy.schema import Policy
from autoscaler.policy.signals import Signal

_FINEST, _DOUBLINGS, _HALVINGS = 0.01, 28, 14
"""The first change tried is 1 %, or 0.01 of nothing, the last 2**27 times as much; then so many halvings between."""

_FULL = 100.0
"""No share of a node is larger, in percent."""


class Way(StrEnum):
    """In which way a signal was moved."""

    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Case:
    """All that one decision was made of."""

    snapshot: FleetSnapshot
    policy: Policy
    memory: Memory

    def decide(self, samples: Mapping[str, Mapping[str, Sample]] | None = None) -> Decision:
        """Decide again, on other samples if there are any."""
        return decide(self._seeing(samples), self.policy, self.memory)[0]

    def level(self, signal: Signal, samples: Mapping[str, Mapping[str, Sample]] | None = None) -> float | None:
        """Return the signal as its aggregate reads it; None when no node in service has a fresh value."""
        roster, view = self.roll(samples)
        load = measure(signal, inf, roster, view)
        if not load.known:
            return None
        return load.growing if is_sum(signal) else load.level

    def roll(self, samples: Mapping[str, Mapping[str, Sample]] | None = None) -> tuple[Roster, View]:
        """Return who was there, and what was looked at."""
        view = View(self._seeing(samples), self.policy, self.memory)
        view = replace(view, memory=track(view))
        return call_roll(view), view

    def _seeing(self, samples: Mapping[str, Mapping[str, Sample]] | None) -> FleetSnapshot:
        return self.snapshot if samples is None else replace(self.snapshot, samples=samples)


@dataclass(frozen=True, slots=True)
class Flip:
    """How far one signal had to go in one way for another decision: from `start` to `end`, in its own unit.

    `end`, `desired` and `direction` are None when no change of this signal alone decides otherwise; `obstacle` then
    says what stands before it.
    """

    signal: str
    way: Way
    start: float
    end: float | None = None
    desired: int | None = None
    direction: Direction | None = None
    obstacle: str = ""


def flips(case: Case) -> Iterator[Flip]:
    """Return two answers, up and down, for each measured signal that had a fresh value."""
    if case.snapshot.lacks("ec2"):
        return
    decided = case.decide()
    for name, signal in case.policy.signals.items():
        start = case.level(signal) if signal.expr is None else None
        if start is not None:
            for way in Way:
                yield _flip(case, name, start, way, decided)


def without_gaps(case: Case) -> Decision | None:
    """Decide as if nothing had been missing, silent nodes being like the others; None when nothing was missing."""
    if case.snapshot.lacks("ec2"):
        return None
    samples = _filled(case)
    if not case.snapshot.gaps and samples == case.snapshot.samples:
        return None
    return replace(case, snapshot=replace(case.snapshot, gaps=())).decide(samples)


def _flip(case: Case, name: str, start: float, way: Way, decided: Decision) -> Flip:
    if way is Way.DOWN and start == 0:
        return Flip(name, way, start, obstacle="it is zero already")
    signal = case.policy.signals[name]
    last, unchanged = decided, 0.0
    for size in _sizes(way):
        last = case.decide(_moved(case.snapshot, signal, way, size))
        if last.desired != decided.desired:
            samples = _moved(case.snapshot, signal, way, _closest(case, signal, way, unchanged, size, decided))
            found = case.decide(samples)
            return Flip(name, way, start, case.level(signal, samples), found.desired, found.direction)
        unchanged = size
    return Flip(name, way, start, obstacle=_obstacle(last))


def _sizes(way: Way) -> Iterator[float]:
    """Yield ever larger changes; the largest one down leaves nothing."""
    for doubling in range(_DOUBLINGS):
        size = _FINEST * 2**doubling
        if way is Way.DOWN and size >= 1:
            yield 1.0
            return
        yield size


def _closest(case: Case, signal: Signal, way: Way, unchanged: float, changed: float, decided: Decision) -> float:
    """Narrow a change down. More load never wants fewer nodes, so between the two there is one border."""
    for _ in range(_HALVINGS):
        middle = (unchanged + changed) / 2
        if case.decide(_moved(case.snapshot, signal, way, middle)).desired == decided.desired:
            unchanged = middle
        else:
            changed = middle
    return changed


def _moved(snapshot: FleetSnapshot, signal: Signal, way: Way, size: float) -> Mapping[str, Mapping[str, Sample]]:
    """Scale every value of the signal's source; when all of them are zero, add to each."""
    values = snapshot.samples[signal.key]
    most = _FULL if signal.source.endswith("_percent") else inf
    idle = not any(sample.value for sample in values.values())
    factor = 1 + size if way is Way.UP else 1 - size
    added = size if idle and way is Way.UP else 0.0
    moved = {
        subject: replace(sample, value=min(sample.value * factor + added, max(most, sample.value)))
        for subject, sample in values.items()
    }
    return {**snapshot.samples, signal.key: moved}


def _obstacle(decision: Decision) -> str:
    """Say what had the last word after the largest change: the last clamp, else a rule that holds."""
    if decision.reasons:
        return f"{decision.reasons[-1].code}: {decision.reasons[-1].detail}"
    holding = [verdict for verdict in decision.verdicts if verdict.direction is Direction.HOLD]
    return f"{holding[0].rule} holds: {holding[0].detail}" if holding else "no rule wants another size"


def _filled(case: Case) -> Mapping[str, Mapping[str, Sample]]:
    """Give every silent node the mean of those that spoke, and take what is only part of a value for the whole."""
    roster, view = case.roll()
    members = [node.instance_id for node in (*roster.at_work, *roster.leaving)]
    samples = dict(case.snapshot.samples)
    for signal in case.policy.signals.values():
        known = {
            subject: replace(sample, partial=False)
            for subject, sample in samples.get(signal.key, {}).items()
            if signal.takes(sample.at, view.now)
        }
        if not known:
            continue
        heard = [known[member].value for member in members if member in known] if signal.per_node else []
        like_the_others = dict.fromkeys(members, Sample(fmean(heard), view.now)) if heard else {}
        samples[signal.key] = {**samples[signal.key], **like_the_others, **known}
    return samples
