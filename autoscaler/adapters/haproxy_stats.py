"""What one HAProxy's servers do: read from its runtime socket, or from its statistics page when that is all there is.

After a reload the new worker counts no session of the streams that live on in the old one, so a zero alone does not
prove that a node is empty. With the master socket the old workers are asked too; without it `Proxy.sees_old_workers`
is False and the caller may believe the count only for nodes launched after this worker started.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

import requests

from autoscaler.adapters.haproxy_rows import ServerRow, parse_stat, parse_traffic
from autoscaler.adapters.haproxy_socket import EVERYTHING, REPLY_BYTES, HaproxySocket
from autoscaler.model.errors import ObservationError
from autoscaler.model.snapshot import Proxy, Server, ServerStatus, Traffic
from autoscaler.ports import ProxyStats

_Place = tuple[str, str, int]


class SocketStats:
    """Implements `ports.ProxyStats` on the runtime socket, of level operator or admin (`user` is shown no addresses).

    `master` is the master process's own socket (`-S`), which alone reaches the workers that outlived a reload.
    """

    def __init__(self, balancer: str, socket: HaproxySocket, master: HaproxySocket | None = None) -> None:
        """Keep the sockets; nothing is opened yet."""
        self.balancer = balancer
        self._socket = socket
        self._master = master

    def read(self, backends: Sequence[str] | None, figures: Collection[str] = (), *, each_server: bool = True) -> Proxy:
        """See `ports.ProxyStats.read`. Raises ObservationError with the source `haproxy:<balancer>`."""
        backends = EVERYTHING if backends is None else backends
        try:
            whose = self._socket.info().identity if figures else ""
            at = datetime.now(UTC)
            rows, lines = self._socket.stat_with_traffic(backends, figures, each_server=each_server)
            # After the rows: should a reload fall between the two, the start time is the later one, never the earlier.
            info = self._socket.info()
        except ObservationError as error:
            detail = f"{error.detail} ({self._socket.address})"
            raise ObservationError(f"haproxy:{self.balancer}", detail) from error
        old = self._old_workers(backends, figures, info.pid, each_server=each_server)
        if whose != info.identity:
            lines = []  # of which of the two they are nobody knows
        traffic = [Traffic(info.identity, at, tuple(lines)), *(worker.traffic for worker in old or ())]
        return Proxy(
            self.balancer, info.version, info.pid, info.started_at,
            servers=_joined(self.balancer, rows, old or []),
            sees_old_workers=old is not None,
            traffic=tuple(traffic) if figures else (),
        )  # fmt: skip

    def _old_workers(
        self, backends: Sequence[str], figures: Collection[str], present: int, *, each_server: bool
    ) -> list[_Worker] | None:
        """Return what each older worker says; None when nobody could tell."""
        if self._master is None:
            return None
        try:
            older = [pid for pid in self._master.workers() if pid != present]
            found = [_worker(self._master, pid, backends, figures, each_server=each_server) for pid in older]
        except ObservationError:
            return None
        return [worker for worker in found if worker]


class _Worker(NamedTuple):
    """A worker that outlived a reload."""

    pid: int
    rows: list[ServerRow]
    traffic: Traffic


def _worker(
    master: HaproxySocket, pid: int, backends: Sequence[str], figures: Collection[str], *, each_server: bool
) -> _Worker | None:
    """Ask an older worker; None when it ended while we asked, and its sessions with it."""
    try:
        at = datetime.now(UTC)
        rows, lines = master.stat_with_traffic(backends, figures, pid, each_server=each_server)
        identity = master.info_of(pid).identity if figures else ""
    except ObservationError:
        if pid in master.workers():
            raise
        return None
    return _Worker(pid, rows, Traffic(identity, at, tuple(lines), old=True))


class HttpStats:
    """Implements `ports.ProxyStats` on the statistics page over HTTP, as `;csv`.

    The page names neither process nor start: `started_at` is the time of the reading, the latest it can be, so that
    no count of it ever proves a node empty. Without `stats show-legends` in haproxy.cfg it shows no addresses, and
    every `ip` is "".
    """

    def __init__(self, balancer: str, url: str, username: str = "", password: str = "", timeout_s: float = 3.0) -> None:
        """`url` is the page as a browser opens it, without `;csv`; `timeout_s` bounds connect and each read."""
        self.balancer = balancer
        self._url = url.removesuffix(";csv") + ";csv"
        self._auth = (username, password) if username else None
        self._timeout_s = timeout_s

    def read(self, backends: Sequence[str] | None, figures: Collection[str] = (), *, each_server: bool = True) -> Proxy:
        """See `ports.ProxyStats.read`. Raises ObservationError with the source `haproxy:<balancer>`."""
        at, text = datetime.now(UTC), self._page()
        try:
            rows = [row for row in parse_stat(text) if backends is None or row.backend in backends]
            lines = parse_traffic(text, figures, each_server=each_server) if figures else []
            lines = [line for line in lines if backends is None or line.backend in backends]
        except ValueError as error:
            raise ObservationError(f"haproxy:{self.balancer}", f"not a statistics page: {error}") from error
        servers = tuple(_server(self.balancer, row, row.sessions, row.queued) for row in rows)
        traffic = (Traffic("", at, tuple(lines)),) if figures else ()
        return Proxy(self.balancer, version="", pid=0, started_at=datetime.now(UTC), servers=servers, traffic=traffic)

    def _page(self) -> str:
        source = f"haproxy:{self.balancer}"
        try:
            with requests.Session() as session:
                session.trust_env = False  # neither a proxy nor a .netrc has any business between us and the balancer
                reply = session.get(
                    self._url, auth=self._auth, timeout=self._timeout_s, allow_redirects=False, stream=True
                )
                body = _capped(reply.iter_content(262_144))
        except requests.Timeout as error:
            raise ObservationError(source, f"the statistics page did not answer in {self._timeout_s:g} s") from error
        except requests.RequestException as error:
            raise ObservationError(source, f"the statistics page cannot be reached: {type(error).__name__}") from error
        if reply.status_code == requests.codes.unauthorized:
            raise ObservationError(source, "the statistics page refuses this username and password (401)")
        if reply.status_code != requests.codes.ok:
            raise ObservationError(source, f"the statistics page answers {reply.status_code}")
        return body.decode("utf-8", "replace")


def _capped(chunks: Iterable[bytes]) -> bytes:
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) > REPLY_BYTES:
            break  # the cut row makes it unreadable, which is what an endless page deserves
    return bytes(body)


@dataclass(frozen=True, slots=True)
class FallbackStats:
    """Implements `ports.ProxyStats`: the first source, and the second only while the first does not answer."""

    first: ProxyStats
    second: ProxyStats

    @property
    def balancer(self) -> str:
        """The name both sources go by."""
        return self.first.balancer

    def read(self, backends: Sequence[str] | None, figures: Collection[str] = (), *, each_server: bool = True) -> Proxy:
        """Raise ObservationError with both causes when neither answers."""
        try:
            return self.first.read(backends, figures, each_server=each_server)
        except ObservationError as first:
            try:
                return self.second.read(backends, figures, each_server=each_server)
            except ObservationError as second:
                raise ObservationError(first.source, f"{first.detail}; {second.detail}") from second


def _joined(balancer: str, rows: Iterable[ServerRow], old: Iterable[_Worker]) -> tuple[Server, ...]:
    """Add the sessions of older workers to the server with the same backend and address.

    What has no such server any more (its slot moved on, or left the file) becomes a server of its own, in maintenance
    and named `worker-<pid>/<name>`, which no real server can be called: its node is not empty.
    """
    extra: dict[_Place, list[tuple[int, ServerRow]]] = defaultdict(list)
    for pid, row in ((worker.pid, row) for worker in old for row in worker.rows):
        if row.sessions + row.queued:
            extra[row.backend, row.ip, row.port].append((pid, row))
    servers = []
    for row in rows:
        more = [other for _, other in extra.pop((row.backend, row.ip, row.port), [])]
        sessions = row.sessions + sum(other.sessions for other in more)
        servers.append(_server(balancer, row, sessions, row.queued + sum(other.queued for other in more)))
    for pid, row in (pair for pairs in extra.values() for pair in pairs):
        gone = row._replace(name=f"worker-{pid}/{row.name}", status=ServerStatus.MAINT)
        servers.append(_server(balancer, gone, row.sessions, row.queued))
    return tuple(servers)


def _server(balancer: str, row: ServerRow, sessions: int, queued: int) -> Server:
    return Server(balancer, row.backend, row.name, row.ip, row.port, row.status, sessions, queued)
