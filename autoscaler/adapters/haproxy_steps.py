"""What to do next with one server, from the state it is found in: pure, so that a crash at any point heals.

The order of admission is the one that lets no session reach an unproven node:
`set server addr` (in maintenance, with no session left), read back, then `enable health`, `state drain` and
`health down` in one line: the server is DOWN until `rise` checks of the new address passed, then DRAIN, and only then
`state ready`. Without `health down` a drained server still takes holders of its cookie before any check, and a server
with `fall 1` looks proven at once. Source: HAProxy management guide, "set server".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from autoscaler.adapters.haproxy_rows import AdminState, ServerRow, canonical
from autoscaler.model.plan import Failed
from autoscaler.model.snapshot import PARKING, ServerStatus

_LAST_PORT = 65_535


class Stage(Enum):
    """How far a server is on its way."""

    ACT = auto()
    WAIT = auto()
    PROVEN = auto()
    ARRIVED = auto()
    REFUSED = auto()


@dataclass(frozen=True, slots=True)
class Slot:
    """A server as found, from both of HAProxy's tables."""

    row: ServerRow
    state: AdminState

    @property
    def path(self) -> str:
        """`backend/server`, as commands name it."""
        return f"{self.row.backend}/{self.row.name}"

    @property
    def in_use(self) -> bool:
        """Whether sessions or queued requests are on it, in this worker."""
        return self.row.sessions + self.row.queued > 0

    @property
    def parked(self) -> bool:
        """Whether it points at the parking address, in whatever state."""
        return (self.row.ip, self.row.port) == PARKING


@dataclass(frozen=True, slots=True)
class Step:
    """What comes next: commands when the stage is ACT, the reason when it is REFUSED."""

    stage: Stage
    commands: tuple[str, ...] = ()
    refusal: Failed | None = None


def is_target(ip: str, port: int) -> bool:
    """Whether HAProxy may be given this address: it would itself take 999.0.0.1, and port 99999 as 34463."""
    return canonical(ip) != "" and 0 < port <= _LAST_PORT


def admission_step(slot: Slot, ip: str, port: int) -> Step:
    """Bring a server one step nearer to taking sessions for `ip:port`; `ip` is in its canonical spelling."""
    row = slot.row
    ours = (row.ip, row.port) == (ip, port)
    if ours and row.status is ServerStatus.UP:
        return Step(Stage.ARRIVED)
    if not (slot.state.checkable or row.tracks):
        detail = f"{slot.path} has no health check; add `check` to its line in haproxy.cfg"
        return Step(Stage.REFUSED, refusal=Failed("server_has_no_check", detail, retryable=False))
    if not ours:
        return _move(slot, ip, port)
    return _prove(slot)


def _prove(slot: Slot) -> Step:
    """Get a server that has the right address checked, while it takes nobody."""
    status = slot.row.status
    if status is not ServerStatus.MAINT and slot.state.paused and not slot.row.tracks:
        return Step(Stage.ACT, parking(slot))  # only maintenance wakes a paused check; `enable health` alone does not
    if status is ServerStatus.MAINT or not slot.row.checked:
        return Step(Stage.ACT, _begin(slot))
    if status is ServerStatus.DRAIN:
        return Step(Stage.PROVEN)
    if not slot.state.drained:
        return Step(Stage.ACT, (f"set server {slot.path} state drain",))  # else it would go UP by itself, here alone
    return Step(Stage.WAIT)


def _begin(slot: Slot) -> tuple[str, ...]:
    path = slot.path
    return (f"enable health {path}", f"set server {path} state drain", f"set server {path} health down")


def _move(slot: Slot, ip: str, port: int) -> Step:
    """Give the server a new address. HAProxy takes one at any time, and would count old streams under the new node."""
    row = slot.row
    if row.status is ServerStatus.MAINT and not slot.in_use:
        return Step(Stage.ACT, (f"set server {slot.path} addr {ip} port {port}",))
    if slot.parked:
        return Step(Stage.ACT, (f"set server {slot.path} state maint",))
    detail = f"{slot.path} is {row.status} with {row.sessions} sessions for {row.ip}:{row.port}"
    return Step(Stage.REFUSED, refusal=Failed("slot_occupied", detail, retryable=True))


def opening(slot: Slot) -> tuple[str, ...]:
    """Let a proven server take sessions. An operator's weight of 0 would keep it idle although it reads UP."""
    ready = f"set server {slot.path} state ready"
    return (ready,) if slot.row.weight else (ready, f"set server {slot.path} weight 100%")


def draining(slot: Slot) -> tuple[str, ...]:
    """Stop new sessions. Maintenance is further on already; going back to drain would let cookie holders in again."""
    if slot.row.status is ServerStatus.MAINT or slot.state.drained:
        return ()
    return (f"set server {slot.path} state drain",)


def parking(slot: Slot) -> tuple[str, ...]:
    """Put into maintenance: holders of the cookie go elsewhere, live sessions go on."""
    return () if slot.row.status is ServerStatus.MAINT else (f"set server {slot.path} state maint",)


def freeing(slot: Slot) -> tuple[str, ...]:
    """Empty a slot whose instance is gone: maintenance first, and the parking address once nobody is on it."""
    if slot.row.status is not ServerStatus.MAINT:
        return (f"set server {slot.path} state maint",)
    if slot.in_use or slot.parked:
        return ()
    ip, port = PARKING
    return (f"set server {slot.path} addr {ip} port {port}",)
