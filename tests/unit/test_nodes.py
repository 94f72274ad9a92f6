"""The nodes of a snapshot as a whole."""

from __future__ import annotations

from dataclasses import replace

import pytest

from autoscaler.model.codec import from_plain, to_plain
from autoscaler.model.nodes import Given, Nodes, nodes_of, positions
from autoscaler.model.snapshot import FleetSnapshot, Heartbeat, InstanceState, Node, ServerStatus
from tests.support.facts import BACKENDS, line
from tests.support.fleet import MONGO_GAP, NOW, PROXY_GAP, instance, node, snapshot

HTTP, RTMP = BACKENDS
TWICE = (line(2, sessions=3, queued=1), line(2, ServerStatus.DRAIN, backend=RTMP, sessions=2))
NODES = (
    node(1, sessions=4, heartbeat=None),
    node(2, servers=TWICE, sessions=5, heartbeat=Heartbeat(NOW, 20.0)),
    node(3, status=None, heartbeat=MONGO_GAP),
    node(4, servers=PROXY_GAP, sessions=PROXY_GAP, state=InstanceState.PENDING),
)


@pytest.fixture
def fleet() -> Nodes:
    return Given(NODES)


def test_it_is_a_sequence_and_equal_to_any_of_equal_nodes(fleet: Nodes) -> None:
    assert (len(fleet), fleet[0], fleet[-1], fleet[1:3]) == (4, NODES[0], NODES[-1], NODES[1:3])
    assert list(fleet) == list(NODES)
    assert fleet == NODES
    assert fleet == NODES
    assert fleet == Given(list(NODES))
    assert fleet != NODES[1:]
    assert fleet != 4
    assert fleet != Given((*NODES[:3], replace(NODES[3], publishers=1)))
    assert repr(fleet) == repr(NODES)
    with pytest.raises(TypeError, match="unhashable"):
        hash(fleet)


def test_a_node_is_found_by_its_instance(fleet: Nodes) -> None:
    assert fleet.instances == tuple(node.instance for node in NODES)
    assert fleet.where == {"i-1": 0, "i-2": 1, "i-3": 2, "i-4": 3}
    assert fleet.find("i-3") is NODES[2]
    assert fleet.find("i-9") is None
    assert fleet.of(["i-4", "i-1"]) == [NODES[3], NODES[0]]
    with pytest.raises(KeyError):
        fleet.of(["i-9"])


def test_only_nodes_with_servers_have_places(fleet: Nodes) -> None:
    assert fleet.places_up == {"i-1": 1, "i-2": 1}


def test_there_is_no_heartbeat_where_none_was_written_or_read(fleet: Nodes) -> None:
    assert [(key, beat.cpu_percent) for key, beat in fleet.heartbeats] == [("i-2", 20.0), ("i-4", 50.0)]


def test_figures_are_added_up_over_all_servers_or_those_of_a_backend(fleet: Nodes) -> None:
    assert fleet.served("sessions") == {"i-1": 4, "i-2": 5}
    assert fleet.served("sessions", RTMP) == {"i-2": 2}
    assert fleet.served("queued", HTTP) == {"i-1": 0, "i-2": 1}
    assert fleet.served("sessions", "nowhere") == {}


def test_who_may_have_more_sessions_than_its_servers_tell_is_named(fleet: Nodes) -> None:
    assert fleet.uncounted
    assert {key: fleet.partly(key) for key in ("i-1", "i-4", "i-9")} == {"i-1": False, "i-4": True, "i-9": False}
    assert not Given(NODES[:3]).uncounted
    assert not Given(()).uncounted


def test_the_nodes_of_a_snapshot_are_looked_at_as_a_whole_once() -> None:
    shot = snapshot(*NODES)
    assert nodes_of(shot) is nodes_of(shot)
    assert nodes_of(shot) == NODES
    assert nodes_of(replace(shot, nodes=Given(NODES))) == NODES


def test_what_becomes_of_a_list_of_nodes_is_seen() -> None:
    nodes: list[Node] = [NODES[0]]
    shot = FleetSnapshot("edge", NOW, nodes)
    assert len(nodes_of(shot)) == 1
    nodes.append(NODES[1])
    assert len(nodes_of(shot)) == 2


def test_it_is_written_and_read_as_a_list_of_nodes(fleet: Nodes) -> None:
    shot = replace(snapshot(), nodes=fleet)
    plain = to_plain(shot)
    assert plain == to_plain(replace(shot, nodes=NODES))
    assert from_plain(FleetSnapshot, plain) == shot


def test_positions_are_worked_out_once_for_the_same_instances() -> None:
    instances = (instance(1), instance(2))
    assert positions(instances) is positions(instances)
    assert positions(instances) == {"i-1": 0, "i-2": 1}
    assert positions((*instances,)) == {"i-1": 0, "i-2": 1}
