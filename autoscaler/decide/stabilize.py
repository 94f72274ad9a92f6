"""Shrink only to the highest recommendation of a window, grow only to the lowest, as the HorizontalPodAutoscaler does.

A window that was not watched does not count: after a start, or a pause of the daemon, it has to pass again before
anything shrinks.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from operator import attrgetter

from autoscaler.model.decision import Proposal
from autoscaler.model.memory import LONGEST_BLINK, Recommendation
from autoscaler.policy.schema import RateLimit
from autoscaler.policy.units import format_duration

_AT = attrgetter("at")
"""By which a history is sorted."""


def remember(
    history: Sequence[Recommendation], latest: Recommendation, window: timedelta
) -> tuple[Recommendation, ...]:
    """Add the latest; keep those of the window and the one before it, which proves that all of it was watched.

    What lies before a pause proves nothing any more, for nobody knows what was wanted meanwhile; a peak it still is.
    """
    now = latest.at
    if history and now - history[-1].at > LONGEST_BLINK:
        history = [replace(entry, before_pause=True) for entry in history]
    begin = bisect_right(history, now - window, key=_AT)
    before = next((entry for entry in reversed(history[:begin]) if not entry.before_pause), None)
    return (*history[begin:], latest) if before is None else (before, *history[begin:], latest)


def stabilize_in(proposal: Proposal, history: Sequence[Recommendation], now: datetime, window: timedelta) -> Proposal:
    """Hold a shrinking proposal at the window's highest recommendation, and at the current size while unwatched."""
    if proposal.desired >= proposal.current:
        return proposal
    name, history = format_duration(window), _watched(history)
    if now - history[0].at < window:
        return proposal.to(proposal.current, "stabilization", f"the window of {name} has not been watched to its end")
    highest = _highest(history, now - window)
    return proposal.to(min(highest, proposal.current), "stabilization", f"{highest} were wanted within {name}")


def stabilize_out(proposal: Proposal, history: Sequence[Recommendation], now: datetime, window: timedelta) -> Proposal:
    """Hold a growing proposal at the window's lowest recommendation.

    An unwatched window delays nothing, and who held for want of data did not want less: that is no wish to wait for.
    """
    if proposal.desired <= proposal.current:
        return proposal
    lowest = min([entry.desired for entry in _since(_watched(history), now - window) if not entry.blind])
    detail = f"no more than {lowest} were wanted at some time within {format_duration(window)}"
    return proposal.to(max(lowest, proposal.current), "stabilization", detail)


def _watched(history: Sequence[Recommendation]) -> Sequence[Recommendation]:
    """Leave out what lies before a pause; where the oldest entry does not, none does."""
    return [entry for entry in history if not entry.before_pause] if history[0].before_pause else history


def _highest(history: Sequence[Recommendation], begin: datetime) -> int:
    return max([entry.desired for entry in _since(history, begin)])


def _since(history: Sequence[Recommendation], begin: datetime) -> Sequence[Recommendation]:
    return history[bisect_left(history, begin, key=_AT) :]


def stay_near_peak(
    proposal: Proposal, history: Sequence[Recommendation], now: datetime, controls: Sequence[RateLimit]
) -> Proposal:
    """Keep a shrinking proposal within so many nodes of the peak that each control's period wanted."""
    for control in controls:
        if proposal.desired >= proposal.current:
            return proposal
        peak = _highest(history, now - control.per)
        floor = min(proposal.current, peak - control.amount(peak))
        if proposal.desired < floor:
            detail = f"the peak of the last {format_duration(control.per)} was {peak}"
            proposal = proposal.to(floor, "scale_in_control", detail)
    return proposal
