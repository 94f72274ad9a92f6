"""What is recorded of the present for later forecasts, and which parts of the past a forecast looks at now."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from math import inf, isfinite

from autoscaler.decide.load import measure
from autoscaler.decide.roster import call_roll
from autoscaler.decide.view import View
from autoscaler.model.history import BUCKET, Recording, bucket_of
from autoscaler.policy.rules import Forecast
from autoscaler.policy.schema import Policy
from autoscaler.policy.signals import CAPACITY

_SPARE = timedelta(days=1)
"""How much longer records are kept than anything looks back: for a daemon that was down, and for clocks."""


def forecasts(policy: Policy) -> tuple[Forecast, ...]:
    """Return the policy's forecasts, in their order."""
    return tuple(rule.forecast for rule in policy.scale if rule.forecast)


def history_key(name: str, policy: Policy) -> str:
    """Return what a signal's history is kept under: its name, and a digest of what it measures.

    Sessions that were recorded under a name that now means viewers are no history of viewers. How old a value may be,
    and what its absence means, is no part of what is measured.
    """
    text = json.dumps(_measures(name, policy), sort_keys=True)
    return f"{name}-{sha256(text.encode()).hexdigest()[:8]}"


def _measures(name: str, policy: Policy) -> Mapping[str, object]:
    """Return a signal's definition, with those that its expression names. A key at its default is left out.

    So a key that a later version adds changes no digest where nobody uses it.
    """
    signal = policy.signals[name]
    said = signal.model_dump(mode="json", exclude_defaults=True, exclude={"max_age", "on_missing"})
    parts = sorted(signal.expr.names - {CAPACITY}) if signal.expr else []
    return {**said, **{part: _measures(part, policy) for part in parts}}


def ahead(rule: Forecast, now: datetime) -> tuple[datetime, ...]:
    """Return the starts of the buckets from now to the horizon, both included."""
    first, last = bucket_of(now), bucket_of(now + rule.horizon)
    return tuple(first + number * BUCKET for number in range((last - first) // BUCKET + 1))


def looked_at(policy: Policy, now: datetime) -> dict[str, tuple[datetime, ...]]:
    """Return, by history key, the starts of all past buckets that the policy's forecasts look at now, oldest first."""
    wanted: dict[str, set[datetime]] = {}
    for rule in forecasts(policy):
        past = {at - number * rule.season for at in ahead(rule, now) for number in range(1, rule.seasons + 1)}
        wanted.setdefault(history_key(rule.signal, policy), set()).update(past)
    return {key: tuple(sorted(starts)) for key, starts in wanted.items()}


def heard(view: View) -> tuple[Recording, ...]:
    """Return the present totals of all signals that a forecast looks at, those of leaving nodes included.

    A total of which a part is missing is none: it would pass for a quiet evening in weeks to come.
    """
    keep: dict[str, timedelta] = {}
    for rule in forecasts(view.policy):
        keep[rule.signal] = max(rule.season * rule.seasons + _SPARE, keep.get(rule.signal, _SPARE))
    if not keep or view.snapshot.lacks("ec2"):
        return ()
    return tuple(_recordings(keep, view))


def _recordings(keep: Mapping[str, timedelta], view: View) -> Iterator[Recording]:
    roster = call_roll(view)
    for name, how_long in keep.items():
        load = measure(view.policy.signals[name], inf, roster, view)
        if load.known and not load.missing and isfinite(load.shrinking):
            yield Recording(history_key(name, view.policy), load.shrinking, how_long)
