"""What reading a big cluster from MongoDB costs us, beside the same queries by the bare driver.

`python -m benchmarks.mongo_observe` prints the figures; the server is the one that the tests use.
"""

from __future__ import annotations

import lzma
import os
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

from pymongo.database import Database

from autoscaler.adapters.clock import SystemClock
from autoscaler.adapters.mongo import Document, connect
from autoscaler.adapters.mongo_journal import MongoJournal, pack_report
from autoscaler.adapters.mongo_loads import MongoLoads
from autoscaler.adapters.mongo_memory import MongoMemoryStore
from autoscaler.model.memory import Memory
from tests.support.ams import NOW, broadcast, cluster_node, epoch_ms
from tests.support.mongo import mongo_server
from tests.support.records import node, report

NODES, STREAMS, ROUNDS = 1_000, 5_000, 15
LIVE = {"status": {"$in": ["broadcasting", "preparing"]}, "updateTime": {"$gte": epoch_ms(NOW) - 60_000}}
COUNTERS = ("webRTCViewerCount", "hlsViewerCount", "dashViewerCount", "rtmpViewerCount")


def run() -> list[dict[str, Any]]:
    """Seed a database, measure, drop it. Each row: name, size, value, unit, floor, ratio (value by floor), goal."""
    with ExitStack() as stack:
        uri = os.environ.get("MONGODB_URI") or stack.enter_context(mongo_server()).uri
        client = stack.enter_context(connect(uri))
        database = client[f"bench_{uuid4().hex[:12]}"]
        stack.callback(client.drop_database, database.name)
        _seed(database)
        loads = MongoLoads(client, database.name, [database.name])
        return [
            _row("mongo_heartbeats", f"{NODES} nodes", loads.heartbeats, lambda: _raw_nodes(database), 3),
            _row("mongo_streams", f"{STREAMS} streams", lambda: loads.streams(NOW), lambda: _raw_streams(database), 2),
            _journal(database),
            _memory(database),
        ]


def _seed(database: Database[Document]) -> None:
    ips = [f"10.0.{number // 250}.{number % 250 + 1}" for number in range(NODES)]
    database.clusternode.insert_many([cluster_node(ip) for ip in ips])
    for index in ("status", "streamId"):  # those that AMS makes
        database.broadcast.create_index(index)
    for start in range(0, STREAMS, 500):
        rows = [broadcast(ips[number % NODES], webRTCViewerCount=number % 90) for number in range(start, start + 500)]
        database.broadcast.insert_many(rows)


def _raw_nodes(database: Database[Document]) -> list[Document]:
    fields = {"_id": 0, "ip": 1, "lastUpdateTime": 1, "cpu": 1, "memory": 1, "dbQueryAveargeTimeMs": 1}
    return list(database.clusternode.find({}, fields))


def _raw_streams(database: Database[Document]) -> list[Document]:
    sums = {field: {"$sum": f"${field}"} for field in COUNTERS}
    group = {"$group": {"_id": "$originAdress", "streams": {"$sum": 1}, **sums}}
    return list(database.broadcast.aggregate([{"$match": LIVE}, group]))


def _journal(database: Database[Document]) -> dict[str, Any]:
    big = report(tuple(node(number) for number in range(NODES)))
    journal, packed, raw = MongoJournal(database, SystemClock()), pack_report(big), database["raw"]
    text = lzma.decompress(packed)

    def bare() -> None:
        raw.insert_one({"report": lzma.compress(text, preset=0)})

    return _row("journal_cycle", f"{NODES} nodes, {len(packed) // 1000} kB", lambda: journal.cycle(big), bare, None)


def _memory(database: Database[Document]) -> dict[str, Any]:
    store, raw = MongoMemoryStore(database), database["raw_memory"]
    raw.insert_one({"_id": "edge"})
    text = "x" * 300

    def ours() -> Memory:
        return store.save("edge", store.load("edge"))

    def bare() -> None:
        raw.find_one({"_id": "edge"})
        raw.replace_one({"_id": "edge"}, {"memory": text})

    return _row("memory_load_and_save", "1 group", ours, bare, 3)


def _row(
    name: str, size: str, ours: Callable[[], object], bare: Callable[[], object], goal: float | None
) -> dict[str, Any]:
    """Measure both in turns, so that what else the machine does falls on both; `goal` bounds the ratio."""
    value, floor = (
        statistics.median(times) for times in zip(*((_ms(ours), _ms(bare)) for _ in range(ROUNDS)), strict=True)
    )
    ratio = round(value / floor, 2)
    return {
        "name": name, "size": size, "value": round(value, 2), "unit": "ms", "floor": round(floor, 2), "ratio": ratio,
        "goal": f"ratio < {goal:g}" if goal else "value < 1000",
    }  # fmt: skip


def _ms(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - began)


if __name__ == "__main__":
    for row in run():
        print(row)
