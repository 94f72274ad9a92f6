"""What a trace's events do to the cluster, and what ends those that last."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from autoscaler.simulate.cluster import Cluster
from autoscaler.simulate.traffic.sessions import Event, EventKind
from autoscaler.simulate.world import World

End = Callable[[], None]


def befall(cluster: Cluster, event: Event) -> End:
    """Let an event happen to a group of its role; return what ends it."""
    if event.role in {"", cluster.role}:
        return _KINDS[event.kind](cluster, event)
    return _nothing


def _nothing() -> None:
    """End what has no end."""


def _held(world: World, knob: str, undo: End) -> End:
    """Hold a knob; return what lets it go, and undoes what was done when nobody else holds it."""
    world.holds[knob] += 1

    def end() -> None:
        if world.let_go(knob):
            undo()

    return end


def _crash(cluster: Cluster, event: Event) -> End:
    cluster.crash(event.nodes)
    return _nothing


def _interrupt(cluster: Cluster, event: Event) -> End:
    cluster.interrupt(event.nodes)
    return _nothing


def _stop_heartbeats(cluster: Cluster, event: Event) -> End:
    world = cluster.world
    keys = [node.instance.instance_id for node in cluster.serving_nodes()[: event.nodes]]
    for key in keys:
        world.freeze(key)

    def end() -> None:
        for key in keys:
            world.thaw(key)

    return end


def _stock_out(cluster: Cluster, event: Event) -> End:
    del event
    world = cluster.world
    world.capacity.update(dict.fromkeys(cluster.subnets, 0))
    return _held(world, "capacity", world.capacity.clear)


def _source_down(cluster: Cluster, event: Event) -> End:
    world = cluster.world
    balancers = {f"haproxy:{name}" for name in world.balancers}
    sources = balancers if event.source == "haproxy" else {event.source}
    world.dead |= sources
    return _held(world, event.source, lambda: world.dead.difference_update(sources))


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
