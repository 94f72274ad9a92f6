"""Deciding and planning for big groups, in the situations that ask most of them.

The floor is one pass over the nodes that reads each one's facts, without which there can be no decision.
"""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from autoscaler.decide.pipeline import decide
from autoscaler.decide.view import View
from autoscaler.model.memory import DrainRecord, Memory, Recommendation
from autoscaler.model.plan import Plan
from autoscaler.model.snapshot import (
    PARKING,
    FleetSnapshot,
    Heartbeat,
    Instance,
    InstanceState,
    Node,
    Proxy,
    Sample,
    Server,
    ServerStatus,
)
from autoscaler.plan.planner import plan
from autoscaler.policy.schema import Policy
from benchmarks import cluster
from benchmarks.figures import Effort, Figure, Goal, milliseconds
from benchmarks.instances import instance_id
from tests.support.ams import NOW

_CPU = "mongodb.node.cpu_percent"
_LONG_AGO = NOW - timedelta(hours=5)
_BATCHES = 5
_BALANCERS = ("lb1", "lb2")
LIMITS_MS = {1: 25.0, 10: 300.0}
"""By how many times the effort's nodes the group has."""


def run(effort: Effort) -> list[Figure]:
    """Measure the slowest hundredth over all situations, for the group and for one of ten times its size."""
    gc.collect()
    gc.freeze()  # as the daemon does when it starts: what else this process loaded is no part of a cycle
    try:
        return [_measure(effort.nodes * times, effort.rounds * 2 // times, limit) for times, limit in LIMITS_MS.items()]
    finally:
        gc.unfreeze()


def _measure(nodes: int, rounds: int, limit_ms: float) -> Figure:
    """Take the median of several p99s: what else the machine does in one moment must not stand for all of them."""
    policy = Policy.model_validate(cluster.policy("edge", nodes))
    batches = [_batch(nodes, max(1, rounds), policy) for _ in range(_BATCHES)]
    value, floor = (statistics.median(column) for column in zip(*batches, strict=True))
    size = f"{nodes} nodes, {len(SITUATIONS)} situations"
    return Figure("decide_plan_p99", size, value, "ms", floor, Goal("value", limit_ms))


def _batch(nodes: int, rounds: int, policy: Policy) -> tuple[float, float]:
    """Return the p99 of ours and of the floor, in milliseconds of wall-clock time."""
    ours: list[float] = []
    floor: list[float] = []
    for make in SITUATIONS:
        snapshot, memory = make(nodes)
        _cycle(snapshot, policy, memory)  # the first time, much is met that is kept from then on
        for _ in range(rounds):
            ours.append(milliseconds(partial(_cycle, snapshot, policy, memory)))
            floor.append(milliseconds(partial(_read, snapshot)))
    return _p99(ours), _p99(floor)


def _p99(times: list[float]) -> float:
    return sorted(times)[len(times) * 99 // 100]


def _cycle(snapshot: FleetSnapshot, policy: Policy, memory: Memory) -> Plan:
    decision, memory = decide(snapshot, policy, memory)
    return plan(decision, View(snapshot, policy, memory))


def _read(snapshot: FleetSnapshot) -> float:
    """Read what a decision is made of, and add it up, lest it be read for nothing."""
    total = 0.0
    for node in snapshot.nodes:
        total += node.instance.state is InstanceState.RUNNING and isinstance(node.heartbeat, Heartbeat)
        total += snapshot.samples[_CPU][node.instance_id].value
        if isinstance(node.servers, tuple):
            total += sum(server.sessions for server in node.servers if server.status is ServerStatus.UP)
    return total


def rest(nodes: int) -> tuple[FleetSnapshot, Memory]:
    """Everybody is in service and as busy as they should be."""
    found = tuple(_node(number) for number in range(nodes))
    return _snapshot(found, cpu=50.0), _memory(found)


def rush(nodes: int) -> tuple[FleetSnapshot, Memory]:
    """Half as many again are needed at once."""
    snapshot, memory = rest(nodes)
    return _loaded(snapshot, 75.0), memory


def ebb(nodes: int) -> tuple[FleetSnapshot, Memory]:
    """Half of them can go."""
    snapshot, memory = rest(nodes)
    return _loaded(snapshot, 25.0), memory


def churn(nodes: int) -> tuple[FleetSnapshot, Memory]:
    """One in four is about to come or go: joined and to be admitted, booting, draining, or drained and to be ended."""
    found = tuple(_KINDS[number % len(_KINDS)](number) for number in range(nodes))
    memory = _memory(tuple(node for node in found if node.servers))
    leaving = [node.instance_id for number, node in enumerate(found) if _KINDS[number % len(_KINDS)] is _draining]
    drains = {each: DrainRecord(_LONG_AGO, _LONG_AGO if at % 2 else None) for at, each in enumerate(leaving)}
    return _snapshot(found, cpu=50.0), replace(memory, drains=drains)


SITUATIONS = (rest, rush, ebb, churn)


def _node(number: int, status: ServerStatus = ServerStatus.UP) -> Node:
    ip = f"10.{number // 62_500}.{number // 250 % 250}.{number % 250 + 1}"
    sessions = 0 if status is ServerStatus.MAINT else number * 7 % 53
    servers = tuple(
        Server(balancer, backend, f"slot{number}", ip, port, status, sessions)
        for balancer in _BALANCERS
        for backend, port in cluster.BACKENDS.items()
    )
    instance = Instance(
        instance_id(number), ip, f"zone-{number % 3}", f"subnet-{'ab'[number % 2]}", "c7i.xlarge",
        _LONG_AGO - timedelta(seconds=number), InstanceState.RUNNING,
    )  # fmt: skip
    return Node(instance, Heartbeat(NOW, 50.0), servers, sessions=sum(s.sessions for s in servers), publishers=0)


def _draining(number: int) -> Node:
    return _node(number, ServerStatus.MAINT)


def _joined(number: int) -> Node:
    return replace(_node(number), servers=(), sessions=0, answers=True)


def _booting(number: int) -> Node:
    node = replace(_node(number), servers=(), sessions=0, heartbeat=None, answers=False)
    return replace(node, instance=replace(node.instance, launched_at=NOW - timedelta(minutes=1)))


_KINDS: tuple[Callable[[int], Node], ...] = (_joined, _booting, _draining, _draining, *(_node,) * 12)


def _snapshot(nodes: tuple[Node, ...], cpu: float) -> FleetSnapshot:
    """Put the nodes behind the balancers, with half as many free slots."""
    spare = range(len(nodes), len(nodes) + len(nodes) // 2)
    proxies = tuple(_proxy(balancer, nodes, spare) for balancer in _BALANCERS)
    return _loaded(FleetSnapshot("edge", NOW, nodes, proxies=proxies), cpu)


def _proxy(balancer: str, nodes: tuple[Node, ...], spare: range) -> Proxy:
    taken = [s for node in nodes if isinstance(node.servers, tuple) for s in node.servers if s.balancer == balancer]
    free = [
        Server(balancer, backend, f"slot{number}", *PARKING, ServerStatus.MAINT, 0)
        for number in spare
        for backend in cluster.BACKENDS
    ]
    return Proxy(balancer, "2.6.12", 1, _LONG_AGO, (*taken, *free), sees_old_workers=True)


def _loaded(snapshot: FleetSnapshot, cpu: float) -> FleetSnapshot:
    samples = {
        _CPU: {node.instance_id: Sample(cpu, NOW) for node in snapshot.nodes},
        "haproxy.server.sessions:edge_http": {
            node.instance_id: Sample(cpu * 2.2, NOW) for node in snapshot.nodes if node.servers
        },
    }
    return replace(snapshot, samples=samples)


def _memory(serving: tuple[Node, ...]) -> Memory:
    """Remember nodes that were admitted long ago, and an hour of recommendations, one a cycle."""
    history: list[datetime] = [NOW - timedelta(seconds=5 * number) for number in range(720, 0, -1)]
    return Memory(
        looked_at=NOW - timedelta(seconds=5),
        recommendations=tuple(Recommendation(at, len(serving)) for at in history),
        admitted={node.instance_id: _LONG_AGO for node in serving},
    )
