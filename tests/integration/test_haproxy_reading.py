"""Reading a real HAProxy: socket levels, a process that hangs, and the statistics page with everything against us."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from autoscaler.adapters.haproxy_control import HaproxyControl
from autoscaler.adapters.haproxy_socket import HaproxySocket
from autoscaler.adapters.haproxy_stats import FallbackStats, HttpStats, SocketStats
from autoscaler.model.errors import ActionError, ObservationError
from autoscaler.model.plan import Drain, Failed
from tests.support.haproxy import SLOTS, Setup
from tests.support.places import free_port

IP = "127.20.4.1"


@pytest.fixture
def setup() -> Iterator[Setup]:
    made = Setup("tcp")
    yield made
    made.close()


def page(setup: Setup, *, word: str = "Password", timeout_s: float = 3.0) -> HttpStats:
    return HttpStats("lb1", f"http://127.0.0.1:{setup.stats}/haproxy_stats", "Username", word, timeout_s)


def detail(stats: HttpStats | SocketStats | FallbackStats) -> str:
    with pytest.raises(ObservationError) as error:
        stats.read(["backend_rtmp"])
    assert error.value.source == "haproxy:lb1"
    return error.value.detail


def test_the_process_says_who_it_is_and_since_when(setup: Setup) -> None:
    info = setup.haproxy.socket().info()
    assert info.version[0].isdigit()
    assert not info.stopping
    assert timedelta(0) <= datetime.now(UTC) - info.started_at < timedelta(minutes=1)
    assert setup.haproxy.master.workers() == [info.pid]


@pytest.mark.parametrize("level", ["user", "operator", "admin"])
def test_the_socket_knows_its_level(setup: Setup, level: str) -> None:
    assert setup.haproxy.socket(level).level() == level


@pytest.mark.parametrize(("level", "shown"), [("user", {""}), ("operator", {"127.0.0.1"}), ("admin", {"127.0.0.1"})])
def test_level_user_is_shown_no_addresses(setup: Setup, level: str, shown: set[str]) -> None:
    servers = SocketStats("lb1", setup.haproxy.socket(level)).read(["backend_rtmp"]).servers
    assert {server.ip for server in servers} == shown


@pytest.mark.parametrize("level", ["user", "operator"])
def test_a_change_below_level_admin_is_refused_in_plain_words(setup: Setup, level: str) -> None:
    with pytest.raises(ActionError) as error:
        setup.haproxy.socket(level).tell(["set server backend_rtmp/slot1 state drain"])
    assert (error.value.code, error.value.retryable) == ("haproxy_permission_denied", False)
    with pytest.raises(ObservationError, match="level does not permit"):
        setup.haproxy.socket(level).ask("disable server backend_rtmp/slot1")


def test_a_batch_longer_than_a_line_may_be_arrives_whole(setup: Setup) -> None:
    commands = [f"set server backend_rtmp/slot{1 + n % SLOTS} weight {n % 200 + 1}" for n in range(1000)]
    setup.haproxy.socket().tell(commands)
    weights = {row.name: row.weight for row in setup.haproxy.socket().stat(["backend_rtmp"])}
    assert weights == {"slot1": 999 % 200 + 1, "slot2": 997 % 200 + 1, "slot3": 998 % 200 + 1}


def test_a_hanging_process_is_a_timeout_that_says_so(setup: Setup) -> None:
    stats = SocketStats("lb1", setup.haproxy.socket(timeout_s=0.3))
    control = HaproxyControl({"lb1": setup.haproxy.socket(timeout_s=0.3)}, timedelta(seconds=1))
    setup.haproxy.pause()
    assert "no complete answer within 0.3 s" in detail(stats)
    [result] = control.drain([Drain(token="t", why="w", instance_id="i", ip=IP, endpoints=setup.endpoints)])
    assert isinstance(result, Failed)
    assert (result.error, result.retryable) == ("haproxy_unreachable", True)
    assert "did not answer in 0.3 s" in detail(page(setup, timeout_s=0.3))
    with pytest.raises(ActionError, match="unknown") as error:
        setup.haproxy.socket(timeout_s=0.3).tell(["set server backend_rtmp/slot1 state drain"])
    assert error.value.code == "haproxy_unreachable"


def test_the_page_without_legends_has_the_numbers_and_no_addresses(setup: Setup) -> None:
    servers = page(setup).read(["backend_rtmp"]).servers
    assert {(server.name, server.ip, server.port, server.sessions) for server in servers} == {
        (f"slot{n}", "", 0, 0) for n in range(1, SLOTS + 1)
    }


def test_the_page_vouches_for_no_count(setup: Setup) -> None:
    before = datetime.now(UTC)
    proxy = page(setup).read(["backend_rtmp"])
    assert proxy.started_at >= before
    assert not proxy.sees_old_workers


def test_a_wrong_password_is_named_and_never_shown(setup: Setup) -> None:
    said = detail(page(setup, word="hunter2"))
    assert "401" in said
    assert "hunter2" not in said


@pytest.mark.parametrize("path", ["", "haproxy_stats/../nowhere"])
def test_another_page_is_not_taken_for_statistics(setup: Setup, path: str) -> None:
    assert "answers 503" in detail(HttpStats("lb1", f"http://127.0.0.1:{setup.stats}/{path}", "Username", "Password"))


def test_a_closed_port_is_unreachable() -> None:
    assert "cannot be reached" in detail(HttpStats("lb1", f"http://127.0.0.1:{free_port()}/haproxy_stats"))


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "not a statistics page"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 27\r\n\r\n# pxname,svname\nbackend,one\n", "no column"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "answers 302"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n# pxname", "cannot be reached"),
    ],
)
def test_what_a_stranger_answers_is_refused(reply: bytes, said: str) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def answer() -> None:
            wire, _ = server.accept()
            with wire:
                wire.recv(65_536)
                wire.sendall(reply)

        thread = threading.Thread(target=answer)
        thread.start()
        assert said in detail(HttpStats("lb1", f"http://127.0.0.1:{server.getsockname()[1]}/haproxy_stats"))
        thread.join()


def test_the_page_stands_in_while_the_socket_does_not_answer(setup: Setup) -> None:
    nobody = SocketStats("lb1", HaproxySocket(f"unix:{setup.haproxy.folder}/nobody.sock"))
    assert len(FallbackStats(nobody, page(setup)).read(["backend_rtmp"]).servers) == SLOTS
    both = FallbackStats(SocketStats("lb1", setup.haproxy.socket()), page(setup))
    assert both.read([]).pid == setup.haproxy.socket().info().pid
    assert both.balancer == "lb1"


def test_when_neither_answers_both_causes_are_told(setup: Setup) -> None:
    nobody = SocketStats("lb1", HaproxySocket(f"unix:{setup.haproxy.folder}/nobody.sock"))
    said = detail(FallbackStats(nobody, page(setup, word="wrong")))
    assert "No such file" in said
    assert "401" in said


def test_an_endless_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch, setup: Setup) -> None:
    monkeypatch.setattr("autoscaler.adapters.haproxy_socket.REPLY_BYTES", 100)
    assert "longer than 100 bytes" in detail(SocketStats("lb1", setup.haproxy.socket()))
