"""Server membership on every HAProxy at once, through slots: servers of the file that are given a node's address.

Slots work on every version, survive a reload (with a state file) and delete nothing: `del server` crashes HAProxy 2.6
(haproxy/haproxy #2298). Each call is level-triggered: it looks at the state found and does only what is missing, in
batches, reading all servers once a round, and believes no reply, only what it reads back.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TypeVar

from autoscaler.adapters.haproxy_rows import AdminState, ServerRow, canonical
from autoscaler.adapters.haproxy_socket import HaproxySocket
from autoscaler.adapters.haproxy_steps import (
    Slot,
    Stage,
    admission_step,
    draining,
    freeing,
    is_target,
    opening,
    parking,
)
from autoscaler.model.errors import ActionError, ObservationError
from autoscaler.model.plan import Admission, Deregister, Done, Drain, Endpoint, Failed, Forget, Result, Skipped

_POLL_S = 0.05  # from look to look; half of it stays quiet even when the looking takes long
_SENDS = 3  # of one command in one call; from 3.0 on an address shows up to 10 ms after its reply
_ROUNDS = 6  # of looking and telling; the longest way, UP to parked, takes three

_WAITING = Skipped("waiting_for_health_check")

_Found = list[tuple[str, Slot]]
_A = TypeVar("_A", Drain, Deregister, Forget)


class _View:
    """All servers of the wanted backends of one balancer, by name and by address."""

    def __init__(self, rows: Iterable[ServerRow], states: Mapping[str, Mapping[str, AdminState]]) -> None:
        self.named: dict[tuple[str, str], Slot] = {}
        self.addressed: dict[tuple[str, str, int], list[Slot]] = defaultdict(list)
        for row in rows:
            state = states[row.backend].get(row.name)
            if state is not None:  # absent only if the server was deleted between the two reads
                self.named[row.backend, row.name] = slot = Slot(row, state)
                self.addressed[row.backend, row.ip, row.port].append(slot)


class _Call:
    """One call over all balancers: what was ordered, how often it was sent, and who did not answer."""

    def __init__(self, sockets: Mapping[str, HaproxySocket], endpoints: Iterable[Endpoint]) -> None:
        self._sockets = dict(sockets)
        self._backends = sorted({endpoint.backend for endpoint in endpoints})
        self._orders: dict[str, list[str]] = defaultdict(list)
        self._sent: Counter[tuple[str, str]] = Counter()
        self.lost: Failed | None = None

    def look(self) -> dict[str, _View]:
        """Read every balancer that answers; one that does not is left out for the rest of the call."""
        views: dict[str, _View] = {}
        for balancer, socket in list(self._sockets.items()):
            try:
                states = {backend: socket.states(backend) for backend in self._backends}
                views[balancer] = _View(socket.stat(self._backends), states)
            except ObservationError as error:
                self._lose(balancer, Failed("haproxy_unreachable", f"{balancer}: {error.detail}", retryable=True))
        return views

    def order(self, balancer: str, commands: Iterable[str]) -> bool:
        """Note commands for the next `flush`, unless they had no effect several times already."""
        fresh = [command for command in commands if self._sent[balancer, command] < _SENDS]
        self._orders[balancer] += fresh
        return bool(fresh)

    def flush(self) -> bool:
        """Send what was ordered; False when there was nothing to send."""
        orders = {balancer: commands for balancer, commands in self._orders.items() if commands}
        self._orders.clear()
        for balancer, commands in orders.items():
            self._sent.update((balancer, command) for command in commands)
            try:
                self._sockets[balancer].tell(commands)
            except ActionError as error:
                self._lose(balancer, Failed(error.code, f"{balancer}: {error.detail}", error.retryable))
        return bool(orders)

    def _lose(self, balancer: str, failure: Failed) -> None:
        del self._sockets[balancer]
        self.lost = failure


class HaproxyControl:
    """Implements `ports.ProxyControl` on the balancers behind `sockets`, by name; the sockets need `level admin`.

    `wait` bounds how long one `admit` polls for health checks; the next call goes on where it ended. A passed check
    takes `rise` times the server's `downinter` (or `inter`).
    """

    def __init__(self, sockets: Mapping[str, HaproxySocket], wait: timedelta) -> None:
        """Keep the sockets; nothing is opened yet."""
        self._sockets = dict(sockets)
        self._wait_s = wait.total_seconds()

    def admit(self, admissions: Sequence[Admission]) -> list[Result]:
        """See `ports.ProxyControl.admit`. While one balancer does not answer, nobody is admitted on the others.

        Errors: `no_such_server`, `server_has_no_check`, `invalid_address`, `slot_occupied`, `haproxy_unreachable`,
        `haproxy_permission_denied`.
        """
        call = _Call(self._sockets, (endpoint for admission in admissions for endpoint in admission.endpoints))
        results: list[Result | None] = [_invalid(admission) for admission in admissions]
        unfinished = [index for index, result in enumerate(results) if result is None]
        deadline = time.monotonic() + self._wait_s
        while unfinished:
            began = time.monotonic()
            views = call.look()
            if call.lost is not None:
                break
            for index in unfinished:
                results[index] = _advance(admissions[index], views, call)
            unfinished = [index for index in unfinished if results[index] in {None, _WAITING}]
            sent = call.flush()
            if sent and all(results[index] is None for index in unfinished):
                continue  # nobody waits for a check: read back at once
            if not unfinished or (not sent and time.monotonic() >= deadline):
                break
            time.sleep(max(_POLL_S / 2, began + _POLL_S - time.monotonic()))
        for index in unfinished:
            results[index] = call.lost or _WAITING
        return [result for result in results if result is not None]

    def drain(self, drains: Sequence[Drain]) -> list[Result]:
        """See `ports.ProxyControl.drain`. A node that no server points at gets no sessions: Done."""
        return self._change(drains, _at_address, draining)

    def park(self, parks: Sequence[Deregister]) -> list[Result]:
        """See `ports.ProxyControl.park`."""
        return self._change(parks, _at_address, parking)

    def free(self, servers: Sequence[Forget]) -> list[Result]:
        """See `ports.ProxyControl.free`. Skipped(`sessions_left`) until the last session ended.

        A slot that meanwhile serves another address is none of this step's business and is left alone.
        """
        return self._change(servers, _still_its_own, freeing)

    def _change(
        self,
        actions: Sequence[_A],
        find: Callable[[_A, Mapping[str, _View]], _Found],
        step: Callable[[Slot], tuple[str, ...]],
    ) -> list[Result]:
        """Take `step` on all servers that `find` returns, until a look back finds nothing left to do."""
        call = _Call(self._sockets, (endpoint for action in actions for endpoint in action.endpoints))
        found: list[_Found] = []
        for _ in range(_ROUNDS):
            views = call.look()
            found = [find(action, views) for action in actions]
            for balancer, slot in (pair for pairs in found for pair in pairs):
                call.order(balancer, step(slot))
            if not call.flush():
                break
        return [call.lost or _read_back(pairs, step) for pairs in found]

    def preflight(self, backends: Mapping[str, str], sticky: Collection[str] = ()) -> list[str | ObservationError]:
        """Say in one line each what would keep us from working; `backends` gives each backend's slot prefix.

        `sticky` names those whose clients hold a cookie: without one on a slot they would be sent anywhere each time.
        A balancer that does not answer is an error instead of a line: it may come back by itself, the rest does not.
        """
        found: list[str | ObservationError] = []
        for balancer, socket in self._sockets.items():
            try:
                found.extend(f"{balancer}: {line}" for line in _faults(socket, backends))
                found.extend(f"{balancer}: {line}" for line in _unsticky(socket, backends, sticky))
            except ObservationError as error:
                found.append(ObservationError(f"haproxy:{balancer}", f"{error.detail} ({socket.address})"))
        return found


def _invalid(admission: Admission) -> Failed | None:
    bad = [endpoint for endpoint in admission.endpoints if not is_target(admission.ip, endpoint.port)]
    if bad:
        return Failed("invalid_address", f"{admission.ip}:{bad[0].port} is no address to send to", retryable=False)
    return None


def _advance(admission: Admission, views: Mapping[str, _View], call: _Call) -> Result | None:
    """Order what one admission lacks on any balancer; None when something was ordered."""
    ip = canonical(admission.ip)
    steps = []
    for balancer, view in views.items():
        for endpoint in admission.endpoints:
            slot = view.named.get((endpoint.backend, admission.slot))
            if slot is None:
                detail = f"{balancer}: no server {admission.slot} in a backend {endpoint.backend}"
                return Failed("no_such_server", detail, retryable=False)
            step = admission_step(slot, ip, endpoint.port)
            if step.refusal:
                return step.refusal
            steps.append((balancer, slot, step))
    if all(step.stage is Stage.ARRIVED for _, _, step in steps):
        return Done()
    everywhere = all(step.stage in {Stage.PROVEN, Stage.ARRIVED} for _, _, step in steps)
    ordered = [
        call.order(balancer, opening(slot) if everywhere and step.stage is Stage.PROVEN else step.commands)
        for balancer, slot, step in steps
    ]
    return None if any(ordered) else _WAITING


def _at_address(action: Drain | Deregister, views: Mapping[str, _View]) -> _Found:
    ip = canonical(action.ip)
    return [
        (balancer, slot)
        for balancer, view in views.items()
        for endpoint in action.endpoints
        for slot in view.addressed.get((endpoint.backend, ip, endpoint.port), ())
        if ip
    ]


def _still_its_own(action: Forget, views: Mapping[str, _View]) -> _Found:
    ip = canonical(action.ip)
    slots = (
        (balancer, view.named.get((endpoint.backend, action.slot)))
        for balancer, view in views.items()
        for endpoint in action.endpoints
    )
    return [(balancer, slot) for balancer, slot in slots if slot and (slot.row.ip == ip != "" or slot.parked)]


def _read_back(pairs: _Found, step: Callable[[Slot], tuple[str, ...]]) -> Result:
    left = [(balancer, command) for balancer, slot in pairs for command in step(slot)]
    if left:
        return Failed("haproxy_refused", f"{left[0][0]}: {left[0][1]!r} had no effect", retryable=True)
    if step is freeing and any(slot.in_use for _, slot in pairs):
        return Skipped("sessions_left")
    return Done()


def _faults(socket: HaproxySocket, backends: Mapping[str, str]) -> Iterable[str]:
    socket.info()
    level = socket.level()
    if level != "admin":
        yield f"the socket is of level {level}; changes need `level admin` ({socket.address})"
    for backend, prefix in backends.items():
        rows = socket.stat([backend])
        slots = [row for row in rows if row.name.startswith(prefix)]
        if not rows:
            yield f"there is no backend {backend} with a server in it"
        elif not slots:
            yield f"backend {backend} has no slot: no server whose name begins with {prefix!r}"
        states = socket.states(backend)
        bare = [row.name for row in slots if not row.tracks and row.name in states and not states[row.name].checkable]
        if bare:
            yield f"backend {backend}: no health check on {', '.join(bare)}; add `check` to the server line"


def _unsticky(socket: HaproxySocket, backends: Mapping[str, str], sticky: Collection[str]) -> Iterator[str]:
    """Name the slots that set no cookie. A slot with a dynamic cookie shows one even while it is parked."""
    for backend in sticky:
        cookies = socket.cookies(backend)
        slots = {name: cookie for name, cookie in cookies.servers.items() if name.startswith(backends[backend])}
        bare = [name for name, cookie in slots.items() if not cookie]
        if slots and not cookies.name:
            yield f"backend {backend} sets no cookie, and the policy says it does; add a `cookie` line to it"
        elif bare:
            yield f"backend {backend}: no cookie on {', '.join(bare)}; add `cookie NAME` to the server line"
