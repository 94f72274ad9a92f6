"""What is refused before anything is sent, and what a socket that misbehaves leads to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

import pytest

from autoscaler.adapters.haproxy_socket import LINE_BYTES, HaproxySocket
from autoscaler.model.errors import ActionError, ObservationError


@contextmanager
def answering(replies: Sequence[str]) -> Iterator[tuple[HaproxySocket, list[bytes]]]:
    """Answer one connection with one reply each, and keep what was asked."""
    asked: list[bytes] = []
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def answer() -> None:
            for reply in replies:
                wire, _ = server.accept()
                with wire, wire.makefile("rb") as lines:
                    asked.append(lines.read())
                    wire.sendall(reply.encode())

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield HaproxySocket(f"tcp:127.0.0.1:{server.getsockname()[1]}"), asked
        thread.join()


@pytest.mark.parametrize(
    "address", ["", "/run/haproxy.sock", "unix:relative.sock", "tcp:9999", "tcp::9999", "tcp:host:", "http://x:1"]
)
def test_an_address_of_neither_kind_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="neither"):
        HaproxySocket(address)


@pytest.mark.parametrize("backend", ["", "two words", "b;shutdown sessions server b/s", "b\nshow info", "b/s"])
def test_a_name_that_could_carry_a_command_is_never_sent(backend: str) -> None:
    nobody = HaproxySocket("unix:/nonexistent/haproxy.sock")
    for read in (lambda: nobody.stat([backend]), lambda: nobody.states(backend)):
        with pytest.raises(ObservationError, match="cannot be the name"):
            read()


def test_a_missing_socket_is_an_observation_or_an_action_error() -> None:
    nobody = HaproxySocket("unix:/nonexistent/haproxy.sock")
    with pytest.raises(ObservationError, match="No such file"):
        nobody.ask("show info")
    with pytest.raises(ActionError) as error:
        nobody.tell(["enable health b/s"])
    assert (error.value.code, error.value.retryable) == ("haproxy_unreachable", True)


def test_nothing_to_tell_opens_nothing() -> None:
    HaproxySocket("unix:/nonexistent/haproxy.sock").tell([])


def test_lines_stay_short_and_lose_no_command() -> None:
    commands = [f"set server backend_rtmp/slot{number} state drain" for number in range(400)]
    with answering([""] * 3) as (to, asked):
        to.tell(commands)
    assert all(len(line) <= LINE_BYTES + 1 and line.endswith(b"\n") and line.count(b"\n") == 1 for line in asked)
    assert b";".join(line.strip() for line in asked).decode().split(";") == commands


def test_an_old_worker_is_not_listened_to() -> None:
    old = "Version: 2.6\nPid: 1\nStart_time_sec: 1\nStopping: 1\n"
    new = "Version: 2.6\nPid: 2\nStart_time_sec: 2\nStopping: 0\n"
    with answering([old, new]) as (to, _):
        assert to.info().pid == 2
    with answering([old] * 3) as (to, _), pytest.raises(ObservationError, match="stopping"):
        to.info()


def test_an_answer_that_makes_no_sense_is_not_read_as_nothing() -> None:
    for reply in ("", "Unknown command: show stat\n"):
        with answering([reply]) as (to, _), pytest.raises(ObservationError, match="no CSV header"):
            to.stat(["backend_rtmp"])
    with answering(["No such proxy.\n\n"]) as (to, _):
        assert to.stat(["backend_rtmp"]) == []
