"""Which HAProxy slot is whose.

A slot is a server line that the configuration declares in advance and that we point at a node at run time: the one
strategy that works on every HAProxy version, deletes nothing and survives a reload. One name stands for one node in
every backend of every balancer.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass

from autoscaler.decide.view import View
from autoscaler.model.snapshot import PARKING, Gap, InstanceState, Node, Server, ServerStatus

_IDLE = frozenset({ServerStatus.MAINT, ServerStatus.DOWN, ServerStatus.CHECKING})


@dataclass(frozen=True, slots=True)
class SlotMap:
    """`of` maps a node's ip to its slot, `gone` a slot to the ip of an instance that is gone; `free` are the unused.

    A stopped instance keeps its address and not its slot: it may sleep for weeks, and whoever serves needs one.
    `foreign` maps slots that serve an address which is none of our instances: somebody is wrong, and may be it is us.
    """

    of: dict[str, str]
    free: tuple[str, ...]
    gone: dict[str, str]
    foreign: dict[str, str]


def map_slots(view: View) -> SlotMap:
    """Sort the slots of the group's prefix. A slot is free only where it is free in every place."""
    lines: defaultdict[str, list[Server]] = defaultdict(list)
    for proxy in view.snapshot.proxies:
        for server in proxy.servers:
            lines[server.name].append(server)
    is_slot = re.compile(re.escape(view.policy.slots) + r"\d+").fullmatch
    asleep = {n.instance.ip for n in view.snapshot.nodes if n.instance.state is InstanceState.STOPPED}
    alive = {node.instance.ip for node in view.snapshot.nodes} - asleep
    taken: dict[str, str] = {}
    free: list[str] = []
    gone: dict[str, str] = {}
    foreign: dict[str, str] = {}
    for name in sorted(filter(is_slot, lines), key=_number):
        servers = lines[name]
        ips = {server.ip for server in servers if not _parked(server)}
        for ip in ips & alive:
            taken.setdefault(ip, name)
        lapsed = ips - alive
        if not ips and len(servers) == view.places:
            free.append(name)
        elif lapsed:
            idle = all(server.status in _IDLE for server in servers if server.ip in lapsed)
            if idle or not lapsed & asleep:  # until its health check fails, a stopped one seems to serve
                (gone if idle else foreign)[name] = min(lapsed)
    return SlotMap(taken, tuple(free), gone, foreign)


def slot_name(node: Node) -> str:
    """Name the server that the node has already, slot or not; empty when it has none, or when we cannot tell.

    A row with a slash is no server of HAProxy's present worker, but what an older one still carries.
    """
    servers = () if isinstance(node.servers, Gap) else node.servers
    return next((server.name for server in servers if "/" not in server.name), "")


def _parked(server: Server) -> bool:
    return server.status is ServerStatus.MAINT and (server.ip, server.port) == PARKING


def _number(name: str) -> int:
    return int(name[len(name.rstrip("0123456789")) :])
