"""Schedules, reservations and headroom: what keeps a group large whatever its load."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from autoscaler.decide.pipeline import decide
from autoscaler.decide.schedule import applies
from autoscaler.model.booking import Booking
from autoscaler.model.decision import Decision
from autoscaler.policy.rules import Schedule
from tests.support.fleet import node, policy, seasoned, snapshot


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


EVENING = {"days": ["fri"], "from": "18:00", "to": "23:30", "timezone": "Europe/Istanbul", "min": 8}
NIGHT = {"days": ["fri"], "from": "22:00", "to": "02:00", "min": 3}
BERLIN = {"from": "02:30", "to": "03:30", "timezone": "Europe/Berlin", "min": 1}


@pytest.mark.parametrize(
    ("schedule", "now", "expected"),
    [
        (EVENING, "2026-03-06T14:59:59", False),  # a friday; Istanbul is three hours ahead
        (EVENING, "2026-03-06T15:00:00", True),
        (EVENING, "2026-03-06T20:29:59", True),
        (EVENING, "2026-03-06T20:30:00", False),  # the end is not part of it
        (EVENING, "2026-03-07T16:00:00", False),  # a saturday
        (NIGHT, "2026-03-06T23:00:00", True),
        (NIGHT, "2026-03-07T01:59:00", True),  # still friday's night
        (NIGHT, "2026-03-07T02:00:00", False),
        (NIGHT, "2026-03-06T01:00:00", False),  # thursday's night
        ({"min": 1}, "2026-03-06T00:00:00", True),  # all day, every day
        ({**NIGHT, "first_day": "2026-03-07"}, "2026-03-07T01:00:00", False),  # it began the day before
        ({**NIGHT, "last_day": "2026-03-06"}, "2026-03-07T01:00:00", True),
        ({**NIGHT, "last_day": "2026-03-05"}, "2026-03-06T23:00:00", False),
        (BERLIN, "2026-03-29T00:59:00", False),  # 01:59 CET; the next minute is 03:00 CEST
        (BERLIN, "2026-03-29T01:00:00", True),  # the hour that is skipped is not there, the rest is
        (BERLIN, "2026-03-29T01:30:00", False),
        (BERLIN, "2026-10-25T00:30:00", True),  # 02:30 CEST
        (BERLIN, "2026-10-25T01:00:00", False),  # 02:00 CET: the hour comes twice
        (BERLIN, "2026-10-25T01:30:00", True),  # and its half again
    ],
)
def test_a_schedule_follows_the_wall_clock(schedule: dict[str, Any], now: str, expected: bool) -> None:  # noqa: FBT001 - a table's column
    assert applies(Schedule.model_validate(schedule), at(now)) is expected


def decided(cpu: float, **changes: Any) -> Decision:
    return decide(snapshot(node(1), node(2), cpu={1: cpu, 2: cpu}), policy(**changes), seasoned(1, 2))[0]


def codes(decision: Decision) -> list[str]:
    return [reason.code for reason in decision.reasons]


TRACK = {"target_tracking": {"signal": "cpu", "target": 60}}


def test_a_schedule_raises_min_and_max() -> None:
    raised = decided(60.0, scale=[TRACK, {"schedule": {"min": 4}}])
    assert (raised.desired, codes(raised)) == (4, ["schedule"])
    widened = decided(300.0, bounds={"min": 1, "max": 3}, scale=[TRACK, {"schedule": {"max": 6}}])
    assert widened.desired == 6
    narrowed = decided(300.0, bounds={"min": 1, "max": 3}, scale=[TRACK, {"schedule": {"max": 2}}])
    assert narrowed.desired == 3  # a schedule never takes capacity away
    asleep = decided(60.0, scale=[TRACK, {"schedule": {"min": 4, "days": ["mon"]}}])
    assert asleep.desired == 2


def test_a_schedule_forbids_scale_in() -> None:
    held = decided(1.0, scale=[TRACK, {"schedule": {"scale_in": False}}])
    assert (held.desired, codes(held)) == (2, ["target_tracking", "schedule"])
    assert decided(1.0, scale=[TRACK, {"schedule": {"scale_in": False, "days": ["mon"]}}]).desired == 1


def reservation(**changes: Any) -> dict[str, Any]:
    return {"name": "gig", "at": "2026-03-01T12:10:00Z", "until": "2026-03-01T14:00:00Z", "nodes": 5, **changes}


def test_a_reservation_holds_from_its_lead_to_its_end() -> None:
    assert decided(60.0, reservations=[reservation()]).desired == 5  # 12:00 is within the lead of 15 minutes
    assert decided(60.0, reservations=[reservation(lead="9m")]).desired == 2
    assert decided(60.0, reservations=[reservation(until="2026-03-01T12:30:00Z", lead="0s")]).desired == 2
    first = reservation(at="2000-01-01T00:00:00Z", lead="300d")
    assert decided(60.0, reservations=[first]).desired == 5
    past = reservation(at="2026-03-01T10:00:00Z", until="2026-03-01T12:00:00Z")
    assert decided(60.0, reservations=[past]).desired == 2


def test_reservations_that_overlap_are_added_up() -> None:
    both = decided(60.0, reservations=[reservation(nodes=3), reservation(name="match", nodes=4)])
    assert (both.desired, codes(both)) == (7, ["reservation"])


def test_viewers_become_nodes() -> None:
    crowd = {**reservation(), "viewers": 250}
    del crowd["nodes"]
    assert decided(60.0, reservations=[crowd], viewers_per_node=100).desired == 3


@pytest.mark.parametrize(
    ("cpu", "headroom", "desired"),
    [
        (60.0, {"nodes": 1}, 3),
        (60.0, {"percent": "50%"}, 3),
        (60.0, {"nodes": 2, "percent": "50%"}, 4),
        (60.0, {"percent": "1%"}, 3),  # rounded up
        (120.0, {"nodes": 1}, 5),  # four are needed
        (20.0, {"nodes": 1}, 2),  # one is needed, so two stay
        (60.0, {}, 2),
    ],
)
def test_headroom_is_kept_above_what_the_load_needs(cpu: float, headroom: dict[str, Any], desired: int) -> None:
    assert decided(cpu, headroom=headroom).desired == desired


def booking(**changes: Any) -> Booking:
    facts: dict[str, Any] = {
        "name": "match", "at": at("2026-03-01T12:10:00"), "until": at("2026-03-01T14:00:00"),
        "lead": timedelta(minutes=15), "nodes": 4, **changes,
    }  # fmt: skip
    return Booking(**facts)


def with_bookings(*bookings: Booking, **changes: Any) -> Decision:
    shot = replace(snapshot(node(1), node(2), cpu={1: 60.0, 2: 60.0}), bookings=bookings)
    return decide(shot, policy(**changes), seasoned(1, 2))[0]


def test_what_is_reserved_by_command_is_added_to_what_the_file_reserves() -> None:
    both = with_bookings(booking(), booking(name="cup", nodes=1), reservations=[reservation(nodes=3)])
    assert (both.desired, codes(both)) == (8, ["reservation"])
    assert both.reasons[0].detail == "8 nodes are reserved for gig, match, cup"
    alone = with_bookings(booking())
    assert (alone.desired, alone.reasons[0].detail) == (4, "4 nodes are reserved for match")


def test_a_booking_holds_from_its_lead_to_its_end() -> None:
    assert with_bookings(booking(lead=timedelta(minutes=10))).desired == 4
    assert with_bookings(booking(lead=timedelta(minutes=9))).desired == 2
    assert with_bookings(booking(at=at("2026-03-01T10:00:00"), until=at("2026-03-01T12:00:01"))).desired == 4
    assert with_bookings(booking(at=at("2026-03-01T10:00:00"), until=at("2026-03-01T12:00:00"))).desired == 2


def test_booked_viewers_go_by_the_policy_in_force_and_else_by_what_was_understood() -> None:
    crowd = booking(nodes=4, viewers=350)
    assert with_bookings(crowd, viewers_per_node=50).desired == 7
    assert with_bookings(crowd).desired == 4


def test_bounds_win_over_what_is_reserved() -> None:
    held = with_bookings(booking(nodes=40))
    assert (held.desired, codes(held)) == (10, ["reservation", "above_max"])
