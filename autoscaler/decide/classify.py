"""Each node's phase, told from the facts and from what earlier cycles remember."""

from __future__ import annotations

from datetime import datetime, timedelta

from autoscaler.decide.view import View
from autoscaler.model.decision import Phase
from autoscaler.model.snapshot import (
    HEARTBEAT_MAX_AGE,
    Gap,
    Heartbeat,
    InstanceState,
    Node,
    ServerStatus,
)

UNSEEN_LAUNCH_MAX_AGE = timedelta(minutes=5)
"""How long a launched instance may stay invisible to DescribeInstances before we stop counting on it."""

UNSEEN_WAKE_MAX_AGE = timedelta(minutes=1)
"""How long EC2 may still list as stopped what we started. Later it has stopped again by itself."""

UNSEEN_ENDING_MAX_AGE = timedelta(minutes=3)
"""How long EC2 may still list as running what it said it would end. Later it is asked again."""

UNANSWERED_ENDING_MAX_AGE = timedelta(seconds=15)
"""The same where no answer came, as when we died while we asked: it may not have heard, and is asked again soon."""

_UP = frozenset({InstanceState.PENDING, InstanceState.RUNNING})

_BY_STATE = {
    InstanceState.PENDING: Phase.PENDING,
    InstanceState.STOPPING: Phase.STOPPED,
    InstanceState.STOPPED: Phase.STOPPED,
    InstanceState.SHUTTING_DOWN: Phase.TERMINATING,
    InstanceState.TERMINATED: Phase.TERMINATING,
}


def classify(node: Node, view: View) -> Phase:
    """Tell a node's phase. A source that could not be read never makes a node look worse than it was."""
    key = node.instance.instance_id
    ended = _ended(node, view) if key in view.memory.endings else None
    if ended is not None:
        return ended
    if node.instance.state is not InstanceState.RUNNING:
        return _not_running(node, view)
    if key in view.memory.drains:
        return _draining(node, view)
    if key in view.serving:
        return Phase.IN_SERVICE
    admitted = key in view.memory.admitted
    if isinstance(node.servers, Gap) and admitted:
        return Phase.IN_SERVICE
    return _out_of_service(node, view, admitted=admitted)


def _ended(node: Node, view: View) -> Phase | None:
    """Tell the phase of a node that we ended: EC2's list lags behind, and whoever shuts down must not serve again."""
    ending, instance = view.memory.endings[node.instance_id], node.instance
    if instance.launched_at > ending.at:  # started again, by whomever
        return None
    if not ending.stop:
        return Phase.TERMINATING
    return Phase.STOPPED if instance.state in _UP else None


def _not_running(node: Node, view: View) -> Phase:
    """Tell the phase by EC2's state, but for what it tells too late, and for what starts to fill the warm pool."""
    phase = _BY_STATE[node.instance.state]
    if phase is Phase.STOPPED and _awaited(node, view):
        return Phase.PENDING
    return Phase.FILLING if phase is Phase.PENDING and pooled(node, view) else phase


def _awaited(node: Node, view: View) -> bool:
    wake = view.memory.wakes.get(node.instance_id)
    return wake is not None and not wake.failed and view.now - wake.at <= UNSEEN_WAKE_MAX_AGE


def pooled(node: Node, view: View) -> bool:
    """Whether the node is the warm pool's, and was not told to serve."""
    wake = view.memory.wakes.get(node.instance_id)
    return node.instance_id in view.memory.pool and (wake is None or wake.failed)


def _out_of_service(node: Node, view: View, *, admitted: bool) -> Phase:
    suspect_since = view.memory.suspects.get(node.instance_id)
    if suspect_since is not None and view.now - suspect_since >= view.policy.join.lost_after:
        return Phase.LOST
    apart = pooled(node, view)
    if joined(node, view.now):
        return Phase.FILLING if apart else Phase.JOINED
    if late(node, view) and node.heartbeat is None and not admitted:
        return Phase.FAILED_TO_JOIN
    return Phase.FILLING if apart else Phase.BOOTING


def joined(node: Node, now: datetime) -> bool:
    """Whether a node that no balancer vouches for runs, is a member of the cluster, and answers."""
    return node.instance.state is InstanceState.RUNNING and beating(node, now) and node.answers is not False


def late(node: Node, view: View) -> bool:
    """Whether the node was launched, or started, so long ago that it should have joined."""
    return view.now - node.instance.launched_at >= view.policy.join.timeout


def overdue(node: Node, view: View) -> bool:
    """Whether a node has been out of service for so long that we no longer count on it, whatever it says of itself."""
    since = view.memory.outside.get(node.instance_id)
    admitted = node.instance_id in view.memory.admitted
    patience = view.policy.join.lost_after if admitted else view.policy.join.timeout
    return since is not None and view.now - since >= patience


def beating(node: Node, now: datetime) -> bool:
    """Whether the node's heartbeat is fresh."""
    return isinstance(node.heartbeat, Heartbeat) and now - node.heartbeat.at <= HEARTBEAT_MAX_AGE


def suspect(node: Node, view: View) -> bool:
    """Whether independent sources agree that a running node is gone: a stale heartbeat, no answer, UP nowhere.

    A stale row alone may mean "overloaded", the opposite of "remove it" (Ant-Media-Server #7045, #7226).
    """
    if node.answers is not False or isinstance(node.servers, Gap):
        return False
    stale = isinstance(node.heartbeat, Heartbeat) and not beating(node, view.now)
    return stale and all(server.status is not ServerStatus.UP for server in node.servers)


def used(node: Node) -> bool:
    """Whether some balancer sends new sessions to the node, or has some there: it carries load, in service or not."""
    return isinstance(node.servers, tuple) and any(
        server.status is ServerStatus.UP or server.sessions for server in node.servers
    )


def parked(node: Node) -> bool:
    """Whether no balancer sends anything new to the node, its cookie's holders included."""
    return not isinstance(node.servers, Gap) and all(s.status is ServerStatus.MAINT for s in node.servers)


def _draining(node: Node, view: View) -> Phase:
    empty_since = view.memory.drains[node.instance_id].empty_since
    long_enough = empty_since is not None and view.now - empty_since >= view.policy.drain.empty_for
    return Phase.DRAINED if long_enough and node.empty and parked(node) else Phase.DRAINING


def unseen(view: View, *, pool: bool = False) -> list[str]:
    """Return the type of each instance that a launch promised and EC2 does not list: DescribeInstances lags behind.

    Those for the warm pool, or the others.
    """
    if not view.memory.launches:
        return []
    listed = view.nodes.where
    tokens = {instance.token for instance in view.nodes.instances}
    types: list[str] = []
    for launch in view.memory.launches:
        if view.now - launch.at > UNSEEN_LAUNCH_MAX_AGE or launch.pool is not pool:
            continue
        unlisted = sum(instance_id not in listed for instance_id in launch.instance_ids)
        if not launch.instance_ids and launch.token not in tokens:
            unlisted = launch.count
        types += [launch.instance_type] * unlisted
    return types
