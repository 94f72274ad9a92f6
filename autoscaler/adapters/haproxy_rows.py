"""What HAProxy says, read into records: `show stat`, `show servers state`, `show info` and the master's `show proc`.

Everything is read by the name of its column, since order and extras differ between versions 2.4 and 3.4. Prose is never
read: "no need to change the addr" became "nothing changed" in 3.0. Texts that make no sense raise ValueError.
"""

from __future__ import annotations

import csv
import ipaddress
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from autoscaler.model.snapshot import MEANS, Line, ServerStatus

_BACKEND_ROW, _SERVER_ROW = "1", "2"  # column `type`: 0 frontend, 1 backend, 2 server, 3 listener
_COLUMNS = (
    "pxname", "svname", "type", "addr", "status", "scur", "qcur", "uweight", "weight", "tracked",
    "check_status", "check_health", "check_rise", "check_fall",
)  # fmt: skip
FIGURES: Mapping[str, tuple[str, ...]] = {
    "sessions": ("scur",),
    "queued": ("qcur",),
    "requests": ("stot",),
    "rate": ("rate",),
    "bytes_in": ("bin",),
    "bytes_out": ("bout",),
    "connection_errors": ("econ",),
    "response_errors": ("eresp",),
    "denied": ("dreq", "dresp"),  # a server has the second only
    "queue_ms": ("qtime",),
    "response_ms": ("rtime",),
}
"""Which columns make up a figure of `Line`; those that are filled in are added up."""

# Bits of `srv_admin_state` and `srv_check_state` in `show servers state` (management guide; SRV_ADMF_*, CHK_ST_*).
_DRAINED = 0x08 | 0x10  # by command, or inherited from the server it tracks
_CHECK_CONFIGURED = 0x02  # kept while the check is paused by maintenance, unlike everything `show stat` shows of it
_CHECK_PAUSED = 0x08


class ServerRow(NamedTuple):
    """One server line of `show stat`. `checked`: a health check, its own or a tracked server's, is running."""

    backend: str
    name: str
    ip: str
    port: int
    status: ServerStatus
    sessions: int
    queued: int
    weight: int
    checked: bool
    tracks: bool


class AdminState(NamedTuple):
    """What `show servers state` adds.

    `drained`: by an administrator. `checkable`: a health check is written in the configuration. `paused`: it rests, as
    in maintenance; outside of it, it does so for good after leaving maintenance with `disable health` in force.
    """

    drained: bool
    checkable: bool
    paused: bool


class Cookies(NamedTuple):
    """What a backend does for stickiness: the cookie's `name`, "" when it sets none, and each server's value."""

    name: str
    servers: Mapping[str, str]


class Info(NamedTuple):
    """One worker process. `started_at` has HAProxy's granularity of a second; `stopping` marks an old worker.

    `identity` is the same at every reading, and no other process has it.
    """

    version: str
    pid: int
    started_at: datetime
    stopping: bool
    identity: str


def parse_stat(text: str) -> list[ServerRow]:
    """Read the server rows of `show stat`, or of the statistics page's CSV, which is the same text."""
    if not text.startswith("# "):
        raise ValueError(f"no CSV header in {text[:60]!r}")
    lines = csv.reader(text[2:].splitlines())
    header = {column: index for index, column in enumerate(next(lines))}
    missing = [column for column in _COLUMNS if column not in header]
    if missing:
        raise ValueError(f"no column {', '.join(missing)}")
    at = [header[column] for column in _COLUMNS]
    kind = header["type"]
    return [_row([line[index] for index in at]) for line in lines if len(line) > kind and line[kind] == _SERVER_ROW]


def parse_traffic(text: str, figures: Collection[str], *, each_server: bool = True) -> list[Line]:
    """Read these figures of each backend's row of `show stat` and, with `each_server`, of each server's.

    What is not there has no figure, nor has what was not measured, of which HAProxy says 0: a mean over no requests,
    and response times in tcp mode.
    """
    lines = csv.reader(text[2:].splitlines())
    header = {column: index for index, column in enumerate(next(lines))}
    at = {figure: [header[column] for column in FIGURES[figure] if column in header] for figure in figures}
    kind, addr, mode, total = (header[column] for column in ("type", "addr", "mode", "stot"))
    kinds = {_BACKEND_ROW, _SERVER_ROW} if each_server else {_BACKEND_ROW}
    found = []
    for line in lines:
        if len(line) <= kind or line[kind] not in kinds:
            continue
        unmeasured = set(MEANS) if line[total] in {"", "0"} else set() if line[mode] == "http" else {"response_ms"}
        cells = {figure: [line[index] for index in at[figure] if line[index]] for figure in at.keys() - unmeasured}
        known = {figure: sum(map(int, told)) for figure, told in cells.items() if told}
        server = line[header["svname"]] if line[kind] == _SERVER_ROW else ""
        found.append(Line(line[header["pxname"]], server, *split_address(line[addr]), known))
    return found


def parse_cookies(text: str) -> Cookies:
    """Read the column `cookie` of `show stat BACKEND`; a backend that does not exist has none."""
    rows = [row for row in csv.DictReader(text.removeprefix("# ").splitlines()) if row.get("cookie") is not None]
    name = next((row["cookie"] for row in rows if row["type"] == _BACKEND_ROW), "")
    return Cookies(name, {row["svname"]: row["cookie"] for row in rows if row["type"] == _SERVER_ROW})


def _row(cells: list[str]) -> ServerRow:
    backend, name, _, addr, status, scur, qcur, uweight, weight, tracked, check, health, rise, fall = cells
    ip, port = split_address(addr)
    load_weight = int(uweight or weight or 1)
    passed = bool(tracked) or (check != "" and int(health) == int(rise) + int(fall) - 1)
    return ServerRow(
        backend, name, ip, port, server_status(status, check, load_weight, passed=passed),
        int(scur or 0), int(qcur or 0), load_weight, checked=check != "" or bool(tracked), tracks=bool(tracked),
    )  # fmt: skip


def server_status(status: str, check_status: str, weight: int, *, passed: bool) -> ServerStatus:
    """Reduce the `status` column to what we act on; each line follows `stats_fill_sv_stats` in HAProxy's source.

    `passed` says that the health counter is full (check_health == rise + fall - 1): the counter, not `check_status`,
    proves a check of the present address, since a recycled server shows its former node's `L4OK` until its own.
    """
    word = status.split(" ", maxsplit=1)[0]
    if word == "MAINT":  # also "MAINT (via backend/server)" and "MAINT (resolution)"
        return ServerStatus.MAINT
    if word in {"UP", "no"}:  # "UP 1/3" has failed checks behind it, "no check" has none: both take sessions
        if weight > 0:
            return ServerStatus.UP
        return ServerStatus.DRAIN if passed else ServerStatus.CHECKING
    if word in {"DRAIN", "NOLB"}:
        plain = "/" not in status  # a tracking server has no counter of its own, but wears its leader's fraction
        return ServerStatus.DRAIN if passed and plain else ServerStatus.CHECKING
    if status == "DOWN (agent)":
        return ServerStatus.DOWN
    rising = "/" in status  # "DOWN 1/2": passed, but not yet as often as `rise` demands
    forced = check_status.removeprefix("* ") in {"INI", "L4OK", "L6OK", "L7OK", "L7OKC"}  # `health down`, or new
    return ServerStatus.CHECKING if rising or forced else ServerStatus.DOWN


def split_address(addr: str) -> tuple[str, int]:
    """Split `10.0.0.7:5080` or `[::1]:5080`; anything else (level user, a Unix socket, the plain page) is ("", 0)."""
    host, _, port = addr.rpartition(":")
    ip = canonical(host.strip("[]"))
    return (ip, int(port)) if ip and port.isdigit() else ("", 0)


@lru_cache(maxsize=16_384)  # parsing addresses was half of the work of reading 1,000 servers
def canonical(ip: str) -> str:
    """Return the one spelling under which addresses are compared; what is no address is ""."""
    try:
        return str(ipaddress.ip_address(ip))
    except ValueError:
        return ""


def parse_states(text: str) -> Mapping[str, AdminState]:
    """Read `show servers state BACKEND` by server name; a backend that does not exist has none."""
    lines = [line.split(" ") for line in text.splitlines() if line.strip()]
    header = next((line[1:] for line in lines if line[0] == "#"), None)
    if header is None:
        return {}
    name, admin, check = (header.index(column) for column in ("srv_name", "srv_admin_state", "srv_check_state"))
    return {
        line[name]: AdminState(
            drained=bool(int(line[admin]) & _DRAINED),
            checkable=bool(int(line[check]) & _CHECK_CONFIGURED),
            paused=bool(int(line[check]) & _CHECK_PAUSED),
        )
        for line in lines
        if line[0] != "#" and len(line) > check
    }


def parse_info(text: str, now: datetime) -> Info:
    """Read `show info`. `now` serves versions without Start_time_sec, which have only their uptime."""
    pairs = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
    try:
        if "Start_time_sec" in pairs:
            started = datetime.fromtimestamp(int(pairs["Start_time_sec"]), UTC)
        else:
            started = now - timedelta(seconds=int(pairs["Uptime_sec"]))
        return Info(
            pairs["Version"], int(pairs["Pid"]), started,
            stopping=pairs.get("Stopping", "0") != "0",
            identity=f"{pairs['Pid']} {pairs.get('Start_time_sec', '')}".rstrip(),
        )  # fmt: skip
    except KeyError as error:
        raise ValueError(f"no line {error.args[0]}") from error


def parse_workers(text: str) -> list[int]:
    """Read the pids of all workers, present and old, from the master's `show proc`."""
    if "<PID>" not in text:
        raise ValueError(f"no process table in {text[:60]!r}")
    return [int(pid) for pid in re.findall(r"^(\d+)\s+worker\s", text, re.MULTILINE)]
