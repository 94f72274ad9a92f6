"""What new policies would leave behind: nodes of a group, or servers of a backend, that no policy would mind any more.

A step finds a node's servers by the backends and ports of the policy in force. Where a policy stops naming a backend,
its servers go on sending sessions to our nodes, and nothing would ever drain them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from autoscaler.model.errors import ConfigurationError, ObservationError, Problem
from autoscaler.model.snapshot import InstanceState, Server
from autoscaler.policy.schema import Policy
from autoscaler.ports import Senses

_ENDING = frozenset({InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED})
_NAMED = 3
_WHERE = "policies"


def left_behind(before: Sequence[Policy], after: Sequence[Policy], senses: Senses) -> list[ConfigurationError]:
    """Return an error for each group and backend that `after` gives up while nodes are in it, or may be."""
    successors = {policy.group: policy for policy in after}
    found: list[ConfigurationError] = []
    for old in before:
        try:
            new = successors.get(old.group)
            found += _in_places(old, new, senses) if new else _in_group(old, senses)
        except ObservationError as error:
            message = f"whether {old.group!r} still has nodes where its policy changed cannot be told: {error}"
            problem = Problem(_WHERE, 0, 0, "in-use-unknown", message, "reload again when it answers")
            found.append(ConfigurationError([problem]))
    return found


def _in_group(old: Policy, senses: Senses) -> Iterator[ConfigurationError]:
    nodes = [node for node in senses.fleet.instances(old.group) if node.state not in _ENDING]
    if nodes:
        names = _list(node.instance_id for node in nodes)
        message = f"the group {old.group!r} still has {len(nodes)} instances, and no policy any more: {names}"
        hint = "keep its policy, under this name, until they are gone"
        yield ConfigurationError([Problem(_WHERE, 0, 0, "group-in-use", message, hint)])


def _in_places(old: Policy, new: Policy, senses: Senses) -> Iterator[ConfigurationError]:
    """Find servers that point at nodes of the group where the new policy names no place, or no slot, any more."""
    dropped = {(place.backend, place.port) for place in set(old.endpoints) - set(new.endpoints)}
    renamed = {place.backend for place in old.endpoints} if old.slots != new.slots else set()
    backends = sorted({backend for backend, _ in dropped} | renamed)
    if not backends:
        return
    ips = {node.ip for node in senses.fleet.instances(old.group)} - {""}
    is_slot = re.compile(re.escape(old.slots) + r"\d+").fullmatch

    def lost(server: Server) -> bool:
        slot = server.backend in renamed and is_slot(server.name) is not None
        return server.ip in ips and "/" not in server.name and (slot or (server.backend, server.port) in dropped)

    for stats in senses.proxies:
        servers = [server for server in stats.read(backends).servers if lost(server)]
        for backend in sorted({server.backend for server in servers}):
            names = _list(server.name for server in servers if server.backend == backend)
            message = f"{stats.balancer}: servers of {backend} still point at nodes of {old.group!r}: {names}"
            hint = "name backend, port and slots as before; to give them up, take them out of haproxy.cfg first"
            yield ConfigurationError([Problem(_WHERE, 0, 0, "backend-in-use", message, hint)])


def _list(names: Iterable[str]) -> str:
    """Name the first few, and say how many more there are."""
    known = sorted(names)
    more = f" and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
    return ", ".join(known[:_NAMED]) + more
