"""What every ProxyControl promises, held against a real HAProxy and the simulated one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from autoscaler.model.plan import Done, Failed, Result, Skipped
from autoscaler.model.snapshot import ServerStatus
from tests.support.proxies import (
    BACKENDS,
    LivingRig,
    RealRig,
    Rig,
    SimulatedRig,
    drain,
    forget,
    park,
    register,
    serve,
    servers,
    sessions,
    statuses,
)

WAITING = Skipped("waiting_for_health_check")
MAINT, UP = ServerStatus.MAINT, ServerStatus.UP


@pytest.fixture(params=["haproxy", "simulated", "living"])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    made: Rig = {"haproxy": RealRig, "simulated": SimulatedRig, "living": LivingRig}[request.param]()
    yield made
    made.close()


def code(result: Result) -> str:
    assert isinstance(result, Failed)
    return result.error


def test_an_admitted_node_is_up_in_every_backend_and_stays_so_when_asked_again(rig: Rig) -> None:
    ip = serve(rig, "slot2")
    assert {(server.backend, server.ip, server.port, server.status) for server in servers(rig, "slot2")} == {
        (endpoint.backend, ip, endpoint.port, UP) for endpoint in rig.endpoints
    }
    assert statuses(rig, "slot1") == {MAINT}
    assert rig.control.admit([register(rig, ip, "slot2")]) == [Done()]
    assert statuses(rig, "slot2") == {UP}


def test_a_node_that_does_not_answer_waits_and_is_admitted_once_it_does(rig: Rig) -> None:
    ip = rig.silent()
    assert rig.control.admit([register(rig, ip, "slot1")]) == [WAITING]
    assert UP not in statuses(rig, "slot1")
    rig.revive(ip)
    assert rig.control.admit([register(rig, ip, "slot1")]) == [Done()]
    assert statuses(rig, "slot1") == {UP}


def test_results_come_in_the_order_of_the_actions_and_one_failure_stops_no_other(rig: Rig) -> None:
    dead, alive, nowhere = rig.silent(), rig.node(), rig.node()
    results = rig.control.admit(
        [register(rig, nowhere, "slot99"), register(rig, alive, "slot1"), register(rig, dead, "slot2")]
    )
    assert code(results[0]) == "no_such_server"
    assert results[1:] == [Done(), WAITING]
    assert statuses(rig, "slot1") == {UP}


def test_an_unknown_slot_is_not_worth_a_retry(rig: Rig) -> None:
    [result] = rig.control.admit([register(rig, rig.node(), "slot99")])
    assert isinstance(result, Failed)
    assert (result.error, result.retryable) == ("no_such_server", False)


def test_a_slot_in_service_is_not_taken_over(rig: Rig) -> None:
    first = serve(rig)
    [result] = rig.control.admit([register(rig, rig.node(), "slot1")])
    assert code(result) == "slot_occupied"
    assert {server.ip for server in servers(rig, "slot1")} == {first}
    assert statuses(rig, "slot1") == {UP}


def test_a_parked_slot_is_taken_over_only_when_its_last_session_ended(rig: Rig) -> None:
    first, second = serve(rig), rig.node()
    rig.hold()
    assert rig.control.park([park(rig, first)]) == [Done()]
    [result] = rig.control.admit([register(rig, second, "slot1")])
    assert code(result) == "slot_occupied"
    rig.hang_up()
    assert rig.control.admit([register(rig, second, "slot1")]) == [Done()]
    assert {server.ip for server in servers(rig, "slot1")} == {second}


def test_draining_stops_new_sessions_and_keeps_those_there_are(rig: Rig) -> None:
    ip = serve(rig)
    assert rig.hold() == ip
    for _ in range(2):
        assert rig.control.drain([drain(rig, ip)]) == [Done()]
        assert statuses(rig, "slot1") == {ServerStatus.DRAIN}
        assert sessions(rig, "slot1") == 1


def test_parking_keeps_sessions_too(rig: Rig) -> None:
    ip = serve(rig)
    rig.hold()
    for _ in range(2):
        assert rig.control.park([park(rig, ip)]) == [Done()]
        assert statuses(rig, "slot1") == {MAINT}
        assert sessions(rig, "slot1") == 1


def test_draining_a_parked_node_does_not_step_back(rig: Rig) -> None:
    ip = serve(rig)
    rig.control.park([park(rig, ip)])
    assert rig.control.drain([drain(rig, ip)]) == [Done()]
    assert statuses(rig, "slot1") == {MAINT}


@pytest.mark.parametrize("parked", [False, True])
def test_a_leaving_node_is_taken_back_with_its_sessions(rig: Rig, *, parked: bool) -> None:
    ip = serve(rig)
    rig.hold()
    rig.control.drain([drain(rig, ip)])
    if parked:
        rig.control.park([park(rig, ip)])
    assert rig.control.admit([register(rig, ip, "slot1")]) == [Done()]
    assert statuses(rig, "slot1") == {UP}
    assert sessions(rig, "slot1") == 1


def test_only_the_named_node_is_touched(rig: Rig) -> None:
    first = serve(rig, "slot1")
    serve(rig, "slot2")
    rig.control.drain([drain(rig, first)])
    rig.control.park([park(rig, first)])
    rig.control.free([forget(rig, first, "slot1")])
    assert statuses(rig, "slot2") == {UP}


def test_a_node_behind_no_server_has_nothing_to_leave(rig: Rig) -> None:
    ip = rig.node()
    assert rig.control.drain([drain(rig, ip)]) == [Done()]
    assert rig.control.park([park(rig, ip)]) == [Done()]


def test_a_freed_slot_points_at_the_parking_address(rig: Rig) -> None:
    ip = serve(rig)
    for _ in range(2):
        assert rig.control.free([forget(rig, ip, "slot1")]) == [Done()]
        assert {(server.ip, server.port, server.status) for server in servers(rig, "slot1")} == {
            ("127.0.0.1", 1, MAINT)
        }


def test_a_slot_with_sessions_left_is_closed_but_keeps_its_address(rig: Rig) -> None:
    ip = serve(rig)
    rig.hold()
    assert rig.control.free([forget(rig, ip, "slot1")]) == [Skipped("sessions_left")]
    assert UP not in statuses(rig, "slot1")
    assert [server.ip for server in servers(rig, "slot1") if server.sessions] == [ip]
    rig.hang_up()
    assert rig.control.free([forget(rig, ip, "slot1")]) == [Done()]


def test_a_slot_that_serves_another_node_by_now_is_not_freed(rig: Rig) -> None:
    gone, ip = rig.silent(), serve(rig)
    assert rig.control.free([forget(rig, gone, "slot1")]) == [Done()]
    assert {server.ip for server in servers(rig, "slot1")} == {ip}
    assert statuses(rig, "slot1") == {UP}


def test_an_unreachable_balancer_fails_every_step_and_a_retry_may_help(rig: Rig) -> None:
    ip = rig.node()
    rig.die()
    for result in [
        *rig.control.admit([register(rig, ip, "slot1"), register(rig, ip, "slot2")]),
        *rig.control.drain([drain(rig, ip)]),
        *rig.control.park([park(rig, ip)]),
        *rig.control.free([forget(rig, ip, "slot1")]),
    ]:
        assert isinstance(result, Failed)
        assert (result.error, result.retryable) == ("haproxy_unreachable", True)


def test_nothing_to_do_is_no_call(rig: Rig) -> None:
    rig.die()
    assert [rig.control.admit([]), rig.control.drain([]), rig.control.park([]), rig.control.free([])] == [[]] * 4
    assert len(BACKENDS) == len(rig.endpoints)
