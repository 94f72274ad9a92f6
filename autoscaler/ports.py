"""What the core asks of the outside world, without a vendor's name in it.

Readers (`Senses`) and writers (`Hands`) are different ports: a dry run is given senses only, so it holds nothing that
could change anything. A reader raises ObservationError when it cannot read, a writer returns results and raises
ActionError only for the whole call. Each port has one contract suite in `tests/contract/`, which the adapter and the
in-memory port of `simulate` both pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from autoscaler.model.booking import Act, Booking, Ledger
    from autoscaler.model.errors import ObservationError
    from autoscaler.model.history import Recording
    from autoscaler.model.media import Refusals, Resources
    from autoscaler.model.memory import Memory
    from autoscaler.model.plan import Action, Admission, Deregister, Drain, Forget, Launch, Outcome, Result
    from autoscaler.model.report import CycleReport
    from autoscaler.model.snapshot import Heartbeat, Instance, Proxy, Sample, Streams
    from autoscaler.policy.schema import Policy


class Clock(Protocol):
    """The only source of "now"."""

    def now(self) -> datetime:
        """Return the present as aware UTC."""
        ...


class Fleet(Protocol):
    """The instances that carry our tags."""

    def instances(self, group: str) -> tuple[Instance, ...]:
        """Return every instance of the group in any state, the terminated ones left out.

        It is the same object as before while nothing about them changed.
        """
        ...

    def vcpus(self, types: Sequence[str]) -> Mapping[str, int]:
        """Return how many vCPUs an instance of each type has."""
        ...


class FleetControl(Protocol):
    """What may be done to instances. Only those that carry our tags are ever stopped or terminated."""

    def launch(self, action: Launch) -> tuple[str, ...]:
        """Launch up to `action.count` instances and return their ids; the same token again returns the same ids.

        Raises StockOut when the subnet's zone has none, ActionError for everything else.
        """
        ...

    def wake(self, instance_id: str) -> None:
        """Start a stopped instance; started already is success."""
        ...

    def stop(self, instance_id: str) -> None:
        """Stop an instance that carries our tags; stopped or gone already is success. Raises ActionError `not_ours`."""
        ...

    def terminate(self, instance_id: str) -> None:
        """Terminate an instance that carries our tags; gone already is success. Raises ActionError `not_ours`."""
        ...


class NodeLoads(Protocol):
    """What AMS itself writes about its nodes and streams."""

    def heartbeats(self) -> Mapping[str, Heartbeat]:
        """Return the newest row of each ip, however old."""
        ...

    def streams(self, now: datetime) -> Streams:
        """Return the streams that are live at `now`, over all applications."""
        ...


class ProxyStats(Protocol):
    """One balancer's statistics."""

    @property
    def balancer(self) -> str:
        """The balancer's name in the settings."""
        ...

    def read(self, backends: Sequence[str] | None, figures: Collection[str] = (), *, each_server: bool = True) -> Proxy:
        """Return the process and every server of these backends; None: of all. One that does not exist has none.

        `figures` asks for `Proxy.traffic` with these: of each backend as a whole and, with `each_server`, of servers.
        """
        ...


class ProxyControl(Protocol):
    """Server membership on every balancer at once. Results are read back from the balancers, never assumed."""

    def admit(self, admissions: Sequence[Admission]) -> list[Result]:
        """Bring nodes into service: Done when UP everywhere, Skipped(`waiting_for_health_check`) to ask again later.

        No node receives a new session before its own health check passed on every balancer.
        """
        ...

    def drain(self, drains: Sequence[Drain]) -> list[Result]:
        """Give the nodes no new sessions. Sessions they have go on."""
        ...

    def park(self, parks: Sequence[Deregister]) -> list[Result]:
        """Put the nodes into maintenance; sessions they have go on."""
        ...

    def free(self, servers: Sequence[Forget]) -> list[Result]:
        """Put servers whose instance is gone into maintenance and point them at the parking address."""
        ...


class NodeProbe(Protocol):
    """Whether nodes answer HTTP themselves, past every balancer."""

    def answers(self, endpoints: Sequence[tuple[str, int]]) -> Mapping[str, bool]:
        """Ask `GET /` of each (ip, port) at once, and return by ip whether it said 200 in time."""
        ...


class NodeResources(Protocol):
    """What the nodes' media servers say of themselves, each asked directly."""

    def read(self, ips: Sequence[str]) -> Mapping[str, Resources | ObservationError]:
        """Ask all of them at once, in bounded time; return each one's answer, or why there is none."""
        ...


class RefusalCount(Protocol):
    """What the nodes' media servers refused, as they told it by themselves."""

    def last_minute(self) -> Refusals:
        """Return what was told within the last minute."""
        ...


class MemoryReader(Protocol):
    """Reads what the cycles remember."""

    def load(self, group: str) -> Memory:
        """Return the group's memory; at first an empty one, of an origin that no other memory has."""
        ...


class MemoryStore(MemoryReader, Protocol):
    """Keeps what the cycles remember."""

    def save(self, group: str, memory: Memory) -> Memory:
        """Save if nobody else did since `memory` was loaded, and return it with its new revision.

        Raises StateConflict, and saves nothing, when somebody did.
        """
        ...


class HistoryReader(Protocol):
    """Reads what past seasons had."""

    def read(self, group: str, buckets: Mapping[str, Sequence[datetime]]) -> Mapping[str, tuple[Sample, ...]]:
        """Return, for each key, what was recorded in these buckets, by their starts, in their order.

        A bucket in which nothing was recorded is left out; a key of which nothing was recorded has an empty tuple.
        """
        ...


class HistoryWriter(Protocol):
    """Records what is heard now, for later seasons."""

    def record(self, group: str, at: datetime, recordings: Sequence[Recording]) -> None:
        """Raise the bucket of `at` to these totals. It never raises: what cannot be written is logged and lost."""
        ...


class BookingReader(Protocol):
    """Reads what is reserved by command."""

    def read(self, group: str, now: datetime) -> tuple[Booking, ...]:
        """Return the group's bookings that are neither cancelled nor over at `now`, by begin and name."""
        ...


class BookingStore(BookingReader, Protocol):
    """Keeps bookings, and what was ever done about them. No cycle holds one."""

    def ledgers(self, group: str) -> tuple[Ledger, ...]:
        """Return every ledger of the group that is not forgotten yet, by name."""
        ...

    def save(self, ledger: Ledger) -> Ledger:
        """Save if nobody else did since `ledger` was read, and return it with its new revision.

        Raises ActionError `reservation_conflict`, and saves nothing, when somebody did.
        """
        ...


class BookingJournal(Protocol):
    """The record of what people reserved and cancelled."""

    def booking(self, group: str, act: Act) -> None:
        """Record a deed after it was done. Raises ActionError when it cannot; the deed stands."""
        ...


class PolicySource(Protocol):
    """The reviewed policies."""

    def load(self) -> tuple[Policy, ...]:
        """Return all policies; raises ConfigurationError with every problem of every file."""
        ...


class Journal(Protocol):
    """The record of what was decided and done."""

    def intent(self, group: str, action: Action) -> None:
        """Record a step before it is taken. Raises ActionError when it cannot, and then the step is not taken."""
        ...

    def outcome(self, group: str, outcome: Outcome) -> None:
        """Record how a step ended."""
        ...

    def cycle(self, report: CycleReport) -> None:
        """Record a whole cycle as one event."""
        ...


@dataclass(frozen=True, slots=True)
class Senses:
    """Everything a cycle reads through. None: the settings do not say how."""

    clock: Clock
    fleet: Fleet
    loads: NodeLoads
    proxies: tuple[ProxyStats, ...]
    probe: NodeProbe
    history: HistoryReader
    bookings: BookingReader
    resources: NodeResources | None = None
    refusals: RefusalCount | None = None


@dataclass(frozen=True, slots=True)
class Hands:
    """Everything a cycle writes through."""

    fleet: FleetControl
    proxies: ProxyControl
    store: MemoryStore
    journal: Journal
    history: HistoryWriter
