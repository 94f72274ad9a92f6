"""Each node's phase, told from the facts and from what earlier cycles remember."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from autoscaler.decide.view import View
from autoscaler.model.decision import LEAVING, WARMING, Phase
from autoscaler.model.memory import Memory
from autoscaler.model.snapshot import FleetSnapshot, Gap, Heartbeat, InstanceState, Node, ServerStatus

HEARTBEAT_MAX_AGE = timedelta(seconds=20)
"""After this AMS itself calls a node dead; it writes every 5 s (Ant-Media-Server, ClusterNode.java)."""

UNSEEN_LAUNCH_MAX_AGE = timedelta(minutes=5)
"""How long a launched instance may stay invisible to DescribeInstances before we stop counting on it."""

_BY_STATE = {
    InstanceState.PENDING: Phase.PENDING,
    InstanceState.STOPPING: Phase.TERMINATING,
    InstanceState.STOPPED: Phase.STOPPED,
    InstanceState.SHUTTING_DOWN: Phase.TERMINATING,
    InstanceState.TERMINATED: Phase.TERMINATING,
}


@dataclass(frozen=True, slots=True)
class Roster:
    """Every node with its phase. `warming` counts those on their way, but for the overdue.

    `cold`: those in service for less than `warm_up`, of whom every rule wants to know.
    `unseen` counts launched instances that EC2 does not list yet.
    """

    phases: dict[str, Phase]
    in_service: tuple[Node, ...]
    cold: frozenset[str]
    leaving: tuple[Node, ...]
    warming: int
    unseen: int

    @property
    def current(self) -> int:
        """The current capacity: in service and on its way."""
        return len(self.in_service) + self.warming + self.unseen


def call_roll(view: View) -> Roster:
    """Classify every node once; the rules and the limits both work from the result."""
    nodes = view.snapshot.nodes
    phases = {node.instance_id: classify(node, view) for node in nodes}
    in_service = tuple(node for node in nodes if phases[node.instance_id] is Phase.IN_SERVICE)
    return Roster(
        phases=phases,
        in_service=in_service,
        cold=frozenset(node.instance_id for node in in_service if view.warming_up(node)),
        leaving=tuple(node for node in nodes if phases[node.instance_id] in LEAVING),
        warming=sum(phases[node.instance_id] in WARMING and not overdue(node, view) for node in nodes),
        unseen=_unseen(view.snapshot, view.memory),
    )


def classify(node: Node, view: View) -> Phase:
    """Tell a node's phase. A source that could not be read never makes a node look worse than it was."""
    if node.instance.state in _BY_STATE:
        return _BY_STATE[node.instance.state]
    if node.instance_id in view.memory.drains:
        return _draining(node, view)
    admitted = node.instance_id in view.memory.admitted
    if serving(node, view) or (isinstance(node.servers, Gap) and admitted):
        return Phase.IN_SERVICE
    return _out_of_service(node, view, admitted=admitted)


def _out_of_service(node: Node, view: View, *, admitted: bool) -> Phase:
    suspect_since = view.memory.suspects.get(node.instance_id)
    if suspect_since is not None and view.now - suspect_since >= view.policy.join.lost_after:
        return Phase.LOST
    if beating(node, view.now) and node.answers is not False:
        return Phase.JOINED
    overdue = view.now - node.instance.launched_at >= view.policy.join.timeout
    return Phase.FAILED_TO_JOIN if overdue and node.heartbeat is None and not admitted else Phase.BOOTING


def serving(node: Node, view: View) -> bool:
    """Whether every balancer sends new sessions to the node, in every backend of the policy."""
    if isinstance(node.servers, Gap):
        return False
    up = {(server.balancer, server.backend) for server in node.servers if server.status is ServerStatus.UP}
    return len(up) >= view.places > 0


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
    stale = isinstance(node.heartbeat, Heartbeat) and not beating(node, view.now)
    if isinstance(node.servers, Gap):
        return False
    return stale and node.answers is False and all(server.status is not ServerStatus.UP for server in node.servers)


def parked(node: Node) -> bool:
    """Whether no balancer sends anything new to the node, its cookie's holders included."""
    return not isinstance(node.servers, Gap) and all(s.status is ServerStatus.MAINT for s in node.servers)


def _draining(node: Node, view: View) -> Phase:
    empty_since = view.memory.drains[node.instance_id].empty_since
    long_enough = empty_since is not None and view.now - empty_since >= view.policy.drain.empty_for
    return Phase.DRAINED if long_enough and node.empty and parked(node) else Phase.DRAINING


def _unseen(snapshot: FleetSnapshot, memory: Memory) -> int:
    """Count what launches promise beyond what EC2 lists: DescribeInstances lags behind RunInstances."""
    listed = {node.instance_id for node in snapshot.nodes}
    tokens = {node.instance.token for node in snapshot.nodes}
    total = 0
    for launch in memory.launches:
        if snapshot.taken_at - launch.at > UNSEEN_LAUNCH_MAX_AGE:
            continue
        if launch.instance_ids:
            total += sum(instance_id not in listed for instance_id in launch.instance_ids)
        elif launch.token not in tokens:
            total += launch.count
    return total
