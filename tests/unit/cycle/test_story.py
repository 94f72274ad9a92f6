"""Whatever happens, in whatever order, nobody is cut: cycles in a made-up world that anything may befall."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autoscaler.model.snapshot import InstanceState, ServerStatus
from autoscaler.policy.launch import WarmPoolRules
from autoscaler.policy.schema import Policy
from autoscaler.simulate.world import SimulatedNode
from tests.support.fleet import BACKEND, policy, seconds
from tests.support.stage import Stage

pytestmark = pytest.mark.usefixtures("untraced")

RULES = policy(
    bounds={"min": 1, "max": 5},
    signals={
        "cpu": {"from": "mongodb.node.cpu_percent"},
        "sessions": {"from": "haproxy.server.sessions", "aggregate": "sum"},
    },
    scale=[
        {"target_tracking": {"signal": "cpu", "target": 60}},
        {"target_tracking": {"signal": "sessions", "target_per_node": 10}},
    ],
    scale_in={"stabilization": "10s"},
    drain={"sticky_for": "5s", "empty_for": "5s"},
    warm_up="5s",
    join={"timeout": "60s", "lost_after": "20s"},
)


POOLED = RULES.model_copy(
    update={"launch": RULES.launch.model_copy(update={"warm_pool": WarmPoolRules(stopped=2, max_age=seconds(120))})}
)
ENDED = frozenset({InstanceState.STOPPED, InstanceState.TERMINATED})


class Drama(Stage):
    """A stage on which things happen. `cut` collects who was on a node when it was stopped or ended."""

    def __init__(self, rules: Policy = RULES) -> None:
        super().__init__()
        self.rules = rules
        self.cut: list[str] = []

    def run(self) -> None:
        """Let a cycle and five seconds pass; instances boot, join, and heartbeat by their sessions."""
        before = {node.instance.instance_id: (node.publishers, self.sessions(node)) for node in self.running()}
        self.cycle(self.rules)
        for node in self.world.nodes.values():
            key = node.instance.instance_id
            if node.instance.state in ENDED and key in before and any(before.pop(key)):
                self.cut.append(key)
        self.world.advance(seconds(5))
        for node in self.world.nodes.values():
            if node.instance.state is InstanceState.PENDING:
                self.world.join(node)
            elif (
                node.answers
                and node.instance.state is InstanceState.RUNNING
                and node.instance.instance_id not in self.world.frozen
            ):
                self.world.beat(node, min(100.0, 6.0 * self.sessions(node)))

    def running(self) -> list[SimulatedNode]:
        """List what runs."""
        return [node for node in self.world.nodes.values() if node.instance.state is InstanceState.RUNNING]

    def sessions(self, node: SimulatedNode) -> int:
        """Count who is on a node."""
        return sum(s.sessions for s in self.world.servers.values() if s.ip == node.instance.ip)

    def arrive(self, count: int) -> None:
        """Send viewers to the least loaded server that takes any."""
        for _ in range(count):
            ups = [key for key, server in self.world.servers.items() if server.status is ServerStatus.UP]
            if ups:
                key = min(ups, key=lambda k: self.world.servers[k].sessions)
                self.world.servers[key] = replace(
                    self.world.servers[key], sessions=self.world.servers[key].sessions + 1
                )

    def leave(self, share: int) -> None:
        """Let viewers go, on every node."""
        for key, server in self.world.servers.items():
            self.world.servers[key] = replace(server, sessions=server.sessions * (share % 10) // 10)

    def publish(self, number: int) -> None:
        """Let a publisher begin, even past the balancer."""
        if self.running():
            self.running()[number % len(self.running())].publishers += 1

    def unpublish(self, number: int) -> None:
        """Let all publishers of a node end."""
        if self.running():
            self.running()[number % len(self.running())].publishers = 0

    def toggle(self, number: int) -> None:
        """Kill a source, or bring it back."""
        self.world.dead ^= {["ec2", "mongodb", "haproxy:lb1"][number % 3]}

    def freeze(self, number: int) -> None:
        """Let a node stop writing to MongoDB, heartbeats and streams alike, while it serves; or start again."""
        if self.running():
            key = self.running()[number % len(self.running())].instance.instance_id
            if self.world.frozen.pop(key, None) is None:
                self.world.frozen[key] = self.world.now

    def reload(self, _: int) -> None:
        """Reload HAProxy: what its new worker counts proves nothing about older sessions."""
        self.world.haproxy_started_at = self.world.now

    def sell_out(self, number: int) -> None:
        """Let EC2 have so many instances more, or plenty again."""
        self.world.capacity = {} if self.world.capacity else {"subnet-a": number % 3, "subnet-b": 0}

    def forget(self, _: int) -> None:
        """Lose the whole memory."""
        self.store.memories.clear()


EVENTS: list[Callable[[Drama, int], None]] = [
    *[Drama.arrive, Drama.leave, Drama.leave, Drama.unpublish] * 3,
    Drama.publish, Drama.toggle, Drama.freeze, Drama.reload, Drama.forget, Drama.sell_out,
]  # fmt: skip
acts = st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 40), st.integers(1, 12)), min_size=4, max_size=16)


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(acts, st.sampled_from([RULES, POOLED]))
def test_nobody_is_ever_cut(script: list[tuple[Callable[[Drama, int], None], int, int]], rules: Policy) -> None:
    drama = Drama(rules)
    drama.run()
    drama.run()
    drama.arrive(25)
    for event, amount, cycles in script:
        event(drama, amount)
        for _ in range(cycles):
            drama.run()
            live = [node for node in drama.world.nodes.values() if node.instance.state is not InstanceState.TERMINATED]
            assert len(live) <= 5 + 1
    assert drama.cut == []


def test_the_group_grows_with_its_viewers_and_shrinks_when_they_left() -> None:
    drama = Drama()
    sizes = []
    for cycle in range(60):
        if cycle == 3:
            drama.arrive(38)
        if cycle == 20:
            drama.leave(0)
        drama.run()
        sizes.append(sum(server.status is ServerStatus.UP for server in drama.world.servers.values()))
    assert max(sizes) >= 4
    assert sizes[-1] == 1
    assert len(drama.running()) == 1
    assert drama.cut == []
    slots = [server.ip for (_, backend, _), server in drama.world.servers.items() if backend == BACKEND]
    assert slots.count("127.0.0.1") == 5  # the slots of the gone are free again


def test_the_warm_pool_takes_what_the_group_gives_and_gives_it_back() -> None:
    drama = Drama(POOLED)
    writes: list[list[str]] = []
    for cycle in range(66):
        if cycle in {3, 62}:
            drama.arrive(25)
        if cycle == 12:
            drama.leave(0)
        drama.run()
        writes.append([line.split()[0] for line in drama.world.writes if line.startswith(("launch", "stop", "wake"))])
        drama.world.writes.clear()
        if cycle == 2:  # one is on its way into the pool at a time
            assert writes == [["launch"], ["launch"], ["stop"]]
    assert writes[3] == ["wake", "launch"]  # three are wanted, and one was asleep
    assert writes[12:28] == [[]] * 16  # the pool is full again, so what is drained is ended
    assert writes[28:33] == [["launch"], ["stop"], ["launch"], ["stop"], []]  # replaced at the age of two minutes
    assert writes[62] == ["wake", "wake"]  # and growth waits for no launch
    assert len([node for node in drama.running() if node.woken]) == 2
    assert drama.cut == []


def test_a_group_that_leaves_a_full_size_keeps_its_drained_nodes_asleep() -> None:
    drama = Drama(POOLED)
    sizes = []
    for cycle in range(20):
        if cycle == 2:
            drama.arrive(60)  # all that max allows, so the pool is empty
        if cycle == 12:
            drama.leave(0)
        drama.run()
        sizes.append(len(drama.running()))
    states = [node.instance.state for node in drama.world.nodes.values()]
    assert (max(sizes), states.count(InstanceState.STOPPED), sizes[-1]) == (5, 2, 1)
    assert sum(line.startswith("terminate") for line in drama.world.writes) == 2  # of four that left
    assert drama.cut == []


def test_a_publisher_holds_its_node_for_ever() -> None:
    drama = Drama()
    for cycle in range(40):
        if cycle == 3:
            drama.arrive(38)
        if cycle == 12:
            for number in range(len(drama.running())):
                drama.publish(number)
            drama.leave(0)
        drama.run()
    assert len(drama.running()) >= 4
    assert drama.cut == []


def test_a_draining_node_waits_for_its_last_viewer() -> None:
    drama = Drama()
    for cycle in range(50):
        if cycle in {3, 12}:
            drama.arrive(25)  # the second time there are more nodes to take them
        if cycle == 20:
            drama.leave(2)  # a few stay on each node
        drama.run()
    servers = drama.world.servers.values()
    assert sum(server.status is ServerStatus.UP for server in servers) == 1
    assert sum(server.status is ServerStatus.MAINT and server.sessions > 0 for server in servers) >= 2
    drama.leave(0)
    for _ in range(10):
        drama.run()
    assert len(drama.running()) == 1
    assert drama.cut == []
