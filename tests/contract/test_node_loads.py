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
from autoscaler.model.snapshot import Audience, Heartbeat
from autoscaler.ports import NodeLoads
from autoscaler.simulate.ports import SimulatedNodeLoads
from autoscaler.simulate.world import SimulatedNode, World
from tests.support.ams import NOW, broadcast, cluster_node
from tests.support.places import free_port

APPLICATION, OTHER = "live", "webrtcappee"


class Rig(Protocol):
    """A cluster of two applications, whose databases are called so, behind `prefix`."""

    loads: NodeLoads
    prefix: str

    def beat(self, ip: str, heartbeat: Heartbeat) -> None: ...
    def publish(self, ip: str, count: int, application: str = APPLICATION) -> None: ...
    def watch(self, kind: str, viewers: int, application: str = APPLICATION) -> None: ...
    def break_down(self) -> None: ...


class MongoRig:
    def __init__(self, client: Client, database: Database[Document]) -> None:
        self._database = database
        self._apps = {name: client[f"{database.name}_{name}"] for name in (APPLICATION, OTHER)}
        database.AppSettings.insert_many([{"appName": app.name.upper()} for app in self._apps.values()])
        self.prefix = f"{database.name}_"
        self.loads: NodeLoads = MongoLoads(client, database.name, None)

    def beat(self, ip: str, heartbeat: Heartbeat) -> None:
        cpu, memory = heartbeat.cpu_percent, heartbeat.memory_percent
        row = cluster_node(ip, at=heartbeat.at, cpu=cpu and str(int(cpu)), memory=memory and f"{int(memory) * 10}/1000")
        self._database.clusternode.insert_one({**row, "dbQueryAveargeTimeMs": heartbeat.query_ms})

    def publish(self, ip: str, count: int, application: str = APPLICATION) -> None:
        self._apps[application].broadcast.insert_many([broadcast(ip) for _ in range(count)])

    def watch(self, kind: str, viewers: int, application: str = APPLICATION) -> None:
        fields = {"webrtc": "webRTCViewerCount", "hls": "hlsViewerCount"}
        self._apps[application].broadcast.insert_one(broadcast("10.0.0.99", **{fields[kind]: viewers}))

    def break_down(self) -> None:
        refused = connect(f"mongodb://127.0.0.1:{free_port()}", timeout=timedelta(milliseconds=300))
        self.loads = MongoLoads(refused, self._database.name, None)
        self._refused = refused

    def close(self, client: Client) -> None:
        for app in self._apps.values():
            client.drop_database(app.name)
        if hasattr(self, "_refused"):
            self._refused.close()


@dataclass
class SimulatedRig:
    world: World
    loads: NodeLoads
    prefix: str = ""

    def _node(self, ip: str) -> SimulatedNode:
        found = [node for node in self.world.nodes.values() if node.instance.ip == ip]
        node = found[0] if found else self.world.add_node()
        node.instance = replace(node.instance, ip=ip)
        return node

    def beat(self, ip: str, heartbeat: Heartbeat) -> None:
        self._node(ip).row = heartbeat.at, (heartbeat.cpu_percent, heartbeat.memory_percent, heartbeat.query_ms)

    def publish(self, ip: str, count: int, application: str = APPLICATION) -> None:
        if application == APPLICATION:
            self._node(ip).publishers = count
        else:
            self.world.applications[application] = Audience({ip: count}, {})

    def watch(self, kind: str, viewers: int, application: str = APPLICATION) -> None:
        if application == APPLICATION:
            self.world.viewers[kind] = viewers
        else:
            self.world.applications[application] = Audience({}, {kind: viewers})

    def break_down(self) -> None:
        self.world.dead.add("mongodb")


@pytest.fixture(params=["mongo", "simulated"])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    if request.param == "simulated":
        world = World(now=NOW, applications={OTHER: Audience({}, {})})
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


def test_streams_are_counted_by_application_too(rig: Rig) -> None:
    rig.publish("10.0.0.1", 3)
    rig.publish("10.0.0.1", 2, OTHER)
    streams = rig.loads.streams(NOW)
    assert streams.publishers == {"10.0.0.1": 5}
    by_application = {name: audience.publishers for name, audience in streams.applications.items()}
    assert by_application == {f"{rig.prefix}{APPLICATION}": {"10.0.0.1": 3}, f"{rig.prefix}{OTHER}": {"10.0.0.1": 2}}


def test_viewers_are_counted_by_application_too(rig: Rig) -> None:
    rig.watch("hls", 40)
    rig.watch("hls", 2, OTHER)
    streams = rig.loads.streams(NOW)
    assert streams.viewers["hls"] == 42
    by_application = {name: audience.viewers["hls"] for name, audience in streams.applications.items()}
    assert by_application == {f"{rig.prefix}{APPLICATION}": 40, f"{rig.prefix}{OTHER}": 2}


def test_an_application_in_which_nobody_streams_is_there_and_no_other(rig: Rig) -> None:
    streams = rig.loads.streams(NOW)
    assert sorted(streams.applications) == [f"{rig.prefix}{APPLICATION}", f"{rig.prefix}{OTHER}"]
    assert all(not any(each.viewers.values()) and not each.publishers for each in streams.applications.values())


def test_a_source_that_is_down_is_an_error_and_not_an_empty_cluster(rig: Rig) -> None:
    rig.beat("10.0.0.1", Heartbeat(NOW))
    rig.publish("10.0.0.1", 1)
    rig.break_down()
    with pytest.raises(ObservationError) as nodes:
        rig.loads.heartbeats()
    with pytest.raises(ObservationError) as streams:
        rig.loads.streams(NOW)
    assert nodes.value.source == streams.value.source == "mongodb"
