"""A cluster in service, of any size: a real HAProxy, a real MongoDB-wire server, and the rows that AMS would write."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from pymongo.database import Database

from autoscaler.adapters.mongo import Document, connect
from tests.support.ams import broadcast, cluster_node, epoch_ms
from tests.support.haproxy import Haproxy
from tests.support.mongo import mongo_server
from tests.support.places import free_port

BACKENDS = {"edge_http": 5080, "edge_rtmp": 1935}
_BEAT_S = 5.0  # AMS writes a heartbeat as often (ClusterNode.java)
_INSERT = 500
_HOUR_MS = 3_600_000


def addresses(nodes: int) -> list[str]:
    """Return so many addresses that exist on every Linux machine, and reach nobody."""
    return [f"127.{20 + n // 62_500}.{n // 250 % 250}.{n % 250 + 1}" for n in range(nodes)]


def policy(group: str, nodes: int) -> dict[str, Any]:
    """Return a policy by which so many nodes, as they are seeded, are about as busy as they should be."""
    return {
        "version": 1, "group": group, "role": "both", "bounds": {"min": 1, "max": min(2 * nodes, 10_000)},
        "signals": {
            "cpu": {"from": "mongodb.node.cpu_percent"},
            "sessions": {"from": "haproxy.server.sessions", "backend": "edge_http", "aggregate": "sum"},
        },
        "scale": [
            {"target_tracking": {"signal": "cpu", "target": 50}},
            {"target_tracking": {"signal": "sessions", "target_per_node": 110}},
        ],
        "scale_in": {"stabilization": "0s"},
        "launch": {"launch_template": "ams-edge", "subnets": ["subnet-a", "subnet-b"]},
        "load_balancer": [{"backend": backend, "port": port} for backend, port in BACKENDS.items()],
    }  # fmt: skip


@contextmanager
def balancer(nodes: int) -> Iterator[Haproxy]:
    """Run HAProxy with every node in service in both backends.

    Nobody connects to the nodes themselves: their health checks go to one port, HAProxy's own.
    """
    alive = free_port()
    lines = {
        backend: "\n".join(
            f"    server slot{n} {ip}:{port} check addr 127.0.0.1 port {alive} inter 10s fastinter 200ms"
            for n, ip in enumerate(addresses(nodes), 1)
        )
        for backend, port in BACKENDS.items()
    }
    sections = "".join(f"backend {backend}\n    mode tcp\n{text}\n" for backend, text in lines.items())
    haproxy = Haproxy(f"""
defaults
    timeout connect 5s
    timeout client 5s
    timeout server 5s
frontend alive
    bind 127.0.0.1:{alive}
    mode http
    http-request return status 200
{sections}""")
    try:
        yield haproxy
    finally:
        haproxy.stop()


@contextmanager
def mongodb() -> Iterator[str]:
    """Yield the URI of the server of MONGODB_URI, or of one that lives as long as the block."""
    if given := os.environ.get("MONGODB_URI"):
        yield given
        return
    with mongo_server() as server:
        yield server.uri


@contextmanager
def database(uri: str) -> Iterator[Database[Document]]:
    """Yield a database that is gone afterwards."""
    with connect(uri) as client:
        name = f"bench_{uuid4().hex[:12]}"
        try:
            yield client[name]
        finally:
            client.drop_database(name)


def seed(database: Database[Document], nodes: int, streams: int, now: datetime) -> None:
    """Write what AMS writes about so many nodes and live streams, and make its indexes.

    The streams' rows are an hour ahead of their time, so that they stay live without anybody who writes them.
    """
    ips = addresses(nodes)
    for index in ("status", "streamId"):
        database["broadcast"].create_index(index)
    _insert(database, "clusternode", [cluster_node(ip, at=now, cpu=str(40 + n % 20)) for n, ip in enumerate(ips)])
    _insert(
        database,
        "broadcast",
        [
            broadcast(ips[n % nodes], webRTCViewerCount=n % 90, updateTime=epoch_ms(now) + _HOUR_MS)
            for n in range(streams)
        ],
    )


def _insert(database: Database[Document], collection: str, rows: list[Document]) -> None:
    for start in range(0, len(rows), _INSERT):
        database[collection].insert_many(rows[start : start + _INSERT])


@contextmanager
def beating(database: Database[Document]) -> Iterator[None]:
    """Keep all heartbeats fresh during the block."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(_BEAT_S):
            database["clusternode"].update_many({}, {"$set": {"lastUpdateTime": epoch_ms(datetime.now(UTC))}})

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
