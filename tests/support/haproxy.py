"""A real HAProxy on free loopback ports, and small nodes behind it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import socketserver
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import ClassVar, TypeVar

from autoscaler.adapters.haproxy_socket import HaproxySocket
from autoscaler.model.errors import ObservationError
from autoscaler.model.plan import Endpoint
from tests.support.places import free_port, short_folder

T = TypeVar("T")
DEADLINE_S = 60.0
SLOTS = 3

GLOBAL = """
global
    log 127.0.0.1 local0 notice
    maxconn 2000
    stats socket {folder}/admin.sock mode 600 level admin expose-fd listeners
    stats socket {folder}/operator.sock mode 600 level operator
    stats socket {folder}/user.sock mode 600 level user
    server-state-file {folder}/state
"""


def until(look: Callable[[], T], what: str) -> T:
    """Wait for a state, the tests' one way to wait."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.02)
    raise AssertionError(what)


class Haproxy:
    """HAProxy in master-worker mode. The `global` section is ours, the rest of the configuration the test's."""

    def __init__(self, sections: str) -> None:
        binary = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
        assert binary, "these tests need haproxy: apt-get install haproxy"
        self._binary = binary
        self.folder = short_folder("haproxy-")
        self._config = self.folder / "haproxy.cfg"
        self.configure(sections)
        self.start()

    def start(self) -> None:
        """Start it, again too after a `kill`: the servers are then as in the configuration, unless a state was kept."""
        with (self.folder / "log").open("wb") as log:
            self._master = subprocess.Popen(
                [self._binary, "-W", "-S", f"{self.folder}/master.sock", "-f", str(self._config)],
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        until(self._answers, "haproxy did not start")

    def configure(self, sections: str) -> None:
        self._config.write_text(GLOBAL.format(folder=self.folder) + sections)

    def _answers(self) -> bool:
        """Whether worker and master are both there; the master starts over once its worker runs."""
        assert self._master.poll() is None, (self.folder / "log").read_text()
        with suppress(ObservationError):
            return self.master.workers()[:1] == [self.socket().info().pid]
        return False

    def socket(self, level: str = "admin", timeout_s: float = 3.0) -> HaproxySocket:
        return HaproxySocket(f"unix:{self.folder}/{level}.sock", timeout_s)

    @property
    def master(self) -> HaproxySocket:
        return self.socket("master")

    def reload(self) -> None:
        """Reload as systemd does, keeping the servers' state as an operator should, and wait for the new worker."""
        (self.folder / "state").write_text(self.socket().ask("show servers state"))
        before = self.socket().info().pid
        self._master.send_signal(signal.SIGUSR2)
        until(lambda: self._answers() and self.socket().info().pid != before, "no new worker took over")

    def pause(self) -> None:
        os.kill(self.socket().info().pid, signal.SIGSTOP)

    def kill(self) -> None:
        """End this master and its workers, a process group of their own; the master reaps its workers if it can."""
        with suppress(ProcessLookupError):
            os.killpg(self._master.pid, signal.SIGTERM)
            os.killpg(self._master.pid, signal.SIGCONT)
        try:
            self._master.wait(timeout=3)
        except subprocess.TimeoutExpired:
            os.killpg(self._master.pid, signal.SIGKILL)
            self._master.wait()

    def stop(self) -> None:
        self.kill()
        shutil.rmtree(self.folder)


class _Talk(socketserver.StreamRequestHandler):
    """Answers HTTP with the node's name, and any other line with the name and the line."""

    timeout = 60

    def handle(self) -> None:
        assert isinstance(self.server, _Listener)
        with suppress(OSError):
            for line in self.rfile:  # a health check connects and says nothing
                self.server.hits += 1
                if line.startswith(b"GET "):
                    self._http()
                    return
                self.wfile.write(self.server.name.encode() + b" " + line)

    def _http(self) -> None:
        assert isinstance(self.server, _Listener)
        headers = []
        while (line := self.rfile.readline()) not in {b"\r\n", b""}:
            headers.append(line.lower())
        fresh = not any(header.startswith(b"cookie:") and b"jsessionid=" in header for header in headers)
        cookie = b"Set-Cookie: JSESSIONID=abc123; Path=/\r\n" if fresh else b""
        body = self.server.name.encode()
        self.wfile.write(b"HTTP/1.0 200 OK\r\n" + cookie + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)


class _Listener(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    name: str
    hits: int

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients and checks hang up as they like."""


class Node:
    """A stand-in for one AMS node: its name is its address; it listens on every port given."""

    def __init__(self, ip: str, *ports: int) -> None:
        self.ip = ip
        self._listeners = []
        for port in ports:
            listener = _Listener((ip, port), _Talk)
            listener.name, listener.hits = ip, 0
            threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
            self._listeners.append(listener)

    @property
    def hits(self) -> int:
        return sum(listener.hits for listener in self._listeners)

    def close(self) -> None:
        for listener in self._listeners:
            listener.shutdown()
            listener.server_close()


class Session:
    """A long TCP session through a frontend, as a stream is one."""

    def __init__(self, port: int) -> None:
        self._wire = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._lines = self._wire.makefile("rb")
        self.node = self.say("hello").split()[0]

    def say(self, word: str) -> str:
        """Return the node's echo, an empty text when the session was cut."""
        self._wire.sendall(word.encode() + b"\n")
        return self._lines.readline().decode().strip()

    def close(self) -> None:
        self._lines.close()
        self._wire.close()


def get(port: int, cookie: str = "", path: str = "/") -> tuple[int, str, str]:
    """Ask `GET path` through a frontend; return status, the cookie set, and the body (the node's address)."""
    extra = f"Cookie: JSESSIONID={cookie}\r\n" if cookie else ""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as wire:
        wire.sendall(f"GET {path} HTTP/1.0\r\nHost: lb\r\n{extra}\r\n".encode())
        reply = b"".join(iter(lambda: wire.recv(65_536), b"")).decode()
    head, _, body = reply.partition("\r\n\r\n")
    given = [line for line in head.split("\r\n") if line.lower().startswith("set-cookie: jsessionid=")]
    value = given[0].split("=", 1)[1].split(";", 1)[0] if given else ""
    return int(head.split(" ", 2)[1]), value, body


class Setup:
    """One of the two common set-ups of an AMS cluster, with `slots` slots in every backend, on free ports.

    `tcp`: RTMP and HTTP are both passed through as TCP. `http`: HTTP is balanced as HTTP with a sticky backend for
    HLS (`cookie JSESSIONID prefix`) and without TLS, whose frontends change nothing for the servers.
    """

    CHECK: ClassVar[str] = "check inter 200ms fall 2 rise 2"

    def __init__(
        self,
        kind: str = "tcp",
        *,
        check: str = CHECK,
        stats_extra: str = "",
        node_ports: tuple[int, int] | None = None,
        slots: int = SLOTS,
    ) -> None:
        self.kind, self._check, self._extra, self._slots = kind, check, stats_extra, slots
        self.rtmp, self.http, self.stats = free_port(), free_port(), free_port()  # where the balancer listens
        self.node_ports = node_ports or (free_port(), free_port())
        self._nodes: dict[str, Node] = {}
        self._sessions: list[Session] = []
        self.haproxy = Haproxy(self.sections())

    @property
    def backends(self) -> tuple[str, ...]:
        return ("backend_rtmp", "backend_http", *(["backend_http_sticky"] if self.kind == "http" else []))

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        rtmp, http = self.node_ports
        return tuple(Endpoint(backend, rtmp if backend == "backend_rtmp" else http) for backend in self.backends)

    def sections(self) -> str:
        http = "mode tcp" if self.kind == "tcp" else "mode http\n    option forwardfor"
        text = f"""
defaults
    log global
    retries 3
    option redispatch
    load-server-state-from-file global
    timeout connect 5000
    timeout client 5000
    timeout server 5000
    timeout tunnel 2h

listen stats
    bind 127.0.0.1:{self.stats}
    mode http
    stats enable
    stats hide-version
    stats realm Haproxy\\ Statistics
    stats uri /haproxy_stats
    stats auth Username:Password
    {self._extra}

frontend rtmp_lb
    bind 127.0.0.1:{self.rtmp}
    mode tcp
    default_backend backend_rtmp

backend backend_rtmp
    mode tcp
{self._lines()}

frontend http_lb
    bind 127.0.0.1:{self.http}
    {http}
    default_backend {self.backends[-1]}

backend backend_http
    {http}
{self._lines()}
"""
        if self.kind == "http":
            text += f"""
backend backend_http_sticky
    mode http
    cookie JSESSIONID prefix nocache
{self._lines(cookies=True)}
"""
        return text

    def _lines(self, *, cookies: bool = False) -> str:
        return "\n".join(
            f"    server slot{n} slot.invalid:1 disabled {self._check} init-addr last,127.0.0.1"
            + (f" cookie slot{n}" if cookies else "")
            for n in range(1, self._slots + 1)
        )

    def node(self, ip: str) -> Node:
        """Start a node."""
        self._nodes[ip] = Node(ip, *self.node_ports)
        return self._nodes[ip]

    def kill(self, ip: str) -> None:
        self._nodes.pop(ip).close()

    def session(self) -> Session:
        """Open a long session to whichever node RTMP is balanced to."""
        session = Session(self.rtmp)
        self._sessions.append(session)
        return session

    def close(self) -> None:
        for session in self._sessions:
            session.close()
        for node in self._nodes.values():
            node.close()
        self.haproxy.stop()
