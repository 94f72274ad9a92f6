"""The MongoDB rows that Ant Media Server writes about its nodes and streams, as it spells and types them.

Sources: Ant-Media-Server `ClusterNode.java` and `Broadcast.java`; the cluster panel reads `cpu` as a string from some
stores and as a number from others, so both kinds occur here.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bson import Int64

if TYPE_CHECKING:
    from pymongo import AsyncMongoClient

MEMORY_TOTAL_MB = 7_764
MEMORY_BASE_MB = 1_400
MEMORY_PER_CPU_PERCENT_MB = 25


@dataclass(frozen=True, slots=True)
class Names:
    """Which databases to use. A MongoDB that was there before gets names of this run's own, dropped at the end."""

    cluster: str
    state: str
    application: str

    @property
    def streams(self) -> str:
        """AMS names an application's database after it, in lower case."""
        return self.application.lower()

    @property
    def all(self) -> tuple[str, ...]:
        """Every database of the run."""
        return self.cluster, self.state, self.streams


@dataclass(frozen=True, slots=True)
class Rows:
    """What nodes write through `client`. Every method raises PyMongoError."""

    client: AsyncMongoClient[dict[str, Any]]
    names: Names

    async def applications(self) -> None:
        """Name the cluster's one application, where AMS keeps the list."""
        settings = self.client[self.names.cluster]["AppSettings"]
        name = self.names.application
        await settings.replace_one({"appName": name}, {"appName": name, "_t": "AppSettings"}, upsert=True)

    async def heartbeat(self, ip: str, cpu_percent: int) -> None:
        """Write the node's row, and say how busy it is."""
        node_id = hashlib.md5(ip.encode(), usedforsecurity=False).hexdigest()  # AMS: MD5 of the first MAC
        used = MEMORY_BASE_MB + MEMORY_PER_CPU_PERCENT_MB * cpu_percent
        row = {
            "_t": "ClusterNode",
            "ip": ip,
            "cpu": str(cpu_percent) if int(node_id, 16) % 2 else cpu_percent,
            "memory": f"{used}/{MEMORY_TOTAL_MB}",
            "lastUpdateTime": _now(),
            "dbQueryAveargeTimeMs": Int64(3),
        }
        await self.client[self.names.cluster]["clusternode"].replace_one({"_id": node_id}, row, upsert=True)

    async def published(self, ip: str, stream: str) -> None:
        """Write the row of a stream that starts."""
        now = _now()
        row = {
            "_t": "Broadcast",
            "streamId": stream,
            "name": stream,
            "status": "broadcasting",
            "type": "liveStream",
            "publishType": "RTMP",
            "originAdress": ip,
            "zombi": True,
            "virtual": False,
            "startTime": now,
            "updateTime": now,
            "hlsViewerCount": 0,
            "webRTCViewerCount": 0,
            "rtmpViewerCount": 0,
            "dashViewerCount": 0,
        }
        await self._streams.replace_one({"streamId": stream}, row, upsert=True)

    async def still_live(self, streams: tuple[str, ...]) -> None:
        """Refresh the rows of streams that go on; one that finished meanwhile is left alone."""
        if streams:
            which = {"streamId": {"$in": list(streams)}, "status": "broadcasting"}
            await self._streams.update_many(which, {"$set": {"updateTime": _now()}})

    async def finished(self, stream: str) -> None:
        """Say that the publisher ended its stream."""
        await self._streams.update_one({"streamId": stream}, {"$set": {"status": "finished", "updateTime": _now()}})

    @property
    def _streams(self) -> Any:  # noqa: ANN401 - pymongo's generic collection says no more than this
        return self.client[self.names.streams]["broadcast"]


def _now() -> Int64:
    """Epoch milliseconds as AMS stores them: always 64 bits."""
    return Int64(time.time() * 1000)
