"""A gate before HAProxy's socket: it passes everything on, and on demand holds one command up, before or after it ran.

That is how a test kills the daemon at one exact step.
"""

from __future__ import annotations

import re
import socket
import socketserver
import threading
from contextlib import suppress
from pathlib import Path

from tests.support.haproxy import until


class Gate:
    """Listens at `path` and passes each line on to the socket `beyond`."""

    def __init__(self, path: Path, beyond: Path) -> None:
        self.address = f"unix:{path}"
        self.beyond = beyond
        self.pattern = ""
        self.after = False
        self.caught = threading.Event()
        self.closed = threading.Event()
        self._server = _Server(str(path), _Pass)
        self._server.gate = self
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def catch(self, pattern: str, *, after: bool) -> None:
        """Leave the next line that has `pattern` in it without an answer; HAProxy gets it only if `after`."""
        self.caught.clear()
        self.pattern, self.after = pattern, after

    def until_caught(self) -> None:
        until(self.caught.is_set, f"nobody said {self.pattern!r}")

    def passes(self, line: bytes) -> tuple[bool, bool]:
        """Say whether HAProxy gets this line, and whether the answer comes back."""
        if not self.pattern or not re.search(self.pattern, line.decode()):
            return True, True
        self.pattern = ""
        return self.after, False

    def close(self) -> None:
        self.closed.set()
        self._server.shutdown()
        self._server.server_close()


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    block_on_close = False
    gate: Gate


class _Pass(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, _Server)
        gate = self.server.gate
        with suppress(OSError):
            line = self.rfile.readline()
            forward, answered = gate.passes(line)
            reply = _ask(gate.beyond, line) if forward else b""
            if answered:
                self.wfile.write(reply)
            else:
                gate.caught.set()
                gate.closed.wait(60)


def _ask(path: Path, line: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as wire:
        wire.connect(str(path))
        wire.sendall(line)
        wire.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: wire.recv(65_536), b""))
