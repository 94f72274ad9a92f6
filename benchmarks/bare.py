"""The floor: the reads of a cycle by the bare drivers, and nothing made of them.

`python -m benchmarks.bare WHERE ROUNDS` is a process that does only that. It prints, as JSON, the processor time of a
round in seconds (the first is left out) and its resident memory in MB.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pymongo
from pymongo.database import Database

from autoscaler.adapters.ec2 import CLUSTER, GROUP, PAGE, STATES
from benchmarks.proc import resident_mb

Document = dict[str, Any]

NODES = {"ip": {"$type": "string", "$ne": ""}, "lastUpdateTime": {"$gte": 0, "$lt": 253_402_214_400_000}}
NODE_FIELDS = {"_id": 0, "ip": 1, "lastUpdateTime": 1, "cpu": 1, "memory": 1, "dbQueryAveargeTimeMs": 1}
COUNTERS = ("webRTCViewerCount", "hlsViewerCount", "dashViewerCount", "rtmpViewerCount")


@dataclass(frozen=True, slots=True)
class Where:
    """A cluster's components. The application's streams stand in `database`, beside its nodes."""

    haproxy: str
    master: str
    backends: tuple[str, ...]
    mongodb: str
    database: str
    ec2: str
    cluster: str
    group: str

    def to_json(self) -> str:
        """Write it for another process."""
        return json.dumps(asdict(self))


def haproxy(path: str, master: str, backends: Sequence[str]) -> list[bytes]:
    """Send the commands of a reading, one a connection, and read each answer to its end."""
    tables = [_exchange(path, f"show stat {backend} 4 -1") for backend in backends]
    return [*tables, _exchange(path, "show info"), _exchange(master, "show proc")]


def _exchange(path: str, command: str) -> bytes:
    with socket.socket(socket.AF_UNIX) as wire:
        wire.connect(path)
        wire.sendall(command.encode() + b"\n")
        wire.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: wire.recv(262_144), b""))


def nodes(database: Database[Document]) -> list[Document]:
    """Read every heartbeat."""
    return list(database["clusternode"].find(NODES, NODE_FIELDS))


def streams(database: Database[Document], now: datetime) -> list[Document]:
    """Sum up the live streams by origin."""
    oldest = round((now - timedelta(seconds=60)).timestamp() * 1000)
    sums = {field: {"$sum": f"${field}"} for field in COUNTERS}
    live = {"status": {"$in": ["broadcasting", "preparing"]}, "updateTime": {"$gte": oldest}}
    group = {"$group": {"_id": "$originAdress", "streams": {"$sum": 1}, **sums}}
    return list(database["broadcast"].aggregate([{"$match": live}, group]))


def instances(client: Any, where: Where) -> list[Document]:  # noqa: ANN401 - the stubs are for type checkers only
    """List the group's instances, page by page."""
    tags = {f"tag:{CLUSTER}": [where.cluster], f"tag:{GROUP}": [where.group], "instance-state-name": STATES}
    filters = [{"Name": name, "Values": values} for name, values in tags.items()]
    pages = client.get_paginator("describe_instances").paginate(Filters=filters, PaginationConfig={"PageSize": PAGE})
    return [instance for page in pages for each in page["Reservations"] for instance in each["Instances"]]


def main(where: Where, rounds: int) -> dict[str, float]:
    """Read everything `rounds` times, after a first time that does not count."""
    client = boto3.session.Session().client("ec2", region_name="eu-west-1", endpoint_url=where.ec2)
    with pymongo.MongoClient[Document](where.mongodb) as mongodb:
        database = mongodb[where.database]
        began = 0.0
        for number in range(rounds + 1):
            if number == 1:
                began = time.process_time()
            haproxy(where.haproxy, where.master, where.backends)
            nodes(database)
            streams(database, datetime.now(UTC))
            instances(client, where)
        return {"cpu_s": (time.process_time() - began) / rounds, "resident_mb": resident_mb("self")}


if __name__ == "__main__":
    print(json.dumps(main(Where(**json.loads(sys.argv[1])), int(sys.argv[2]))))
