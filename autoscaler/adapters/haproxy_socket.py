"""HAProxy's runtime socket: framing that holds on every version from 2.4 to 3.4, with deadlines and a size cap.

One command a connection, read to the end: telling the replies of one line apart is unsafe (2.6 and 3.2 prompt
differently), and a connection kept open stays with the old worker after a reload, where writes are lost without a word.
Source: HAProxy management guide, "Unix Socket commands".
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from autoscaler.adapters.haproxy_rows import (
    AdminState,
    Cookies,
    Info,
    ServerRow,
    parse_cookies,
    parse_info,
    parse_stat,
    parse_states,
    parse_traffic,
    parse_workers,
)
from autoscaler.model.errors import ActionError, ObservationError
from autoscaler.model.snapshot import Line

LINE_BYTES = 8_000
"""The longest line we send. From 16384 bytes on some versions refuse it and others answer without end."""

REPLY_BYTES = 32_000_000
"""The longest reply we take; 10,000 servers are 2.6 MB of CSV."""

_ATTEMPTS = 3
_T = TypeVar("_T")
_NAME = re.compile(r"[A-Za-z0-9_.:-]+")


EVERYTHING = ("-1",)
"""Instead of backends' names: all there are (management guide, `show stat`)."""


def is_name(text: str) -> bool:
    """Whether `text` can be a backend's or server's name. HAProxy takes any argument, so it is looked at first."""
    return _NAME.fullmatch(text) is not None


class HaproxySocket:
    """One runtime or master socket: `unix:/run/haproxy/admin.sock` or `tcp:127.0.0.1:9999`.

    Reads raise ObservationError, writes ActionError. After a timeout nobody knows whether the command ran: a stopped
    worker still runs it when it wakes, even though we hung up. So every command sent here must be idempotent.
    """

    def __init__(self, address: str, timeout_s: float = 3.0) -> None:
        """Keep the address; nothing is opened yet. `timeout_s` bounds each command from connect to the last byte."""
        scheme, _, rest = address.partition(":")
        host, _, port = rest.rpartition(":")
        if not ((scheme == "unix" and rest.startswith("/")) or (scheme == "tcp" and host and port.isdigit())):
            raise ValueError(f"{address!r} is neither unix:/PATH nor tcp:HOST:PORT")
        self.address = address
        self._timeout_s = timeout_s
        self._target: str | tuple[str, int] = rest if scheme == "unix" else (host.strip("[]"), int(port))

    def ask(self, command: str) -> str:
        """Send one reading command and return the whole reply. Raises ObservationError."""
        try:
            reply = self._exchange(command)
        except OSError as error:
            raise ObservationError(self.address, self._explain(error)) from error
        if reply.strip() == "Permission denied":
            raise ObservationError(self.address, f"the socket's level does not permit {command!r}")
        return reply

    def tell(self, commands: Sequence[str]) -> None:
        """Send independent, idempotent changes in as few lines as fit; an error in one does not stop the rest.

        The replies are prose that differs by version, so the caller reads the state back. Raises ActionError
        `haproxy_permission_denied` and `haproxy_unreachable`; some commands may have run by then.
        """
        for line in _lines(commands):
            try:
                reply = self._exchange(line)
            except OSError as error:
                raise ActionError("haproxy_unreachable", f"{self.address}: {self._explain(error)}") from error
            if "Permission denied" in reply:
                detail = f"{self.address}: the socket needs `level admin`"
                raise ActionError("haproxy_permission_denied", detail, retryable=False)

    def info(self) -> Info:
        """Return the process that answers; an old worker on its way out is not listened to. Raises ObservationError."""
        for _ in range(_ATTEMPTS):
            info = self.info_of()
            if not info.stopping:
                return info
        raise ObservationError(self.address, "a worker that is stopping answers, and no new one has taken over")

    def info_of(self, worker: int | None = None) -> Info:
        """Return the process that answers; on a master socket that of this pid. Raises ObservationError."""
        prefix = "" if worker is None else f"@!{worker} "
        return self._read(f"{prefix}show info", lambda text: parse_info(text, datetime.now(UTC)))

    def level(self) -> str:
        """Return `user`, `operator` or `admin`. Raises ObservationError."""
        return self.ask("show cli level").strip()

    def stat(self, backends: Iterable[str], worker: int | None = None) -> list[ServerRow]:
        """Return the servers of these backends; a backend that does not exist has none. Raises ObservationError.

        On a master socket, `worker` is the pid of the process to ask. Level `user` is shown no addresses.
        """
        return self.stat_with_traffic(backends, (), worker)[0]

    def stat_with_traffic(
        self, backends: Iterable[str], figures: Collection[str], worker: int | None = None, *, each_server: bool = True
    ) -> tuple[list[ServerRow], list[Line]]:
        """Return what `stat` does, and these figures of each backend and, with `each_server`, of each server.

        Raises ObservationError.
        """
        prefix = "" if worker is None else f"@!{worker} "
        kinds = 6 if figures else 4  # 2: backends, 4: servers
        rows: list[ServerRow] = []
        lines: list[Line] = []
        for backend in backends:
            command = f"{prefix}show stat {self._checked(backend)} {kinds} -1"
            more_rows, more_lines = self._read(
                command, lambda text: _parse_stat_if_any(text, figures, each_server=each_server)
            )
            rows += more_rows
            lines += more_lines
        return rows, lines

    def cookies(self, backend: str) -> Cookies:
        """Return the backend's cookie and what each server puts into it. Raises ObservationError."""
        return self._read(f"show stat {self._checked(backend)} 6 -1", parse_cookies)

    def states(self, backend: str) -> Mapping[str, AdminState]:
        """Return what only `show servers state` knows, by server name. Raises ObservationError."""
        return self._read(f"show servers state {self._checked(backend)}", parse_states)

    def workers(self) -> list[int]:
        """Return the pids of all workers, old ones too. Only a master socket can tell. Raises ObservationError."""
        return self._read("show proc", parse_workers)

    def _read(self, command: str, parse: Callable[[str], _T]) -> _T:
        try:
            return parse(self.ask(command))
        except ValueError as error:
            raise ObservationError(self.address, f"{command}: {error}") from error

    def _checked(self, name: str) -> str:
        if not is_name(name):
            raise ObservationError(self.address, f"{name!r} cannot be the name of a backend")
        return name

    def _exchange(self, line: str) -> str:
        """Send one line on a connection of its own and read to the end, all within the timeout."""
        deadline = time.monotonic() + self._timeout_s
        family = (
            socket.AF_UNIX
            if isinstance(self._target, str)
            else socket.AF_INET6
            if ":" in self._target[0]
            else socket.AF_INET
        )
        chunks: list[bytes] = []
        size = 0
        with socket.socket(family, socket.SOCK_STREAM) as wire:
            wire.settimeout(self._timeout_s)
            wire.connect(self._target)
            wire.sendall(line.encode("ascii") + b"\n")
            wire.shutdown(socket.SHUT_WR)  # a master socket stays open until we close our side
            while chunk := wire.recv(262_144):
                chunks.append(chunk)
                size += len(chunk)
                if size > REPLY_BYTES:
                    raise OSError(f"the answer is longer than {REPLY_BYTES} bytes")
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError
                wire.settimeout(left)
        return b"".join(chunks).decode("utf-8", "replace")

    def _explain(self, error: OSError) -> str:
        if isinstance(error, TimeoutError):
            return f"no complete answer within {self._timeout_s:g} s; whether the command ran is unknown"
        return error.strerror or str(error)


def _parse_stat_if_any(text: str, figures: Collection[str], *, each_server: bool) -> tuple[list[ServerRow], list[Line]]:
    if text.startswith("No such proxy"):
        return [], []
    return parse_stat(text), parse_traffic(text, figures, each_server=each_server) if figures else []


def _lines(commands: Sequence[str]) -> Iterator[str]:
    """Join commands with `;` into lines of at most LINE_BYTES."""
    line = ""
    for command in commands:
        if line and len(line) + len(command) + 1 > LINE_BYTES:
            yield line
            line = ""
        line = f"{line};{command}" if line else command
    if line:
        yield line
