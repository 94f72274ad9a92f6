"""What the sources say, joined; and what is left when one of them is silent."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from autoscaler.cycle.observe import observe
from autoscaler.model.memory import DrainRecord, Memory
from autoscaler.model.snapshot import GROUP, Audience, FleetSnapshot, Gap, Heartbeat, Instance, Node
from autoscaler.policy.schema import Policy
from autoscaler.ports import Senses
from autoscaler.simulate.ports import (
    SimulatedClock,
    SimulatedFleet,
    SimulatedNodeLoads,
    SimulatedProbe,
    SimulatedProxyStats,
)
from autoscaler.simulate.stores import SimulatedBookings, SimulatedHistory
from autoscaler.simulate.world import World
from tests.support.fleet import BACKEND, CPU, SESSIONS, policy, seconds


@pytest.fixture
def world() -> World:
    """Two nodes in service; the second has a publisher."""
    made = World()
    made.add_slots(BACKEND, 4)
    for number in (1, 2):
        node = made.add_node()
        node.publishers = 3 * (number - 1)
        made.advance(seconds(5))
        made.join(node, cpu_percent=10.0 * number)
        made.serve(node, BACKEND, f"slot{number}", sessions=number)
    made.viewers = {"webrtc": 5, "hls": 2}
    return made


def seen(world: World, memory: Memory | None = None, rules: Policy | None = None) -> FleetSnapshot:
    stats = tuple(SimulatedProxyStats(world, name) for name in world.balancers)
    senses = Senses(
        SimulatedClock(world), SimulatedFleet(world), SimulatedNodeLoads(world), stats, SimulatedProbe(world),
        history=SimulatedHistory(), bookings=SimulatedBookings(world),
    )  # fmt: skip
    return observe(senses, rules or policy(), memory or Memory())


def second(shot: FleetSnapshot) -> Node:
    return shot.nodes[1]


class SlowFleet(SimulatedFleet):
    """EC2 takes half a minute, and nodes write on meanwhile."""

    def instances(self, group: str) -> tuple[Instance, ...]:
        listed = super().instances(group)
        self.world.advance(seconds(30))
        for node in self.world.nodes.values():
            self.world.beat(node, 95.0)
        return listed


def test_what_is_newest_is_not_taken_for_the_future_because_ec2_is_slow(world: World) -> None:
    senses = Senses(
        SimulatedClock(world), SlowFleet(world), SimulatedNodeLoads(world), (SimulatedProxyStats(world),),
        SimulatedProbe(world), history=SimulatedHistory(), bookings=SimulatedBookings(world),
    )  # fmt: skip
    shot = observe(senses, policy(), Memory())
    assert len(shot.samples[CPU]) == 2
    assert all(sample.at <= shot.taken_at for sample in shot.samples[CPU].values())


def test_everything_about_a_node_is_joined_on_its_ip(world: World) -> None:
    shot = seen(world)
    node = second(shot)
    key = node.instance_id
    assert isinstance(node.heartbeat, Heartbeat)
    assert (node.heartbeat.cpu_percent, node.sessions, node.publishers, node.answers) == (20.0, 2, 3, None)
    assert shot.samples[CPU][key].value == 20.0
    assert shot.samples["mongodb.node.memory_percent"][key].value == 40.0
    assert shot.samples["mongodb.node.publishers"][key].value == 3
    assert shot.samples[SESSIONS][key].value == shot.samples[f"{SESSIONS}:{BACKEND}"][key].value == 2
    assert shot.samples["mongodb.node.query_ms"][key].value == 2.0
    assert shot.samples["haproxy.server.queued"][key].value == 0
    assert shot.samples["mongodb.viewers"][GROUP].value == 7
    assert shot.samples["mongodb.viewers.hls"][GROUP].value == 2
    assert shot.samples["mongodb.viewers.dash"][GROUP].value == 0
    assert shot.samples["mongodb.streams"][GROUP].value == 3
    assert shot.gaps == ()


def of_applications(*names: str) -> Policy:
    sources = ("mongodb.viewers", "mongodb.viewers.hls", "mongodb.streams", "mongodb.node.publishers")
    told = [{"from": source, "application": name} for source in sources for name in names]
    return policy(signals={"cpu": {"from": CPU}} | {f"s{number}": signal for number, signal in enumerate(told)})


def test_an_application_has_counts_of_its_own(world: World) -> None:
    key, first = next(iter(world.nodes.items()))
    ip = first.instance.ip
    world.applications["webrtcappee"] = Audience({ip: 2}, {"webrtc": 30, "hls": 4})
    shot = seen(world, rules=of_applications("WebRTCAppEE"))
    assert shot.samples["mongodb.viewers"][GROUP].value == 41
    assert shot.samples["mongodb.viewers:webrtcappee"][GROUP].value == 34
    assert shot.samples["mongodb.viewers.hls:webrtcappee"][GROUP].value == 4
    assert shot.samples["mongodb.streams:webrtcappee"][GROUP].value == 2
    told = shot.samples["mongodb.node.publishers:webrtcappee"]
    assert [told[node.instance_id].value for node in shot.nodes] == [2, 0]
    assert "mongodb.viewers:live" not in shot.samples  # nobody asked
    world.advance(seconds(21))  # and nobody wrote a heartbeat: of the second node nothing is known
    assert seen(world, rules=of_applications("WebRTCAppEE")).samples["mongodb.node.publishers:webrtcappee"].keys() == {
        key
    }


def test_an_application_that_does_not_exist_is_missing_and_not_empty(world: World) -> None:
    shot = seen(world, rules=of_applications("live", "nowhere"))
    assert shot.samples["mongodb.viewers:live"][GROUP].value == 7
    assert not any(source.endswith(":nowhere") for source in shot.samples)


def test_a_value_is_as_old_as_its_heartbeat(world: World) -> None:
    world.advance(seconds(30))
    shot = seen(world)
    assert shot.taken_at - shot.samples[CPU][second(shot).instance_id].at == seconds(30)


def test_a_node_that_stopped_writing_may_have_publishers_that_nobody_sees(world: World) -> None:
    world.advance(seconds(21))
    shot = seen(world)
    assert isinstance(shot.nodes[0].publishers, Gap)
    assert shot.nodes[1].publishers == 3  # what is seen is seen
    assert shot.gaps == ()


def test_a_row_older_than_the_launch_is_another_nodes(world: World) -> None:
    reborn = list(world.nodes.values())[1]
    reborn.instance = replace(reborn.instance, launched_at=world.now + seconds(1))
    assert second(seen(world)).heartbeat is None
    assert second(seen(world)).instance_id not in seen(world).samples[CPU]


def test_a_silent_mongodb_is_a_gap_and_no_zero(world: World) -> None:
    world.dead.add("mongodb")
    shot = seen(world)
    assert isinstance(second(shot).heartbeat, Gap)
    assert isinstance(second(shot).publishers, Gap)
    assert second(shot).sessions == 2
    assert "mongodb.viewers" not in shot.samples
    assert [(gap.source, gap.subject) for gap in shot.gaps] == [("mongodb", GROUP), ("mongodb", "reservations")]
    assert shot.lacks("mongodb")
    assert not shot.lacks("ec2")


def test_a_silent_balancer_is_a_gap_for_every_node(world: World) -> None:
    world.dead.add("haproxy:lb1")
    shot = seen(world)
    assert isinstance(second(shot).servers, Gap)
    assert isinstance(second(shot).sessions, Gap)
    assert SESSIONS not in shot.samples
    assert shot.proxies == ()
    assert [gap.source for gap in shot.gaps] == ["haproxy:lb1"]


def test_one_silent_balancer_of_two_leaves_the_counts_unknown(world: World) -> None:
    world.balancers = ("lb1", "lb2")
    world.dead.add("haproxy:lb2")
    shot = seen(world)
    assert isinstance(second(shot).sessions, Gap)
    assert [proxy.balancer for proxy in shot.proxies] == ["lb1"]


def test_a_silent_ec2_leaves_no_nodes_and_says_so(world: World) -> None:
    world.dead.add("ec2")
    shot = seen(world)
    assert shot.nodes == ()
    assert shot.lacks("ec2")


def test_a_page_without_addresses_is_a_gap_with_its_cure(world: World) -> None:
    key = ("lb1", BACKEND, "slot1")
    world.servers[key] = replace(world.servers[key], ip="")
    (gap,) = seen(world).gaps
    assert "stats show-legends" in gap.detail


def test_after_a_reload_older_sessions_cannot_be_counted(world: World) -> None:
    world.haproxy_started_at = world.now - timedelta(seconds=7)
    shot = seen(world)
    assert isinstance(shot.nodes[0].sessions, Gap)  # launched before the worker started
    assert [shot.samples[SESSIONS][node.instance_id].partial for node in shot.nodes] == [True, False]
    assert shot.nodes[1].sessions == 2  # launched after it
    assert shot.gaps == ()  # nothing to mend: growth goes on, and only old nodes are protected


def test_only_nodes_that_no_balancer_vouches_for_are_asked_directly(world: World) -> None:
    joining, dead = world.add_node(), world.add_node()
    draining = world.add_node()
    world.join(joining)
    world.join(draining)
    shot = seen(world, Memory(drains={draining.instance.instance_id: DrainRecord(world.now)}))
    answers = {node.instance_id: node.answers for node in shot.nodes}
    assert list(answers.values())[:2] == [None, None]
    assert answers[joining.instance.instance_id] is True
    assert answers[dead.instance.instance_id] is False
    assert answers[draining.instance.instance_id] is None


def launching(*types: str, **weights: float) -> Policy:
    return policy(launch={"launch_template": "t", "subnets": ["subnet-a"], "types": types, "weights": weights})


@pytest.mark.parametrize(
    ("rules", "vcpus"),
    [
        (policy(), {}),  # one type, the template's
        (launching("c5.xlarge"), {}),
        (launching("c5.xlarge", "c5.large"), {"c5.large": 2, "c5.xlarge": 4}),
        (launching("c5.large"), {"c5.large": 2, "c5.xlarge": 4}),  # and the nodes are others still
        (launching("c5.large", **{"c5.large": 1}), {"c5.large": 2, "c5.xlarge": 4}),
        (launching("c5.xlarge", "c5.huge", **{"c5.xlarge": 1, "c5.huge": 9}), {}),
    ],
)
def test_sizes_are_asked_for_where_nodes_differ_and_nobody_weighs_them(
    world: World, rules: Policy, vcpus: dict[str, int]
) -> None:
    shot = seen(world, rules=rules)
    assert (shot.vcpus, shot.gaps) == (vcpus, ())


def test_a_size_that_nobody_tells_is_a_gap_and_the_fleet_is_still_known(world: World) -> None:
    shot = seen(world, rules=launching("c5.xlarge", "c5.huge"))
    assert [(gap.source, gap.subject) for gap in shot.gaps] == [("ec2", "instance types")]
    assert len(shot.nodes) == 2
    assert not shot.lacks("ec2")
