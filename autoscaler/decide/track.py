"""What a new snapshot adds to, and removes from, what is remembered about nodes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from autoscaler.decide.classify import UNANSWERED_ENDING_MAX_AGE, UNSEEN_ENDING_MAX_AGE, UNSEEN_LAUNCH_MAX_AGE, suspect
from autoscaler.decide.counters import counted
from autoscaler.decide.view import View
from autoscaler.decide.windows import seen
from autoscaler.model.memory import (
    EVENTS_KEPT,
    LONGEST_BLINK,
    DrainRecord,
    EndingRecord,
    LaunchRecord,
    Memory,
    ScaleEvent,
)
from autoscaler.model.recent import recent
from autoscaler.model.snapshot import Instance, InstanceState, Node


def track(view: View) -> Memory:
    """Bring the memory up to the snapshot. Nothing is forgotten about nodes while EC2 cannot be read."""
    if view.snapshot.lacks("ec2"):
        return view.memory
    now, memory = view.now, _watched(view)
    serving, where = view.serving, view.nodes.where
    running = _running(view.nodes.instances)
    outside = {node.instance_id: node for node in view.nodes.of(_without(running, serving))}
    stayed = {key for key, node in outside.items() if _was_admitted(node, memory)}
    admitted = _since(memory.admitted, [key for key in running if key in serving or key in stayed], now)
    draining = view.nodes.of([key for key in memory.drains if key in running])
    pool = {**_filling(view), **memory.pool}
    endings = {key: end for key, end in memory.endings.items() if now - end.at <= _unseen(end)}

    def apart(key: str) -> bool:
        return key in where and (key not in admitted or key in endings)

    return replace(
        memory,
        looked_at=now,
        drains={node.instance_id: _emptied(memory.drains[node.instance_id], node, now) for node in draining},
        admitted=admitted,
        suspects=_since(memory.suspects, [key for key, node in outside.items() if suspect(node, view)], now),
        outside=_since(memory.outside, list(outside), now),
        lost_at=now if _lost(memory, running) else memory.lost_at,
        launches=tuple(_outstanding(memory.launches, view)) if memory.launches else (),
        stock_outs={offering: until for offering, until in memory.stock_outs.items() if until > now},
        events=_kept(memory.events, now),
        counters=counted(view),
        windows=seen(view),
        pool={key: at for key, at in pool.items() if apart(key)},
        wakes={key: wake for key, wake in memory.wakes.items() if apart(key)},
        endings=endings,
    )


def _unseen(ending: EndingRecord) -> timedelta:
    return UNSEEN_ENDING_MAX_AGE if ending.answered else UNANSWERED_ENDING_MAX_AGE


def _filling(view: View) -> dict[str, datetime]:
    """Find the nodes that launches brought to fill the warm pool, while those are still remembered."""
    fills = [launch for launch in view.memory.launches if launch.pool]
    return {
        instance.instance_id: launch.at
        for launch in fills
        for instance in view.nodes.instances
        if instance.instance_id in launch.instance_ids or (not launch.instance_ids and instance.token == launch.token)
    }


def _kept(events: tuple[ScaleEvent, ...], now: datetime) -> tuple[ScaleEvent, ...]:
    """Forget what is too long ago; the oldest is the first."""
    if not events or now - events[0].at <= EVENTS_KEPT:
        return events
    return tuple(event for event in events if now - event.at <= EVENTS_KEPT)


def _lost(memory: Memory, running: Mapping[str, object]) -> bool:
    """Whether a node that had served is gone though nobody drained it: a crash, an interruption, somebody's hand."""
    return not memory.admitted.keys() - running.keys() <= memory.drains.keys()


def _watched(view: View) -> Memory:
    """Forget since when nodes were empty, out or gone, or thresholds passed, if nobody watched: it proves nothing."""
    memory = view.memory
    if memory.looked_at is not None and view.now - memory.looked_at <= LONGEST_BLINK:
        return memory
    drains = {key: replace(record, empty_since=None) for key, record in memory.drains.items()}
    return replace(memory, drains=drains, suspects={}, breaches={}, outside={})


def _outstanding(launches: Iterable[LaunchRecord], view: View) -> Iterator[LaunchRecord]:
    """Keep what EC2 has not listed yet. A node that was listed once is no promise any more, even when it ends soon."""
    listed = view.nodes.where
    tokens = {instance.token for instance in view.nodes.instances}
    for launch in launches:
        unseen = tuple(instance_id for instance_id in launch.instance_ids if instance_id not in listed)
        fulfilled = not unseen if launch.instance_ids else launch.token in tokens
        if not fulfilled and view.now - launch.at <= UNSEEN_LAUNCH_MAX_AGE:
            yield replace(launch, instance_ids=unseen)


def _was_admitted(node: Node, memory: Memory) -> bool:
    """Whether a node was in service since its launch: once admitted it stays so until it is gone or started anew."""
    at = memory.admitted.get(node.instance_id)
    return at is not None and at >= node.instance.launched_at


def _since(known: Mapping[str, datetime], keys: list[str], now: datetime) -> Mapping[str, datetime]:
    return known if list(known) == keys else {key: known.get(key, now) for key in keys}


@recent
def _running(instances: tuple[Instance, ...]) -> Mapping[str, None]:
    """Return the ids of the instances that run, in their order."""
    return dict.fromkeys(one.instance_id for one in instances if one.state is InstanceState.RUNNING)


@recent
def _without(running: Mapping[str, None], serving: frozenset[str]) -> tuple[str, ...]:
    return tuple(key for key in running if key not in serving)


def _emptied(record: DrainRecord, node: Node, now: datetime) -> DrainRecord:
    if not node.empty:
        return replace(record, empty_since=None)
    return record if record.empty_since else replace(record, empty_since=now)
