"""World files: what nobody can mean is refused, and what is let through can be played to its end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from autoscaler.model.errors import ConfigurationError
from autoscaler.model.snapshot import InstanceState
from autoscaler.policy.document import check, parse
from autoscaler.simulate.run import play, set_stage
from autoscaler.simulate.spec import WorldSpec
from tests.support.crowd import Told
from tests.support.fleet import policy

STEP = timedelta(seconds=10)
TYPE = "types: {{c5.xlarge: {{vcpus: 4, {}}}}}"


def world(text: str) -> WorldSpec:
    return check(WorldSpec, parse(text, "world.yaml"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TYPE.format("viewers: 1e-9"), "greater-than-equal types.c5.xlarge.viewers: is below 0.1"),
        (TYPE.format("publishers: 1.0e-12"), "greater-than-equal types.c5.xlarge.publishers: is below 0.1"),
        (TYPE.format("renditions: 0"), "greater-than-equal types.c5.xlarge.renditions: is below 0.1"),
        (TYPE.format("streams: 0.09"), "greater-than-equal types.c5.xlarge.streams: is below 0.1"),
        (TYPE.format("memory: {viewers: 1e-300}"), "greater-than-equal types.c5.xlarge.memory.viewers: is below 0.1"),
        (
            TYPE.format("stock_outs: {every: 10ms, lasts: 5m}"),
            "duration types.c5.xlarge.stock_outs.every: is shorter than 1s",
        ),
        ("heartbeat_stops: {every: 5m, lasts: 0s}", "duration heartbeat_stops.lasts: is shorter than 1s"),
        (
            "version: 1\nrefuse_cpu: 3.0000000000001%",
            "world refuse_cpu: an idle node refuses everybody: refuse_cpu needs to be 0.1% above idle_cpu",
        ),
        (
            "version: 1\nrefuse_memory: 30%",
            "world refuse_memory: an idle node refuses everybody: refuse_memory needs to be 0.1% above idle_memory",
        ),
    ],
)
def test_what_no_node_is_like_is_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        world(text)
    assert [str(problem).split(" ", 1)[1] for problem in caught.value.problems] == [message]


@pytest.mark.parametrize(
    "text",
    [
        TYPE.format("viewers: 0.1, publishers: 0.1, renditions: 0.1, streams: 0.1, memory: {viewers: 0.1}"),
        "{version: 1, idle_cpu: 74.9%, idle_memory: 74.9%}",  # their difference is a little less than 0.1 in binary
        TYPE.format("stock_outs: {every: 1s, lasts: 1s}") + "\nheartbeat_stops: {every: 1s, lasts: 1s}",
        "{version: 1, spot: {notice: 0s}, patience: 0s, boot: {median: 1ms, p95: 366d}}",
    ],
)
def test_the_least_that_is_let_through_can_be_played(text: str) -> None:
    people = Told([(300, 20, 200, False)], length_s=300)
    found = play(set_stage(policy(), people, world(text), 1, STEP), people, STEP)
    assert found.cycles == 30
    assert found.totals.sessions == 300


@pytest.mark.parametrize(("stock", "nodes", "types"), [(0, 0, []), (1, 1, ["a"]), (9, 4, ["a"] * 4)])
def test_a_group_begins_with_no_more_nodes_than_there_are(stock: int, nodes: int, types: list[str]) -> None:
    """Four are its least; of a second type there are always enough."""
    spec = world(f"types: {{a: {{vcpus: 4, stock: {stock}}}}}")
    bounds = {"min": 4, "max": 20}
    launch = {"launch_template": "t", "types": ["a"], "subnets": ["s"], "warm_pool": {"stopped": 3}}
    stage = set_stage(policy(bounds=bounds, launch=launch), Told([]), spec, 1, STEP)
    states = [node.instance.state for node in stage.world.nodes.values()]
    assert (states.count(InstanceState.RUNNING), states.count(InstanceState.STOPPED)) == (nodes, 3)
    assert play(stage, Told([], length_s=60), STEP).totals.max_nodes == nodes
    both = set_stage(policy(bounds=bounds, launch=launch | {"types": ["a", "b"]}), Told([]), spec, 1, STEP)
    living = [node.instance for node in both.world.nodes.values() if node.instance.state is InstanceState.RUNNING]
    assert [one.instance_type for one in living] == types + ["b"] * (4 - nodes)
