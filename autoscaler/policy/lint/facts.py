"""What the checks hold a policy against: how Ant Media Server and its players behave."""

from __future__ import annotations

from datetime import timedelta

HEARTBEAT = timedelta(seconds=5)
"""AMS writes its row this often (Ant-Media-Server, ClusterNode.java)."""

REFUSES_AT = 75.0
"""Percent of CPU or memory from which AMS refuses streams and WebRTC viewers (StatsCollector.java)."""

NEAR_REFUSAL = 70.0
"""Growth that begins above this leaves the boot of a node less than five points."""

BOOT = timedelta(minutes=3)
"""From launch to service: EC2, the boot script, AMS and a passed health check. Good images need half of it."""

RECONNECT = timedelta(seconds=15)
"""How long a player may be gone before it is back: 10 to 13 s were seen (Ant-Media-Server #6786)."""

RECORDING = timedelta(minutes=1)
"""How long a recording may still be written and uploaded after its stream has ended."""

PATIENCE = timedelta(minutes=3)
"""How long viewers of an event wait for room: 2,000 of them in three minutes is the wish of #4721."""

STUCK = timedelta(minutes=30)
"""A node that is still on its way after this long never arrives, and nothing shrinks meanwhile."""

BIG = 10
"""From this many nodes on, shrinking without a limit can take a cluster's worth of nodes at once."""

HUGE = 20
"""From this many nodes on, what one mistaken cycle may launch is worth a limit."""

HEARTBEAT_SOURCES = frozenset({"mongodb.node.cpu_percent", "mongodb.node.memory_percent", "mongodb.node.query_ms"})
"""Sources that fall silent with the heartbeat."""

REFUSED_SOURCES = frozenset(
    f"{teller}.node.{what}_percent" for teller in ("mongodb", "ams") for what in ("cpu", "memory")
)
"""Sources to which `REFUSES_AT` applies."""

VIEWER_SOURCES = "mongodb.viewers"
"""Sources that begin so count the viewers of the whole cluster, whoever serves them."""

LIVE_BYTES = timedelta(seconds=5)
"""With `option contstats` HAProxy adds a live stream's bytes to its counters this often, and without it at its end."""
