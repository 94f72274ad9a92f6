"""The daemon's web room: what AMS's hook takes, what it refuses, and how the room begins and ends."""

from __future__ import annotations

import io
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from autoscaler.adapters.refusals import RefusalWindow
from autoscaler.model.errors import ConfigurationError
from autoscaler.runtime.settings import WebSettings
from autoscaler.runtime.web import ams
from autoscaler.runtime.web.ams import PATH
from autoscaler.runtime.web.room import open_room
from autoscaler.runtime.web.server import listen, serving
from tests.support.ams_rest import system_resources
from tests.support.logs import captured_log
from tests.support.places import free_port

TOKEN = "a-token-of-16-or-more&=%"
REFUSAL = {"action": "highResourceUsage", "host": "10.0.1.5", "resourceInfo": json.dumps(system_resources())}


class Logs:
    """What was logged."""

    def __init__(self, stream: io.StringIO) -> None:
        self._stream = stream

    @property
    def text(self) -> str:
        return self._stream.getvalue()

    def events(self, event: str) -> list[dict[str, Any]]:
        return [entry for entry in map(json.loads, self.text.splitlines()) if entry["event"] == event]


@pytest.fixture
def logs() -> Iterator[Logs]:
    with captured_log() as stream:
        yield Logs(stream)


class Room:
    """An open room, and whoever posts to it."""

    def __init__(self, stack: ExitStack, token: str | None = TOKEN) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        self.window = RefusalWindow()
        settings = WebSettings(listen=self.address, token=SecretStr(token) if token else None)
        stack.enter_context(open_room(settings, self.window, dry_run=False))
        self._session = stack.enter_context(requests.Session())
        self._session.trust_env = False

    def ask(self, method: str = "POST", path: str = PATH, token: str | None = TOKEN, **how: Any) -> requests.Response:
        params = {} if token is None else {"token": token}
        return self._session.request(
            method, f"http://{self.address}{path}", params=params, timeout=10, allow_redirects=False, **how
        )

    def post(self, body: object, token: str | None = TOKEN) -> int:
        return self.ask(token=token, data=body if isinstance(body, bytes) else json.dumps(body)).status_code

    @property
    def counted(self) -> dict[str, int]:
        return dict(self.window.last_minute().by_ip)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def room(stack: ExitStack) -> Room:
    return Room(stack)


@pytest.fixture(scope="module")
def deaf() -> Iterator[Room]:
    """One room for all posts of which none may count."""
    with ExitStack() as stack:
        yield Room(stack)


def test_each_refusal_of_a_node_counts(room: Room) -> None:
    assert [room.post(REFUSAL), room.post({**REFUSAL, "host": "10.0.1.6"}), room.post(REFUSAL)] == [204, 204, 204]
    assert room.counted == {"10.0.1.5": 2, "10.0.1.6": 1}


def test_latin_1_as_ams_sends_it_is_read(room: Room) -> None:
    assert room.post(json.dumps({**REFUSAL, "resourceInfo": "Größe"}, ensure_ascii=False).encode("latin-1")) == 204
    assert room.counted == {"10.0.1.5": 1}


@pytest.mark.parametrize(
    "message",
    [
        {"action": "highResourceUsage", "host": "10.0.1.5", "appNames": "LiveApp"},
        {"action": "unexpectedServerShutdown", "host": "10.0.1.5", "resourceInfo": "{}"},
        {"action": "somethingNew"},
    ],
    ids=["shutdown", "shutdown by its own name", "unknown"],
)
def test_what_is_no_refusal_is_taken_and_not_counted(deaf: Room, message: object) -> None:
    assert deaf.post(message) == 204
    assert deaf.counted == {}


@pytest.mark.parametrize("token", [None, "", "a-token-of-16-or-more", TOKEN + "x", TOKEN.upper(), "ü" * 24])
def test_without_the_token_nothing_is_taken_and_nothing_read(deaf: Room, token: str | None) -> None:
    assert deaf.post(REFUSAL, token=token) == 403
    assert deaf.post(b"no JSON", token=token) == 403
    assert deaf.counted == {}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[" * 60_000, 400),
        (b"9" * 10_000, 400),
        (b"\xff\x00", 400),
        (b"null", 400),
        (b"[]", 400),
        (b"{}", 400),
        (b'{"action": 3}', 400),
        (b'{"action": "highResourceUsage", "resourceInfo": ""}', 422),
        (b'{"action": "highResourceUsage", "resourceInfo": "", "host": "node-1.internal"}', 422),
        (b'{"action": "highResourceUsage", "resourceInfo": "", "host": ["10.0.1.5"]}', 422),
        (b'{"action": "highResourceUsage", "resourceInfo": "", "host": 167772421}', 422),
        (b'"' + b"x" * 65_536 + b'"', 413),
    ],
    ids=lambda value: value[:70].decode(errors="replace") if isinstance(value, bytes) else str(value),
)
def test_whatever_is_wrong_is_refused_and_changes_nothing(deaf: Room, body: bytes, status: int) -> None:
    assert deaf.post(body) == status
    assert deaf.counted == {}


def test_a_body_of_unknown_length_is_bounded_too(deaf: Room) -> None:
    assert deaf.ask(data=iter([b"x" * 40_000] * 3)).status_code == 413


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_only_a_post_is_a_post(deaf: Room, method: str) -> None:
    assert deaf.ask(method).status_code == 405


@pytest.mark.parametrize("path", ["/", "/hooks", f"{PATH}/", f"{PATH}/x", "/hooks/../etc/passwd"])
def test_there_is_nothing_else(deaf: Room, path: str) -> None:
    assert deaf.ask(path=path, json=REFUSAL).status_code == 404
    assert deaf.counted == {}


def test_hosts_beyond_the_most_are_refused(room: Room) -> None:
    for number in range(4096):
        room.window.add(f"10.9.{number // 256}.{number % 256}")
    assert room.post(REFUSAL) == 429
    assert not room.window.last_minute().whole


def test_without_a_token_in_the_settings_everybody_may_tell(stack: ExitStack) -> None:
    room = Room(stack, token=None)
    assert [room.post(REFUSAL, token=None), room.post(REFUSAL, token="whatever")] == [204, 204]


def test_the_first_refused_post_of_each_kind_is_logged_without_the_token(logs: Logs, stack: ExitStack) -> None:
    room = Room(stack)
    room.post(REFUSAL, token="wrong-wrong-wrong-wrong")
    room.post(REFUSAL, token="wrong-wrong-wrong-wrong")
    room.post(b"{")
    refused = logs.events("hook_refused")
    assert [(entry["status"], entry["path"]) for entry in refused] == [(403, PATH), (400, PATH)]
    assert TOKEN not in logs.text
    assert "wrong-wrong" not in logs.text
    assert [(entry["address"], entry["token"]) for entry in logs.events("listening")] == [(room.address, True)]


def test_a_body_that_does_not_come_is_given_up(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ams, "_PATIENCE_S", 0.2)
    host, _, port = room.address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10) as wire:
        target = requests.Request("POST", f"http://{room.address}{PATH}", params={"token": TOKEN}).prepare().path_url
        wire.sendall(f"POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12".encode())
        assert wire.recv(65_536).startswith(b"HTTP/1.1 408 ")


def test_who_hangs_up_in_the_middle_costs_nobody_anything(logs: Logs, room: Room) -> None:
    host, _, port = room.address.rpartition(":")
    target = requests.Request("POST", f"http://{room.address}{PATH}", params={"token": TOKEN}).prepare().path_url
    with socket.create_connection((host, int(port)), timeout=10) as wire:
        wire.sendall(f"POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12".encode())
    assert room.post(REFUSAL) == 204
    assert room.counted == {"10.0.1.5": 1}
    assert "Traceback" not in logs.text


def test_a_minute_is_counted_from_the_opening_and_ends_with_the_room() -> None:
    window = RefusalWindow(lambda: now[0])
    now = [0.0]
    with open_room(WebSettings(listen=f"127.0.0.1:{free_port()}"), window, dry_run=False):
        now[0] = 60.0
        assert window.last_minute().whole
    assert not window.last_minute().whole


def test_a_port_in_use_is_an_error_of_the_settings() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with (
            pytest.raises(
                ConfigurationError, match=rf"settings: listen cannot listen on {address}: Address already"
            ) as error,
            open_room(WebSettings(listen=address), RefusalWindow(), dry_run=False),
        ):
            pass
    assert error.value.exit_code == 2


def test_a_dry_run_goes_on_beside_the_daemon_whose_port_it_is(logs: Logs) -> None:
    window = RefusalWindow(lambda: now[0])
    now = [0.0]
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        open_room(WebSettings(listen=f"127.0.0.1:{taken.getsockname()[1]}"), window, dry_run=True),
    ):
        now[0] = 1000.0
        assert not window.last_minute().whole
    assert len(logs.events("web_unavailable")) == 1


def test_a_name_that_nobody_has_is_an_error_of_the_settings() -> None:
    with pytest.raises(ConfigurationError, match=r"cannot listen on nowhere\.invalid:1"):
        listen("nowhere.invalid:1")


def test_ipv6_is_an_address_too() -> None:
    port = free_port()
    with listen(f"[::1]:{port}") as listener:
        assert listener.getsockname()[:2] == ("::1", port)


def test_after_the_end_the_port_is_free_again() -> None:
    address = f"127.0.0.1:{free_port()}"
    for _ in range(2):
        with open_room(WebSettings(listen=address), RefusalWindow(), dry_run=False):
            assert requests.get(f"http://{address}/", timeout=10).status_code == 404


def test_a_page_that_crashes_is_told_and_the_room_goes_on(logs: Logs) -> None:
    async def crash(_request: Request) -> Response:
        raise ZeroDivisionError

    address = f"127.0.0.1:{free_port()}"
    ended: list[bool] = []
    with serving(listen(address), [Route("/", crash)], lambda: ended.append(True)):
        assert [requests.get(f"http://{address}/", timeout=10).status_code for _ in range(2)] == [500, 500]
        assert ended == []
    assert ended == [True]
    assert "ZeroDivisionError" in logs.text


def test_a_room_that_falls_in_says_so_and_no_count_is_whole_any_more(logs: Logs) -> None:
    listener = listen(f"127.0.0.1:{free_port()}")
    listener.close()
    ended: list[bool] = []
    with serving(listener, [], lambda: ended.append(True)):
        pass
    assert ended == [True]
    assert len(logs.events("web_crashed")) == 1
