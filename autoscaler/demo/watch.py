"""A second pair of eyes: what the autoscaler promised, checked against EC2, HAProxy and the nodes' own connections.

Nothing here asks the autoscaler, so it cannot be wrong in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from autoscaler.demo.balancer import BACKENDS, NOBODY, Sight

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from autoscaler.demo.region import Host


class Shown(StrEnum):
    """A node's place in its life, as an onlooker can tell it."""

    PENDING = "pending"
    BOOTING = "booting"
    UP = "up"
    PROVING = "proving"
    IN_SERVICE = "in service"
    DRAINING = "draining"
    PARKED = "parked"
    GONE = "terminated"


@dataclass(slots=True)
class Watch:
    """Counts growth and shrinkage, and keeps every broken promise as a sentence. Bounds are the policy's."""

    smallest: int
    largest: int
    sight: Sight = field(default_factory=lambda: Sight(NOBODY))
    in_service: int = 0
    max_in_service: int = 0
    haproxy_reloads: int = 0
    launched: set[str] = field(default_factory=set)
    terminated: set[str] = field(default_factory=set)
    violations: list[str] = field(default_factory=list)
    _was_in: set[str] = field(default_factory=set)
    _drained: set[str] = field(default_factory=set)
    _grown: bool = False

    def look(self, sight: Sight, hosts: Mapping[str, Host]) -> None:
        """Take in one more look at HAProxy and at the instances."""
        if self.sight.process not in {NOBODY, sight.process}:
            self.haproxy_reloads += 1
        self.sight = sight
        self.launched.update(hosts)
        here = [host for host in hosts.values() if not host.gone]
        for host in here:
            if self.shown(host) is Shown.IN_SERVICE:
                self._was_in.add(host.instance_id)
                self._drained.discard(host.instance_id)
            elif host.instance_id in self._was_in and sight.drained(host.ip):
                self._drained.add(host.instance_id)
        self._count(here)

    def shown(self, host: Host) -> Shown:
        """Tell where a node is in its life."""
        if host.gone:
            return Shown.GONE
        if host.node is None or not host.node.alive:
            return Shown.PENDING if host.state == "pending" else Shown.BOOTING
        server = self.sight.servers.get(host.ip, {}).get(BACKENDS[0])
        if server is None:
            return Shown.UP
        if server.status.startswith("UP"):
            return Shown.IN_SERVICE
        if host.instance_id not in self._was_in:
            return Shown.PROVING
        return Shown.PARKED if server.status == "MAINT" else Shown.DRAINING

    def departed(self, host: Host, viewers: int, publishers: int) -> None:
        """Judge the end of an instance, `viewers` and `publishers` being the connections that it cut."""
        if host.gone:
            self.terminated.add(host.instance_id)
        if viewers or publishers:
            self.violations.append(
                f"{host.instance_id} was ended with {viewers} viewers and {publishers} publishers on it"
            )
        if host.instance_id in self._was_in and host.instance_id not in self._drained:
            self.violations.append(f"{host.instance_id} was ended without having been drained")

    def _count(self, here: Sequence[Host]) -> None:
        self.in_service = sum(self.shown(host) is Shown.IN_SERVICE for host in here)
        self.max_in_service = max(self.max_in_service, self.in_service)
        self._grown = self._grown or self.in_service >= self.smallest
        # A node whose checks fail is still admitted: a busy machine is no decision of the autoscaler's.
        kept = sum(self.sight.admitted(host.ip) for host in here if host.instance_id in self._was_in)
        if self._grown and kept < self.smallest:
            self._once(f"only {kept} nodes were left behind HAProxy, the policy's min is {self.smallest}")
        if len(here) > self.largest:
            self._once(f"{len(here)} instances at once, the policy's max is {self.largest}")

    def _once(self, violation: str) -> None:
        if violation not in self.violations:
            self.violations.append(violation)
