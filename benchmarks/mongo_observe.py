"""What MongoDB costs us at a big cluster, beside the same queries by the bare driver."""

from __future__ import annotations

import lzma
from datetime import UTC, datetime

from pymongo.database import Database

from autoscaler.adapters.clock import SystemClock
from autoscaler.adapters.mongo import Document
from autoscaler.adapters.mongo_journal import MongoJournal, pack_report
from autoscaler.adapters.mongo_loads import MongoLoads
from autoscaler.adapters.mongo_memory import MongoMemoryStore
from autoscaler.model.memory import Memory
from benchmarks import bare, cluster
from benchmarks.figures import Effort, Figure, Goal, medians
from tests.support.records import node, report


def run(effort: Effort) -> list[Figure]:
    """Seed a database, measure, drop it."""
    with cluster.mongodb() as uri, cluster.database(uri) as database:
        now = datetime.now(UTC)
        cluster.seed(database, effort.nodes, effort.streams, now)
        loads = MongoLoads(database.client, database.name, [database.name])
        nodes = medians(loads.heartbeats, lambda: bare.nodes(database), effort.rounds)
        streams = medians(lambda: loads.streams(now), lambda: bare.streams(database, now), effort.rounds)
        return [
            Figure("mongo_heartbeats", f"{effort.nodes} nodes", nodes[0], "ms", nodes[1], Goal("ratio", 3)),
            Figure("mongo_streams", f"{effort.streams} streams", streams[0], "ms", streams[1], Goal("ratio", 2)),
            _journal(database, effort),
            _memory(database, effort),
        ]


def _journal(database: Database[Document], effort: Effort) -> Figure:
    big = report(tuple(node(number) for number in range(effort.nodes)))
    journal, packed, raw = MongoJournal(database, SystemClock()), pack_report(big), database["raw"]
    text = lzma.decompress(packed)

    def bare_insert() -> None:
        raw.insert_one({"report": lzma.compress(text, preset=0)})

    value, floor = medians(lambda: journal.cycle(big), bare_insert, effort.rounds)
    return Figure(
        "journal_cycle", f"{effort.nodes} nodes, {len(packed) // 1000} kB", value, "ms", floor, Goal("value", 1000)
    )


def _memory(database: Database[Document], effort: Effort) -> Figure:
    store, raw = MongoMemoryStore(database), database["raw_memory"]
    raw.insert_one({"_id": "edge"})
    text = "x" * 300

    def ours() -> Memory:
        return store.save("edge", store.load("edge"))

    def bare_replace() -> None:
        raw.find_one({"_id": "edge"})
        raw.replace_one({"_id": "edge"}, {"memory": text})

    value, floor = medians(ours, bare_replace, effort.rounds)
    return Figure("memory_load_and_save", "1 group", value, "ms", floor, Goal("ratio", 3))
