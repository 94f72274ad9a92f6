"""How AMS's documents are read, oddities included."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from bson import Decimal128, Int64
from pymongo.database import Database

from autoscaler.adapters.mongo import Client, Document
from autoscaler.adapters.mongo_loads import MongoLoads
from autoscaler.model.errors import ObservationError
from tests.support.ams import NOW, broadcast, cluster_node, epoch_ms, room

IP = "10.0.0.1"


@pytest.fixture
def loads(mongo_client: Client, mongo_database: Database[Document]) -> MongoLoads:
    """Read the cluster's rows and the one application's streams from the same database."""
    return MongoLoads(mongo_client, mongo_database.name, [mongo_database.name])


@pytest.mark.parametrize(
    ("cpu", "percent"),
    [
        ("37", 37.0), (37, 37.0), (Int64(37), 37.0), (37.5, 37.5), ("0", 0.0), (0, 0.0), ("100", 100.0),
        (Decimal128("37"), 37.0), (None, None), ("", None), ("n/a", None), ("37%", None), (-1, None), ("-1", None),
        (101, None), (float("nan"), None), (float("inf"), None), (True, None), ([37], None), ({"v": 37}, None),
    ],
)  # fmt: skip
def test_cpu(loads: MongoLoads, mongo_database: Database[Document], cpu: object, percent: float | None) -> None:
    mongo_database.clusternode.insert_one(cluster_node(IP, cpu=cpu))
    assert loads.heartbeats()[IP].cpu_percent == percent


@pytest.mark.parametrize(
    ("memory", "percent"),
    [
        ("6800/16000", 42.5), ("16000/16000", 100.0), (None, None), ("0/16031", None), ("0/0", None), ("5/0", None),
        ("", None), ("/", None), ("6800", None), ("null", None), ("a/b", None), ("17000/16000", None), (6800, None),
        ("6800/16000/3", None), ("-1/16000", None), ({}, None),
    ],
)  # fmt: skip
def test_memory(loads: MongoLoads, mongo_database: Database[Document], memory: object, percent: float | None) -> None:
    mongo_database.clusternode.insert_one(cluster_node(IP, memory=memory))
    assert loads.heartbeats()[IP].memory_percent == percent


@pytest.mark.parametrize(("stored", "read"), [(4, 4.0), (Int64(4), 4.0), ("x", None), (None, None)])
def test_query_time(loads: MongoLoads, mongo_database: Database[Document], stored: object, read: float | None) -> None:
    mongo_database.clusternode.insert_one({**cluster_node(IP), "dbQueryAveargeTimeMs": stored})
    assert loads.heartbeats()[IP].query_ms == read


def test_null_is_as_good_as_absent(loads: MongoLoads, mongo_database: Database[Document]) -> None:
    mongo_database.clusternode.insert_one(
        {**cluster_node(IP), "cpu": None, "memory": None, "note": "x", "master": True}
    )
    beat = loads.heartbeats()[IP]
    assert (beat.cpu_percent, beat.memory_percent) == (None, None)


@pytest.mark.parametrize("number", [Int64, float, lambda ms: Decimal128(str(ms))])
def test_the_time_of_a_heartbeat_is_exact(loads: MongoLoads, mongo_database: Database[Document], number: Any) -> None:
    mongo_database.clusternode.insert_one({**cluster_node(IP), "lastUpdateTime": number(epoch_ms(NOW))})
    assert loads.heartbeats()[IP].at == NOW


@pytest.mark.parametrize("order", [(5, 60), (60, 5)])
def test_the_newest_row_of_an_ip_wins(
    loads: MongoLoads, mongo_database: Database[Document], order: tuple[int, int]
) -> None:
    rows = [cluster_node(IP, at=NOW - timedelta(seconds=age), cpu=age) for age in order]
    mongo_database.clusternode.insert_many(rows)
    assert loads.heartbeats()[IP].cpu_percent == 5.0


@pytest.mark.parametrize("when", ["1767225600000", None, float("nan"), float("inf"), -1, Int64(2**62), {"a": 1}])
def test_a_row_without_a_usable_time_hides_no_other(
    loads: MongoLoads, mongo_database: Database[Document], when: object
) -> None:
    bad = {**cluster_node(IP, cpu=99), "lastUpdateTime": when}
    mongo_database.clusternode.insert_many([bad, cluster_node(IP, cpu=5), {**bad, "_id": "other", "ip": "10.0.0.2"}])
    beats = loads.heartbeats()
    assert list(beats) == [IP]
    assert beats[IP].cpu_percent == 5.0


def test_rows_without_an_ip_are_no_nodes(loads: MongoLoads, mongo_database: Database[Document]) -> None:
    anonymous = [{**cluster_node(IP), "ip": ip} for ip in (None, "", 7)]
    del anonymous[0]["ip"]
    mongo_database.clusternode.insert_many(anonymous)
    assert loads.heartbeats() == {}


@pytest.mark.parametrize(
    ("changes", "live"),
    [
        ({}, True),
        ({"status": "preparing"}, True),
        ({"updateTime": epoch_ms(NOW) - 60_000}, True),  # what a loaded node writes late
        ({"updateTime": epoch_ms(NOW) - 60_001}, False),  # a stuck stream stays "broadcasting"
        ({"updateTime": epoch_ms(NOW) + 5_000}, True),  # a node's clock may run ahead
        ({"status": "created"}, False),  # has an origin too: the node that served the REST call
        ({"status": "finished"}, False),
        ({"status": "terminated_unexpectedly"}, False),
        ({"status": None}, False),
        ({"updateTime": None}, False),
        ({"zombi": True}, True),
    ],
)
def test_which_streams_are_live(
    loads: MongoLoads, mongo_database: Database[Document], changes: dict[str, object], live: bool  # noqa: FBT001 - a column of the table
) -> None:  # fmt: skip
    mongo_database.broadcast.insert_one(broadcast(IP, **changes))
    assert loads.streams(NOW).publishers == ({IP: 1} if live else {})


def test_a_room_publishes_on_no_node_but_its_participants_do(
    loads: MongoLoads, mongo_database: Database[Document]
) -> None:
    rows = [room(streamId="room-1"), room(streamId="room-2", updateTime=0), room(originAdress="")]
    tracks = [broadcast(IP, mainTrackStreamId="room-1"), broadcast("10.0.0.2", mainTrackStreamId="room-1")]
    mongo_database.broadcast.insert_many([*rows, *tracks])
    assert loads.streams(NOW).publishers == {IP: 1, "10.0.0.2": 1}


def test_viewers_by_kind_over_all_streams(loads: MongoLoads, mongo_database: Database[Document]) -> None:
    counts = {"webRTCViewerCount": 112, "hlsViewerCount": 40, "dashViewerCount": 3, "rtmpViewerCount": 1}
    over = broadcast(IP, **counts, status="finished")
    bare = {field: value for field, value in broadcast(IP).items() if not field.endswith("ViewerCount")}
    odd = broadcast(IP, webRTCViewerCount="many", hlsViewerCount=2)
    mongo_database.broadcast.insert_many([broadcast(IP, **counts), broadcast("10.0.0.2", **counts), over, bare, odd])
    assert loads.streams(NOW).viewers == {"webrtc": 224, "hls": 82, "dash": 6, "rtmp": 2}


def test_every_application_of_the_cluster_is_read(mongo_client: Client, mongo_database: Database[Document]) -> None:
    names = [f"{mongo_database.name}_{application}" for application in ("LiveApp", "WebRTCAppEE")]
    mongo_database.AppSettings.insert_many([{"appName": name} for name in names])
    for name in names:
        mongo_client[name.lower()].broadcast.insert_one(broadcast(IP, webRTCViewerCount=10))
    try:
        streams = MongoLoads(mongo_client, mongo_database.name, None).streams(NOW)
        one = MongoLoads(mongo_client, mongo_database.name, [names[0]]).streams(NOW)
    finally:
        for name in names:
            mongo_client.drop_database(name.lower())
    assert (streams.publishers, streams.viewers["webrtc"]) == ({IP: 2}, 20)
    assert (one.publishers, one.viewers["webrtc"]) == ({IP: 1}, 10)


def test_a_cluster_without_applications_is_not_a_cluster_without_publishers(
    mongo_client: Client, mongo_database: Database[Document]
) -> None:
    with pytest.raises(ObservationError, match="names no application"):
        MongoLoads(mongo_client, mongo_database.name, None).streams(NOW)
