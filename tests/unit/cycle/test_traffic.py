"""HAProxy's traffic as samples: what is added up, what is a rate, and what nobody can know."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from autoscaler.cycle.observe import observe
from autoscaler.decide.counters import LONGEST_SPAN
from autoscaler.decide.pipeline import decide
from autoscaler.model.memory import Memory
from autoscaler.model.snapshot import GROUP, FleetSnapshot, Proxy, Sample, Traffic
from autoscaler.policy.schema import Policy
from autoscaler.ports import ProxyStats, Senses
from autoscaler.simulate.ports import (
    SimulatedClock,
    SimulatedFleet,
    SimulatedNodeLoads,
    SimulatedProbe,
    SimulatedProxyStats,
)
from autoscaler.simulate.stores import SimulatedBookings, SimulatedHistory
from autoscaler.simulate.world import SimulatedNode, World
from tests.support.fleet import policy, seconds

HTTP, RTMP = "backend_http", "backend_rtmp"
OUT = "haproxy.server.bytes_out"
FIGURES = ("rate", "bytes_in", "bytes_out", "connection_errors", "response_errors", "denied", "response_ms", "queue_ms")


def rules(*sources: str | dict[str, Any]) -> Policy:
    told = [{"from": source} if isinstance(source, str) else source for source in sources]
    places = [{"backend": HTTP, "port": 5080}, {"backend": RTMP, "port": 1935}]
    named = {f"s{number}": signal for number, signal in enumerate(told)}
    return policy(signals={"cpu": {"from": "mongodb.node.cpu_percent"}, **named}, load_balancer=places)


def senses(world: World) -> Senses:
    stats = tuple(SimulatedProxyStats(world, name) for name in world.balancers)
    return Senses(
        SimulatedClock(world), SimulatedFleet(world), SimulatedNodeLoads(world), stats, SimulatedProbe(world),
        history=SimulatedHistory(), bookings=SimulatedBookings(world),
    )  # fmt: skip


class Story:
    """Two nodes in two backends of each balancer, and a daemon that looks and remembers."""

    def __init__(self, policy: Policy, *balancers: str) -> None:
        self.policy, self.memory = policy, Memory()
        self.alter: Callable[[Traffic], Traffic] = lambda told: told
        self.world = World(balancers=balancers or ("lb1",))
        self.nodes = [self.serve(f"slot{number}") for number in (1, 2)]

    def serve(self, slot: str) -> SimulatedNode:
        node = self.world.add_node()
        self.world.join(node)
        self.world.serve(node, HTTP, slot)
        self.world.serve(node, RTMP, slot, port=1935)
        return node

    def count(self, slot: str, backend: str = HTTP, balancer: str = "lb1", **figures: int) -> None:
        self.world.traffic[balancer, backend, slot] = {
            **self.world.traffic.get((balancer, backend, slot), {}), **figures
        }  # fmt: skip

    def look(self, after: float = 10, policy: Policy | None = None) -> Mapping[str, Mapping[str, Sample]]:
        """Let time pass, and do what a cycle does with what it sees."""
        self.world.advance(seconds(after))
        eyes = senses(self.world)
        eyes = replace(eyes, proxies=tuple(Altered(stats, self.alter, stats.balancer) for stats in eyes.proxies))
        shot = observe(eyes, policy or self.policy, self.memory)
        _, self.memory = decide(shot, policy or self.policy, self.memory)
        self.shot: FleetSnapshot = shot
        return shot.samples

    def of(self, source: str, number: int = 0) -> tuple[float, bool] | None:
        """Return a node's value, and whether it is only part of it."""
        sample = self.shot.samples.get(source, {}).get(self.nodes[number].instance.instance_id)
        return (sample.value, sample.partial) if sample else None

    def whole(self, source: str) -> tuple[float, bool] | None:
        """Return the same of a backend source."""
        sample = self.shot.samples.get(source, {}).get(GROUP)
        return (sample.value, sample.partial) if sample else None


def test_what_no_signal_looks_at_is_neither_read_nor_kept() -> None:
    story = Story(rules())
    story.look()
    assert not any("bytes" in source for source in story.shot.samples)
    assert story.shot.proxies[0].traffic == ()
    assert story.memory.counters == {}


@pytest.mark.parametrize("side", ["server", "backend"])
@pytest.mark.parametrize("figure", FIGURES)
def test_every_figure_is_told_in_its_unit(side: str, figure: str) -> None:
    """Gauges as they are, counters by the second."""
    source = f"haproxy.{side}.{figure}"
    story = Story(rules(source))
    for slot in ("slot1", "slot2", ""):
        story.count(slot, requests=5000, rate=3, response_ms=120, queue_ms=7)
    story.look()
    story.count("slot1", bytes_in=100, bytes_out=200, connection_errors=30, response_errors=40, denied=50)
    story.look(after=10)
    expected = {
        "rate": 3, "bytes_in": 10, "bytes_out": 20, "connection_errors": 3, "response_errors": 4, "denied": 5,
        "response_ms": 120, "queue_ms": 7,
    }[figure]  # fmt: skip
    told = story.of(source) if side == "server" else story.whole(source)
    assert told == (expected, False)


def test_amounts_are_added_over_backends_and_balancers_and_times_are_the_longest() -> None:
    story = Story(
        rules("haproxy.server.rate", OUT, "haproxy.server.response_ms", {"from": OUT, "backend": RTMP}), "lb1", "lb2"
    )
    story.look()
    story.count("slot1", rate=1, bytes_out=100, requests=9, response_ms=30)
    story.count("slot1", RTMP, rate=2, bytes_out=50, requests=9)
    story.count("slot1", balancer="lb2", rate=4, bytes_out=10, requests=9, response_ms=80)
    story.look(after=10)
    assert story.of("haproxy.server.rate") == (7, False)
    assert story.of(OUT) == (16.0, False)
    assert story.of(f"{OUT}:{RTMP}") == (5.0, False)
    assert story.of("haproxy.server.response_ms") == (80, False)
    assert story.of("haproxy.server.response_ms", 1) is None  # nobody asked it anything
    assert story.of("haproxy.server.rate", 1) == (0, False)


def test_a_backend_is_of_the_whole_group_or_one() -> None:
    sources = ["haproxy.backend.sessions", "haproxy.backend.queued", "haproxy.backend.bytes_in"]
    story = Story(rules(*sources, {"from": sources[2], "backend": RTMP}), "lb1", "lb2")
    story.world.serve(story.nodes[0], HTTP, "slot1", sessions=3)
    story.count("", queued=4)
    story.look()
    story.count("slot1", bytes_in=100)
    story.count("slot2", RTMP, balancer="lb2", bytes_in=60)
    story.look()
    assert story.whole("haproxy.backend.sessions") == (6, False)
    assert story.whole("haproxy.backend.queued") == (4, False)
    assert story.whole("haproxy.backend.bytes_in") == (16.0, False)
    assert story.whole(f"haproxy.backend.bytes_in:{RTMP}") == (6.0, False)


def test_there_is_no_rate_without_a_reading_before() -> None:
    story = Story(rules(OUT, "haproxy.backend.bytes_out"))
    story.count("slot1", bytes_out=1_000_000)
    story.look()
    assert story.of(OUT) is story.whole("haproxy.backend.bytes_out") is None
    story.look()
    assert story.of(OUT) == story.whole("haproxy.backend.bytes_out") == (0.0, False)


def test_no_time_between_two_readings_is_no_rate() -> None:
    story = Story(rules(OUT))
    story.look()
    story.count("slot1", bytes_out=100)
    story.look(after=0)
    assert story.of(OUT) is None
    story.look(after=-5)
    assert story.of(OUT) is None


def test_another_process_begins_anew() -> None:
    story = Story(rules(OUT))
    story.count("slot1", bytes_out=100)
    story.look()
    story.world.haproxy_started_at = story.world.now  # and it counts more already than the former did
    story.count("slot1", bytes_out=500)
    story.look()
    assert story.of(OUT) is None
    story.count("slot1", bytes_out=700)
    story.look()
    assert story.of(OUT) == (20.0, True)  # what older workers carry nobody sees
    assert len(story.memory.counters) == 1


def test_a_total_that_fell_is_a_reset_of_all() -> None:
    story = Story(rules(OUT))
    story.count("slot1", bytes_out=100)
    story.count("slot2", bytes_out=100)
    story.look()
    story.count("slot1", bytes_out=99)
    story.count("slot2", bytes_out=800)
    story.look()
    assert story.of(OUT, 0) is story.of(OUT, 1) is None


def test_a_slot_never_charges_its_former_node_to_the_new_one() -> None:
    story = Story(rules(OUT, "haproxy.server.response_ms"))
    story.count("slot1", bytes_out=100, requests=5000, response_ms=900)
    story.look()
    story.count("slot1", bytes_out=9_000_100, requests=5100, response_ms=910)
    story.nodes[0] = story.serve("slot1")
    story.look()
    assert story.of(OUT) is None
    assert story.of("haproxy.server.response_ms") is None  # a mean of the former node's requests
    story.count("slot1", bytes_out=9_000_200, requests=5100 + 1023, response_ms=500)
    story.look()
    assert story.of(OUT) == (10.0, False)
    assert story.of("haproxy.server.response_ms") is None
    story.count("slot1", requests=5100 + 1024, response_ms=20)
    story.look()
    assert story.of("haproxy.server.response_ms") == (20, False)
    (counted,) = story.memory.counters.values()
    (line,) = (line for name, line in counted.lines.items() if name.startswith(f"{HTTP}/slot1 "))
    assert line.keys() == {"bytes_out"}


def test_a_new_line_beside_known_ones_makes_the_rate_a_part() -> None:
    """In one backend already, in the other not yet known: at least so much."""
    story = Story(rules(OUT))
    del story.world.servers["lb1", RTMP, "slot1"]
    story.look()
    story.world.serve(story.nodes[0], RTMP, "slot1", port=1935)
    story.count("slot1", bytes_out=100)
    story.look()
    assert story.of(OUT) == (10.0, True)
    story.look()
    assert story.of(OUT) == (0.0, False)


@dataclass(frozen=True)
class Altered:
    """A balancer whose traffic is told otherwise."""

    stats: ProxyStats
    alter: Callable[[Traffic], Traffic]
    balancer: str = "lb1"

    def read(self, backends: Sequence[str] | None, figures: Collection[str] = (), *, each_server: bool = True) -> Proxy:
        proxy = self.stats.read(backends, figures, each_server=each_server)
        return replace(proxy, traffic=tuple(map(self.alter, proxy.traffic)))


def test_a_version_without_the_column_is_silent() -> None:
    story = Story(rules(OUT))
    story.alter = lambda told: replace(told, lines=tuple(replace(line, figures={}) for line in told.lines))
    story.look()
    story.look()
    assert story.of(OUT) is None


def test_by_a_source_that_tells_no_process_it_is_at_least_so_much() -> None:
    """It may have begun anew in between, unseen where every total is above the former again."""
    story = Story(rules(OUT, "haproxy.server.rate"))
    story.alter = lambda told: replace(told, process="")
    story.look()
    story.count("slot1", bytes_out=100, rate=2)
    story.look()
    assert story.of(OUT) == (10.0, True)
    assert story.of("haproxy.server.rate") == (2, False)


def test_a_silent_balancer_costs_the_nodes_their_rates_and_leaves_the_backend_a_part() -> None:
    story = Story(rules(OUT, "haproxy.backend.bytes_out"), "lb1", "lb2")
    story.look()
    story.count("slot1", bytes_out=100)
    story.world.dead.add("haproxy:lb2")
    story.look()
    assert story.of(OUT) is None
    assert story.whole("haproxy.backend.bytes_out") == (10.0, True)


def test_after_silence_the_rate_is_over_all_of_it() -> None:
    story = Story(rules(OUT))
    story.look()
    story.world.dead.add("haproxy:lb1")
    story.look()
    assert story.memory.counters
    story.world.dead.clear()
    story.count("slot1", bytes_out=400)
    story.look()
    assert story.of(OUT) == (20.0, False)


def test_after_too_long_a_silence_there_is_none() -> None:
    story = Story(rules(OUT))
    story.look()
    story.world.dead.add("haproxy:lb1")
    story.look(after=LONGEST_SPAN.total_seconds())
    assert story.memory.counters
    story.look(after=1)
    assert story.memory.counters == {}
    story.world.dead.clear()
    story.look()
    assert story.of(OUT) is None


def test_the_memory_forgets_nodes_that_are_gone_and_signals_that_nobody_has() -> None:
    story = Story(rules(OUT))
    story.look()
    (counted,) = story.memory.counters.values()
    assert len(counted.lines) == 2 * 2 + 2
    assert {*map(tuple, (line for line in counted.lines.values()))} == {("bytes_out",)}
    del story.world.nodes[story.nodes[1].instance.instance_id]
    story.look()
    (counted,) = story.memory.counters.values()
    assert len(counted.lines) == 2 + 2
    story.look(policy=rules(), after=LONGEST_SPAN.total_seconds())
    story.look(policy=rules(), after=1)
    assert story.memory.counters == {}


def test_a_strangers_line_is_not_kept() -> None:
    story = Story(rules(OUT))
    stranger = story.world.add_node(group="other")
    story.world.serve(stranger, HTTP, "slot9")
    story.look()
    (traffic,) = story.shot.proxies[0].traffic
    assert {line.server for line in traffic.lines} == {"slot1", "slot2", ""}


def test_what_is_only_part_does_not_shrink_a_backend_rule() -> None:
    source = {"from": "haproxy.backend.sessions", "aggregate": "sum"}
    data = {"signals": {"busy": source}, "scale": [{"target_tracking": {"signal": "busy", "target_per_node": 100}}]}
    story = Story(policy(**data))
    story.look()
    (verdict,) = decide(story.shot, story.policy, story.memory)[0].verdicts
    assert (verdict.direction, verdict.desired, verdict.missing) == ("in", 0, ())
    story.world.haproxy_started_at = story.world.now
    story.look()
    (verdict,) = decide(story.shot, story.policy, story.memory)[0].verdicts
    assert (verdict.direction, verdict.missing) == ("hold", (GROUP,))
