"""One of every record, for tests that must not lose any of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from autoscaler.model.booking import Booking
from autoscaler.model.decision import Decision, Direction, Phase, Reason, Verdict
from autoscaler.model.memory import (
    Counted,
    DrainRecord,
    EndingRecord,
    LaunchRecord,
    Memory,
    Past,
    Recommendation,
    ScaleEvent,
    WakeRecord,
    Window,
)
from autoscaler.model.plan import (
    Action,
    CancelDrain,
    Deregister,
    Done,
    Drain,
    Endpoint,
    Failed,
    Forget,
    Launch,
    LaunchSpec,
    Outcome,
    Plan,
    Register,
    Skipped,
    Stop,
    Terminate,
    Wake,
)
from autoscaler.model.report import CycleReport
from autoscaler.model.snapshot import (
    GROUP,
    Audience,
    FleetSnapshot,
    Gap,
    Heartbeat,
    Instance,
    InstanceState,
    Line,
    Node,
    Proxy,
    Sample,
    Server,
    ServerStatus,
    Streams,
    Traffic,
)

NOW = datetime(2026, 1, 1, 12, 0, 0, 123_456, tzinfo=UTC)
ENDPOINTS = (Endpoint("edge_backend_http", 5080), Endpoint("dashboard_backend_http", 5080))

_NODE: dict[str, Any] = {"token": "edge-1", "why": "scale_in", "instance_id": "i-1", "ip": "10.0.0.1"}
_PLACE: dict[str, Any] = {"slot": "slot1", "endpoints": ENDPOINTS}
ACTIONS: tuple[Action, ...] = (
    CancelDrain(**_NODE, **_PLACE),
    Wake(**_NODE, instance_type="c5.xlarge", subnet="a"),
    Launch(token="edge-2", why="scale_out", group="edge", spec=LaunchSpec(launch_template="ams"), subnet="a", count=2),
    Register(**_NODE, **_PLACE),
    Drain(**_NODE, endpoints=ENDPOINTS),
    Deregister(**_NODE, endpoints=ENDPOINTS),
    Stop(**_NODE, endpoints=ENDPOINTS),
    Terminate(**_NODE, endpoints=ENDPOINTS),
    Forget(token="edge-3", why="gone", ip="10.0.0.9", **_PLACE),
)
RESULTS = (Done(), Done(("i-1", "i-2")), Skipped("sessions_left"), Failed("ec2_throttled", "slow down", retryable=True))

MEMORY = Memory(
    recommendations=(Recommendation(NOW, 4), Recommendation(NOW - timedelta(seconds=5), 5)),
    events=(ScaleEvent(NOW, -1),),
    drains={"i-1": DrainRecord(NOW, NOW), "i-2": DrainRecord(NOW)},
    admitted={"i-3": NOW},
    suspects={"i-4": NOW},
    launches=(
        LaunchRecord("t", "a", "c5.xlarge", 2, NOW),
        LaunchRecord("u", "b", "c5.xlarge", 1, NOW, ("i-5",), spot=True),
        LaunchRecord("v", "b", "c5.xlarge", 1, NOW, pool=True),
    ),
    stock_outs={"c5.xlarge/subnet-a": NOW},
    counters={"lb1 42 1767225600": Counted(NOW, {"edge_backend_http/slot1 10.0.0.1:5080": {"bytes_out": 2**40}})},
    pool={"i-6": NOW, "i-7": NOW},
    wakes={"i-6": WakeRecord(NOW), "i-7": WakeRecord(NOW, answered=True, failed=True)},
    no_stops_until=NOW,
    endings={"i-8": EndingRecord(NOW), "i-9": EndingRecord(NOW, stop=True, answered=True)},
    windows={"mongodb.node.cpu_percent:/1m": Window(NOW, {"i-1": Past(NOW, NOW, (37.5, 0.0), (1, 0))})},
)


TRAFFIC = (
    Traffic("42 1767225600", NOW, (Line("edge_backend_http", "slot1", "10.0.0.1", 5080, {"bytes_out": 2**40}),)),
    Traffic("41 1767225500", NOW, (Line("edge_backend_http", "", "", 0, {"rate": 3}),), old=True),
)


def node(number: int, **changes: object) -> Node:
    """Make a node that is in service on one balancer."""
    ip = f"10.0.{number // 250}.{number % 250 + 1}"
    facts: dict[str, Any] = {
        "instance": Instance(
            f"i-{number * 7919:017x}", ip, "eu-west-1a", "subnet-a", "c7i.xlarge", NOW - timedelta(seconds=97 * number),
            InstanceState.RUNNING, "edge-1",
        ),
        "heartbeat": Heartbeat(NOW - timedelta(milliseconds=number * 13 % 5000), float(number * 31 % 100), 42.5),
        "servers": tuple(
            Server(balancer, endpoint.backend, f"slot{number}", ip, endpoint.port, ServerStatus.UP, number * 7 % 53)
            for balancer in ("lb1", "lb2")
            for endpoint in ENDPOINTS
        ),
        "sessions": number * 7 % 53,
        "publishers": 0,
    }  # fmt: skip
    return Node(**{**facts, **changes})


def report(nodes: tuple[Node, ...]) -> CycleReport:
    """Make a cycle over these nodes that has one of everything else."""
    servers = tuple(server for each in nodes if not isinstance(each.servers, Gap) for server in each.servers)
    ids = [each.instance_id for each in nodes]
    phases = {**dict.fromkeys(ids, Phase.IN_SERVICE), ids[0]: Phase.DRAINING}
    snapshot = FleetSnapshot(
        "edge", NOW, nodes,
        samples={"mongodb.node.cpu_percent": {each: Sample(37.5, NOW) for each in ids}, "sum": {GROUP: Sample(9, NOW)}},
        streams=Streams({"10.0.0.1": 2}, {"webrtc": 112}, {"live": Audience({"10.0.0.1": 2}, {"webrtc": 112})}),
        proxies=tuple(
            Proxy(name, "2.6.12", 42, NOW, tuple(each for each in servers if each.balancer == name), traffic=TRAFFIC)
            for name in ("lb1", "lb2")
        ),
        bookings=(Booking("gig", NOW, NOW + timedelta(hours=2), timedelta(minutes=15), 5, 450, "ann@lb1", "a cup"),),
        gaps=(Gap("probe", GROUP, NOW, "nobody asked"), *(Gap("mongodb", f"i-{i}", NOW, "late") for i in (1, 2))),
        history={"viewers-1a2b3c4d": (Sample(4200.0, NOW - timedelta(days=7)),), "sessions-5e6f7a8b": ()},
    )  # fmt: skip
    verdict = Verdict("target_tracking", Direction.OUT, 5, "cpu 72 % of 60 %", 72.0, float("inf"), ("i-1",))
    reasons = (Reason("target_tracking", "cpu 72 %", before=4, after=5),)
    decision = Decision("edge", NOW, current=4, desired=5, reasons=reasons, verdicts=(verdict,), phases=phases)
    outcomes = tuple(Outcome(ACTIONS[0], result) for result in RESULTS)
    refusal = Reason("publisher_live", "i-1", before=5, after=5)
    return CycleReport(
        snapshot, decision, Plan(decision, ACTIONS, (refusal,)), outcomes, MEMORY,
        memory_before=Memory(revision=7, recommendations=MEMORY.recommendations[1:]), policy='{"group":"edge"}',
    )  # fmt: skip


GAP = Gap("haproxy:lb1", "i-0", NOW, "an older worker still has sessions")
REPORT = report(
    (
        node(0, heartbeat=GAP, servers=GAP, sessions=GAP, publishers=GAP, answers=False),
        node(1, heartbeat=None, answers=True),
        node(2),
    )
)
