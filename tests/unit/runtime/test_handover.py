"""What a reload must not forget: groups and backends that still have nodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from autoscaler.model.snapshot import PARKING, InstanceState, ServerStatus
from autoscaler.policy.schema import Policy
from autoscaler.runtime.handover import left_behind
from tests.support.fleet import BACKEND, PORT, policy
from tests.support.stage import Stage

OTHER = "backend_rtmp"
BOTH = [{"backend": BACKEND, "port": PORT}, {"backend": OTHER, "port": 1935}]


@pytest.fixture
def stage() -> Stage:
    """Five nodes in two backends."""
    made = Stage()
    made.world.add_slots(OTHER, 6)
    for slot in range(1, 6):
        made.world.serve(made.serving(slot), OTHER, f"slot{slot}", port=1935)
    return made


def told(stage: Stage, *after: Policy, before: Policy | None = None) -> list[str]:
    return [str(error) for error in left_behind([before or policy(load_balancer=BOTH)], after, stage.senses)]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"bounds": {"min": 1, "max": 3}},
        {"load_balancer": [*BOTH, {"backend": "third", "port": 1}]},
        {"load_balancer": BOTH[::-1]},
        {"load_balancer": [{**BOTH[0], "cookie": True}, BOTH[1]]},
    ],
)
def test_what_is_still_named_is_no_problem(stage: Stage, changes: dict[str, Any]) -> None:
    assert told(stage, policy(**{"load_balancer": BOTH, **changes}), policy(group="new")) == []


@pytest.mark.parametrize(
    ("changes", "backends"),
    [
        ({"load_balancer": BOTH[:1]}, [OTHER]),
        ({"load_balancer": BOTH[1:]}, [BACKEND]),
        ({"load_balancer": [BOTH[0], {"backend": OTHER, "port": 1936}]}, [OTHER]),
        ({"load_balancer": [BOTH[0], {"backend": "new", "port": 1935}]}, [OTHER]),
        ({"load_balancer": BOTH, "slots": "edge"}, [BACKEND, OTHER]),
        ({"load_balancer": BOTH[:1], "slots": "edge"}, [BACKEND, OTHER]),
    ],
)
def test_a_place_that_is_given_up_while_nodes_stand_in_it_is_told(
    stage: Stage, changes: dict[str, Any], backends: list[str]
) -> None:
    assert told(stage, policy(**changes)) == [
        f"policies: backend-in-use lb1: servers of {backend} still point at nodes of 'edge': slot1, slot2, slot3"
        " and 2 more (name backend, port and slots as before; to give them up, take them out of haproxy.cfg first)"
        for backend in backends
    ]


def empty(stage: Stage, backend: str = OTHER) -> None:
    for key, server in stage.world.servers.items():
        if server.backend == backend:
            stage.world.servers[key] = replace(server, ip=PARKING[0], port=PARKING[1], status=ServerStatus.MAINT)


def gone(stage: Stage) -> None:
    for place in [place for place in stage.world.servers if place[1] == OTHER]:
        del stage.world.servers[place]


def only_in_an_old_worker(stage: Stage) -> None:
    """Nobody new is sent to it, and the second look before a termination counts it."""
    server = stage.world.servers["lb1", OTHER, "slot1"]
    gone(stage)
    stage.world.servers["lb1", OTHER, "worker-7/slot1"] = replace(
        server, name="worker-7/slot1", status=ServerStatus.MAINT, sessions=1
    )


def somebody_elses(stage: Stage) -> None:
    empty(stage)
    server = stage.world.servers["lb1", OTHER, "slot1"]
    stage.world.servers["lb1", OTHER, "static"] = replace(server, name="static", ip="10.9.9.9", port=1935)


@pytest.mark.parametrize("arrange", [empty, gone, only_in_an_old_worker, somebody_elses])
def test_a_backend_may_go_once_none_of_its_servers_points_at_a_node(
    stage: Stage, arrange: Callable[[Stage], None]
) -> None:
    arrange(stage)
    assert told(stage, policy()) == []


def test_a_server_of_another_name_has_no_part_in_a_change_of_prefix(stage: Stage) -> None:
    server = stage.world.servers["lb1", BACKEND, "slot1"]
    empty(stage)
    empty(stage, BACKEND)
    stage.world.servers["lb1", BACKEND, "by-hand"] = replace(server, name="by-hand")
    assert told(stage, policy(load_balancer=BOTH, slots="edge")) == []


def test_a_group_without_a_policy_is_told_while_it_has_nodes(stage: Stage) -> None:
    [line] = told(stage, policy(group="renamed", load_balancer=BOTH))
    assert line.startswith("policies: group-in-use the group 'edge' still has 5 instances, and no policy any more: i-")
    assert "and 2 more (keep its policy, under this name" in line


@pytest.mark.parametrize(("state", "kept"), [(InstanceState.SHUTTING_DOWN, 0), (InstanceState.STOPPED, 1)])
def test_a_group_may_go_with_its_last_node(stage: Stage, state: InstanceState, kept: int) -> None:
    for node in stage.world.nodes.values():
        node.instance = replace(node.instance, state=state)
    assert len(told(stage, policy(group="another"))) == kept


@pytest.mark.parametrize("dead", ["ec2", "haproxy:lb1"])
def test_what_cannot_be_told_is_not_given_up(stage: Stage, dead: str) -> None:
    stage.world.dead.add(dead)
    [line] = told(stage, policy())
    assert line.startswith("policies: in-use-unknown whether 'edge' still has nodes")
    assert dead in line
    assert told(stage, policy(load_balancer=BOTH, bounds={"min": 2, "max": 2})) == []  # nothing is given up


def test_the_first_policies_give_nothing_up(stage: Stage) -> None:
    assert left_behind([], [policy()], stage.senses) == []
