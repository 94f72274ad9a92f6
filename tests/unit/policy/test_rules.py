"""What a rule may say, and how each mistake is told."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from autoscaler.policy.rules import Amount, Reservation, Schedule
from autoscaler.policy.schema import Policy
from autoscaler.policy.signals import Assumption, OnMissing, Signal
from tests.support.fleet import policy_data

STEP = {"above": 70, "for": "10s", "add": "30%"}
FORECAST = {"signal": "sessions", "target_per_node": 200}
GIG = {"name": "gig", "at": "2026-06-01T18:00:00+03:00", "until": "2026-06-01T20:00:00Z", "nodes": 4}


def scaled(rule: dict[str, Any], **changes: Any) -> Policy:
    return Policy.model_validate(policy_data(scale=[rule], **changes))


def test_amounts_are_nodes_or_a_share() -> None:
    (rule,) = scaled({"step": {"signal": "cpu", "steps": [STEP, {"below": 20, "remove": 2}]}}).scale
    assert rule.step is not None
    assert [step.add or step.remove for step in rule.step.steps] == [Amount(percent=30.0), Amount(nodes=2)]


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"step": {"signal": "cpu", "steps": []}}, "at least 1 item"),
        ({"step": {"signal": "cpu", "steps": [{**STEP, "add": 0}]}}, "is no amount"),
        ({"step": {"signal": "cpu", "steps": [{**STEP, "add": "0%"}]}}, "is no amount"),
        ({"step": {"signal": "cpu", "steps": [{**STEP, "add": True}]}}, "is no amount"),
        ({"step": {"signal": "cpu", "steps": [{**STEP, "add": "many"}]}}, "is no amount"),
        ({"step": {"signal": "cpu", "steps": [{**STEP, "below": 3}]}}, "needs above with add, or below with remove"),
        ({"step": {"signal": "cpu", "steps": [{"above": 3, "remove": 1}]}}, "needs above with add"),
        ({"step": {"signal": "cpu", "steps": [{"add": 1}]}}, "needs above with add"),
        ({"step": {"signal": "nobody", "steps": [STEP]}}, "which is not under signals"),
        ({"schedule": {}}, "changes nothing"),
        ({"schedule": {"min": 1, "days": []}}, "never applies"),
        ({"schedule": {"min": 1, "days": ["someday"]}}, "Input should be 'mon'"),
        ({"schedule": {"min": 1, "from": "25:00"}}, "is no time of day"),
        ({"schedule": {"min": 1, "from": 18}}, "is no time of day"),
        ({"schedule": {"min": 1, "first_day": 20260601}}, "is no date"),
        ({"schedule": {"min": 1, "first_day": "2026-13-01"}}, "is no date"),
        ({"schedule": {"min": 1, "timezone": "Mars/Base"}}, "is no IANA time zone"),
        ({"schedule": {"min": 1, "timezone": "../etc/passwd"}}, "is no IANA time zone"),
        ({"schedule": {"min": 1}, "group": "a"}, "a group means nothing to it"),
        ({"forecast": FORECAST, "group": "a"}, "a forecast has no vote, so a group means nothing to it"),
        ({"forecast": {**FORECAST, "signal": "cpu"}}, "only a total can be compared over weeks"),
        ({"forecast": {**FORECAST, "signal": "nobody"}}, "which is not under signals"),
        ({"forecast": {**FORECAST, "season": "0s"}}, "season needs whole days"),
        ({"forecast": {**FORECAST, "season": "36h"}}, "season needs whole days"),
        ({"forecast": {**FORECAST, "seasons": 53}}, "looks back more than 366 days"),
        ({"forecast": {**FORECAST, "seasons": 3, "at_least": 4}}, "at_least 4 is more than the 3 seasons"),
        ({"forecast": {**FORECAST, "at_least": 0}}, "greater than or equal to 1"),
        ({"forecast": {**FORECAST, "horizon": "0s"}}, "horizon is above 0s and at most 12h"),
        ({"forecast": {**FORECAST, "horizon": "13h"}}, "horizon is above 0s and at most 12h"),
        ({"forecast": {**FORECAST, "quantile": "0%"}}, "greater than 0"),
        ({"forecast": {**FORECAST, "quantile": "101%"}}, "less than or equal to 100"),
        ({"forecast": {**FORECAST, "target_per_node": 0}}, "greater than or equal to 0.000001"),
        ({}, "needs exactly one of"),
        ({"schedule": {"min": 1}, "step": {"signal": "cpu", "steps": [STEP]}}, "needs exactly one of"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(rule: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        scaled(rule)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"until": "2026-06-01T12:00:00Z"}, "ends before it begins"),
        ({"at": "2026-06-01T18:00:00"}, "has no offset"),
        ({"at": 1780000000}, "is no moment"),
        ({"at": "1780000000"}, "is no moment"),
        ({"at": "2026-13-01T18:00:00Z"}, "is no moment"),
        ({"viewers": 5}, "exactly one of nodes and viewers"),
        ({"nodes": None}, "exactly one of nodes and viewers"),
        ({"nodes": None, "viewers": 5}, "say how many a node carries"),
    ],
)
def test_a_reservation_that_makes_no_sense_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Policy.model_validate(policy_data(reservations=[{**GIG, **change}]))


@pytest.mark.parametrize(
    ("signal", "message"),
    [
        ({"aggregate": "median"}, "is no aggregate"),
        ({"aggregate": "p0"}, "is no aggregate"),
        ({"aggregate": "p100"}, "is no aggregate"),
        ({"aggregate": 5}, "is no aggregate"),
        ({"on_missing": "panic"}, "is none of hold"),
        ({"on_missing": "assume()"}, "is none of hold"),
        ({"on_missing": f"assume({'9' * 400})"}, "is none of hold"),
        ({"on_missing": 0}, "is none of hold"),
        ({"from": "mongodb.node.cpu"}, "did you mean mongodb.node.cpu_percent"),
        ({"from": "zzz"}, "known are"),
        ({"backend": "b"}, "backend goes with haproxy sources"),
        ({"application": "live"}, "application goes with mongodb streams"),
        ({"from": "haproxy.server.response_ms", "aggregate": "sum"}, "times do not add up"),
        ({"window": "999ms"}, "less than 1s, or of more than 1h"),
        ({"window": "61m"}, "less than 1s, or of more than 1h"),
        ({"from": "", "expr": "capacity", "window": "1m"}, "window goes with from"),
    ],
)
def test_a_signal_that_makes_no_sense_is_refused(signal: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Policy.model_validate(policy_data(signals={"cpu": {"from": "mongodb.node.cpu_percent", **signal}}))


def test_a_time_of_the_whole_group_is_no_target() -> None:
    signals = {"slow": {"from": "haproxy.backend.response_ms"}}
    tracking = {"target_tracking": {"signal": "slow", "target": 200}}
    with pytest.raises(ValidationError, match="a time is not shared out among nodes"):
        Policy.model_validate(policy_data(signals=signals, scale=[tracking]))
    step = {"step": {"signal": "slow", "steps": [STEP]}}
    assert Policy.model_validate(policy_data(signals=signals, scale=[step])).scale[0].step


@pytest.mark.parametrize(
    ("signal", "key", "latest"),
    [
        ({"from": "haproxy.server.rate"}, "haproxy.server.rate", "haproxy.server.rate"),
        ({"from": "haproxy.server.rate", "backend": "b"}, "haproxy.server.rate:b", "haproxy.server.rate:b"),
        ({"from": "haproxy.server.rate", "window": "60s"}, "haproxy.server.rate:/1m", "haproxy.server.rate"),
        (
            {"from": "haproxy.server.rate", "backend": "b", "window": "1m"},
            "haproxy.server.rate:b/1m",
            "haproxy.server.rate:b",
        ),
        ({"from": "mongodb.streams", "application": "LiveApp"}, "mongodb.streams:liveapp", "mongodb.streams:liveapp"),
    ],
)
def test_signals_of_different_values_have_different_keys(signal: dict[str, str], key: str, latest: str) -> None:
    read = Signal.model_validate(signal)
    assert (read.key, read.key_of_latest) == (key, latest)


@pytest.mark.parametrize(
    ("source", "figure"),
    [
        ("haproxy.server.bytes_in", "bytes_in"), ("haproxy.backend.bytes_in", "bytes_in"),
        ("haproxy.backend.sessions", "sessions"), ("haproxy.server.sessions", ""), ("mongodb.streams", ""),
    ],
)  # fmt: skip
def test_traffic_is_read_for_sources_that_need_it(source: str, figure: str) -> None:
    assert Signal.model_validate({"from": source}).figure == figure


def test_a_policy_prints_as_it_is_read() -> None:
    data = policy_data(
        scale=[
            {"target_tracking": {"signal": "cpu", "target": 60, "tolerance": "12.5%"}, "group": "load"},
            {"step": {"signal": "cpu", "steps": [STEP, {"below": 20, "for": "1m", "remove": 2}]}},
            {"schedule": {"days": ["fri"], "from": "18:00", "to": "23:30", "timezone": "Europe/Istanbul", "min": 8}},
        ],
        signals={
            "cpu": {"from": "mongodb.node.cpu_percent", "aggregate": "p90", "on_missing": "assume(12.5)"},
            "sessions": {"from": "haproxy.server.sessions", "aggregate": "sum", "on_missing": "ignore"},
        },
        reservations=[GIG],
        headroom={"percent": "15%"},
        flap_budget={"turns": 3, "per": "1h"},
    )
    policy = Policy.model_validate(data)
    printed = policy.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert Policy.model_validate(printed) == policy
    assert printed["signals"]["cpu"]["on_missing"] == "assume(12.5)"
    assert printed["scale"][1]["step"]["steps"][0] == {"above": 70.0, "for": "10s", "add": "30%"}
    assert printed["scale"][2]["schedule"]["from"] == "18:00"


def test_values_that_were_read_before_pass_as_they_are() -> None:
    read = Schedule.model_validate({"min": 1, "from": "18:00", "first_day": "2026-06-01"})
    assert Schedule.model_validate({"min": 1, "from": read.begins, "first_day": read.first_day}) == read
    gig = Reservation.model_validate(GIG)
    assert Reservation.model_validate({**GIG, "at": gig.at}) == gig
    signal = {"from": "mongodb.node.cpu_percent", "on_missing": Assumption(value=1.0)}
    assert Policy.model_validate(policy_data(signals={"cpu": signal})).signals["cpu"].on_missing == Assumption(
        value=1.0
    )
    assert OnMissing("hold") is OnMissing.HOLD


def test_a_forecast_may_look_back_a_year_and_half_a_day_ahead() -> None:
    edges = {"season": "1d", "seasons": 366, "at_least": 366, "horizon": "12h", "quantile": "100%"}
    (rule,) = scaled({"forecast": {**FORECAST, **edges}}).scale
    assert rule.forecast is not None
    assert rule.signal is None
