"""Admission on a real HAProxy: nothing reaches a node before its own check passed, from whatever state it starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from autoscaler.adapters.haproxy_control import HaproxyControl
from autoscaler.adapters.haproxy_stats import SocketStats
from autoscaler.model.errors import ObservationError
from autoscaler.model.plan import Done, Endpoint, Failed, Register, Result, Skipped
from autoscaler.model.snapshot import Server, ServerStatus
from tests.support.haproxy import Haproxy, Node, Setup, get, until
from tests.support.places import free_port

Start = Callable[..., Setup]
FIRST, SECOND, THIRD = "127.20.2.1", "127.20.2.2", "127.20.2.3"
WAITING = Skipped("waiting_for_health_check")


@pytest.fixture
def start() -> Iterator[Start]:
    made: list[Setup] = []

    def make(kind: str = "http", *, check: str = Setup.CHECK, node_ports: tuple[int, int] | None = None) -> Setup:
        made.append(Setup(kind, check=check, node_ports=node_ports))
        return made[-1]

    yield make
    for setup in made:
        setup.close()


def control(*setups: Setup, wait_s: float = 3) -> HaproxyControl:
    sockets = {f"lb{number}": setup.haproxy.socket() for number, setup in enumerate(setups, 1)}
    return HaproxyControl(sockets, timedelta(seconds=wait_s))


def admit(setup: Setup, by: HaproxyControl, *places: tuple[str, str]) -> list[Result]:
    return by.admit(
        [
            Register(token="t", why="joined", instance_id=f"i-{ip}", ip=ip, slot=slot, endpoints=setup.endpoints)
            for ip, slot in places
        ]
    )


def slots(setup: Setup, name: str) -> list[Server]:
    servers = SocketStats("lb1", setup.haproxy.socket()).read(setup.backends).servers
    return [server for server in servers if server.name == name]


def statuses(setup: Setup, name: str) -> set[ServerStatus]:
    return {server.status for server in slots(setup, name)}


@pytest.mark.parametrize("kind", ["tcp", "http"])
def test_both_common_set_ups_fit_and_carry_traffic(start: Start, kind: str) -> None:
    setup = start(kind)
    by = control(setup)
    assert by.preflight(dict.fromkeys(setup.backends, "slot")) == []
    setup.node(FIRST)
    setup.node(SECOND)
    assert admit(setup, by, (FIRST, "slot1"), (SECOND, "slot2")) == [Done(), Done()]
    assert {get(setup.http)[2] for _ in range(4)} == {FIRST, SECOND}
    assert {setup.session().node for _ in range(4)} == {FIRST, SECOND}


@pytest.mark.parametrize("fall", [1, 3])
def test_a_node_that_would_serve_but_fails_its_check_gets_nobody(start: Start, fall: int) -> None:
    probed = free_port()
    setup = start(check=f"check port {probed} inter 100ms fall {fall} rise 2")
    by = control(setup, wait_s=1)
    setup.node(FIRST)
    health = Node(FIRST, probed)  # the other node answers everything but the check
    sick = setup.node(SECOND)
    try:
        assert admit(setup, by, (FIRST, "slot1"), (SECOND, "slot2")) == [Done(), WAITING]
        assert {get(setup.http)[2] for _ in range(10)} == {FIRST}
        assert {get(setup.http, cookie="slot2~abc")[2] for _ in range(10)} == {FIRST}  # held the slot's former node
        assert {setup.session().node for _ in range(5)} == {FIRST}
        assert sick.hits == 0
    finally:
        health.close()


def test_a_holder_of_a_recycled_slots_cookie_never_sees_the_unproven_node(start: Start) -> None:
    """The slot is drained for seconds before its first check; a drained server takes holders of its cookie."""
    setup = start(check="check inter 30s fastinter 100ms downinter 30s fall 3 rise 1")
    by = control(setup, wait_s=0)
    fresh = setup.node(FIRST)
    assert admit(setup, by, (FIRST, "slot1")) == [WAITING]
    assert get(setup.http, cookie="slot1~abc")[0] == 503
    assert fresh.hits == 0


def test_nobody_is_admitted_anywhere_until_the_check_passed_on_every_balancer(start: Start) -> None:
    probed = free_port()
    near = start("tcp")
    far = start("tcp", check=f"check port {probed} inter 100ms rise 1", node_ports=near.node_ports)
    by = control(near, far, wait_s=1)
    node = near.node(FIRST)
    assert admit(near, by, (FIRST, "slot1")) == [WAITING]
    assert statuses(near, "slot1") == {ServerStatus.DRAIN}
    assert node.hits == 0
    health = Node(FIRST, probed)
    try:
        assert admit(near, by, (FIRST, "slot1")) == [Done()]
        assert statuses(near, "slot1") == statuses(far, "slot1") == {ServerStatus.UP}
    finally:
        health.close()


def test_one_dead_balancer_keeps_everybody_out_and_names_itself(start: Start) -> None:
    near, far = start("tcp"), start("tcp")
    near.node(FIRST)
    far.haproxy.kill()
    [result] = admit(near, control(near, far), (FIRST, "slot1"))
    assert isinstance(result, Failed)
    assert (result.error, result.detail.split(":")[0]) == ("haproxy_unreachable", "lb2")
    assert ServerStatus.UP not in statuses(near, "slot1")


@pytest.mark.parametrize(
    "left_at",
    [
        "set server {s} addr {ip} port {port}",
        "set server {s} addr {ip} port {port};set server {s} state drain",
        "set server {s} addr {ip} port {port};enable health {s};set server {s} state drain;set server {s} health down",
        "set server {s} addr {ip} port {port};disable health {s};set server {s} state drain",
        "set server {s} addr {ip} port {port};set server {s} weight 0",
        "set server {s} state ready",  # somebody opened the free slot, which fails at its parking address
        "set server {s} addr 127.20.2.9 port 9",  # parked by hand with a former node's address
    ],
)
def test_an_admission_cut_short_anywhere_goes_on_from_there(start: Start, left_at: str) -> None:
    setup = start()
    setup.node(FIRST)
    for endpoint in setup.endpoints[:2]:
        command = left_at.format(s=f"{endpoint.backend}/slot1", ip=FIRST, port=endpoint.port)
        setup.haproxy.socket().tell(command.split(";"))
    assert admit(setup, control(setup), (FIRST, "slot1")) == [Done()]
    assert statuses(setup, "slot1") == {ServerStatus.UP}
    assert get(setup.http)[2] == FIRST
    assert setup.session().node == FIRST


def test_a_server_without_a_check_is_refused_and_left_alone(start: Start) -> None:
    setup = start("tcp", check="")
    node = setup.node(FIRST)
    [result] = admit(setup, control(setup), (FIRST, "slot1"))
    assert isinstance(result, Failed)
    assert (result.error, result.retryable) == ("server_has_no_check", False)
    assert statuses(setup, "slot1") == {ServerStatus.MAINT}
    assert node.hits == 0


@pytest.mark.parametrize("ip", ["999.0.0.1", "node.example", "", "127.0.0.1;shutdown sessions"])
def test_what_is_no_address_is_never_sent(start: Start, ip: str) -> None:
    setup = start("tcp")
    [result] = admit(setup, control(setup), (ip, "slot1"))
    assert isinstance(result, Failed)
    assert (result.error, result.retryable) == ("invalid_address", False)
    assert {server.port for server in slots(setup, "slot1")} == {1}


def test_a_socket_below_level_admin_is_told_apart_from_a_dead_one(start: Start) -> None:
    setup = start("tcp")
    setup.node(FIRST)
    by = HaproxyControl({"lb1": setup.haproxy.socket("operator")}, timedelta(seconds=1))
    [result] = admit(setup, by, (FIRST, "slot1"))
    assert isinstance(result, Failed)
    assert (result.error, result.retryable) == ("haproxy_permission_denied", False)


def test_preflight_names_everything_that_would_keep_us_from_working(start: Start) -> None:
    setup, dead = start("tcp", check=""), start("tcp")
    dead.haproxy.kill()
    by = HaproxyControl({"lb1": setup.haproxy.socket("operator"), "lb2": dead.haproxy.socket()}, timedelta(seconds=1))
    *lines, unreachable = by.preflight({"backend_rtmp": "slot", "backend_http": "ams", "backend_nowhere": "slot"})
    assert isinstance(unreachable, ObservationError)
    assert unreachable.source == "haproxy:lb2"
    assert dead.haproxy.socket().address in unreachable.detail
    for line, words in zip(
        lines,
        [
            "lb1: level admin",
            "lb1: slot1, slot2, slot3 check",
            "lb1: backend_http 'ams'",
            "lb1: backend_nowhere",
        ],
        strict=True,
    ):
        assert all(word in str(line) for word in words.split())


def test_slots_that_track_one_another_and_dynamic_cookies_work_too() -> None:
    port, front = free_port(), free_port()
    haproxy = Haproxy(f"""
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
frontend f
    bind 127.0.0.1:{front}
    default_backend sticky
backend plain
    server slot1 slot.invalid:1 disabled track sticky/slot1 init-addr last,127.0.0.1
    server slot2 slot.invalid:1 disabled track sticky/slot2 init-addr last,127.0.0.1
backend sticky
    cookie JSESSIONID prefix nocache dynamic
    dynamic-cookie-key KEY
    server slot1 slot.invalid:1 disabled check inter 200ms fall 1 rise 1 init-addr last,127.0.0.1
    server slot2 slot.invalid:1 disabled check inter 200ms fall 1 rise 1 init-addr last,127.0.0.1
""")
    nodes = [Node(ip, port) for ip in (FIRST, SECOND)]
    try:
        by = HaproxyControl({"lb1": haproxy.socket()}, timedelta(seconds=3))
        endpoints = (Endpoint("plain", port), Endpoint("sticky", port))
        placed = [
            Register(token="t", why="joined", instance_id="i", ip=node.ip, slot=f"slot{n}", endpoints=endpoints)
            for n, node in enumerate(nodes, 1)
        ]
        assert by.admit(placed) == [Done(), Done()]
        cookies = {ip: cookie for _, cookie, ip in (get(front) for _ in range(4))}
        assert set(cookies) == {FIRST, SECOND}
        assert len(set(cookies.values())) == 2
        for ip, cookie in cookies.items():
            assert {get(front, cookie)[2] for _ in range(4)} == {ip}
    finally:
        for node in nodes:
            node.close()
        haproxy.stop()


def test_a_node_that_went_down_in_service_comes_back_only_by_admission(start: Start) -> None:
    setup = start("tcp", check="check inter 100ms fall 1 rise 1")
    setup.node(FIRST)
    assert admit(setup, control(setup), (FIRST, "slot1")) == [Done()]
    setup.kill(FIRST)
    until(lambda: statuses(setup, "slot1") == {ServerStatus.DOWN}, "the check does not notice")
    assert admit(setup, control(setup, wait_s=0.5), (FIRST, "slot1")) == [WAITING]
    assert ServerStatus.UP not in statuses(setup, "slot1")
    setup.node(FIRST)
    until(
        lambda: statuses(setup, "slot1") == {ServerStatus.DRAIN}, "it went into service by itself, or never came back"
    )
    assert admit(setup, control(setup), (FIRST, "slot1")) == [Done()]
