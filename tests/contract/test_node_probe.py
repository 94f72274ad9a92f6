"""What every NodeProbe does: HTTP, and the simulated one."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Protocol

import pytest

from autoscaler.adapters.http_probe import HttpProbe
from autoscaler.ports import NodeProbe
from autoscaler.simulate.ports import SimulatedProbe
from autoscaler.simulate.world import World
from tests.support.living import BROKEN, Living

TIMEOUT_S = 0.5


class Rig(Protocol):
    probe: NodeProbe

    def node(self, *, up: bool) -> tuple[str, int]: ...


class SimulatedRig:
    def __init__(self) -> None:
        self._world = World()
        self.probe: NodeProbe = SimulatedProbe(self._world)

    def node(self, *, up: bool) -> tuple[str, int]:
        node = self._world.add_node()
        node.answers = up
        return node.instance.ip, 5080


class LivingRig:
    """Nodes that boot by themselves, or never."""

    def __init__(self) -> None:
        self._living = Living(World())
        self.probe: NodeProbe = SimulatedProbe(self._living.world)

    def node(self, *, up: bool) -> tuple[str, int]:
        return self._living.node("c5.xlarge" if up else BROKEN).instance.ip, 5080


class Node(ThreadingHTTPServer):
    """A node on 127.0.0.x that answers as told."""

    daemon_threads = True
    request_queue_size = 200

    def __init__(self, ip: str, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> None:
        self.asked: list[str] = []
        super().__init__((ip, 0), self._handler(status, headers))
        self._thread = Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def endpoint(self) -> tuple[str, int]:
        return str(self.server_address[0]), int(self.server_address[1])

    def _handler(self, status: int, headers: tuple[tuple[str, str], ...]) -> type[BaseHTTPRequestHandler]:
        asked = self.asked

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
                del format, args

        return Handler

    def server_close(self) -> None:
        self.shutdown()
        self._thread.join()
        super().server_close()


class HttpRig:
    def __init__(self, stack: ExitStack) -> None:
        self.probe: NodeProbe = HttpProbe(TIMEOUT_S)
        self._stack = stack
        self._made = 0

    def node(self, *, up: bool) -> tuple[str, int]:
        self._made += 1
        ip = f"127.0.1.{self._made}"
        return self._stack.enter_context(Node(ip)).endpoint if up else (ip, 1)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(params=["http", "simulated", "living"])
def rig(request: pytest.FixtureRequest, stack: ExitStack) -> Rig:
    if request.param == "http":
        return HttpRig(stack)
    return SimulatedRig() if request.param == "simulated" else LivingRig()


def test_nobody_asked_nobody_answers(rig: Rig) -> None:
    assert rig.probe.answers([]) == {}


def test_each_node_answers_for_itself(rig: Rig) -> None:
    nodes = [rig.node(up=up) for up in (True, False, True)]
    assert rig.probe.answers(nodes) == dict(zip([ip for ip, _ in nodes], [True, False, True], strict=True))


def test_only_who_was_asked_is_in_the_answer(rig: Rig) -> None:
    first, _ = rig.node(up=True), rig.node(up=True)
    assert rig.probe.answers([first]) == {first[0]: True}


def test_a_node_that_nobody_knows_does_not_answer(rig: Rig) -> None:
    assert rig.probe.answers([("127.0.9.9", 1)]) == {"127.0.9.9": False}


# What follows is HTTP's own; the simulated node only answers or does not.


@pytest.mark.parametrize("status", [204, 301, 302, 401, 403, 404, 500, 503])
def test_only_200_is_an_answer(stack: ExitStack, status: int) -> None:
    node = stack.enter_context(Node("127.0.1.1", status))
    assert HttpProbe(TIMEOUT_S).answers([node.endpoint]) == {"127.0.1.1": False}
    assert node.asked == ["/"]


def test_a_redirect_is_not_followed(stack: ExitStack) -> None:
    target = stack.enter_context(Node("127.0.1.2"))
    ip, port = target.endpoint
    node = stack.enter_context(Node("127.0.1.1", 302, (("Location", f"http://{ip}:{port}/"),)))
    assert HttpProbe(TIMEOUT_S).answers([node.endpoint]) == {"127.0.1.1": False}
    assert target.asked == []


def test_a_node_that_takes_the_connection_and_says_nothing_does_not_answer(stack: ExitStack) -> None:
    silent = stack.enter_context(socket.create_server(("127.0.1.1", 0)))
    up = stack.enter_context(Node("127.0.1.2"))
    asked = [silent.getsockname(), up.endpoint]
    assert HttpProbe(0.2).answers(asked) == {"127.0.1.1": False, "127.0.1.2": True}


def test_a_node_that_speaks_something_else_does_not_answer(stack: ExitStack) -> None:
    garbage = stack.enter_context(socket.create_server(("127.0.1.1", 0)))

    def talk() -> None:
        connection, _ = garbage.accept()
        with connection:
            connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")

    talker = Thread(target=talk)
    talker.start()
    assert HttpProbe(TIMEOUT_S).answers([garbage.getsockname()]) == {"127.0.1.1": False}
    talker.join()


def test_a_node_that_answers_bit_by_bit_is_not_in_time(stack: ExitStack) -> None:
    """Each bit comes within the timeout, the whole answer does not."""
    slow = stack.enter_context(socket.create_server(("127.0.1.1", 0)))

    def drip() -> None:
        connection, _ = slow.accept()
        with connection:
            for bit in (b"HTTP/1.1 ", b"200 OK\r\n", b"Content-", b"Length: 0", b"\r\n\r\n"):
                time.sleep(0.2)
                connection.sendall(bit)

    dripper = Thread(target=drip)
    dripper.start()
    assert HttpProbe(TIMEOUT_S).answers([slow.getsockname()]) == {"127.0.1.1": False}
    dripper.join()


@pytest.mark.parametrize("ip", ["", "no host", "999.0.0.1"])
def test_what_is_no_address_does_not_answer(ip: str) -> None:
    assert HttpProbe(TIMEOUT_S).answers([(ip, 5080)]) == {ip: False}


def test_a_proxy_of_the_environment_cannot_answer_for_a_node(stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = stack.enter_context(Node("127.0.1.2"))
    monkeypatch.setenv("http_proxy", "http://{}:{}".format(*proxy.endpoint))
    assert HttpProbe(TIMEOUT_S).answers([("127.0.1.1", 1)]) == {"127.0.1.1": False}
    assert proxy.asked == []


def test_a_node_with_two_ports_answers_if_both_do(stack: ExitStack) -> None:
    both = [stack.enter_context(Node("127.0.1.1")).endpoint for _ in range(2)]
    assert HttpProbe(TIMEOUT_S).answers(both) == {"127.0.1.1": True}
    assert HttpProbe(TIMEOUT_S).answers([both[0], ("127.0.1.1", 1)]) == {"127.0.1.1": False}


def test_more_nodes_than_threads(stack: ExitStack) -> None:
    up = stack.enter_context(Node("127.0.1.1")).endpoint
    down = [(f"127.0.2.{number}", 1) for number in range(1, 151)]
    answers = HttpProbe(TIMEOUT_S).answers([*down, up])
    assert (len(answers), sum(answers.values())) == (151, 1)
