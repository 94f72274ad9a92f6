"""Which HAProxy slot is whose.

A slot is a server line that the configuration declares in advance and that we point at a node at run time: the one
strategy that works on every HAProxy version, deletes nothing and survives a reload. One name stands for one node in
every backend of every balancer.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from autoscaler.decide.view import View
from autoscaler.model.layout import Layout, layout_of, lines_of
from autoscaler.model.recent import recent
from autoscaler.model.snapshot import PARKING, Gap, Instance, InstanceState, Node, Server, ServerStatus

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
    return _map(layout_of(lines_of(view.snapshot.proxies)), view.nodes.instances, view.policy.slots, view.places)


@recent
def _map(layout: Layout, instances: tuple[Instance, ...], prefix: str, everywhere: int) -> SlotMap:
    lines = layout.lines
    holder: dict[str, str] = {}
    halves: defaultdict[str, set[str]] = defaultdict(set)  # slots that serve another in another place
    for server in lines:
        if server.status is not ServerStatus.MAINT or (server.ip, server.port) != PARKING:
            known = holder.setdefault(server.name, server.ip)
            if known != server.ip:
                halves[server.name] |= {known, server.ip}
    asleep = {instance.ip for instance in instances if instance.state is InstanceState.STOPPED}
    alive = {instance.ip for instance in instances} - asleep
    taken: dict[str, str] = {}
    free: list[str] = []
    lapsed: dict[str, set[str]] = {}
    for name, places in _slots(prefix, (server.name for server in lines)):
        ip = holder.get(name)
        if ip is None:
            free += [name] if places == everywhere else []
        elif ip in alive and name not in halves:
            taken.setdefault(ip, name)
        else:
            ips = halves.get(name) or {ip}
            taken |= {ip: name for ip in ips & alive if ip not in taken}
            lapsed |= {name: ips - alive} if ips - alive else {}
    gone, foreign = _sorted(lapsed, lines, asleep)
    return SlotMap(taken, tuple(free), gone, foreign)


def _sorted(
    lapsed: Mapping[str, set[str]], lines: Iterable[Server], asleep: set[str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the slots whose holders are gone, and those that serve somebody who is none of our instances."""
    gone: dict[str, str] = {}
    foreign: dict[str, str] = {}
    for name, ips in lapsed.items():
        idle = all(server.status in _IDLE for server in lines if server.name == name and server.ip in ips)
        if idle or not ips & asleep:  # until its health check fails, a stopped one seems to serve
            (gone if idle else foreign)[name] = min(ips)
    return gone, foreign


def slot_name(node: Node) -> str:
    """Name the server that the node has already, slot or not; empty when it has none, or when we cannot tell.

    A row with a slash is no server of HAProxy's present worker, but what an older one still carries.
    """
    servers = () if isinstance(node.servers, Gap) else node.servers
    return next((server.name for server in servers if "/" not in server.name), "")


def _slots(prefix: str, names: Iterable[str]) -> list[tuple[str, int]]:
    """Return the slots of a prefix among the names of all lines, by number, and in how many lines each stands."""
    is_slot = re.compile(re.escape(prefix) + r"\d+").fullmatch
    found = Counter(filter(is_slot, names))
    return [(name, found[name]) for name in sorted(found, key=_number)]


def _number(name: str) -> int:
    return int(name[len(name.rstrip("0123456789")) :])
