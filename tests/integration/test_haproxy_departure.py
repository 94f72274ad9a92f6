"""Departure on a real HAProxy: streams go on through drain, maintenance and reloads, and are counted to the last."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from autoscaler.adapters.haproxy_control import HaproxyControl
from autoscaler.adapters.haproxy_socket import HaproxySocket
from autoscaler.adapters.haproxy_stats import SocketStats
from autoscaler.model.plan import Deregister, Done, Drain, Failed, Forget, Register
from autoscaler.model.snapshot import Proxy, ServerStatus
from tests.support.haproxy import Setup, get, until

FIRST, SECOND = "127.20.3.1", "127.20.3.2"


@pytest.fixture(params=["tcp", "http"])
def setup(request: pytest.FixtureRequest) -> Iterator[Setup]:
    made = Setup(request.param)
    made.node(FIRST)
    made.node(SECOND)
    admissions = [
        Register(token="t", why="joined", instance_id="i", ip=ip, slot=slot, endpoints=made.endpoints)
        for ip, slot in ((FIRST, "slot1"), (SECOND, "slot2"))
    ]
    assert control(made).admit(admissions) == [Done(), Done()]
    yield made
    made.close()


def control(setup: Setup, wait_s: float = 5) -> HaproxyControl:
    return HaproxyControl({"lb1": setup.haproxy.socket()}, timedelta(seconds=wait_s))


def drain(setup: Setup, ip: str) -> Drain:
    return Drain(token="t", why="scale_in", instance_id="i", ip=ip, endpoints=setup.endpoints)


def park(setup: Setup, ip: str) -> Deregister:
    return Deregister(token="t", why="drained", instance_id="i", ip=ip, endpoints=setup.endpoints)


def forget(setup: Setup, ip: str, slot: str) -> Forget:
    return Forget(token="t", why="gone", ip=ip, slot=slot, endpoints=setup.endpoints)


def read(setup: Setup, master: HaproxySocket | None = None) -> Proxy:
    return SocketStats("lb1", setup.haproxy.socket(), master).read(setup.backends)


def sessions(proxy: Proxy, ip: str) -> int:
    return sum(server.sessions + server.queued for server in proxy.servers if server.ip == ip)


def test_streams_go_on_while_new_ones_go_elsewhere(setup: Setup) -> None:
    streams = [setup.session() for _ in range(6)]
    there = [stream for stream in streams if stream.node == FIRST]
    assert there
    for step in (control(setup).drain([drain(setup, FIRST)]), control(setup).park([park(setup, FIRST)])):
        assert step == [Done()]
        assert {setup.session().node for _ in range(4)} == {SECOND}
        assert {get(setup.http)[2] for _ in range(4)} == {SECOND}
        assert {stream.say("on air") for stream in there} == {f"{FIRST} on air"}
    assert sessions(read(setup), FIRST) == len(there)
    for stream in there:
        stream.close()
    until(lambda: sessions(read(setup), FIRST) == 0, "ended sessions are still counted")


@pytest.mark.parametrize("setup", ["http"], indirect=True)  # passed through as TCP there is no cookie to hold
def test_holders_of_a_cookie_stay_while_draining_and_move_without_an_error_in_maintenance(setup: Setup) -> None:
    holders = {node: cookie for _, cookie, node in (get(setup.http) for _ in range(4))}
    control(setup).drain([drain(setup, FIRST)])
    assert {get(setup.http, holders[FIRST])[2] for _ in range(4)} == {FIRST}
    assert {get(setup.http)[2] for _ in range(4)} == {SECOND}
    control(setup).park([park(setup, FIRST)])
    assert {(get(setup.http, holders[FIRST])[0], get(setup.http, holders[FIRST])[2]) for _ in range(4)} == {
        (200, SECOND)
    }


def test_a_reload_hides_streams_from_all_but_the_master_socket(setup: Setup) -> None:
    streams = [setup.session() for _ in range(2)]
    before = read(setup, setup.haproxy.master)
    setup.haproxy.reload()
    blind, seeing = read(setup), read(setup, setup.haproxy.master)
    assert (sessions(blind, FIRST), blind.sees_old_workers) == (0, False)
    assert blind.started_at >= before.started_at
    assert blind.pid != before.pid
    assert seeing.sees_old_workers
    assert {ip: sessions(seeing, ip) for ip in (FIRST, SECOND)} == {FIRST: 1, SECOND: 1}
    assert {stream.say("still") for stream in streams} == {f"{FIRST} still", f"{SECOND} still"}
    for stream in streams:
        stream.close()
    until(lambda: sessions(read(setup, setup.haproxy.master), FIRST) == 0, "an old worker's ended sessions count")


def test_streams_of_two_reloads_ago_are_counted_even_when_their_slot_moved_on(setup: Setup) -> None:
    streams = [setup.session() for _ in range(2)]
    setup.haproxy.reload()
    setup.haproxy.reload()
    control(setup).drain([drain(setup, FIRST)])
    control(setup).park([park(setup, FIRST)])
    assert control(setup).free([forget(setup, FIRST, "slot1")]) == [Done()]
    proxy = read(setup, setup.haproxy.master)
    assert sessions(proxy, FIRST) == 1
    [ghost] = [server for server in proxy.servers if server.ip == FIRST]
    assert ghost.status is ServerStatus.MAINT
    assert ghost.name.startswith("worker-")
    assert ghost.name.endswith("/slot1")
    assert all(stream.say("still") for stream in streams)


def test_a_reload_keeps_who_is_in_service_and_who_is_leaving(setup: Setup) -> None:
    control(setup).drain([drain(setup, FIRST)])
    setup.haproxy.reload()
    assert {setup.session().node for _ in range(4)} == {SECOND}
    assert control(setup).drain([drain(setup, FIRST)]) == [Done()]
    assert control(setup).park([park(setup, FIRST)]) == [Done()]


def test_a_master_that_cannot_be_asked_is_no_proof(setup: Setup) -> None:
    nobody = HaproxySocket(f"unix:{setup.haproxy.folder}/nobody.sock")
    assert not read(setup, nobody).sees_old_workers


def test_one_dead_balancer_does_not_keep_the_others_from_draining(setup: Setup) -> None:
    dead = HaproxySocket(f"unix:{setup.haproxy.folder}/nobody.sock")
    by = HaproxyControl({"lb0": dead, "lb1": setup.haproxy.socket()}, timedelta())
    [result] = by.drain([drain(setup, FIRST)])
    assert isinstance(result, Failed)
    assert (result.error, result.retryable) == ("haproxy_unreachable", True)
    assert {server.status for server in read(setup).servers if server.ip == FIRST} == {ServerStatus.DRAIN}
