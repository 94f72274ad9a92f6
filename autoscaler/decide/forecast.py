"""A floor from the past: what past seasons had at this time, and within the time that a launch takes.

The seasonal quantile is the plainest forecast that knows weeks, and needs no fitting. It raises the group before the
crowd comes, and never shrinks it: what no past week had, headroom and reservations are for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from math import ceil, isnan, nan

from autoscaler.decide.past import ahead, history_key
from autoscaler.decide.roster import Roster
from autoscaler.decide.view import View
from autoscaler.model.decision import Direction, Proposal, Verdict
from autoscaler.policy.rules import Forecast
from autoscaler.policy.units import format_duration, format_percent


def foresee(rule: Forecast, view: View, roster: Roster) -> Verdict:
    """Say how many nodes past seasons needed from now to the horizon, as far as that is recorded.

    A bucket of which too little is recorded has no say; the others keep the floor, which may then be too low and never
    too high.

    OUT when these are more than there are, else ABSTAIN: a floor is no vote, and vetoes nothing that stays above it.

    Example: at 20:00 on four Fridays there were 3000, 3400, 4200 and 3600 viewers. Nine tenths of the way up is between
    3600 and 4200, so 4200 counts; at 200 a node that is 21 nodes.
    """
    name, current = f"forecast:{rule.signal}", roster.current
    samples = view.snapshot.history.get(history_key(rule.signal, view.policy))
    if samples is None:
        return Verdict(name, Direction.ABSTAIN, current, "its history was not read")
    buckets = ahead(rule, view.now)
    past = _seasons(rule, buckets, {sample.at: sample.value for sample in samples})
    loads = {
        at: quantile(values, rule.quantile / 100)
        for at, values in zip(buckets, past, strict=True) if len(values) >= rule.at_least
    }  # fmt: skip
    if not loads:
        detail = f"of {_clock(buckets[0])} {len(past[0])} of the last {_look_back(rule)} "
        return Verdict(name, Direction.ABSTAIN, current, detail + f"are recorded, and {rule.at_least} are needed")
    peak = max(loads, key=loads.__getitem__)
    load = loads[peak]
    needed = roster.nodes_for(load / rule.target_per_node)
    detail = (
        f"{format_percent(rule.quantile)} of the last {_look_back(rule)} had at most {load:g} {rule.signal} at "
        f"{_clock(peak)}; at {rule.target_per_node:g} a node that is {needed} nodes"
    )
    return Verdict(
        rule=name,
        direction=Direction.OUT if needed > current else Direction.ABSTAIN,
        desired=max(current, needed),
        detail=detail + _holes(buckets, loads),
        value=load,
        target=rule.target_per_node,
        needed=needed,
    )


def _holes(buckets: Sequence[datetime], loads: Mapping[datetime, float]) -> str:
    """Say of how much of the horizon too little is recorded."""
    holes = [at for at in buckets if at not in loads]
    if not holes:
        return ""
    more = f" and {len(holes) - 1} times more" if len(holes) > 1 else ""
    return f"; too little is recorded of {_clock(holes[0])}{more}"


def keep_forecasts(proposal: Proposal, verdicts: Sequence[Verdict]) -> Proposal:
    """Raise to the highest floor of the forecasts that speak."""
    floors = [(verdict.needed, verdict.detail) for verdict in verdicts if verdict.needed is not None]
    floor, detail = max(floors, default=(0, ""))
    return proposal if proposal.desired >= floor else proposal.to(floor, "forecast", detail)


def _seasons(rule: Forecast, buckets: Sequence[datetime], recorded: Mapping[datetime, float]) -> list[list[float]]:
    """Return what was recorded of each bucket in the seasons before."""
    back = [number * rule.season for number in range(1, rule.seasons + 1)]
    found = ([recorded.get(at - ago, nan) for ago in back] for at in buckets)
    return [[value for value in values if not isnan(value)] for values in found]


def quantile(values: Sequence[float], part: float) -> float:
    """Return the value below which `part`, from 0 to 1, of the values lie: one of them, the higher where it is between.

    To interpolate would invent a load below that of a real evening. `numpy.quantile(method="higher")` gives the same;
    a daemon needs nothing else of numpy, and does without its 20 MB.
    """
    return sorted(values)[ceil(part * (len(values) - 1))]


def _look_back(rule: Forecast) -> str:
    return f"{rule.seasons} times {format_duration(rule.season)}"


def _clock(at: datetime) -> str:
    return f"{at:%H:%M} UTC"
