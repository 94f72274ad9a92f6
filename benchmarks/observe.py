"""Observing a big cluster, held against the same reads by the bare drivers.

The instances come from memory on our side and not at all on the other, so that EC2's answer does not hide the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from autoscaler.adapters.clock import SystemClock
from autoscaler.adapters.haproxy_socket import HaproxySocket
from autoscaler.adapters.haproxy_stats import SocketStats
from autoscaler.adapters.http_probe import HttpProbe
from autoscaler.adapters.mongo_bookings import MongoBookingReader
from autoscaler.adapters.mongo_history import MongoHistoryReader
from autoscaler.adapters.mongo_loads import MongoLoads
from autoscaler.cycle.observe import observe
from autoscaler.model.memory import Memory
from autoscaler.model.snapshot import FleetSnapshot, Instance, InstanceState
from autoscaler.policy.schema import Policy
from autoscaler.ports import Senses
from benchmarks import bare, cluster
from benchmarks.figures import Effort, Figure, Goal, medians
from benchmarks.instances import instance_id

_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class _CannedFleet:
    """Implements `ports.Fleet` without asking anybody."""

    found: tuple[Instance, ...]

    def instances(self, group: str) -> tuple[Instance, ...]:
        del group
        return self.found

    def vcpus(self, types: Sequence[str]) -> Mapping[str, int]:
        return dict.fromkeys(types, 4)


def run(effort: Effort) -> list[Figure]:
    """Measure both in turn."""
    with ExitStack() as stack:
        now = datetime.now(UTC)
        folder = stack.enter_context(cluster.balancer(effort.nodes)).folder
        admin, master = f"{folder}/admin.sock", f"{folder}/master.sock"
        database = stack.enter_context(cluster.database(stack.enter_context(cluster.mongodb())))
        cluster.seed(database, effort.nodes, effort.streams, now)
        stats = SocketStats("lb1", *(HaproxySocket(f"unix:{path}", _TIMEOUT_S) for path in (admin, master)))
        senses = Senses(
            SystemClock(), _CannedFleet(_instances(effort.nodes, now)),
            MongoLoads(database.client, database.name, [database.name]), (stats,), HttpProbe(_TIMEOUT_S),
            MongoHistoryReader(database), MongoBookingReader(database),
        )  # fmt: skip
        policy = Policy.model_validate(cluster.policy("edge", effort.nodes))

        def ours() -> FleetSnapshot:
            return observe(senses, policy, Memory())

        def raw() -> None:
            bare.haproxy(admin, master, tuple(cluster.BACKENDS))
            bare.nodes(database)
            bare.streams(database, datetime.now(UTC))

        _check(ours(), effort)
        value, floor = medians(ours, raw, effort.rounds)
    size = f"{effort.nodes} nodes, {len(cluster.BACKENDS)} backends, {effort.streams} streams"
    return [Figure("observe", size, value, "ms", floor, Goal("ratio", 1.5))]


def _instances(nodes: int, now: datetime) -> tuple[Instance, ...]:
    born = now - timedelta(hours=3)
    return tuple(
        Instance(instance_id(n), ip, "eu-west-1a", "subnet-a", "c7i.xlarge", born, InstanceState.RUNNING)
        for n, ip in enumerate(cluster.addresses(nodes))
    )


def _check(snapshot: FleetSnapshot, effort: Effort) -> None:
    """Raise unless everything was there to be read."""
    streams = sum(node.publishers for node in snapshot.nodes if isinstance(node.publishers, int))
    servers = sum(len(proxy.servers) for proxy in snapshot.proxies)
    if snapshot.gaps or streams != effort.streams or servers != effort.nodes * len(cluster.BACKENDS):
        raise RuntimeError(f"{servers} servers, {streams} streams, {snapshot.gaps}")
