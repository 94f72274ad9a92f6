"""Rates from a real HAProxy: of bytes that really passed, over reloads, and in slots that another node was given."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from autoscaler.adapters.clock import SystemClock
from autoscaler.adapters.haproxy_control import HaproxyControl
from autoscaler.adapters.haproxy_stats import HttpStats, SocketStats
from autoscaler.cycle.observe import observe
from autoscaler.decide.pipeline import decide
from autoscaler.model.memory import Memory
from autoscaler.model.plan import Deregister, Done, Drain, Forget, Register
from autoscaler.model.snapshot import GROUP, FleetSnapshot, InstanceState, Sample
from autoscaler.policy.schema import Policy
from autoscaler.ports import ProxyStats, Senses
from autoscaler.simulate.ports import SimulatedFleet, SimulatedNodeLoads, SimulatedProbe
from autoscaler.simulate.stores import SimulatedBookings, SimulatedHistory
from autoscaler.simulate.world import World
from tests.support.fleet import policy
from tests.support.haproxy import Session, Setup, get, until

OUT, BACK = "haproxy.server.bytes_out", "haproxy.backend.bytes_out"
RTMP = "backend_rtmp"


class Cluster:
    """A real balancer with nodes behind it, watched by cycles that remember. The instances are made up."""

    def __init__(self, setup: Setup, *sources: dict[str, Any], over_http: bool = False) -> None:
        self.setup = setup
        self.world = World(now=datetime.now(UTC))
        haproxy = setup.haproxy
        self.stats: ProxyStats = SocketStats("lb1", haproxy.socket(), haproxy.master)
        if over_http:
            page = f"http://127.0.0.1:{setup.stats}/haproxy_stats"
            self.stats = HttpStats("lb1", page, "Username", "Password")
        self.control = HaproxyControl({"lb1": haproxy.socket()}, timedelta(seconds=5))
        self.policy: Policy = policy(
            signals={"cpu": {"from": "mongodb.node.cpu_percent"}, **{f"s{n}": told for n, told in enumerate(sources)}},
            load_balancer=[{"backend": place.backend, "port": place.port} for place in setup.endpoints],
        )
        self.memory = Memory()
        self.spans: list[float] = []

    def serve(self, ip: str, slot: str, *, node: bool = True) -> str:
        """Start a node if there is none at this address, put it into service, and return its id."""
        if node:
            self.setup.node(ip)
        made = self.world.add_node()
        made.instance = replace(made.instance, ip=ip, launched_at=datetime.now(UTC) - timedelta(days=1))
        self.world.join(made)
        about: dict[str, Any] = {
            "token": "t",
            "why": "joined",
            "instance_id": ip,
            "ip": ip,
            "endpoints": self.setup.endpoints,
        }
        register = Register(slot=slot, **about)
        until(lambda: self.control.admit([register]) == [Done()], "it was not admitted")
        return made.instance.instance_id

    def take_out(self, ip: str, slot: str) -> None:
        """Drain, park and free, as the daemon does with a node that goes, and let the instance be gone."""
        about: dict[str, Any] = {
            "token": "t",
            "why": "w",
            "instance_id": ip,
            "ip": ip,
            "endpoints": self.setup.endpoints,
        }
        assert self.control.drain([Drain(**about)]) == [Done()]
        assert self.control.park([Deregister(**about)]) == [Done()]
        forget = Forget(token="t", why="gone", ip=ip, slot=slot, endpoints=self.setup.endpoints)
        assert self.control.free([forget]) == [Done()]
        gone = next(node for node in self.world.nodes.values() if node.instance.ip == ip)
        gone.instance = replace(gone.instance, state=InstanceState.TERMINATED)

    def look(self) -> FleetSnapshot:
        """Run the reading half of a cycle, and remember."""
        world = self.world
        senses = Senses(
            SystemClock(), SimulatedFleet(world), SimulatedNodeLoads(world), (self.stats,), SimulatedProbe(world),
            history=SimulatedHistory(), bookings=SimulatedBookings(world),
        )  # fmt: skip
        before = {key: counted.at for key, counted in self.memory.counters.items()}
        shot = observe(senses, self.policy, self.memory)
        _, self.memory = decide(shot, self.policy, self.memory)
        assert shot.gaps == ()
        spans = [counted.at - before[key] for key, counted in self.memory.counters.items() if key in before]
        self.spans = [span.total_seconds() for span in spans]
        return shot

    def passed(self, sample: Sample) -> float:
        """Turn a rate back into what it was made of: what was counted since the last look."""
        (span,) = self.spans
        return sample.value * span


def stream(cluster: Cluster, size: int) -> None:
    """Let a session bring its viewer about so many bytes, and end: HAProxy counts them then."""
    before = total(cluster)
    with closing(Session(cluster.setup.rtmp)) as session:
        session.say("x" * size)
    until(lambda: total(cluster) >= before + size, "it was not counted")


def total(cluster: Cluster) -> int:
    _, lines = cluster.setup.haproxy.socket().stat_with_traffic([RTMP], ["bytes_out"])
    return next(line.figures["bytes_out"] for line in lines if not line.server)


def near(size: float) -> Any:
    """So many bytes, and those of a few greetings."""
    return pytest.approx(size, abs=1000)


@contextmanager
def balanced(kind: str = "tcp", *sources: dict[str, Any], over_http: bool = False) -> Iterator[Cluster]:
    with closing(Setup(kind, stats_extra="stats show-legends")) as setup:
        yield Cluster(setup, *(sources or ({"from": OUT}, {"from": BACK, "aggregate": "sum"})), over_http=over_http)


def test_the_bytes_that_passed_are_those_that_are_told() -> None:
    with balanced() as cluster:
        node = cluster.serve("127.20.7.1", "slot1")
        assert OUT not in cluster.look().samples  # there is nothing to compare with
        for _ in range(3):
            stream(cluster, 400_000)
        shot = cluster.look()
        told = shot.samples[OUT][node]
        assert cluster.passed(told) == near(1_200_000)
        assert cluster.passed(shot.samples[BACK][GROUP]) == near(1_200_000)
        assert not told.partial
        assert not shot.samples[BACK][GROUP].partial
        assert cluster.look().samples[OUT][node].value == 0


def test_by_the_page_it_is_at_least_so_much() -> None:
    with balanced(over_http=True) as cluster:
        node = cluster.serve("127.20.7.1", "slot1")
        cluster.look()
        stream(cluster, 400_000)
        told = cluster.look().samples[OUT][node]
        assert cluster.passed(told) == near(400_000)
        assert told.partial


def test_after_a_reload_there_is_nothing_to_compare_with_and_then_there_is() -> None:
    with balanced() as cluster:
        node = cluster.serve("127.20.7.1", "slot1")
        stream(cluster, 400_000)
        cluster.look()
        cluster.setup.haproxy.reload()
        until(lambda: len(cluster.setup.haproxy.master.workers()) == 1, "the old worker stays")
        stream(cluster, 900_000)  # more than the former process had ever counted
        assert OUT not in cluster.look().samples
        stream(cluster, 100_000)
        told = cluster.look().samples[OUT][node]
        assert cluster.passed(told) == near(100_000)
        assert not told.partial


def test_after_a_reload_the_page_does_not_take_the_new_total_for_a_fall() -> None:
    with balanced(over_http=True) as cluster:
        node = cluster.serve("127.20.7.1", "slot1")
        stream(cluster, 400_000)
        cluster.look()
        cluster.setup.haproxy.reload()
        stream(cluster, 100_000)
        assert OUT not in cluster.look().samples
        stream(cluster, 100_000)
        assert cluster.passed(cluster.look().samples[OUT][node]) == near(100_000)


def test_what_an_old_worker_carries_counts_and_is_told_apart_from_the_new_ones() -> None:
    with balanced() as cluster:
        node = cluster.serve("127.20.7.1", "slot1")
        with closing(Session(cluster.setup.rtmp)) as lasting, closing(Session(cluster.setup.rtmp)) as ending:
            cluster.look()
            cluster.setup.haproxy.reload()
            assert lasting.say("still") == "127.20.7.1 still"
            first = cluster.look().samples[OUT][node]
            assert (first.value, first.partial) == (0, True)  # the new worker's cannot be told yet
            ending.say("x" * 300_000)
            ending.close()
            stream(cluster, 100_000)
            until(lambda: sum(s.sessions for s in cluster.stats.read([RTMP]).servers) == 1, "it did not end")
            shot = cluster.look()
            told = shot.samples[OUT][node]
            shortest, longest = sorted(cluster.spans)  # of the two workers, which were asked one after the other
            assert 400_000 / longest <= told.value <= 402_000 / shortest
            assert not told.partial
            assert shot.samples[BACK][GROUP].value == pytest.approx(told.value)


def test_a_slot_never_charges_its_former_nodes_bytes_to_the_new_one() -> None:
    with balanced() as cluster:
        former = cluster.serve("127.20.7.1", "slot1")
        stream(cluster, 400_000)
        cluster.look()
        stream(cluster, 400_000)
        assert cluster.passed(cluster.look().samples[OUT][former]) == near(400_000)
        stream(cluster, 700_000)  # which nobody looked at before the slot was given away
        cluster.take_out("127.20.7.1", "slot1")
        node = cluster.serve("127.20.7.2", "slot1")
        stream(cluster, 200_000)
        told = cluster.look().samples.get(OUT, {})
        assert node not in told
        assert former not in told
        stream(cluster, 100_000)
        assert cluster.passed(cluster.look().samples[OUT][node]) == near(100_000)


def test_a_live_stream_counts_while_it_runs_where_contstats_is_set() -> None:
    setup = Setup("tcp")
    with closing(setup):
        setup.haproxy.configure(setup.sections().replace("\ndefaults\n", "\ndefaults\n    option contstats\n"))
        setup.haproxy.reload()
        cluster = Cluster(setup, {"from": OUT})
        node = cluster.serve("127.20.7.1", "slot1")
        cluster.look()
        with closing(Session(setup.rtmp)) as session:
            session.say("x" * 400_000)
            until(lambda: session.say("x") and cluster.look().samples[OUT][node].value, "nothing before its end")


def test_times_sessions_and_broken_answers_are_told_of_their_backend() -> None:
    sources = [
        {"from": f"haproxy.{side}.{figure}"} for side in ("server", "backend")
        for figure in ("response_ms", "queue_ms", "rate", "response_errors")
    ]  # fmt: skip
    with balanced("http", *sources) as cluster, ExitStack() as stack:
        for number, port in enumerate(cluster.setup.node_ports):
            stack.enter_context(lame("127.20.7.1", port, silent=number == 0))
        node = cluster.serve("127.20.7.1", "slot1", node=False)
        assert "haproxy.server.response_ms" not in cluster.look().samples  # nobody asked it anything yet
        assert get(cluster.setup.http)[0] == 200
        assert get(cluster.setup.http, path="/broken")[0] == 502
        samples = until(lambda: told(cluster, "haproxy.server.response_errors", node), "no error was counted")
        assert samples["haproxy.server.response_ms"][node].value >= SLOW_S * 1000 * 0.4  # the mean with a broken one
        assert samples["haproxy.backend.response_ms"][GROUP].value >= SLOW_S * 1000 * 0.4
        assert cluster.passed(samples["haproxy.server.response_errors"][node]) == pytest.approx(1)
        assert cluster.passed(samples["haproxy.backend.response_errors"][GROUP]) == pytest.approx(1)
        assert samples["haproxy.server.queue_ms"][node].value == 0
        assert samples["haproxy.server.rate"][node].value <= 4


def told(cluster: Cluster, source: str, node: str) -> Any:
    samples = cluster.look().samples
    return samples if samples[source][node].value else None


SLOW_S = 0.2


@contextmanager
def lame(ip: str, port: int, *, silent: bool) -> Iterator[None]:
    """A server that takes its time, and answers nothing that begins with /broken."""
    with socket.create_server((ip, port)) as listener:

        def serve() -> None:
            while True:
                try:
                    wire, _ = listener.accept()
                except OSError:
                    return
                with wire:
                    asked = b"" if silent else wire.recv(65_536)
                    if asked.startswith(b"GET /broken"):
                        continue
                    if asked:
                        ended.wait(SLOW_S)
                        wire.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")

        ended = threading.Event()
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
