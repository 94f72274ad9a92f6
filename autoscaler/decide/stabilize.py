"""Shrink only to the highest recommendation of the window, as the HorizontalPodAutoscaler does.

A window that was not watched does not count: after a start, or a pause of the daemon longer than the window, it has to
pass again before anything shrinks.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from autoscaler.model.decision import Proposal
from autoscaler.model.memory import Recommendation
from autoscaler.policy.units import format_duration

_LONGEST_BLINK = timedelta(minutes=1)
"""Two looks at most this far apart, or the window if it is longer, count as watching without a break."""


def remember(
    history: Sequence[Recommendation], now: datetime, desired: int, window: timedelta
) -> tuple[Recommendation, ...]:
    """Add a recommendation; keep those of the window and the one before it, which proves that all of it was watched."""
    if history and now - history[-1].at > max(window, _LONGEST_BLINK):
        history = ()
    inside = [entry for entry in history if now - entry.at < window]
    before = [entry for entry in history if now - entry.at >= window][-1:]
    return (*before, *inside, Recommendation(now, desired))


def stabilize(proposal: Proposal, history: Sequence[Recommendation], now: datetime, window: timedelta) -> Proposal:
    """Hold a shrinking proposal at the window's highest recommendation, and at the current size while unwatched."""
    if proposal.desired >= proposal.current:
        return proposal
    name = format_duration(window)
    if now - history[0].at < window:
        return proposal.to(proposal.current, "stabilization", f"the window of {name} has not been watched to its end")
    highest = max(entry.desired for entry in history if now - entry.at <= window)
    return proposal.to(min(highest, proposal.current), "stabilization", f"{highest} were wanted within {name}")
