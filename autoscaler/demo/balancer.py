"""The demo's HAProxy: its configuration, and a reading of it that owes nothing to the autoscaler's own."""

from __future__ import annotations

import asyncio
import csv
import io
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING

from autoscaler.demo.processes import ComponentFailed
from autoscaler.demo.wire import free_ports

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SLOTS = 12
LONGEST_SOCKET = 86
"""HAProxy takes paths of 97 characters, and needs some for the name under which it makes the socket first."""

PARKING = "127.0.0.1"
STATS_USER, STATS_PASSWORD = "Username", "Password"  # the published example's, for a page on loopback
BACKENDS = ("backend_http", "backend_http_sticky", "backend_rtmp")
TIMEOUT_S = 5.0
NOBODY = ("", "")
"""The process of a look that was never taken."""

OUT_OF_ROTATION = ("MAINT", "DRAIN")


@dataclass(frozen=True, slots=True)
class Balancer:
    """Where the demo's HAProxy listens."""

    socket: Path
    stats_port: int
    rtmp_port: int
    http_port: int

    @classmethod
    def plan(cls, folder: Path) -> Balancer:
        """Choose ports that are free now, and a socket in `folder`; ComponentFailed when its path is too long."""
        path = folder / "haproxy.sock"
        if len(str(path)) > LONGEST_SOCKET:
            raise ComponentFailed(f"{folder} is too long a name for a Unix socket in it; set TMPDIR to a shorter one")
        return cls(path, *free_ports(3))

    @property
    def stats_url(self) -> str:
        """The statistics page."""
        return f"http://127.0.0.1:{self.stats_port}/haproxy_stats"

    def render(self) -> str:
        """Return the whole haproxy.cfg."""
        slots = [_slot(number) for number in range(1, SLOTS + 1)]
        sticky = [f"{line} cookie slot{number}" for number, line in enumerate(slots, 1)]
        text = (resources.files("autoscaler.demo") / "haproxy.cfg").read_text()
        for name, value in {
            "SOCKET": str(self.socket),
            "STATS_PORT": str(self.stats_port),
            "RTMP_PORT": str(self.rtmp_port),
            "HTTP_PORT": str(self.http_port),
            "SLOTS": "\n    ".join(slots),
            "STICKY_SLOTS": "\n    ".join(sticky),
        }.items():
            text = text.replace(f"@{name}@", value)
        return text

    async def look(self) -> Sight:
        """Read process and servers; raises OSError or TimeoutError."""
        info = dict(line.split(": ", 1) for line in (await self._ask("show info")).splitlines() if ": " in line)
        rows = csv.DictReader(io.StringIO((await self._ask("show stat -1 4 -1")).lstrip("# ")))
        servers: dict[str, dict[str, Seen]] = {}
        for row in rows:
            ip = (row["addr"] or "").rpartition(":")[0]
            if ip and ip != PARKING:
                servers.setdefault(ip, {})[row["pxname"]] = Seen(row["status"], int(row["scur"] or 0))
        return Sight((info["Pid"], info["Start_time_sec"]), servers)

    async def _ask(self, command: str) -> str:
        async with asyncio.timeout(TIMEOUT_S):
            reader, writer = await asyncio.open_unix_connection(str(self.socket))
            try:
                writer.write(f"{command}\n".encode())
                return (await reader.read()).decode()
            finally:
                writer.close()


@dataclass(frozen=True, slots=True)
class Seen:
    """One server as `show stat` gives it."""

    status: str
    sessions: int

    @property
    def admitted(self) -> bool:
        """Whether somebody wants it to take new sessions; it may fail its checks all the same."""
        return not self.status.startswith(OUT_OF_ROTATION)


@dataclass(frozen=True, slots=True)
class Sight:
    """One look: which process answered, and each node's servers by backend, keyed by the node's address."""

    process: tuple[str, str]
    servers: Mapping[str, Mapping[str, Seen]] = field(default_factory=dict)

    def admitted(self, ip: str) -> bool:
        """Whether the HTTP backend is meant to give this address new sessions."""
        seen = self.servers.get(ip, {}).get(BACKENDS[0])
        return seen is not None and seen.admitted

    def drained(self, ip: str) -> bool:
        """Whether this address is known, and no backend gives it new sessions."""
        servers = self.servers.get(ip, {})
        return bool(servers) and not any(seen.admitted for seen in servers.values())


def _slot(number: int) -> str:
    """Render a slot in the one form whose address survives a reload with a state file (HAProxy 2.6 to 3.2)."""
    checks = "check inter 1s fall 3 rise 2 downinter 500ms"
    return f"server slot{number} slot.invalid:1 disabled {checks} init-addr last,{PARKING}"
