"""What the simulated balancer counts: the sessions that it gives, in all and in the last second."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from autoscaler.model.snapshot import Line
from autoscaler.policy.schema import Policy
from autoscaler.simulate.run import Stage, play, set_stage
from autoscaler.simulate.spec import TypeSpec, WorldSpec
from autoscaler.simulate.traffic.sessions import Event
from tests.support.crowd import Told
from tests.support.fleet import BACKEND, SESSIONS, policy

STEP = timedelta(seconds=10)
SPEC = WorldSpec(types={"c5.xlarge": TypeSpec(vcpus=4, viewers=200)})
"""A node of which 72 % may be used: 144 viewers."""

RATE = "haproxy.server.rate"


def rules(expr: str = "sessions + 90 * rate", **changes: Any) -> Policy:
    return policy(
        **{
            "bounds": {"min": 2, "max": 20},
            "signals": {
                "sessions": {"from": SESSIONS, "aggregate": "sum"},
                "rate": {"from": RATE, "aggregate": "sum"},
                "demand": {"expr": expr, "aggregate": "sum"},
            },
            "scale": [{"target_tracking": {"signal": "demand", "target_per_node": 100}}],
            "launch": LAUNCH,
            **changes,
        }
    )


LAUNCH = {"launch_template": "t", "types": ["c5.xlarge"], "subnets": ["subnet-a"]}


def lived(people: Told, by: Policy, cycles: int) -> Stage:
    """Live through so many cycles of 10 s."""
    stage = set_stage(by, people, SPEC, 1, STEP)
    play(stage, Told(people.rows, cycles * 10.0, people.events), STEP)
    return stage


def told(stage: Stage) -> dict[str, Line]:
    (traffic,) = stage.senses.proxies[0].read([BACKEND], ["requests", "rate"]).traffic
    return {line.server: line for line in traffic.lines}


def test_sessions_are_counted_where_they_went_and_in_the_last_second() -> None:
    """Those 60 were there when the trace began, and 30 came within 10 s."""
    first, then = (told(lived(Told([(60, 0, 600, False), (30, 10, 600, False)]), rules(), n)) for n in (1, 2))
    assert {name: dict(first[name].figures) for name in ("", "slot1", "slot2", "slot3")} == {
        "": {"requests": 60, "rate": 0},
        "slot1": {"requests": 30, "rate": 0},
        "slot2": {"requests": 30, "rate": 0},
        "slot3": {"requests": 0, "rate": 0},
    }
    assert then[""].figures == {"requests": 90, "rate": 3}
    assert [then[name].figures["requests"] for name in ("slot1", "slot2")] == [45, 45]
    assert {then[name].figures["rate"] for name in ("slot1", "slot2")} == {1, 2}


def test_where_nobody_comes_any_more_the_rate_is_over_and_the_count_stays() -> None:
    lines = told(lived(Told([(30, 0, 600, False), (30, 10, 600, False)]), rules(), 3))
    assert lines[""].figures == {"requests": 60, "rate": 0}


def test_few_a_second_are_not_lost_by_rounding() -> None:
    people = Told([(3, 10.0 * number, 600, False) for number in range(1, 11)])
    rates = [told(lived(people, rules(), cycles))[""].figures["rate"] for cycles in range(1, 12)]
    assert (sum(rates), max(rates)) == (3, 1)  # 0.3 a second, for ten steps


def test_who_is_refused_was_given_a_session_at_every_try() -> None:
    """Of 300 two nodes carry 288. The other 12 try once a cycle."""
    lines = told(lived(Told([(300, 0, 600, False)]), rules(bounds={"min": 2, "max": 2}), 3))
    assert lines[""].figures["requests"] == 300 + 2 * 12


def test_a_reload_lets_counters_begin_anew() -> None:
    people = Told([(60, 0, 600, False), (20, 30, 600, False)], events=(Event(30.0, "haproxy_reload"),))
    assert told(lived(people, rules(), 3))[""].figures["requests"] == 60
    assert told(lived(people, rules(), 4))[""].figures == {"requests": 20, "rate": 2}


@pytest.mark.parametrize(("expr", "wanted"), [("sessions + 90 * rate", 7), ("sessions", 3)])
def test_a_policy_that_looks_at_arrivals_sees_a_surge_come(expr: str, wanted: int) -> None:
    """180 are there, and 50 come within 10 s, 5 in the last second: 230 + 90 * 5 is 680."""
    people = Told([(180, 0, 600, False), (50, 10, 600, False)], length_s=20)
    stage = set_stage(rules(expr), people, SPEC, 1, STEP)
    turns = play(stage, people, STEP).timeline.turns
    assert [(turn.at_s, turn.before, turn.after) for turn in turns] == [(10.0, 2, wanted)]


def test_nothing_is_counted_for_those_who_do_not_look() -> None:
    by = policy(launch={"launch_template": "t", "types": ["c5.xlarge"], "subnets": ["subnet-a"]})
    assert lived(Told([(60, 0, 600, False)]), by, 2).world.traffic == {}


def test_who_finds_no_server_knocked_all_the_same_so_that_a_group_can_grow_from_none() -> None:
    """HAProxy counts a session of a backend before it looks for a server."""
    knocking = {"rate": {"from": "haproxy.backend.rate", "backend": BACKEND, "on_missing": "assume(0)"}}
    grow = {"step": {"signal": "rate", "steps": [{"above": 0, "add": 1}]}}
    people = Told([(40, 30, 600, False)])
    idle = policy(bounds={"min": 0, "max": 3}, signals=knocking, scale=[grow], launch=LAUNCH)
    stage = lived(people, idle, 4)
    assert told(stage)[""].figures == {"requests": 40, "rate": 4}
    assert not any(line.figures["requests"] for name, line in told(stage).items() if name)
    stage = lived(people, idle, 30)
    assert stage.cluster.present == (40, 0)
