"""A stand-in Ant Media Server: what a balancer, a player, a publisher and the autoscaler can see of one, and no more.

It serves `GET /`, HLS and WebSocket on 5080 and takes publishers on 1935, all on its own address; it writes the rows
that AMS writes (Ant-Media-Server `ClusterNode.java`, `Broadcast.java`), and refuses new work at its CPU limit in AMS's
words. When its instance ends, `kill` drops every connection at once, as the hypervisor would.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

from pymongo.errors import PyMongoError
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from autoscaler.demo.wire import HEAD_LIMIT, Message, read_head, response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from websockets.protocol import Event

    from autoscaler.demo.rows import Rows

    Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

HTTP_PORT = 5080
RTMP_PORT = 1935
CPU_LIMIT_PERCENT = 75
"""`server.cpu_limit`: AMS refuses new WebRTC and RTMP work from here on, but not HLS."""

REFUSED = "highResourceUsage"
IDLE_PERCENT, VIEWER_PERCENT, HLS_PERCENT, PUBLISHER_PERCENT = 5.0, 2.5, 1.2, 3.0
HLS_MEMORY_S = 3.0
"""An HLS viewer counts for this long after its last request."""

BEAT_S = 1.0
"""AMS beats every 5 s; the demo's clock runs faster."""

SEGMENT = b"\x47" + bytes(1879)
PLAYLIST = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:{0}\n#EXTINF:2.0,\nlive{0}.ts\n"

_session_ids = itertools.count(1)


@dataclass(slots=True)
class Node:
    """One running media server on `ip`. `rows` is None when it never joined a cluster: it then serves alone."""

    instance_id: str
    ip: str
    rows: Rows | None
    viewers: set[asyncio.StreamWriter] = field(default_factory=set)
    publishers: dict[str, asyncio.StreamWriter] = field(default_factory=dict)
    hls: dict[str, float] = field(default_factory=dict)
    alive: bool = False
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _servers: list[asyncio.Server] = field(default_factory=list)
    _beats: asyncio.Task[None] | None = None

    @property
    def cpu_percent(self) -> int:
        """What the sessions cost, 0-100."""
        viewers = len(self.viewers) * VIEWER_PERCENT + self.hls_viewers * HLS_PERCENT
        return min(100, round(IDLE_PERCENT + viewers + len(self.publishers) * PUBLISHER_PERCENT))

    @property
    def hls_viewers(self) -> int:
        """Cookies that were seen in the last seconds."""
        since = time.monotonic() - HLS_MEMORY_S
        return sum(seen > since for seen in self.hls.values())

    @property
    def live(self) -> int:
        """Connections that would break if the node went now."""
        return len(self.viewers) + len(self.publishers)

    async def start(self) -> None:
        """Listen, then join: AMS answers on 5080 before its first heartbeat is written. Raises OSError."""
        for port, handler in ((HTTP_PORT, self._http), (RTMP_PORT, self._rtmp)):
            self._servers.append(await asyncio.start_server(self._guarded(handler), self.ip, port, limit=HEAD_LIMIT))
        self.alive = True
        if self.rows is not None:
            self._beats = asyncio.create_task(self._beat(self.rows))

    def kill(self) -> tuple[int, int]:
        """Drop everything at once, and return how many viewers and publishers that cut."""
        cut = len(self.viewers), len(self.publishers)
        self.alive = False
        if self._beats is not None:
            self._beats.cancel()
        for server in self._servers:
            server.close()
        for writer in tuple(self._open):
            writer.transport.abort()
        return cut

    async def _beat(self, rows: Rows) -> None:
        while True:
            with contextlib.suppress(PyMongoError):  # AMS too goes on serving when MongoDB is away
                await rows.heartbeat(self.ip, self.cpu_percent)
                await rows.still_live(tuple(self.publishers))
            await asyncio.sleep(BEAT_S)

    def _guarded(self, handler: Handler) -> Handler:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._open.add(writer)
            try:
                await handler(reader, writer)
            except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, PyMongoError):
                pass  # the other side went away, which is its right; without MongoDB a stream cannot start
            finally:
                self._open.discard(writer)
                writer.close()

        return handle

    async def _http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await read_head(reader)
        if head is None:
            return
        if head.headers.get("upgrade", "").lower() == "websocket":
            await self._websocket(head, reader, writer)
            return
        writer.write(self._answer(head))
        await writer.drain()

    def _answer(self, head: Message) -> bytes:
        if head.path.endswith((".m3u8", ".ts")):
            session = _cookie(head, "JSESSIONID")
            fresh = session or f"{next(_session_ids):032x}"
            self.hls[fresh] = time.monotonic()
            body = SEGMENT if head.path.endswith(".ts") else PLAYLIST.format(int(time.time()) // 2).encode()
            return response(HTTPStatus.OK, body, **({} if session else {"set_cookie": f"JSESSIONID={fresh}; Path=/"}))
        if head.path == "/":
            return response(HTTPStatus.OK, b"Ant Media Server (stand-in)\n")
        return response(HTTPStatus.NOT_FOUND)

    async def _websocket(self, head: Message, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Shake hands, then answer each of the player's words until it leaves or is refused."""
        protocol = ServerProtocol()
        data = head.raw
        try:
            while data:
                protocol.receive_data(data)
                for event in protocol.events_received():
                    self._hear(protocol, event, writer)
                writer.writelines(protocol.data_to_send())
                await writer.drain()
                data = b"" if protocol.close_expected() else await reader.read(4096)
        finally:
            self.viewers.discard(writer)

    def _hear(self, protocol: ServerProtocol, event: Event, writer: asyncio.StreamWriter) -> None:
        """Take one event of the signalling: handshake, `play` (refused at the CPU limit, in AMS's words), `ping`."""
        if isinstance(event, Request):
            protocol.send_response(protocol.accept(event))
        elif isinstance(event, Frame) and event.opcode is Opcode.TEXT:
            if b'"play"' not in event.data:
                protocol.send_text(b'{"command":"pong"}')
            elif self.cpu_percent >= CPU_LIMIT_PERCENT:
                protocol.send_text(f'{{"command":"error","definition":"{REFUSED}"}}'.encode())
            else:
                self.viewers.add(writer)
                protocol.send_text(b'{"command":"notification","definition":"play_started"}')

    async def _rtmp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        word, _, stream = (await reader.readline()).decode(errors="replace").strip().partition(" ")
        if word != "PUBLISH" or not stream:
            return
        if self.cpu_percent >= CPU_LIMIT_PERCENT:
            writer.write(f"{REFUSED}\n".encode())
            await writer.drain()
            return
        self.publishers[stream] = writer
        try:
            await self._publish(stream, reader, writer)
        finally:
            self.publishers.pop(stream, None)

    async def _publish(self, stream: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Tell the cluster before the publisher: a stream that nobody knows of would not be protected."""
        if self.rows is not None:
            await self.rows.published(self.ip, stream)
        writer.write(b"STARTED\n")
        await writer.drain()
        while await reader.read(4096):
            pass
        if self.rows is not None and self.alive:
            await self.rows.finished(stream)


def _cookie(head: Message, name: str) -> str:
    for pair in head.headers.get("cookie", "").split(";"):
        key, _, value = pair.strip().partition("=")
        if key == name:
            return value
    return ""
