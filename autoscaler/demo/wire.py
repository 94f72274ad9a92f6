"""As much HTTP/1.1 as a player and a stand-in node need, and ports that nobody else has."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from http import HTTPStatus

HEAD_LIMIT = 65_536


@dataclass(frozen=True, slots=True)
class Message:
    """The head of a request or a response: `start` is its first line's words; header names are in lower case."""

    start: tuple[str, ...]
    headers: dict[str, str]
    raw: bytes

    @property
    def path(self) -> str:
        """The path of a request."""
        return self.start[1] if len(self.start) > 1 else ""

    @property
    def status(self) -> int:
        """The status code of a response, 0 when it is none."""
        return int(self.start[1]) if len(self.start) > 1 and self.start[1].isdigit() else 0


async def read_head(reader: asyncio.StreamReader) -> Message | None:
    """Read a head up to its empty line; None when the peer left without sending one (a bare TCP health check)."""
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = raw.decode("latin-1").strip().split("\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return Message(tuple(first.split(" ", 2)), headers, raw)


def response(status: HTTPStatus, body: bytes = b"", **headers: str) -> bytes:
    """Render a response that closes its connection; `set_cookie=` becomes `Set-Cookie:`."""
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-').title()}: {value}" for name, value in headers.items()]
    return "\r\n".join((*lines, "", "")).encode("latin-1") + body


async def get(host: str, port: int, path: str, cookie: str = "") -> tuple[Message, bytes]:
    """Send one GET on a connection of its own and return head and body; raises OSError when there is no answer."""
    reader, writer = await asyncio.open_connection(host, port, limit=HEAD_LIMIT)
    try:
        cookies = f"Cookie: {cookie}\r\n" if cookie else ""
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n{cookies}Connection: close\r\n\r\n".encode())
        head = await read_head(reader)
        if head is None:
            raise ConnectionResetError("closed without an answer")
        body = await reader.read()
    finally:
        writer.transport.abort()
    if len(body) != int(head.headers.get("content-length", len(body))):
        raise ConnectionResetError("closed in the middle of the answer")
    return head, body


def free_ports(count: int) -> list[int]:
    """Return ports of 127.0.0.1 that were free a moment ago, all different because all are held at once."""
    holders = [socket.socket() for _ in range(count)]
    try:
        for holder in holders:
            holder.bind(("127.0.0.1", 0))
        return [holder.getsockname()[1] for holder in holders]
    finally:
        for holder in holders:
            holder.close()
