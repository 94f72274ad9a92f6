"""What really became of a group's nodes from one look to the next, whoever did it: told by EC2 and the balancers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from autoscaler.model.decision import Phase
from autoscaler.model.report import CycleReport
from autoscaler.model.snapshot import Gap, InstanceState, Node, ServerStatus

_UP = frozenset({InstanceState.PENDING, InstanceState.RUNNING})
_GONE = frozenset({InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED})
_OUT = frozenset({ServerStatus.DRAIN, ServerStatus.MAINT})

_NOT_TO_SERVE = frozenset({Phase.FILLING, Phase.STOPPED, Phase.TERMINATING})
"""Whose start is no launch, though EC2 may list them as running: the last two were told to end a moment ago."""

_REMEMBERED = timedelta(days=1)
"""How long a node that is gone may come back as the same. EC2's list may lack one for minutes."""


@dataclass(slots=True)
class _Life:
    """One node. `started`: when it was last started to serve; EC2's LaunchTime changes with each start.

    `serving` and `out` are of that start, `drained` is for good. `gone`: since when it is listed no more.
    """

    started: datetime | None = None
    serving: bool = False
    out: bool = False
    drained: bool = False
    gone: datetime | None = None


@dataclass(slots=True)
class Happened:
    """Counts of what happened since the first look. Times at which nobody could look count with the look after them.

    `launched`: nodes that were launched, started or taken back; what fills the warm pool is none until it is to serve.
    `drained`: different nodes that took new sessions somewhere and were then told everywhere to take none.
    """

    launched: int = 0
    drained: int = 0
    _lives: dict[str, _Life] = field(default_factory=dict)
    _forgotten: int = 0
    _looked: bool = False

    @property
    def known(self) -> Collection[str]:
        """The nodes that are there, or are gone for no longer than a day."""
        return self._lives.keys()

    @property
    def terminated(self) -> int:
        """How many nodes were there and are no more. One that EC2's list lacked only for a while is there again."""
        return self._forgotten + sum(life.gone is not None for life in self._lives.values())

    def add(self, report: CycleReport) -> None:
        """Take a look in that has a list of instances, after those before it."""
        idle = {*report.decision.those(_NOT_TO_SERVE)}
        here = [node for node in report.snapshot.nodes if node.instance.state not in _GONE]
        for node in here:
            life = self._lives.setdefault(node.instance_id, _Life())
            life.gone = None
            if node.instance.state in _UP:
                if node.instance_id not in idle:
                    self._start(life, node.instance.launched_at)
                self._follow(life, node)
        self._miss({node.instance_id for node in here}, report.snapshot.taken_at)
        self._looked = True

    def _start(self, life: _Life, at: datetime) -> None:
        """Tell from EC2's time of the node's last start whether that is a new one."""
        if life.started != at:
            self.launched += self._looked
            life.started, life.serving, life.out = at, False, False

    def _follow(self, life: _Life, node: Node) -> None:
        """Tell from the balancers whether the node was taken out of service, or back into it."""
        if isinstance(node.servers, Gap) or life.started != node.instance.launched_at:
            return
        told = {server.status for server in node.servers}
        if ServerStatus.UP in told:
            self.launched += life.out
            life.serving, life.out = True, False
        elif life.serving and told and told <= _OUT:
            self.drained += not life.drained
            life.serving, life.out, life.drained = False, True, True

    def _miss(self, here: Collection[str], now: datetime) -> None:
        """Note who is gone, and forget who is gone for long: a dry run may go on for years."""
        for name in self._lives.keys() - here:
            life = self._lives[name]
            life.gone = life.gone or now
            if now - life.gone > _REMEMBERED:
                del self._lives[name]
                self._forgotten += 1
