from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from autoscaler.decide.classify import classify
from autoscaler.decide.roster import call_roll
from autoscaler.decide.track import track
from autoscaler.model.decision import Phase
from autoscaler.model.memory import DrainRecord, LaunchRecord, Memory, ScaleEvent
from autoscaler.model.snapshot import Gap, Heartbeat, InstanceState, Node, ServerStatus
from tests.support.fleet import (
    LONG_AGO,
    MONGO_GAP,
    NOW,
    PROXY_GAP,
    node,
    policy,
    seasoned,
    seconds,
    server,
    snapshot,
    view,
)

STALE = Heartbeat(NOW - seconds(21), 5.0)
FRESH = Heartbeat(NOW - seconds(20), 5.0)
OUT: dict[str, Any] = {"status": None}


def phase(subject: Node, memory: Memory | None = None) -> Phase:
    return classify(subject, view(snapshot(subject), memory=memory))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"state": InstanceState.PENDING}, Phase.PENDING),
        ({"state": InstanceState.STOPPING}, Phase.STOPPED),
        ({"state": InstanceState.STOPPED}, Phase.STOPPED),
        ({"state": InstanceState.SHUTTING_DOWN}, Phase.TERMINATING),
        ({"state": InstanceState.TERMINATED}, Phase.TERMINATING),
        ({}, Phase.IN_SERVICE),
        ({"heartbeat": STALE}, Phase.IN_SERVICE),  # a frozen heartbeat may mean overload, not absence
        ({**OUT, "heartbeat": FRESH, "answers": True}, Phase.JOINED),
        ({**OUT, "heartbeat": FRESH, "answers": False}, Phase.BOOTING),
        ({**OUT, "heartbeat": None, "launched_at": NOW - seconds(599)}, Phase.BOOTING),
        ({**OUT, "heartbeat": None, "launched_at": NOW - seconds(600)}, Phase.FAILED_TO_JOIN),
        ({**OUT, "heartbeat": MONGO_GAP}, Phase.BOOTING),  # nobody fails to join while MongoDB is silent
        ({**OUT, "heartbeat": STALE}, Phase.BOOTING),  # it joined once
        ({"status": ServerStatus.CHECKING, "answers": True}, Phase.JOINED),
        ({"servers": PROXY_GAP, "answers": True}, Phase.JOINED),
    ],
)
def test_phases(facts: dict[str, Any], expected: Phase) -> None:
    assert phase(node(1, **facts)) is expected


def test_an_admitted_node_stays_in_service_while_its_balancer_is_silent() -> None:
    assert phase(node(1, servers=PROXY_GAP, heartbeat=MONGO_GAP), seasoned(1)) is Phase.IN_SERVICE


def test_a_node_serves_only_when_it_is_up_everywhere() -> None:
    rules = policy(load_balancer=[{"backend": "backend_http", "port": 5080}, {"backend": "backend_rtmp", "port": 1935}])
    subject = node(1, answers=True)
    assert classify(subject, view(snapshot(subject), rules)) is Phase.JOINED


def test_what_an_older_worker_still_carries_does_not_take_a_node_out_of_service() -> None:
    older = replace(server(1), name="worker-77/slot9", status=ServerStatus.MAINT)
    assert phase(node(1, servers=(older, server(1)), answers=True)) is Phase.IN_SERVICE


def test_a_node_that_was_in_service_never_fails_to_join() -> None:
    assert phase(node(1, **OUT, heartbeat=None, answers=False), seasoned(1)) is Phase.BOOTING


@pytest.mark.parametrize(("since", "expected"), [(119, Phase.BOOTING), (120, Phase.LOST)])
def test_a_node_is_lost_when_it_was_silent_long_enough(since: int, expected: Phase) -> None:
    memory = seasoned(1, suspects={"i-1": NOW - seconds(since)})
    assert phase(node(1, **OUT, heartbeat=STALE, answers=False), memory) is expected


@pytest.mark.parametrize(
    ("facts", "empty_for", "expected"),
    [
        ({"status": ServerStatus.MAINT}, 30, Phase.DRAINED),
        ({"status": ServerStatus.MAINT}, 29, Phase.DRAINING),
        ({"status": ServerStatus.DRAIN}, 30, Phase.DRAINING),  # its cookie's holders may still come back
        ({"status": ServerStatus.MAINT, "sessions": 1}, 30, Phase.DRAINING),
        ({"status": ServerStatus.MAINT, "publishers": 1}, 30, Phase.DRAINING),
        ({"status": ServerStatus.MAINT, "publishers": MONGO_GAP}, 30, Phase.DRAINING),
        ({"status": ServerStatus.MAINT, "sessions": PROXY_GAP}, 30, Phase.DRAINING),
        ({"servers": PROXY_GAP}, 30, Phase.DRAINING),
    ],
)
def test_a_node_is_drained_when_nobody_can_be_on_it(facts: dict[str, Any], empty_for: int, expected: Phase) -> None:
    drains = {"i-1": DrainRecord(LONG_AGO, empty_since=NOW - seconds(empty_for))}
    assert phase(node(1, **facts), seasoned(1, drains=drains)) is expected


def test_a_node_that_never_emptied_is_draining() -> None:
    memory = seasoned(1, drains={"i-1": DrainRecord(LONG_AGO)})
    assert phase(node(1, status=ServerStatus.MAINT), memory) is Phase.DRAINING


def test_the_roster_counts_what_is_coming_and_what_is_promised() -> None:
    shot = snapshot(
        node(1),
        node(2, state=InstanceState.PENDING),
        node(3, **OUT, heartbeat=None, launched_at=NOW, token="answered"),
        node(4, **OUT, heartbeat=None, launched_at=NOW, token="unanswered-but-listed"),
    )  # fmt: skip
    launches = (
        LaunchRecord("answered", "subnet-a", "", 2, NOW, ("i-3", "i-not-listed-yet")),
        LaunchRecord("unanswered-but-listed", "subnet-a", "", 1, NOW),
        LaunchRecord("unanswered", "subnet-a", "", 3, NOW),
        LaunchRecord("old", "subnet-a", "", 7, NOW - seconds(301)),
    )
    roster = call_roll(view(shot, memory=Memory(launches=launches)))
    assert (len(roster.in_service), roster.warming, roster.unseen, roster.current) == (1, 3, 4, 8)


def test_memory_follows_the_nodes() -> None:
    gone_suspect = node(2, **OUT, heartbeat=STALE, answers=False)
    shot = snapshot(
        node(1), gone_suspect, node(3, sessions=4), node(4), node(5, sessions=Gap("haproxy:lb1", "i-5", NOW, ""))
    )
    before = Memory(
        admitted={"i-2": LONG_AGO, "i-9": LONG_AGO},
        drains={f"i-{n}": DrainRecord(LONG_AGO, LONG_AGO) for n in (3, 5, 9)} | {"i-4": DrainRecord(LONG_AGO)},
        suspects={"i-1": LONG_AGO},
        stock_outs={"/subnet-a": NOW, "/subnet-b": NOW + seconds(1)},
        launches=(LaunchRecord("t", "subnet-a", "", 1, NOW - seconds(301)),),
        events=(ScaleEvent(NOW - seconds(86_401), 1), ScaleEvent(NOW, -1)),
    )
    after = track(view(shot, memory=before))
    assert after.admitted == {"i-1": NOW, "i-2": LONG_AGO, "i-3": NOW, "i-4": NOW, "i-5": NOW}
    assert after.drains == {
        "i-3": DrainRecord(LONG_AGO, None),  # somebody came back
        "i-4": DrainRecord(LONG_AGO, NOW),
        "i-5": DrainRecord(LONG_AGO, None),  # we cannot tell
    }
    assert after.suspects == {"i-2": NOW}
    assert after.stock_outs == {"/subnet-b": NOW + seconds(1)}
    assert after.launches == ()
    assert after.events == (ScaleEvent(NOW, -1),)
    again = track(view(shot, memory=after))
    assert again.drains["i-4"] == DrainRecord(LONG_AGO, NOW)
    assert again.suspects == {"i-2": NOW}


def test_a_node_that_was_started_anew_has_to_be_admitted_anew() -> None:
    woken = node(1, **OUT, heartbeat=None, launched_at=NOW)
    assert track(view(snapshot(woken), memory=seasoned(1))).admitted == {}


def test_nothing_is_forgotten_while_the_fleet_is_unknown() -> None:
    memory = seasoned(1, drains={"i-1": DrainRecord(LONG_AGO)})
    blind = replace(snapshot(), gaps=(Gap("ec2", "*", NOW, "does not answer"),))
    assert track(view(blind, memory=memory)) is memory


def test_a_node_that_is_up_anywhere_is_no_suspect() -> None:
    half = (server(1), replace(server(1, ServerStatus.DOWN), backend="backend_rtmp"))
    rules = policy(load_balancer=[{"backend": "backend_http", "port": 5080}, {"backend": "backend_rtmp", "port": 1935}])
    hung = node(1, servers=half, heartbeat=STALE, answers=False)
    assert track(view(snapshot(hung), rules)).suspects == {}


def test_a_span_that_nobody_watched_proves_nothing() -> None:
    silent = node(1, **OUT, heartbeat=STALE, answers=False)
    empty = node(2, status=ServerStatus.MAINT)
    before = seasoned(
        1, 2, suspects={"i-1": LONG_AGO}, drains={"i-2": DrainRecord(LONG_AGO, LONG_AGO)}, looked_at=NOW - seconds(61)
    )  # fmt: skip
    after = track(view(snapshot(silent, empty), memory=before))
    assert after.suspects == {"i-1": NOW}
    assert after.drains == {"i-2": DrainRecord(LONG_AGO, NOW)}
    assert after.looked_at == NOW


@pytest.mark.parametrize(
    ("outside", "admitted", "current"),
    [(599, False, 2), (600, False, 1), (119, True, 2), (120, True, 1)],
)
def test_a_node_that_does_not_get_into_service_is_not_counted_on_for_ever(
    outside: int,
    admitted: bool,  # noqa: FBT001 - a table's column
    current: int,
) -> None:
    waiting = node(2, status=ServerStatus.DOWN, answers=True)
    memory = seasoned(*((1, 2) if admitted else (1,)), outside={"i-2": NOW - seconds(outside)})
    scene = view(snapshot(node(1), waiting), memory=memory)
    assert call_roll(scene).current == current
    assert track(scene).outside == {"i-2": NOW - seconds(outside)}
