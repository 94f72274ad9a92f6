"""MongoDB documents as Ant Media Server writes them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

NOW = datetime(2026, 1, 1, 12, 0, 0, 250_000, tzinfo=UTC)


def epoch_ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def cluster_node(ip: str, *, at: datetime = NOW, cpu: object = "37", memory: object = "6800/16031") -> dict[str, Any]:
    """Make a row of `clusternode`. What is None is not stored, as AMS does it."""
    row = {
        "_id": uuid4().hex,
        "_t": "ClusterNode",
        "ip": ip,
        "lastUpdateTime": epoch_ms(at),
        "cpu": cpu,
        "memory": memory,
    }
    return {field: value for field, value in row.items() if value is not None}


def broadcast(ip: str | None, **changes: Any) -> dict[str, Any]:
    """Make a row of `broadcast`: a live stream whose origin is `ip`."""
    row = {
        "_t": "Broadcast", "streamId": uuid4().hex, "name": "Studio", "status": "broadcasting", "type": "liveStream",
        "publishType": "WebRTC", "originAdress": ip, "zombi": False, "virtual": False,
        "startTime": epoch_ms(NOW) - 600_000, "updateTime": epoch_ms(NOW) - 5_000, "receivedBytes": 187_500_000,
        "bitrate": 2_500_000, "width": 1280, "height": 720, "speed": 1.0, "encoderQueueSize": 0, "hlsViewerCount": 0,
        "dashViewerCount": 0, "webRTCViewerCount": 0, "rtmpViewerCount": 0, "webRTCViewerLimit": -1,
        "hlsViewerLimit": -1, "dashViewerLimit": -1,
    }  # fmt: skip
    return {field: value for field, value in {**row, **changes}.items() if value is not None}


def room(**changes: Any) -> dict[str, Any]:
    """Make a conference room: a live row on no node."""
    return broadcast(None, virtual=True, zombi=True, **changes)
