"""What a trace's events do to the cluster, and what ends those that last."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from autoscaler.simulate.cluster import Cluster
from autoscaler.simulate.traffic.sessions import Event, EventKind

End = Callable[[], None]


def befall(cluster: Cluster, event: Event) -> End:
    """Let an event happen to a group of its role; return what ends it."""
    if event.role in {"", cluster.role}:
        return _KINDS[event.kind](cluster, event)
    return _nothing


def _nothing() -> None:
    """End what has no end."""


def _crash(cluster: Cluster, event: Event) -> End:
    cluster.crash(event.nodes)
    return _nothing


def _interrupt(cluster: Cluster, event: Event) -> End:
    cluster.interrupt(event.nodes)
    return _nothing


def _stop_heartbeats(cluster: Cluster, event: Event) -> End:
    world = cluster.world
    keys = [node.instance.instance_id for node in cluster.serving_nodes()[: event.nodes]]
    world.frozen.update(dict.fromkeys(keys, world.now))

    def end() -> None:
        for key in keys:
            world.frozen.pop(key, None)

    return end


def _stock_out(cluster: Cluster, event: Event) -> End:
    del event
    cluster.world.capacity.update(dict.fromkeys(cluster.subnets, 0))
    return cluster.world.capacity.clear


def _source_down(cluster: Cluster, event: Event) -> End:
    cluster.world.dead.add(event.source)
    return lambda: cluster.world.dead.discard(event.source)


def _haproxy_reload(cluster: Cluster, event: Event) -> End:
    del event
    cluster.world.haproxy_started_at = cluster.world.now
    cluster.world.traffic.clear()
    return _nothing


def _cut_viewers(cluster: Cluster, event: Event) -> End:
    cluster.disconnect(event.share)
    return _nothing


_KINDS: Mapping[EventKind, Callable[[Cluster, Event], End]] = {
    "node_crash": _crash,
    "spot_interruption": _interrupt,
    "stop_heartbeats": _stop_heartbeats,
    "cut_viewers": _cut_viewers,
    "stock_out": _stock_out,
    "source_down": _source_down,
    "haproxy_reload": _haproxy_reload,
}
