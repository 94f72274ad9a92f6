"""What a new snapshot adds to, and removes from, what is remembered about nodes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from autoscaler.decide.classify import (
    UNANSWERED_ENDING_MAX_AGE,
    UNSEEN_ENDING_MAX_AGE,
    UNSEEN_LAUNCH_MAX_AGE,
    suspect,
)
from autoscaler.decide.counters import counted
from autoscaler.decide.view import View
from autoscaler.decide.windows import seen
from autoscaler.model.memory import EVENTS_KEPT, LONGEST_BLINK, DrainRecord, EndingRecord, LaunchRecord, Memory
from autoscaler.model.snapshot import InstanceState, Node


def track(view: View) -> Memory:
    """Bring the memory up to the snapshot. Nothing is forgotten about nodes while EC2 cannot be read."""
    if view.snapshot.lacks("ec2"):
        return view.memory
    now, memory = view.now, _watched(view)
    running = [node for node in view.snapshot.nodes if node.instance.state is InstanceState.RUNNING]
    nodes = {node.instance.instance_id: node for node in running}
    serving = view.serving
    served = [key for key, node in nodes.items() if key in serving or _was_admitted(node, memory)]
    admitted = _since(memory.admitted, served, now)
    pool = {**_filling(view), **memory.pool}
    endings = {key: end for key, end in memory.endings.items() if now - end.at <= _unseen(end)}
    serving_on = admitted.keys() - endings.keys()
    apart = {node.instance_id for node in view.snapshot.nodes} - serving_on if pool else frozenset[str]()
    return replace(
        memory,
        looked_at=now,
        drains={i: _emptied(record, nodes[i], now) for i, record in memory.drains.items() if i in nodes},
        admitted=admitted,
        suspects=_since(memory.suspects, [key for key, node in nodes.items() if suspect(node, view)], now),
        outside=_since(memory.outside, [key for key in nodes if key not in serving], now),
        lost_at=now if _lost(memory, nodes) else memory.lost_at,
        launches=tuple(_outstanding(memory.launches, view)) if memory.launches else (),
        stock_outs={offering: until for offering, until in memory.stock_outs.items() if until > now},
        events=tuple([event for event in memory.events if now - event.at <= EVENTS_KEPT]),
        counters=counted(view),
        windows=seen(view),
        pool={key: at for key, at in pool.items() if key in apart},
        wakes={key: wake for key, wake in memory.wakes.items() if key in apart},
        endings=endings,
    )


def _unseen(ending: EndingRecord) -> timedelta:
    return UNSEEN_ENDING_MAX_AGE if ending.answered else UNANSWERED_ENDING_MAX_AGE


def _filling(view: View) -> dict[str, datetime]:
    """Find the nodes that launches brought to fill the warm pool, while those are still remembered."""
    fills = [launch for launch in view.memory.launches if launch.pool]
    return {
        node.instance_id: launch.at
        for launch in fills
        for node in view.snapshot.nodes
        if node.instance_id in launch.instance_ids or (not launch.instance_ids and node.instance.token == launch.token)
    }


def _lost(memory: Memory, running: Mapping[str, Node]) -> bool:
    """Whether a node that had served is gone though nobody drained it: a crash, an interruption, somebody's hand."""
    return not memory.admitted.keys() <= running.keys() | memory.drains.keys()


def _watched(view: View) -> Memory:
    """Forget since when nodes were empty, out or gone, or thresholds passed, if nobody watched: it proves nothing."""
    memory = view.memory
    if memory.looked_at is not None and view.now - memory.looked_at <= LONGEST_BLINK:
        return memory
    drains = {key: replace(record, empty_since=None) for key, record in memory.drains.items()}
    return replace(memory, drains=drains, suspects={}, breaches={}, outside={})


def _outstanding(launches: Iterable[LaunchRecord], view: View) -> Iterator[LaunchRecord]:
    """Keep what EC2 has not listed yet. A node that was listed once is no promise any more, even when it ends soon."""
    listed = {node.instance_id for node in view.snapshot.nodes}
    tokens = {node.instance.token for node in view.snapshot.nodes}
    for launch in launches:
        unseen = tuple(instance_id for instance_id in launch.instance_ids if instance_id not in listed)
        fulfilled = not unseen if launch.instance_ids else launch.token in tokens
        if not fulfilled and view.now - launch.at <= UNSEEN_LAUNCH_MAX_AGE:
            yield replace(launch, instance_ids=unseen)


def _was_admitted(node: Node, memory: Memory) -> bool:
    """Whether a node was in service since its launch: once admitted it stays so until it is gone or started anew."""
    at = memory.admitted.get(node.instance_id)
    return at is not None and at >= node.instance.launched_at


def _since(known: Mapping[str, datetime], keys: Iterable[str], now: datetime) -> dict[str, datetime]:
    return {key: known.get(key, now) for key in keys}


def _emptied(record: DrainRecord, node: Node, now: datetime) -> DrainRecord:
    if not node.empty:
        return replace(record, empty_since=None)
    return record if record.empty_since else replace(record, empty_since=now)
