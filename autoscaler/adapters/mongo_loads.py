"""What Ant Media Server writes about its nodes and streams, read from MongoDB.

Nodes: collection `clusternode` of the cluster database (Ant-Media-Server, ClusterNode.java); `cpu` is a string or a
number of percent, `memory` is "usedMB/totalMB", both absent before the first heartbeat, and there may be several rows
of one ip, and rows of ips that are gone (Ant-Media-Server #7045, #3434).

Streams: collection `broadcast` of each application's database, whose name is the lower-cased application name
(create_app.sh). AMS's own filter for the live ones is `status: broadcasting` and `updateTime` within 20 s, since a
stuck stream stays `broadcasting` (MongoStore.java, Broadcast.java). Ours is wider, to protect publishers: a stream that
is `preparing` counts, and so does one whose node is too loaded to write in time.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from autoscaler.adapters.mongo import SOURCE, Client, reading
from autoscaler.model.errors import ObservationError
from autoscaler.model.snapshot import Audience, Heartbeat, Streams, total_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LIVE_WINDOW = timedelta(seconds=60)
"""A live stream's row is written every 10 s (MuxAdaptor.java), and later on a loaded node."""

_MILLISECOND = timedelta(milliseconds=1)
_LAST_MS = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp() * 1000)
_NODE_FIELDS = {
    "_id": 0,
    "ip": 1,
    "lastUpdateTime": 1,
    "cpu": 1,
    "memory": 1,
    "dbQueryAveargeTimeMs": 1,
}  # AMS's spelling
_VIEWERS = {
    "webrtc": "webRTCViewerCount",
    "hls": "hlsViewerCount",
    "dash": "dashViewerCount",
    "rtmp": "rtmpViewerCount",
}


class MongoLoads:
    """Reads the database that the nodes of one AMS cluster share."""

    def __init__(self, client: Client, cluster_database: str, applications: Sequence[str] | None) -> None:
        """Read `cluster_database`, and the databases of `applications`; None: of all that the cluster has."""
        self._client = client
        self._cluster = client[cluster_database]
        self._applications = applications

    def heartbeats(self) -> Mapping[str, Heartbeat]:
        """Return the newest row of each ip, however old. A value that cannot be read is absent, never 0."""
        newest: dict[str, dict[str, Any]] = {}
        # The range also leaves out rows whose time is no number, or none that is a date: they must not pass for newest.
        in_range = {"ip": {"$type": "string", "$ne": ""}, "lastUpdateTime": {"$gte": 0, "$lt": _LAST_MS}}
        with reading(self._client):
            for row in self._cluster["clusternode"].find(in_range, _NODE_FIELDS):
                known = newest.get(row["ip"])
                if known is None or row["lastUpdateTime"] > known["lastUpdateTime"]:
                    newest[row["ip"]] = row
        return {ip: _heartbeat(row) for ip, row in newest.items()}

    def streams(self, now: datetime) -> Streams:
        """Return publishers by origin ip and viewers by kind, of all streams that are live at `now`, by application.

        A conference room is a row without origin, so it publishes on no node; its participants are rows of their own.

        Raises:
            ObservationError: a read failed, or the cluster names no application, so we would not know where to look.
        """
        pipeline = _live_streams(now)
        with reading(self._client):
            return total_of(
                {name: _audience(self._client[name]["broadcast"].aggregate(pipeline)) for name in self._databases()}
            )

    def _databases(self) -> list[str]:
        names = self._applications
        if names is None:
            names = [name for name in self._cluster["AppSettings"].distinct("appName") if isinstance(name, str)]
        databases = sorted({name.lower() for name in names if name})
        if not databases:
            raise ObservationError(
                SOURCE, f"{self._cluster.name}.AppSettings names no application to look for streams in"
            )
        return databases


def _audience(rows: Iterable[Mapping[str, Any]]) -> Audience:
    """Add up what one application's streams are by origin."""
    publishers: Counter[str] = Counter()
    viewers: Counter[str] = Counter(dict.fromkeys(_VIEWERS, 0))
    for row in rows:
        viewers.update({kind: int(_number(row[kind]) or 0) for kind in _VIEWERS})
        if isinstance(row["_id"], str) and row["_id"]:
            publishers[row["_id"]] += row["streams"]
    return Audience(dict(publishers), dict(viewers))


def _live_streams(now: datetime) -> list[dict[str, Any]]:
    oldest = (now - LIVE_WINDOW - EPOCH) // _MILLISECOND
    sums = {kind: {"$sum": f"${field}"} for kind, field in _VIEWERS.items()}
    return [
        {"$match": {"status": {"$in": ["broadcasting", "preparing"]}, "updateTime": {"$gte": oldest}}},
        {"$group": {"_id": "$originAdress", "streams": {"$sum": 1}, **sums}},
    ]


def _heartbeat(row: Mapping[str, Any]) -> Heartbeat:
    return Heartbeat(
        at=EPOCH + _MILLISECOND * float(str(row["lastUpdateTime"])),
        cpu_percent=_percent(_number(row.get("cpu"))),
        memory_percent=_memory_percent(row.get("memory")),
        query_ms=_number(row.get("dbQueryAveargeTimeMs")),
    )


def _number(value: object) -> float | None:
    """Read a number of any BSON type, or a string of one; negative is AMS's "not measured"."""
    if value is None or isinstance(value, bool):
        return None
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _percent(number: float | None) -> float | None:
    return number if number is not None and number <= 100 else None  # noqa: PLR2004 - per cent


def _memory_percent(value: object) -> float | None:
    """Read "usedMB/totalMB". "0/16031" is what a node writes that cannot measure it (off Linux)."""
    used, _, total = str(value).partition("/")
    used_mb, total_mb = _number(used), _number(total)
    if not used_mb or not total_mb:
        return None
    return _percent(100 * used_mb / total_mb)
