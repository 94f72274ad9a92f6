"""Signals: how old they may be, what their silence does, and whether anybody listens."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from autoscaler.model.snapshot import HEARTBEAT_MAX_AGE
from autoscaler.policy.expression import Expression
from autoscaler.policy.lint.facts import HEARTBEAT, HEARTBEAT_SOURCES, LIVE_BYTES
from autoscaler.policy.lint.finding import Check, Finding, forecasts, grows_at, may_shrink, measured, sources, voices
from autoscaler.policy.schema import Policy
from autoscaler.policy.signals import Assumption, OnMissing
from autoscaler.policy.units import format_duration


def no_max_age(policy: Policy) -> Iterator[Finding]:
    """Find signals whose age only the default limits."""
    for name, signal in policy.signals.items():
        if signal.expr is None and "max_age" not in signal.model_fields_set:
            age = format_duration(signal.max_age)
            yield Finding(("signals", name), f"{name} does not say how old its values may be", f"max_age: {age}?")


def max_age_long(policy: Policy) -> Iterator[Finding]:
    """Find signals that outlive the node that they are about."""
    for name, signal in policy.signals.items():
        if signal.max_age > HEARTBEAT_MAX_AGE:
            message = f"{name} may be {format_duration(signal.max_age)} old, and a node is dead after 20s of silence"
            yield Finding(("signals", name, "max_age"), message, "20s, or less")


def max_age_short(policy: Policy) -> Iterator[Finding]:
    """Find heartbeats that are missing as soon as one row is late."""
    for name, signal in policy.signals.items():
        if signal.source in HEARTBEAT_SOURCES and signal.max_age < 2 * HEARTBEAT:
            message = (
                f"{name} comes every 5s, so at a max_age of {format_duration(signal.max_age)} one late row is a gap"
            )
            yield Finding(("signals", name, "max_age"), message, "10s at least, 20s is usual")


def absence_shrinks(policy: Policy) -> Iterator[Finding]:
    """Find rules whose silence leaves the word to another that may shrink the group."""
    rules = voices(policy)
    for voice in rules:
        ignores = voice.signal.on_missing is OnMissing.IGNORE
        others = [other for other in rules if other.name != voice.name and may_shrink(other)]
        if ignores and others:
            message = f"while {voice.name} is missing, {others[0].name} alone may shrink the group"
            hint = "on_missing: hold, or scale_out_only"
            yield Finding(("signals", voice.name, "on_missing"), message, hint)


def stand_in_shrinks(policy: Policy) -> Iterator[Finding]:
    """Find expressions in which a plain number stands in for a signal that is missing."""
    for name, signal in policy.signals.items():
        if signal.expr and _ends_in_number(signal.expr):
            message = f"while what {name} names is missing, a plain number stands in, and by it the group may shrink"
            hint = "let another signal be the last, or leave coalesce out: missing holds"
            yield Finding(("signals", name, "expr"), message, hint)


def _ends_in_number(expr: Expression) -> bool:
    """Whether some `coalesce` ends in what names no signal. The text was checked when it was read."""
    calls = [node for node in ast.walk(ast.parse(expr.text, mode="eval")) if isinstance(node, ast.Call)]
    lasts = [call.args[-1] for call in calls if ast.unparse(call.func) == "coalesce"]
    return any(not {ast.unparse(part) for part in ast.walk(last)} & expr.names for last in lasts)


def assume_above_target(policy: Policy) -> Iterator[Finding]:
    """Find silence that is assumed to be overload: a source that fails then grows the group to its end."""
    for voice in voices(policy):
        assumed = voice.signal.on_missing
        if isinstance(assumed, Assumption) and voice.signal.per_node and assumed.value > grows_at(voice):
            message = f"silent nodes count as {assumed.value:g}, which makes {voice.name} grow the group to its max"
            yield Finding(("signals", voice.name, "on_missing"), message, "a value below the target, or scale_out_only")


def heartbeats_only(policy: Policy) -> Iterator[Finding]:
    """Find groups in which overloaded nodes, whose heartbeats stop, count as idle."""
    rules = voices(policy)
    deaf = [
        voice
        for voice in rules
        if not isinstance(voice.signal.on_missing, Assumption)
        and all(
            signal.source in HEARTBEAT_SOURCES and signal.on_missing in {OnMissing.HOLD, OnMissing.IGNORE}
            for _, signal in sources(voice, policy)
        )
    ]
    if rules and len(deaf) == len(rules):
        message = "all rules look at heartbeats, which stop on overloaded nodes, and then take those nodes for idle"
        hint = "on_missing: scale_out_only, or a second rule on haproxy.server.sessions"
        yield Finding(("scale",), message, hint)


def unused_signal(policy: Policy) -> Iterator[Finding]:
    """Find signals that no rule names."""
    used = {voice.name for voice in voices(policy)}
    used |= {name for voice in voices(policy) for name, _ in sources(voice, policy)}
    for _, rule in forecasts(policy):
        used |= {rule.signal, *(name for name, _ in measured(policy.signals[rule.signal], policy))}
    for name in policy.signals:
        if name not in used:
            yield Finding(("signals", name), f"no rule looks at {name}", "use it, or remove it")


def backend_elsewhere(policy: Policy) -> Iterator[Finding]:
    """Find signals of backends that are not read: their value is missing for ever."""
    known = [membership.backend for membership in policy.load_balancer]
    for name, signal in policy.signals.items():
        if signal.backend is not None and signal.backend not in known:
            message = f"{name} looks at {signal.backend}, which is not under load_balancer, so it is always missing"
            yield Finding(("signals", name, "backend"), message, f"one of {', '.join(known)}")


def bytes_in_steps(policy: Policy) -> Iterator[Finding]:
    """Find rates of bytes that are 0 in one cycle and twice too high in the next."""
    for name, signal in policy.signals.items():
        if signal.figure in {"bytes_in", "bytes_out"} and signal.window < 3 * LIVE_BYTES:
            message = f"{name} jumps: HAProxy counts the bytes of a live stream every 5s at best"
            yield Finding(("signals", name, "window"), message, "window: 30s, or more", ("signals", name))


CHECKS: dict[str, Check] = {
    "lint-no-max-age": no_max_age,
    "lint-max-age-long": max_age_long,
    "lint-max-age-short": max_age_short,
    "lint-absence-shrinks": absence_shrinks,
    "lint-stand-in-shrinks": stand_in_shrinks,
    "lint-assume-above-target": assume_above_target,
    "lint-heartbeats-only": heartbeats_only,
    "lint-unused-signal": unused_signal,
    "lint-backend-elsewhere": backend_elsewhere,
    "lint-bytes-in-steps": bytes_in_steps,
}
