"""One real session each: a WebSocket viewer, an HLS viewer, a publisher. All of them go through HAProxy.

Each ends when its time is up, and counts as broken when anything else ended it. Refused at a node's CPU limit, players
and publishers wait and try again, as real ones do.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from autoscaler.demo.nodes import REFUSED
from autoscaler.demo.wire import get

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from autoscaler.demo.balancer import Balancer
    from autoscaler.demo.tally import Tally

HOST = "127.0.0.1"
PATIENCE_S = 15.0
"""How long a player waits for any one answer: far above what a slow machine needs."""

RETRY_S = 1.5
BEAT_S = 1.0
PACKET_S = 0.5
PACKET = bytes(512)


class Refused(Exception):
    """The node takes no new work at its CPU limit."""


class Broken(Exception):
    """The session ended though nobody on this side ended it."""


@dataclass(slots=True)
class Stay:
    """How long a session is to last, from when it really started. `leave` ends it early, by the player's own wish."""

    seconds: float
    leave: asyncio.Event = field(default_factory=asyncio.Event)
    until: float | None = None

    def begin(self) -> None:
        """Start the clock; a second start of the same visit changes nothing."""
        if self.until is None:
            self.until = time.monotonic() + self.seconds

    @property
    def left_s(self) -> float:
        """What is left of the visit in seconds; all of it before it began."""
        return self.seconds if self.until is None else self.until - time.monotonic()

    @property
    def over(self) -> bool:
        """Whether the player wants to go."""
        return self.left_s <= 0 or self.leave.is_set()

    async def pause(self, seconds: float) -> None:
        """Wait, but not longer than the visit."""
        try:
            async with asyncio.timeout(max(0.0, min(seconds, self.left_s))):
                await self.leave.wait()
        except TimeoutError:
            return


async def watch(balancer: Balancer, tally: Tally, stay: Stay) -> None:
    """Play over WebSocket."""
    tally.sessions_total += 1
    try:
        await _until_accepted(lambda: _play(balancer.http_port, stay), tally, stay)
    except (OSError, TimeoutError, WebSocketException, Broken) as error:
        tally.viewer_failed(_words(error), stay.left_s)


async def publish(balancer: Balancer, tally: Tally, stay: Stay, stream: str) -> None:
    """Hold one long TCP connection and send a packet each half second."""
    tally.publishers_total += 1
    try:
        await _until_accepted(lambda: _push(balancer.rtmp_port, stay, stream), tally, stay)
    except (OSError, TimeoutError, Broken) as error:
        tally.publisher_cut(f"{stream}: {_words(error)}")


async def watch_hls(balancer: Balancer, tally: Tally, stay: Stay) -> None:
    """Play over HLS: a playlist and a segment each second, with the cookie that keeps the player on its node."""
    tally.sessions_total += 1
    cookie = ""
    stay.begin()
    try:
        while not stay.over:
            for name in ("live.m3u8", "live.ts"):
                cookie = await _fetch(balancer.http_port, name, cookie)
            await stay.pause(BEAT_S)
    except (OSError, TimeoutError, Broken) as error:
        tally.viewer_failed(_words(error), stay.left_s)


async def _fetch(port: int, name: str, cookie: str) -> str:
    """Get one file of the stream, and return the cookie for the next."""
    async with asyncio.timeout(PATIENCE_S):
        head, _ = await get(HOST, port, f"/LiveApp/streams/{name}", cookie)
    if head.status != HTTPStatus.OK:
        raise Broken(f"HLS answered {head.status}")
    return head.headers.get("set-cookie", cookie).partition(";")[0]


async def _until_accepted(attempt: Callable[[], Awaitable[None]], tally: Tally, stay: Stay) -> None:
    while not stay.over:
        try:
            await attempt()
        except Refused:
            tally.refusals += 1
            await stay.pause(RETRY_S)
        else:
            return


async def _play(port: int, stay: Stay) -> None:
    uri = f"ws://{HOST}:{port}/LiveApp/websocket"
    # No library keepalive: the ping below is AMS's own and is what a real player sends.
    async with connect(
        uri, proxy=None, open_timeout=PATIENCE_S, ping_interval=None, close_timeout=PATIENCE_S
    ) as socket:
        await socket.send('{"command":"play","streamId":"studio-1"}')
        await _hear(socket)
        stay.begin()
        while not stay.over:
            await socket.send('{"command":"ping"}')
            await _hear(socket)
            await stay.pause(BEAT_S)


async def _hear(socket: ClientConnection) -> None:
    """Take the node's next word; raises Refused when it is AMS's refusal."""
    async with asyncio.timeout(PATIENCE_S):
        word = json.loads(await socket.recv())
    if word.get("definition") == REFUSED:
        raise Refused


async def _push(port: int, stay: Stay, stream: str) -> None:
    async with asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection(HOST, port)
    try:
        writer.write(f"PUBLISH {stream}\n".encode())
        async with asyncio.timeout(PATIENCE_S):
            answer = (await reader.readline()).decode().strip()
        if answer == REFUSED:
            raise Refused
        if answer != "STARTED":
            raise Broken("the stream did not start")
        stay.begin()
        while not stay.over:
            writer.write(PACKET)
            await writer.drain()
            await stay.pause(PACKET_S)
            if reader.at_eof():
                raise Broken("the stream was cut")
        writer.write_eof()
        async with asyncio.timeout(PATIENCE_S):
            await reader.read()
    finally:
        writer.close()


def _words(error: BaseException) -> str:
    return f"{type(error).__name__} {error}".strip()
