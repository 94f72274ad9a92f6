"""What every ProxyStats promises: the socket, the page over HTTP, and the simulated balancer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from autoscaler.model.errors import ObservationError
from autoscaler.model.snapshot import COUNTERS, Line, ServerStatus
from tests.support.haproxy import SLOTS, until
from tests.support.proxies import (
    BACKENDS,
    BALANCER,
    LivingRig,
    RealRig,
    Rig,
    SimulatedRig,
    drain,
    park,
    register,
    serve,
    sessions,
    statuses,
)


@pytest.fixture(params=["socket", "page", "simulated", "living"])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    made: Rig
    if request.param in {"simulated", "living"}:
        made = SimulatedRig() if request.param == "simulated" else LivingRig()
    else:
        made = RealRig(over_http=request.param == "page")
    yield made
    made.close()


def test_every_server_of_the_asked_backends_and_no_other_is_read(rig: Rig) -> None:
    proxy = rig.stats.read(BACKENDS[:2])
    assert rig.stats.balancer == proxy.balancer == BALANCER
    assert sorted((server.backend, server.name) for server in proxy.servers) == sorted(
        (backend, f"slot{n}") for backend in BACKENDS[:2] for n in range(1, SLOTS + 1)
    )
    assert {server.balancer for server in proxy.servers} == {BALANCER}


def test_a_backend_that_does_not_exist_has_no_servers(rig: Rig) -> None:
    assert rig.stats.read(["backend_nowhere"]).servers == ()
    assert len(rig.stats.read(["backend_nowhere", BACKENDS[0]]).servers) == SLOTS


def test_without_names_every_backend_is_read_with_its_sessions(rig: Rig) -> None:
    ip = serve(rig)
    assert rig.hold() == ip
    servers = rig.stats.read(None).servers
    assert {server.backend for server in servers} == set(BACKENDS)
    assert len(servers) == len(BACKENDS) * SLOTS
    assert [server.backend for server in servers if server.sessions] == list(BACKENDS[:1])
    assert {server.backend for server in servers if server.ip == ip} == set(BACKENDS)


def test_no_backends_are_no_servers(rig: Rig) -> None:
    assert rig.stats.read([]).servers == ()


def test_statuses_follow_a_node_through_its_life(rig: Rig) -> None:
    assert statuses(rig, "slot1") == {ServerStatus.MAINT}
    ip = serve(rig)
    assert statuses(rig, "slot1") == {ServerStatus.UP}
    rig.control.drain([drain(rig, ip)])
    assert statuses(rig, "slot1") == {ServerStatus.DRAIN}
    rig.control.park([park(rig, ip)])
    assert statuses(rig, "slot1") == {ServerStatus.MAINT}


def test_a_node_without_a_passed_check_is_neither_up_nor_drained(rig: Rig) -> None:
    rig.control.admit([register(rig, rig.silent(), "slot1")])
    assert statuses(rig, "slot1") <= {ServerStatus.CHECKING, ServerStatus.DOWN}


def test_sessions_are_counted_where_they_are(rig: Rig) -> None:
    serve(rig, "slot1")
    serve(rig, "slot2")
    held = [rig.hold() for _ in range(3)]
    by_ip = {
        server.ip: server.sessions
        for server in rig.stats.read(BACKENDS[:1]).servers
        if server.status is ServerStatus.UP
    }
    assert {ip: count for ip, count in by_ip.items() if count} == {ip: held.count(ip) for ip in held}
    rig.hang_up()
    assert sessions(rig, "slot1") + sessions(rig, "slot2") == 0


def lines(rig: Rig, *figures: str) -> dict[tuple[str, str], Line]:
    (traffic,) = rig.stats.read(BACKENDS, figures).traffic
    return {(line.backend, line.server): line for line in traffic.lines}


def test_traffic_is_read_for_those_who_ask(rig: Rig) -> None:
    assert rig.stats.read(BACKENDS).traffic == ()
    told = lines(rig, "bytes_in", "rate")
    everybody = {
        (backend, server) for backend in BACKENDS for server in ("", *(f"slot{n}" for n in range(1, SLOTS + 1)))
    }
    assert told.keys() == everybody
    assert all(line.figures == {"bytes_in": 0, "rate": 0} for line in told.values())


def test_traffic_of_backends_alone_is_that_of_their_servers_all_the_same(rig: Rig) -> None:
    serve(rig, "slot1")
    serve(rig, "slot2")
    rig.fetch()
    figures = ["requests", "denied"]
    (alone,) = rig.stats.read(BACKENDS, figures, each_server=False).traffic
    (among,) = rig.stats.read(BACKENDS, figures).traffic
    assert [line.backend for line in alone.lines] == [*BACKENDS]
    assert alone.lines == tuple(line for line in among.lines if not line.server)
    assert sum(line.figures["requests"] for line in alone.lines) == 1


def test_traffic_is_told_of_the_server_that_had_it_and_of_its_backend(rig: Rig) -> None:
    serve(rig, "slot1")
    serve(rig, "slot2")
    before = lines(rig, "requests", *COUNTERS)
    ip = rig.fetch()
    places = [(BACKENDS[-1], ""), next(key for key, line in before.items() if key[0] == BACKENDS[-1] and line.ip == ip)]
    until(lambda: lines(rig, "requests", *COUNTERS) != before, "nothing was counted")
    after = lines(rig, "requests", *COUNTERS)
    assert [key for key in after if after[key] != before[key]] == sorted(places, reverse=True)
    for place in places:
        rose = {
            figure: after[place].figures[figure] - before[place].figures[figure] for figure in before[place].figures
        }
        assert rose["requests"] == 1
        assert rose["bytes_in"] > 0 < rose["bytes_out"]
        assert rose["connection_errors"] == rose["response_errors"] == rose["denied"] == 0


def test_a_mean_over_nothing_is_none(rig: Rig) -> None:
    serve(rig, "slot1")
    place = (BACKENDS[-1], "slot1")
    assert lines(rig, "response_ms", "queue_ms")[place].figures == {}
    rig.fetch()
    told = until(lambda: lines(rig, "response_ms", "queue_ms")[place].figures, "no mean")
    assert told["response_ms"] >= 0 == told["queue_ms"]


def test_sessions_of_a_backend_are_those_of_its_servers(rig: Rig) -> None:
    serve(rig)
    rig.hold()
    told = lines(rig, "sessions", "queued")
    assert told[BACKENDS[0], ""].figures == told[BACKENDS[0], "slot1"].figures == {"sessions": 1, "queued": 0}


def test_the_same_process_says_so_at_every_reading(rig: Rig) -> None:
    first, second = (rig.stats.read(BACKENDS[:1], ["rate"]).traffic for _ in range(2))
    assert first[0].process == second[0].process
    assert first[0].at <= second[0].at


def test_the_start_is_aware_and_not_in_the_future(rig: Rig) -> None:
    assert rig.stats.read([]).started_at <= datetime.now(UTC) + timedelta(seconds=1)


def test_a_dead_balancer_is_named_as_the_source(rig: Rig) -> None:
    rig.die()

    def refused() -> str:
        with pytest.raises(ObservationError) as error:
            rig.stats.read(BACKENDS)
        return error.value.source

    assert until(refused, "it still answers") == f"haproxy:{BALANCER}"
