"""Forecasts: those that come too late, rest on too little, or promise less than what is usual."""

from __future__ import annotations

from collections.abc import Iterator

from autoscaler.policy.lint.facts import BOOT
from autoscaler.policy.lint.finding import Check, Finding, forecasts, voices
from autoscaler.policy.schema import Policy
from autoscaler.policy.units import format_duration, format_percent

_USUAL = 50.0


def horizon_short(policy: Policy) -> Iterator[Finding]:
    """Find horizons within which what is launched carries nothing yet."""
    needed = BOOT + policy.warm_up
    for path, rule in forecasts(policy):
        if rule.horizon < needed:
            message = f"looks {format_duration(rule.horizon)} ahead, and a launch takes about {format_duration(needed)}"
            yield Finding((*path, "horizon"), message, "15m leaves time for a limit of scale_out, too", otherwise=path)


def one_season(policy: Policy) -> Iterator[Finding]:
    """Find forecasts that take one evening for the rule."""
    for path, rule in forecasts(policy):
        if rule.at_least == 1:
            message = f"takes a single season of {format_duration(rule.season)} for what always happens"
            yield Finding((*path, "at_least"), message, "2, or more", otherwise=path)


def below_usual(policy: Policy) -> Iterator[Finding]:
    """Find forecasts below what every second season had."""
    for path, rule in forecasts(policy):
        if rule.quantile < _USUAL:
            message = f"{format_percent(rule.quantile)} of the seasons had at most this: most of them had more"
            yield Finding((*path, "quantile"), message, "90% is usual", otherwise=path)


def forecast_differs(policy: Policy) -> Iterator[Finding]:
    """Find forecasts that fill a node otherwise than the rule that holds the same load."""
    targets = {
        voice.name: voice.rule.target_tracking.target_per_node
        for voice in voices(policy)
        if voice.rule.target_tracking and voice.rule.target_tracking.target_per_node
    }
    for path, rule in forecasts(policy):
        held = targets.get(rule.signal, rule.target_per_node)
        if held != rule.target_per_node:
            message = f"puts {rule.target_per_node:g} {rule.signal} on a node, and another rule holds {held:g}"
            yield Finding((*path, "target_per_node"), message, "the same number, unless one of them is meant otherwise")


CHECKS: dict[str, Check] = {
    "lint-forecast-horizon-short": horizon_short,
    "lint-forecast-one-season": one_season,
    "lint-forecast-below-usual": below_usual,
    "lint-forecast-differs": forecast_differs,
}
