"""Short ways to say a policy, a node and a snapshot."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from autoscaler.decide.view import View
from autoscaler.model.memory import Memory
from autoscaler.model.snapshot import (
    FleetSnapshot,
    Gap,
    Heartbeat,
    Instance,
    InstanceState,
    Node,
    Proxy,
    Sample,
    Server,
    ServerStatus,
)
from autoscaler.policy.schema import Policy

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(hours=5)
BACKEND, PORT = "backend_http", 5080
CPU = "mongodb.node.cpu_percent"
SESSIONS = "haproxy.server.sessions"
MONGO_GAP = Gap("mongodb", "*", NOW, "does not answer")
PROXY_GAP = Gap("haproxy:lb1", "*", NOW, "does not answer")


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def policy_data(**changes: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "group": "edge",
        "role": "edge",
        "bounds": {"min": 1, "max": 10},
        "signals": {"cpu": {"from": CPU}, "sessions": {"from": SESSIONS, "aggregate": "sum"}},
        "scale": [{"target_tracking": {"signal": "cpu", "target": 60}}],
        "scale_in": {"stabilization": "0s"},
        "launch": {"launch_template": "ams-edge", "subnets": ["subnet-a", "subnet-b"]},
        "load_balancer": [{"backend": BACKEND, "port": PORT}],
        **changes,
    }


def policy(**changes: Any) -> Policy:
    return Policy.model_validate(policy_data(**changes))


def instance(
    number: int,
    *,
    state: InstanceState = InstanceState.RUNNING,
    launched_at: datetime = LONG_AGO,
    subnet: str = "subnet-a",
    token: str = "",
    instance_type: str = "c5.xlarge",
) -> Instance:
    return Instance(
        f"i-{number}", f"10.0.0.{number}", f"zone-{subnet[-1]}", subnet, instance_type, launched_at, state, token
    )


def server(number: int, status: ServerStatus = ServerStatus.UP, sessions: int = 0) -> Server:
    return Server("lb1", BACKEND, f"slot{number}", f"10.0.0.{number}", PORT, status, sessions)


def node(number: int, **facts: Any) -> Node:
    """A node in service unless told otherwise, by `status`, `servers`, any field of Node, or of its Instance."""
    of_instance = {"state", "launched_at", "subnet", "token", "instance_type"}
    about = {key: facts.pop(key) for key in of_instance & facts.keys()}
    status, sessions = facts.pop("status", ServerStatus.UP), facts.pop("sessions", 0)
    servers = (server(number, status, sessions if isinstance(sessions, int) else 0),) if status else ()
    return Node(
        replace(instance(number, **about), spot=facts.pop("spot", False)),
        heartbeat=facts.pop("heartbeat", Heartbeat(NOW, 50.0)),
        servers=facts.pop("servers", servers),
        sessions=sessions,
        publishers=facts.pop("publishers", 0),
        **facts,
    )


def free_slot(number: int) -> Server:
    return Server("lb1", BACKEND, f"slot{number}", "127.0.0.1", 1, ServerStatus.MAINT, 0)


def snapshot(
    *nodes: Node, cpu: dict[int, float] | None = None, free: int = 10, at: datetime = NOW, **facts: Any
) -> FleetSnapshot:
    """A snapshot of these nodes, each at `cpu` percent by its number, and so many free slots."""
    samples = {CPU: {f"i-{number}": Sample(value, at) for number, value in (cpu or {}).items()}}
    lines = tuple(s for n in nodes if isinstance(n.servers, tuple) for s in n.servers)
    lines += tuple(free_slot(number) for number in range(1000, 1000 + free))
    proxy = Proxy("lb1", "2.6.12", 1, LONG_AGO - timedelta(days=1), lines)
    return FleetSnapshot("edge", at, nodes, **{"samples": samples, "proxies": (proxy,), **facts})


def seasoned(*numbers: int, **facts: Any) -> Memory:
    """A memory of nodes that were admitted long ago, and of a window that was watched."""
    about = {"looked_at": NOW - seconds(5), **facts}
    return Memory(admitted={f"i-{number}": LONG_AGO for number in numbers}, **about)


def view(shot: FleetSnapshot, rules: Policy | None = None, memory: Memory | None = None) -> View:
    return View(shot, rules or policy(), memory or Memory())
