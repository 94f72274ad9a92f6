"""Pace: windows, cooldowns and rates that are too short, too long, or undo each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import combinations

from autoscaler.model.memory import EVENTS_KEPT
from autoscaler.policy.document import Path
from autoscaler.policy.lint.facts import BIG, HUGE, PATIENCE
from autoscaler.policy.lint.finding import Check, Finding
from autoscaler.policy.schema import Policy, RateLimit
from autoscaler.policy.units import format_duration


def stabilization_short(policy: Policy) -> Iterator[Finding]:
    """Find windows that forget the peak before the new nodes measure anything but their boot."""
    window, warm_up = policy.scale_in.stabilization, policy.warm_up
    if window < warm_up:
        message = f"shrinking looks back {format_duration(window)}, less than the warm-up of {format_duration(warm_up)}"
        hint = "several times warm_up; 10m is usual"
        yield Finding(("scale_in", "stabilization"), message, hint, otherwise=("warm_up",))


def cooldown_short(policy: Policy) -> Iterator[Finding]:
    """Find cooldowns that end before what they wait for has warmed up."""
    for direction, cooldown in (("scale_out", policy.scale_out.cooldown), ("scale_in", policy.scale_in.cooldown)):
        if timedelta(0) < cooldown < policy.warm_up:
            warm = format_duration(policy.warm_up)
            message = f"the cooldown of {format_duration(cooldown)} ends before a new node is warm, after {warm}"
            yield Finding((direction, "cooldown"), message, "at least warm_up, or leave it out")


def shrinks_faster(policy: Policy) -> Iterator[Finding]:
    """Find groups that lose nodes sooner or faster than they get them back."""
    out, shrink = policy.scale_out, policy.scale_in
    patience, haste = max(out.stabilization, out.cooldown), max(shrink.stabilization, shrink.cooldown)
    if haste < patience:
        message = f"shrinking waits {format_duration(haste)}, growing {format_duration(patience)}"
        yield Finding(("scale_in",), message, "wait longer before shrinking", otherwise=("scale_out",))
    away, back = _rate((*shrink.max, *shrink.control), policy), _rate(out.max, policy)
    if away is None or back is None:
        faster = away is None and back is not None and policy.bounds.max < BIG
    else:
        faster = away > back
    if faster:
        message = "the limits let nodes go faster than they come back"
        yield Finding(("scale_in",), message, "a tighter scale_in.max", otherwise=("scale_out", "max"))


def _rate(limits: Sequence[RateLimit], policy: Policy) -> float | None:
    """Return the nodes per second that the tightest limit lets through when the group is at its largest."""
    rates = [limit.amount(policy.bounds.max) / max(limit.per.total_seconds(), 0.001) for limit in limits]
    return min(rates, default=None)


def no_scale_in_limit(policy: Policy) -> Iterator[Finding]:
    """Find big groups that may go from their largest to their smallest in one step."""
    if policy.bounds.max >= BIG and not policy.scale_in.max and not policy.scale_in.control:
        message = f"a group of up to {policy.bounds.max} nodes may shrink to {policy.bounds.min} in one step"
        yield Finding(("scale_in",), message, "scale_in: {max: [{nodes: 1, per: 2m}]}", otherwise=("bounds",))


def no_scale_out_limit(policy: Policy) -> Iterator[Finding]:
    """Find groups of which one wrong number may launch everything at once."""
    if policy.bounds.max >= HUGE and not policy.scale_out.max:
        message = f"one mistaken cycle may launch all {policy.bounds.max} nodes"
        yield Finding(("scale_out",), message, "scale_out: {max: [{nodes: 10, per: 1m}]}", otherwise=("bounds",))


def slow_scale_out(policy: Policy) -> Iterator[Finding]:
    """Find groups that let viewers wait for longer than they do."""
    for key, wait in (("stabilization", policy.scale_out.stabilization), ("cooldown", policy.scale_out.cooldown)):
        if wait > PATIENCE:
            message = f"growing waits {format_duration(wait)}, and a boot comes on top"
            yield Finding(("scale_out", key), message, "nodes on their way are counted already: 0s to 1m is enough")


def period_forgotten(policy: Policy) -> Iterator[Finding]:
    """Find periods that reach back further than anything is remembered."""
    for path, period in _periods(policy):
        if period > EVENTS_KEPT:
            message = f"{format_duration(period)} is longer than the day for which changes are remembered"
            yield Finding(path, message, "1d at most")


def _periods(policy: Policy) -> Iterator[tuple[Path, timedelta]]:
    for name, pace in (("scale_out", policy.scale_out), ("scale_in", policy.scale_in)):
        yield (name, "cooldown"), pace.cooldown
        yield from (((name, "max", number, "per"), limit.per) for number, limit in enumerate(pace.max))
    if policy.flap_budget:
        yield ("flap_budget", "per"), policy.flap_budget.per


def limit_without_effect(policy: Policy) -> Iterator[Finding]:
    """Find limits beside which a tighter one always holds first."""
    for name, limits in (("scale_out", policy.scale_out.max), ("scale_in", policy.scale_in.max)):
        for (one, first), (two, second) in combinations(enumerate(limits), 2):
            for loose, tight, number in ((first, second, one), (second, first, two)):
                if _covers(tight, loose) and not (loose is second and _covers(loose, tight)):
                    message = "another limit of the list is always reached first"
                    yield Finding((name, "max", number), message, "a shorter period for more nodes, or remove it")


def _covers(tight: RateLimit, loose: RateLimit) -> bool:
    """Whether `tight` allows no more over no less time. Nodes and percent cannot be compared."""
    if tight.nodes is not None and loose.nodes is not None:
        return tight.nodes <= loose.nodes and tight.per >= loose.per
    if tight.percent is not None and loose.percent is not None:
        return tight.percent <= loose.percent and tight.per >= loose.per
    return False


def flap_budget_of_one(policy: Policy) -> Iterator[Finding]:
    """Find budgets that the first node to leave after a growth uses up."""
    if policy.flap_budget and policy.flap_budget.turns == 1:
        per = format_duration(policy.flap_budget.per)
        message = f"the first node that leaves after a growth is the one turn, so no second leaves for {per}"
        yield Finding(("flap_budget", "turns"), message, "2 at least")


CHECKS: dict[str, Check] = {
    "lint-stabilization-short": stabilization_short,
    "lint-cooldown-short": cooldown_short,
    "lint-shrinks-faster": shrinks_faster,
    "lint-no-scale-in-limit": no_scale_in_limit,
    "lint-no-scale-out-limit": no_scale_out_limit,
    "lint-slow-scale-out": slow_scale_out,
    "lint-period-forgotten": period_forgotten,
    "lint-limit-without-effect": limit_without_effect,
    "lint-flap-budget-of-one": flap_budget_of_one,
}
