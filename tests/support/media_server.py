"""A stand-in media server on an instance's address, and the viewers and publishers that hold long sessions on it.

A session is a line that is answered by the node's name and the line, so that its client knows which node it is on and
whether it still is. It begins as a plain TCP session on the RTMP port, or as a WebSocket on the HTTP port. A client
that says `publish NAME` is a publisher. Health checks, which connect and say nothing, are no sessions.
"""

from __future__ import annotations

import socket
import socketserver
import threading
from contextlib import suppress

RTMP, HTTP = 1935, 5080
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
_UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-"
# HAProxy checks the handshake; key and answer are the example of RFC 6455, section 1.3.
_ASKED = b"GET /ws HTTP/1.1\r\nHost: lb\r\n" + _UPGRADE + b"Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
_UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\n" + _UPGRADE + b"Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"


class _Talk(socketserver.StreamRequestHandler):
    timeout = 300

    def handle(self) -> None:
        assert isinstance(self.server, _Listener)
        node = self.server.node
        with suppress(OSError):
            first = self.rfile.readline()
            if first.startswith(b"GET "):
                headers = [line.lower() for line in iter(self.rfile.readline, b"\r\n") if line]
                if b"upgrade: websocket\r\n" not in headers:
                    self.wfile.write(_OK)
                    return
                self.wfile.write(_UPGRADED)
                first = self.rfile.readline()
            if first:
                self._converse(node, first)

    def _converse(self, node: MediaServer, line: bytes) -> None:
        stream = line.removeprefix(b"publish ").decode().strip() if line.startswith(b"publish ") else ""
        node.sessions[self.connection] = stream
        try:
            while line:
                self.wfile.write(node.ip.encode() + b" " + line)
                line = self.rfile.readline()
        finally:
            node.sessions.pop(self.connection, None)


class _Listener(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    node: MediaServer

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients and checks hang up as they like."""


class MediaServer:
    """One node. `sessions` maps each live session's socket to the stream that it publishes, "" for a viewer."""

    def __init__(self, ip: str) -> None:
        self.ip = ip
        self.sessions: dict[socket.socket, str] = {}
        self._listeners: dict[int, _Listener] = {}

    def listen(self, port: int) -> None:
        """Serve a port, if it is not served already."""
        if port in self._listeners:
            return
        listener = self._listeners[port] = _Listener((self.ip, port), _Talk)
        listener.node = self
        threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def streams(self) -> list[str]:
        """What is being published here."""
        return [stream for stream in list(self.sessions.values()) if stream]

    def kill(self) -> int:
        """Drop everything at once, as the end of an instance does; return how many sessions that cut."""
        for listener in self._listeners.values():
            listener.shutdown()
            listener.server_close()
        cut = list(self.sessions)
        for connection in cut:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        return len(cut)


class Player:
    """A client of the cluster through its balancer: a viewer, or a publisher of `stream`."""

    def __init__(self, port: int, *, websocket: bool = False, stream: str = "") -> None:
        self._wire = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._lines = self._wire.makefile("rb")
        if websocket:
            self._upgrade()
        self.node = self.say(f"publish {stream}" if stream else "play").split(" ")[0]

    def _upgrade(self) -> None:
        self._wire.sendall(_ASKED)
        status = self._lines.readline()
        assert b" 101 " in status, status
        while self._lines.readline() != b"\r\n":
            pass

    def say(self, word: str) -> str:
        """Return the node's answer, an empty text when the session was cut."""
        with suppress(OSError):
            self._wire.sendall(word.encode() + b"\n")
            return self._lines.readline().decode().strip()
        return ""

    @property
    def unbroken(self) -> bool:
        """Whether the session is where it began."""
        return self.node != "" and self.say("still there?") == f"{self.node} still there?"

    def leave(self) -> None:
        """End the session."""
        self._lines.close()
        self._wire.close()
