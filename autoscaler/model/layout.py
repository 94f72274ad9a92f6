"""Which servers point where: all that balancers tell of them but for their sessions, and the same in most cycles."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property

from autoscaler.model.recent import KEPT
from autoscaler.model.snapshot import Proxy, Server, ServerStatus


class Layout:
    """The servers of all balancers, without their sessions. Positions are those in `lines`."""

    def __init__(self, lines: Sequence[Server]) -> None:
        """`lines` are as they were seen last; of the layout they tell the same at any time."""
        self.lines = lines

    @cached_property
    def of(self) -> Mapping[str, tuple[int, ...]]:
        """The positions of the lines that point at an ip."""
        found: defaultdict[str, list[int]] = defaultdict(list)
        for position, line in enumerate(self.lines):
            found[line.ip].append(position)
        return {ip: tuple(positions) for ip, positions in found.items()}

    @cached_property
    def up(self) -> Mapping[str, int]:
        """How many places send new sessions to an ip: backends of balancers."""
        lines = self.lines
        return {ip: places_up([lines[position] for position in positions]) for ip, positions in self.of.items()}

    @cached_property
    def all_up(self) -> frozenset[str]:
        """The ips of which each line is up."""
        lines = self.lines
        return frozenset(
            ip for ip, at in self.of.items() if all(lines[position].status is ServerStatus.UP for position in at)
        )


def lines_of(proxies: Sequence[Proxy]) -> Sequence[Server]:
    """Return the servers of all balancers, one after the other."""
    return proxies[0].servers if len(proxies) == 1 else tuple([line for proxy in proxies for line in proxy.servers])


def places_up(lines: Sequence[Server]) -> int:
    """Count the places that send new sessions to a node, of all its lines."""
    return len({(line.balancer, line.backend) for line in lines if line.status is ServerStatus.UP})


class _Layouts:
    """The layouts seen last, of several groups."""

    def __init__(self) -> None:
        self._known: tuple[Layout, ...] = ()

    def of(self, lines: Sequence[Server]) -> Layout:
        """Return the layout of these lines: the same object for as long as it is the same layout."""
        for layout in self._known:
            if layout.lines is lines:
                return layout
            if _alike(layout.lines, lines):
                layout.lines = lines  # so that next time only what changed since then has to be compared
                return layout
        layout = Layout(lines)
        self._known = (layout, *self._known[: KEPT - 1])
        return layout


layout_of = _Layouts().of


def _alike(known: Sequence[Server], lines: Sequence[Server]) -> bool:
    """Whether the lines differ in their sessions alone."""
    if len(known) != len(lines):
        return False
    for one, other in zip(known, lines, strict=True):
        if one is not other and (
            one.status is not other.status
            or one.ip != other.ip
            or one.name != other.name
            or one.port != other.port
            or one.backend != other.backend
            or one.balancer != other.balancer
        ):
            return False
    return True
