"""A signal's `window`: each member's value is the mean of what was seen of it within so long.

What was seen is remembered in a tenth of the window at a time, so that it takes the same room at any length of cycle.
The latest value must be there all the same: smoothing never hides a gap. And a mean over less than the window is only
part of the truth: good enough to grow by.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from autoscaler.decide.view import View
from autoscaler.model.memory import LONGEST_BLINK, Memory, Past, Window
from autoscaler.model.recent import recent
from autoscaler.model.snapshot import FleetSnapshot, Sample
from autoscaler.policy.schema import Policy
from autoscaler.policy.signals import Signal

_BUCKETS = 10
_NOTHING: Mapping[str, Sample] = {}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def smooth(policy: Policy, memory: Memory, shot: FleetSnapshot) -> FleetSnapshot:
    """Return the snapshot with the means of the policy's signals that have a window, each under its signal's key."""
    view = View(shot, policy, memory)
    means = {key: _means(signal, _watched(signal, view), view) for key, signal in _windowed(policy).items()}
    return shot.with_samples(means)


def seen(view: View) -> Mapping[str, Window]:
    """Return what is to be remembered of the signals that have a window."""
    return {key: _watched(signal, view) for key, signal in _windowed(view.policy).items()}


def _windowed(policy: Policy) -> Mapping[str, Signal]:
    return {signal.key: signal for signal in policy.signals.values() if signal.window}


def _watched(signal: Signal, view: View) -> Window:
    """Add the latest values to what is remembered; a cycle asks twice, before it decides and then to remember."""
    return _add(signal, view.memory.windows, view.snapshot.samples.get(signal.key_of_latest, _NOTHING), view.now)


@recent
def _add(signal: Signal, windows: Mapping[str, Window], samples: Mapping[str, Sample], now: datetime) -> Window:
    """Add values to what is remembered. Who was silent for longer than a blink begins anew."""
    width = signal.window / _BUCKETS
    begins = _EPOCH + (now - _EPOCH) // width * width
    before = windows.get(signal.key) or Window(begins, {})
    passed = (begins - before.begins) // width
    members = {
        member: _moved(past, passed)
        for member, past in before.members.items()
        if passed >= 0 and now - past.seen <= LONGEST_BLINK
    }
    latest = _fresh(signal, samples, now)
    members |= {member: _added(members.get(member), sample, now) for member, sample in latest.items()}
    return Window(begins, members)


def _fresh(signal: Signal, samples: Mapping[str, Sample], now: datetime) -> Mapping[str, Sample]:
    return {member: sample for member, sample in samples.items() if signal.takes(sample.at, now)}


def _moved(past: Past, passed: int) -> Past:
    """Make room for new buckets at the front; the oldest fall off at the end."""
    if not passed:
        return past
    room = min(passed, _BUCKETS)
    return replace(
        past, sums=(*[0.0] * room, *past.sums)[:_BUCKETS], counts=(*[0] * room, *past.counts)[:_BUCKETS]
    )  # fmt: skip


def _added(past: Past | None, sample: Sample, now: datetime) -> Past:
    if past is None:
        return Past(now, now, (sample.value,), (1,))
    return Past(
        since=now if sample.partial else past.since,
        seen=now,
        sums=(past.sums[0] + sample.value, *past.sums[1:]),
        counts=(past.counts[0] + 1, *past.counts[1:]),
    )


def _means(signal: Signal, window: Window, view: View) -> Mapping[str, Sample]:
    """Return the means; what is stamped too far in the future stays as it is, for those who say that it is."""
    samples, now = view.snapshot.samples.get(signal.key_of_latest, _NOTHING), view.now
    return {
        member: _mean(window.members[member], sample, now, signal.window) if signal.takes(sample.at, now) else sample
        for member, sample in samples.items()
        if now - sample.at <= signal.max_age
    }


def _mean(past: Past, sample: Sample, now: datetime, window: timedelta) -> Sample:
    partial = sample.partial or now - past.since < window
    return Sample(sum(past.sums) / sum(past.counts), sample.at, partial)
