"""What really became of a group's nodes from one look to the next, whoever did it: told by EC2 and the balancers."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from autoscaler.model.decision import Phase
from autoscaler.model.report import CycleReport
from autoscaler.model.snapshot import Gap, InstanceState, Node, ServerStatus

_UP = frozenset({InstanceState.PENDING, InstanceState.RUNNING})
_GONE = frozenset({InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED})
_OUT = frozenset({ServerStatus.DRAIN, ServerStatus.MAINT})

_Start = tuple[str, datetime]
"""A node and when it was launched or last started: EC2's LaunchTime changes with each start."""


@dataclass(slots=True)
class Happened:
    """Counts of what happened since the first look. Times at which nobody could look count with the look after them.

    `launched`: nodes that were launched, started or taken back; what fills the warm pool is none until it is to serve.
    `drained`: nodes that took new sessions somewhere and were then told everywhere to take none.
    """

    launched: int = 0
    drained: set[str] = field(default_factory=set)
    _starts: set[_Start] = field(default_factory=set)
    _serving: set[_Start] = field(default_factory=set)
    _out: set[_Start] = field(default_factory=set)
    _ever: set[str] = field(default_factory=set)
    _here: set[str] = field(default_factory=set)
    _looked: bool = False

    @property
    def terminated(self) -> int:
        """How many nodes were there and are no more. One that EC2's list lacked only for a while is there again."""
        return len(self._ever - self._here)

    def add(self, report: CycleReport) -> None:
        """Take a look in that has a list of instances, after those before it."""
        nodes = report.snapshot.nodes
        filling = {*report.decision.those({Phase.FILLING})}
        started = [node for node in nodes if node.instance.state in _UP and node.instance_id not in filling]
        starts = {_start(node) for node in started}
        if self._looked:
            self.launched += len(starts - self._starts)
        self._starts |= starts
        self._looked = True
        self._here = {node.instance_id for node in nodes if node.instance.state not in _GONE}
        self._ever |= self._here
        for node in started:
            self._follow(node)

    def _follow(self, node: Node) -> None:
        """Tell from the balancers whether the node was taken out of service, or back into it."""
        if isinstance(node.servers, Gap):
            return
        start, told = _start(node), {server.status for server in node.servers}
        if ServerStatus.UP in told:
            self.launched += start in self._out
            self._out.discard(start)
            self._serving.add(start)
        elif start in self._serving and told and told <= _OUT:
            self._serving.discard(start)
            self._out.add(start)
            self.drained.add(node.instance_id)


def _start(node: Node) -> _Start:
    return node.instance_id, node.instance.launched_at
