"""What of a policy is searched when nobody says: its targets, its headroom, and how fast it shrinks.

Not `bounds`, which say what is safe and what may be paid, nor thresholds of steps, which say when it is too late.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

from autoscaler.policy.schema import Policy, RateLimit
from autoscaler.policy.units import format_duration, format_percent
from autoscaler.simulate.tune.amounts import Amount, Unit, step_of

_SHORT, _MINUTE = timedelta(seconds=10), timedelta(minutes=1)
_LEAST, _MOST = Decimal("0.7"), Decimal("1.3")


def usual_wishes(policy: Policy) -> dict[str, str]:
    """Return `{path: range}`, each around what the policy has."""
    wishes = dict(_targets(policy))
    if policy.headroom.nodes and not policy.headroom.percent:
        wishes["headroom.nodes"] = f"0..{max(3, 2 * policy.headroom.nodes)}"
    else:
        wishes["headroom.percent"] = f"0%..{format_percent(max(30.0, 2 * policy.headroom.percent))}"
    if policy.scale_in.stabilization:
        wishes["scale_in.stabilization"] = _around(policy.scale_in.stabilization)
    for number, limit in enumerate(policy.scale_in.max, 1):
        wishes[f"scale_in.max[{number}].per"] = _around(limit.per)
    for number, limit in enumerate(policy.scale_in.control, 1):
        wishes |= _amount(f"scale_in.control[{number}]", limit)
    return wishes


def _targets(policy: Policy) -> Iterator[tuple[str, str]]:
    """Yield targets, from 0.7 to 1.3 times what they are."""
    for number, rule in enumerate(policy.scale, 1):
        if rule.target_tracking:
            tracking = rule.target_tracking
            key = "target" if tracking.target is not None else "target_per_node"
            yield f"scale[{number}].target_tracking.{key}", _about(Decimal(repr(tracking.per_node)))


def _about(value: Decimal) -> str:
    """Return a range from 0.7 to 1.3 times a number, in round steps."""
    low, high = (Amount(value * share, Unit.NUMBER) for share in (_LEAST, _MOST))
    step = step_of(low, high).value
    parts = (low.value // step * step, high.value // step * step, step)
    return "..".join(str(Amount(part, Unit.NUMBER)) for part in parts)


def _around(value: timedelta) -> str:
    """Return a range from a quarter of a time to twice as long, in round numbers."""
    quarter = value / 4
    unit = _MINUTE if quarter >= _MINUTE else _SHORT
    low = max(unit, quarter // unit * unit)
    return f"{format_duration(low)}..{format_duration(max(2 * value, 2 * low))}"


def _amount(path: str, limit: RateLimit) -> dict[str, str]:
    if limit.nodes is not None:
        return {f"{path}.nodes": f"1..{max(4, 2 * limit.nodes)}"}
    percent = limit.percent or 0.0
    return {f"{path}.percent": f"{format_percent(percent / 2)}..{format_percent(percent * 2)}"}
