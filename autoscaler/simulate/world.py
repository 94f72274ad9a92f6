"""The state of a made-up cluster, and the knobs that break it.

The ports of `simulate.ports` are thin views of one World. Nothing here reads a clock: `now` moves when told to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial

from autoscaler.model.errors import ActionError, ObservationError, StockOut
from autoscaler.model.media import Resources
from autoscaler.model.plan import Launch
from autoscaler.model.snapshot import PARKING, Audience, Heartbeat, Instance, InstanceState, Server, ServerStatus
from autoscaler.policy.record import MOST_NODES

STREAM_MAX_AGE = timedelta(seconds=60)
"""How long a stream whose row is not updated any more still counts as live, as in the adapter."""

QUERY_MS = 2.0
"""What a node says that a query of MongoDB takes."""

LIVING = frozenset({InstanceState.PENDING, InstanceState.RUNNING, InstanceState.STOPPING, InstanceState.SHUTTING_DOWN})
"""What is paid for as a node; of one that is stopped, only the disk."""

Place = tuple[str, str, str]
"""Where a server stands: balancer, backend, name."""


class Servers(dict[Place, Server]):
    """The balancers' servers. `version` counts changes, but for those of their sessions."""

    def __init__(self) -> None:
        """Begin with none."""
        super().__init__()
        self.version = 0
        self._counted = -1
        self._sessions: list[int] = []
        self._makers: list[Callable[[int], Server]] = []

    def __setitem__(self, place: Place, server: Server) -> None:
        """Set a server."""
        self.version += 1
        super().__setitem__(place, server)

    def __delitem__(self, place: Place) -> None:
        """Take a server away."""
        self.version += 1
        super().__delitem__(place)

    def count(self, placed: Mapping[Place, str], people: Mapping[str, int]) -> None:
        """Set how many sessions those servers have that are `placed`, the same ones for as long as none changes.

        Each has as many as there are `people` at the address at which it points.
        """
        if self._counted != self.version:
            self._counted, servers = self.version, [self[place] for place in placed]
            self._sessions = [server.sessions for server in servers]
            self._makers = [
                partial(Server, one.balancer, one.backend, one.name, one.ip, one.port, one.status) for one in servers
            ]
        sessions = [people.get(ip, 0) for ip in placed.values()]
        counts = zip(placed, self._makers, sessions, self._sessions, strict=True)
        self.update({place: make(count) for place, make, count, before in counts if count != before})
        self._sessions = sessions


@dataclass
class SimulatedNode:
    """An instance with what EC2 does not know: whose it is, and what runs on it. `woken`: it was stopped before.

    `row` is what it wrote into MongoDB last: when, and then its CPU and memory in percent and the milliseconds that a
    query took. It is its `heartbeat`, of which most are never looked at.
    """

    instance: Instance
    group: str
    ours: bool = True
    row: tuple[datetime, tuple[float | None, float | None, float | None]] | None = None
    publishers: int = 0
    answers: bool = False
    resources: Resources | None = None
    woken: bool = False

    @property
    def heartbeat(self) -> Heartbeat | None:
        """Its row in MongoDB."""
        return Heartbeat(self.row[0], *self.row[1]) if self.row else None


@dataclass
class World:
    """One cluster. Knobs: `dead` sources (`ec2`, `mongodb`, `haproxy:<name>`), `capacity` by subnet, `frozen` nodes.

    Spot is bought from what is left over, so `spot_capacity`, by subnet too, limits it beside `capacity`. EC2 has so
    many of a type at once as `stock` says, and none of those that are `sold_out`. What is launched by a template's own
    type is of `template_type`.
    A node frozen since a time serves on and writes no more: its heartbeat grows old, and its streams go out of sight
    when their rows are STREAM_MAX_AGE old. `refusals` are told by nodes, by ip; nobody listens by himself.

    `holds`: how many things that last hold a knob at once, by its name; what they do ends with the last of them.

    Streams are of the application `live`: a node's `publishers`, and `viewers`. `applications` are there beside it.

    `traffic` is by balancer, backend and server ("" for what only the backend as a whole tells) and by figure of
    `snapshot.Line`; counters are 0 where it tells none.
    """

    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    nodes: dict[str, SimulatedNode] = field(default_factory=dict)
    born: int = 0
    servers: Servers = field(default_factory=Servers)
    balancers: tuple[str, ...] = ("lb1",)
    haproxy_started_at: datetime = datetime(2025, 12, 1, tzinfo=UTC)
    traffic: dict[Place, dict[str, int]] = field(default_factory=dict)
    viewers: dict[str, int] = field(default_factory=dict)
    applications: dict[str, Audience] = field(default_factory=dict)
    dead: set[str] = field(default_factory=set)
    frozen: dict[str, datetime] = field(default_factory=dict)
    capacity: dict[str, int] = field(default_factory=dict)
    spot_capacity: dict[str, int] = field(default_factory=dict)
    stock: dict[str, int] = field(default_factory=dict)
    sold_out: set[str] = field(default_factory=set)
    holds: Counter[str] = field(default_factory=Counter)
    template_type: str = "c5.xlarge"
    vcpus: dict[str, int] = field(default_factory=lambda: {"c5.large": 2, "c5.xlarge": 4, "c5.2xlarge": 8})
    launches: dict[str, tuple[str, ...]] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)
    refusals: list[tuple[datetime, str]] = field(default_factory=list)
    listening_since: datetime | None = None

    def advance(self, delta: timedelta) -> None:
        """Let time pass."""
        self.now += delta

    def add_slots(self, backend: str, count: int, prefix: str = "slot", port: int | None = None) -> None:
        """Declare free servers `prefix1..prefixN` in a backend of every balancer."""
        address = (PARKING[0], port or PARKING[1])
        for balancer in self.balancers:
            for number in range(1, count + 1):
                name = f"{prefix}{number}"
                self.servers[balancer, backend, name] = Server(
                    balancer, backend, name, *address, status=ServerStatus.MAINT, sessions=0
                )

    def add_node(
        self, group: str = "edge", *, subnet: str = "subnet-a", token: str = "", ours: bool = True,
        state: InstanceState = InstanceState.RUNNING, instance_type: str = "c5.xlarge",
    ) -> SimulatedNode:  # fmt: skip
        """Put an instance into the world, launched now."""
        number = self.born = self.born + 1
        instance = Instance(
            instance_id=f"i-{number:017x}", ip=f"10.0.{number // 250}.{number % 250 + 1}", zone=f"zone-{subnet[-1]}",
            subnet=subnet, instance_type=instance_type, launched_at=self.now, state=state, token=token,
        )  # fmt: skip
        node = SimulatedNode(instance, group, ours=ours)
        self.nodes[instance.instance_id] = node
        return node

    def join(self, node: SimulatedNode, cpu_percent: float = 0.0) -> None:
        """Let a node finish its boot: it runs, heartbeats and answers."""
        node.instance = replace(node.instance, state=InstanceState.RUNNING)
        node.answers = True
        self.beat(node, cpu_percent)

    def beat(self, node: SimulatedNode, cpu_percent: float) -> None:
        """Write a heartbeat."""
        node.row = self.now, (cpu_percent, 40.0, QUERY_MS)

    def serve(self, node: SimulatedNode, backend: str, slot: str, *, port: int = 5080, sessions: int = 0) -> None:
        """Put a node into service in one backend of every balancer, with so many sessions on each."""
        for balancer in self.balancers:
            self.servers[balancer, backend, slot] = Server(
                balancer, backend, slot, node.instance.ip, port, ServerStatus.UP, sessions
            )

    def let_go(self, knob: str) -> bool:
        """Let one who holds a knob end; whether that was the last."""
        self.holds[knob] -= 1
        return not self.holds[knob]

    def freeze(self, key: str) -> None:
        """Let a node write no more, until it is thawed as often as it was frozen."""
        self.holds[key] += 1
        self.frozen.setdefault(key, self.now)

    def thaw(self, key: str) -> None:
        """Let one end who froze a node."""
        if self.let_go(key):
            self.frozen.pop(key, None)

    def visible_publishers(self, node: SimulatedNode) -> int:
        """Count a node's publishers as MongoDB has them."""
        since = self.frozen.get(node.instance.instance_id)
        return node.publishers if since is None or self.now - since < STREAM_MAX_AGE else 0

    def alive(self, source: str) -> None:
        """Raise what an adapter raises when its source is down."""
        if source in self.dead:
            raise ObservationError(source, "does not answer")

    def launch(self, action: Launch) -> tuple[str, ...]:
        """Launch as EC2 does: the same token again brings the same instances, and a full zone brings none."""
        if action.token in self.launches:
            return self.launches[action.token]
        pools = [self.capacity, self.spot_capacity] if action.spec.spot else [self.capacity]
        limited = [pool for pool in pools if action.subnet in pool]
        kind = action.spec.instance_type or self.template_type
        count = min([action.count, self.left(kind), *(pool[action.subnet] for pool in limited)])
        if count <= 0:
            raise StockOut(f"no capacity for {kind} in {action.subnet}")
        for pool in limited:
            pool[action.subnet] -= count
        launched = [
            self.add_node(
                action.group,
                subnet=action.subnet,
                token=action.token,
                state=InstanceState.PENDING,
                instance_type=kind,
            )
            for _ in range(count)
        ]
        for node in launched:
            node.instance = replace(node.instance, spot=action.spec.spot)
        self.launches[action.token] = tuple(node.instance.instance_id for node in launched)
        return self.launches[action.token]

    def wake(self, node: SimulatedNode) -> None:
        """Start a stopped instance as EC2 does: it needs capacity again, and its launch time is of now."""
        subnet = node.instance.subnet
        if node.instance.state is not InstanceState.STOPPED:
            return
        if min(self.capacity.get(subnet, 1), self.left(node.instance.instance_type)) < 1:
            raise StockOut(f"no capacity in {subnet}")
        if subnet in self.capacity:
            self.capacity[subnet] -= 1
        node.instance = replace(node.instance, state=InstanceState.PENDING, launched_at=self.now)
        node.woken = True

    def stop(self, node: SimulatedNode) -> None:
        """Stop an instance at once, with everything on it. It keeps its address and its row in MongoDB."""
        if node.instance.spot:
            raise ActionError("ec2_rejected", "a one-time spot instance cannot be stopped", retryable=False)
        if node.instance.state is InstanceState.PENDING:
            raise ActionError("ec2_wrong_state", f"{node.instance.instance_id} does not run yet")
        if node.instance.state is not InstanceState.RUNNING:
            return
        node.instance = replace(node.instance, state=InstanceState.STOPPED)
        node.publishers, node.answers = 0, False

    def left(self, instance_type: str) -> int:
        """Count how many more of a type EC2 has."""
        if instance_type in self.sold_out:
            return 0
        if instance_type not in self.stock:
            return MOST_NODES
        instances = [node.instance for node in self.nodes.values()]
        there = [one for one in instances if one.instance_type == instance_type and one.state in LIVING]
        return self.stock[instance_type] - len(there)

    def owned(self, instance_id: str) -> SimulatedNode | None:
        """Find an instance that we may stop; None when it is gone."""
        node = self.nodes.get(instance_id)
        if node is not None and not node.ours:
            raise ActionError("not_ours", f"{instance_id} does not carry our tags", retryable=False)
        return node
