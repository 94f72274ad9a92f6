"""HAProxy's traffic as samples: of each node over all its lines, and of whole backends.

Only what the policy's signals look at is read, kept in the snapshot and remembered. What only some of a node's lines
tell is at least so much: good enough to grow by.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from autoscaler.decide.counters import Reading
from autoscaler.model.memory import Memory
from autoscaler.model.nodes import nodes_of
from autoscaler.model.quick import quick
from autoscaler.model.snapshot import COUNTERS, GROUP, MEANS, FleetSnapshot, Gap, Line, Node, Proxy, Sample
from autoscaler.policy.schema import Policy
from autoscaler.policy.signals import Signal


def figures(policy: Policy) -> frozenset[str]:
    """Return what has to be read of HAProxy's traffic. A mean is judged by how many requests it may be of."""
    wanted = frozenset(signal.figure for signal in policy.signals.values() if signal.figure)
    return wanted | {"requests"} if wanted & {*MEANS} else wanted


def of_servers(policy: Policy) -> bool:
    """Whether the policy looks at the traffic of single servers, and not of backends alone."""
    return any(signal.figure and signal.per_node for signal in policy.signals.values())


def add_traffic(policy: Policy, memory: Memory, shot: FleetSnapshot) -> FleetSnapshot:
    """Return the snapshot with samples of the policy's traffic signals, and with the lines that they are made of."""
    signals = {signal.key_of_latest: signal for signal in policy.signals.values() if signal.figure}
    if not signals:
        return shot
    if of_servers(policy):
        ips = {node.instance.ip for node in shot.nodes}
        shot = replace(shot, proxies=tuple(_without_strangers(proxy, ips) for proxy in shot.proxies))
    table = _Table(policy, memory, shot)
    return shot.with_samples({key: dict(table.samples(signal)) for key, signal in signals.items()})


def _without_strangers(proxy: Proxy, ips: set[str]) -> Proxy:
    """Keep the lines of whole backends, and of the servers at these addresses."""
    traffic = tuple(
        replace(one, lines=tuple(line for line in one.lines if not line.server or line.ip in ips))
        for one in proxy.traffic
    )
    return replace(proxy, traffic=traffic)


@quick
@dataclass(frozen=True, slots=True)
class _Told:
    """One line of one process. `old`: of a worker that outlived a reload. `whole`: its counters never begin anew."""

    balancer: str
    line: Line
    reading: Reading
    old: bool
    whole: bool


def _told(proxies: Iterable[Proxy], memory: Memory) -> Iterator[_Told]:
    for proxy in proxies:
        for traffic in proxy.traffic:
            reading = Reading(proxy.balancer, traffic, memory.counters)
            for line in traffic.lines:
                yield _Told(proxy.balancer, line, reading, traffic.old, bool(traffic.process))


class _Table:
    """Everything that was told, by the address of the server and by backend."""

    def __init__(self, policy: Policy, memory: Memory, shot: FleetSnapshot) -> None:
        self._shot = shot
        self._backends = [endpoint.backend for endpoint in policy.endpoints]
        self._of_server: defaultdict[str, list[_Told]] = defaultdict(list)
        self._of_backend: defaultdict[str, list[_Told]] = defaultdict(list)
        for told in _told(shot.proxies, memory):
            line = told.line
            (self._of_server[line.ip] if line.server else self._of_backend[line.backend]).append(told)

    def samples(self, signal: Signal) -> Iterator[tuple[str, Sample]]:
        """Yield who has which value of a signal now."""
        if not signal.per_node:
            sample = self._backend_sample(signal)
            if sample:
                yield GROUP, sample
            return
        for node in self._shot.nodes:
            sample = self._node_sample(node, signal)
            if sample:
                yield node.instance_id, sample

    def _node_sample(self, node: Node, signal: Signal) -> Sample | None:
        if isinstance(node.servers, Gap):
            return None
        expected = {
            (server.balancer, server.backend, server.name)
            for server in node.servers
            if signal.backend in {None, server.backend} and "/" not in server.name  # that of an old worker
        }
        told = [one for one in self._of_server[node.instance.ip] if signal.backend in {None, one.line.backend}]
        heard = {(one.balancer, one.line.backend, one.line.server) for one in told if not one.old}
        return self._sample(signal, told, whole=heard >= expected, elsewhere=isinstance(node.sessions, Gap))

    def _backend_sample(self, signal: Signal) -> Sample | None:
        """Add up a backend over all balancers. A silent one, or an old worker out of sight, may carry more of it."""
        backends = [signal.backend] if signal.backend else self._backends
        told = [one for backend in backends for one in self._of_backend[backend]]
        expected = {(proxy.balancer, backend) for proxy in self._shot.proxies for backend in backends}
        heard = {(one.balancer, one.line.backend) for one in told if not one.old}
        deaf = any(gap.source.startswith("haproxy:") for gap in self._shot.gaps)
        unseen = nodes_of(self._shot).uncounted
        return self._sample(signal, told, whole=heard >= expected and not deaf, elsewhere=unseen)

    def _sample(self, signal: Signal, told: Sequence[_Told], *, whole: bool, elsewhere: bool) -> Sample | None:
        """Add up amounts, and take the longest of times. An old worker is given no requests, so its means are old.

        `elsewhere`: workers that nobody can ask may carry more.
        """
        figure = signal.figure
        mean = figure in MEANS
        heard = [one for one in told if not one.old and figure in one.line.figures] if mean else told
        values = [one.reading.value(one.line, figure) for one in heard]
        known = [value for value in values if value is not None]
        if not known:
            return None
        anew = figure in COUNTERS and not all(one.whole for one in heard)
        partial = not whole or len(known) < len(values) or anew or (elsewhere and not mean)
        return Sample(max(known) if mean else sum(known), self._shot.taken_at, partial)
