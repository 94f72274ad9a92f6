"""What every NodeLoads does: MongoDB as AMS writes it, and the simulated world."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

import pytest
from pymongo.database import Database

from autoscaler.adapters.mongo import Client, Document, connect
from autoscaler.adapters.mongo_loads import MongoLoads
from autoscaler.model.errors import ObservationError
from autoscaler.model.snapshot import Heartbeat
from autoscaler.ports import NodeLoads
from autoscaler.simulate.ports import SimulatedNodeLoads
from autoscaler.simulate.world import SimulatedNode, World
from tests.support.ams import NOW, broadcast, cluster_node
from tests.support.mongo import free_port


class Rig(Protocol):
    loads: NodeLoads

    def beat(self, ip: str, heartbeat: Heartbeat) -> None: ...
    def publish(self, ip: str, count: int) -> None: ...
    def watch(self, kind: str, viewers: int) -> None: ...
    def break_down(self) -> None: ...


class MongoRig:
    def __init__(self, client: Client, database: Database[Document]) -> None:
        self._database = database
        self._live = client[f"{database.name}_live"]
        database.AppSettings.insert_one({"appName": self._live.name})
        self.loads: NodeLoads = MongoLoads(client, database.name, None)

    def beat(self, ip: str, heartbeat: Heartbeat) -> None:
        cpu, memory = heartbeat.cpu_percent, heartbeat.memory_percent
        row = cluster_node(ip, at=heartbeat.at, cpu=cpu and str(int(cpu)), memory=memory and f"{int(memory) * 10}/1000")
        self._database.clusternode.insert_one({**row, "dbQueryAveargeTimeMs": heartbeat.query_ms})

    def publish(self, ip: str, count: int) -> None:
        self._live.broadcast.insert_many([broadcast(ip) for _ in range(count)])

    def watch(self, kind: str, viewers: int) -> None:
        fields = {"webrtc": "webRTCViewerCount", "hls": "hlsViewerCount"}
        self._live.broadcast.insert_one(broadcast("10.0.0.99", **{fields[kind]: viewers}))

    def break_down(self) -> None:
        refused = connect(f"mongodb://127.0.0.1:{free_port()}", timeout=timedelta(milliseconds=300))
        self.loads = MongoLoads(refused, self._database.name, None)
        self._refused = refused

    def close(self, client: Client) -> None:
        client.drop_database(self._live.name)
        if hasattr(self, "_refused"):
            self._refused.close()


@dataclass
class SimulatedRig:
    world: World
    loads: NodeLoads

    def _node(self, ip: str) -> SimulatedNode:
        found = [node for node in self.world.nodes.values() if node.instance.ip == ip]
        node = found[0] if found else self.world.add_node()
        node.instance = replace(node.instance, ip=ip)
        return node

    def beat(self, ip: str, heartbeat: Heartbeat) -> None:
        self._node(ip).heartbeat = heartbeat

    def publish(self, ip: str, count: int) -> None:
        self._node(ip).publishers = count

    def watch(self, kind: str, viewers: int) -> None:
        self.world.viewers[kind] = viewers

    def break_down(self) -> None:
        self.world.dead.add("mongodb")


@pytest.fixture(params=["mongo", "simulated"])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    if request.param == "simulated":
        world = World(now=NOW)
        yield SimulatedRig(world, SimulatedNodeLoads(world))
        return
    client = request.getfixturevalue("mongo_client")
    made = MongoRig(client, request.getfixturevalue("mongo_database"))
    yield made
    made.close(client)


def test_nobody_wrote_anything_yet(rig: Rig) -> None:
    assert rig.loads.heartbeats() == {}
    streams = rig.loads.streams(NOW)
    assert streams.publishers == {}
    assert sum(streams.viewers.values()) == 0


def test_a_heartbeat_is_read_whole(rig: Rig) -> None:
    beat = Heartbeat(NOW - timedelta(seconds=3), cpu_percent=37.0, memory_percent=42.0, query_ms=4.0)
    rig.beat("10.0.0.1", beat)
    assert rig.loads.heartbeats() == {"10.0.0.1": beat}


def test_a_newer_heartbeat_of_an_ip_wins(rig: Rig) -> None:
    old, new = (Heartbeat(NOW - timedelta(seconds=age), cpu_percent=float(age)) for age in (60, 5))
    rig.beat("10.0.0.1", old)
    rig.beat("10.0.0.1", new)
    assert rig.loads.heartbeats() == {"10.0.0.1": new}


def test_an_old_heartbeat_is_still_told(rig: Rig) -> None:
    beat = Heartbeat(NOW - timedelta(days=3), cpu_percent=12.0)
    rig.beat("10.0.0.1", beat)
    assert rig.loads.heartbeats() == {"10.0.0.1": beat}


def test_what_a_node_did_not_measure_yet_is_absent(rig: Rig) -> None:
    rig.beat("10.0.0.1", Heartbeat(NOW))
    assert rig.loads.heartbeats() == {"10.0.0.1": Heartbeat(NOW, None, None, None)}


def test_publishers_are_counted_where_they_publish(rig: Rig) -> None:
    rig.publish("10.0.0.1", 3)
    rig.publish("10.0.0.2", 1)
    assert rig.loads.streams(NOW).publishers == {"10.0.0.1": 3, "10.0.0.2": 1}


def test_viewers_are_counted_over_the_cluster_by_kind(rig: Rig) -> None:
    rig.watch("webrtc", 112)
    rig.watch("hls", 40)
    viewers = rig.loads.streams(NOW).viewers
    assert {kind: count for kind, count in viewers.items() if count} == {"webrtc": 112, "hls": 40}


def test_a_source_that_is_down_is_an_error_and_not_an_empty_cluster(rig: Rig) -> None:
    rig.beat("10.0.0.1", Heartbeat(NOW))
    rig.publish("10.0.0.1", 1)
    rig.break_down()
    with pytest.raises(ObservationError) as nodes:
        rig.loads.heartbeats()
    with pytest.raises(ObservationError) as streams:
        rig.loads.streams(NOW)
    assert nodes.value.source == streams.value.source == "mongodb"
