"""What holds in every made-up cluster, whatever the policy, the people and the misfortunes: nobody goes missing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from autoscaler.model.snapshot import PARKING, InstanceState, ServerStatus
from autoscaler.policy.schema import Policy
from autoscaler.simulate.life import Life
from autoscaler.simulate.run import Stage, Steered, play, set_stage
from autoscaler.simulate.spec import WorldSpec
from autoscaler.simulate.traffic.sessions import Event
from tests.support.crowd import Told
from tests.support.fleet import BACKEND, PORT, SESSIONS, policy

STEP_S = 10.0
LENGTH_S = 900.0

percents = st.sampled_from(["0%", "30%", "100%"])
spells = st.none() | st.just({"every": "5m", "lasts": "90s"})
seconds = st.integers(0, int(LENGTH_S)).map(float)
kinds = st.fixed_dictionaries(
    {
        "vcpus": st.just(4),
        "viewers": st.integers(20, 80),
        "publishers": st.integers(2, 30),
        "streams": st.none() | st.integers(2, 40),
        "memory": st.none() | st.just({"viewers": 80, "streams": 30, "publishers": 20}),
        "weight": st.integers(1, 3),
        "interruptions": st.sampled_from(["0%", "600%"]),
        "stock": st.none() | st.integers(1, 6),
        "stock_outs": spells,
        "failed_joins": st.sampled_from(["0%", "0%", "30%"]),
    }
)
worlds = st.fixed_dictionaries(
    {
        "types": st.fixed_dictionaries({"a": kinds, "b": kinds}),
        "boot": st.just({"median": "40s", "p95": "80s"}),
        "heartbeat_stops": spells,
        "renditions": st.integers(0, 2),
        "returning": percents,
        "patience": st.just("1h"),  # nobody gives up, so everybody can be found
    }
).map(lambda told: WorldSpec.model_validate(_without_none(told)))
policies = st.builds(
    lambda role, cookie, spot, target, wait, pool: policy(
        role=role,
        bounds={"min": 1, "max": 8},
        signals={"sessions": {"from": SESSIONS, "aggregate": "sum"}},
        scale=[{"target_tracking": {"signal": "sessions", "target_per_node": target}}],
        scale_in={"stabilization": wait},
        drain={"sticky_for": "30s", "empty_for": "10s"},
        warm_up="10s",
        join={"timeout": "2m", "lost_after": "30s"},
        launch={
            "launch_template": "t", "types": ["a", "b"], "weights": {"a": 1, "b": 2}, "subnets": ["s", "t"],
            "spot": {"percent": spot}, "warm_pool": {"stopped": pool},
        },
        load_balancer=[{"backend": BACKEND, "port": PORT, "cookie": cookie}],
    ),
    st.sampled_from(["edge", "origin", "both"]), st.booleans(), percents, st.integers(3, 20),
    st.sampled_from(["0s", "2m"]), st.integers(0, 2),
)  # fmt: skip
events = st.builds(
    lambda at_s, kind, nodes, share: Event(at_s, kind, nodes=nodes, share=share, lasts_s=120.0),
    seconds,
    st.sampled_from(
        ["node_crash", "spot_interruption", "cut_viewers", "stop_heartbeats", "stock_out", "haproxy_reload"]
    ),
    st.integers(1, 3),
    st.sampled_from([0.1, 0.5, 1.0]),
)
crowds = st.builds(
    lambda rows, happens: Told(rows, LENGTH_S, tuple(sorted(happens, key=lambda event: event.at_s))),
    st.lists(st.tuples(st.integers(5, 80), seconds, st.integers(1, 600).map(float), st.booleans()),
        min_size=3, max_size=10,
    ),
    st.lists(events, max_size=4),
)  # fmt: skip


def _without_none(told: Any) -> Any:
    if isinstance(told, dict):
        return {key: _without_none(value) for key, value in told.items() if value is not None}
    return told


@dataclass
class Witness:
    """Looks at a stage after every step, before anybody steers."""

    stage: Stage
    people: Told
    step: int = 0
    before: dict[str, int] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)

    def steer(self) -> Steered:
        self._nobody_is_missing()
        self._people_are_where_they_can_be()
        self._costs_add_up()
        self._sources_tell_the_truth()
        done = self.stage.steer()
        self._note()
        self.step += 1
        return done

    @property
    def _lives(self) -> Iterable[tuple[str, Life]]:
        return self.stage.cluster.lives.items()

    def _nobody_is_missing(self) -> None:
        role = self.stage.policy.role
        active = sum(
            count
            for count, start_s, duration_s, publisher in self.people.rows
            if start_s // STEP_S <= self.step < max(start_s // STEP_S + 1, (start_s + duration_s) // STEP_S)
            and (role == "both" or publisher is (role == "origin"))
        )
        assert sum(self.stage.cluster.present) + self.stage.cluster.waiting == active

    def _people_are_where_they_can_be(self) -> None:
        nodes = self.stage.world.nodes
        for key, life in self._lives:
            assert life.viewers == len(self._streams(life, publisher=False))
            assert life.publishers == len(self._streams(life, publisher=True))
            if life.people:
                assert nodes[key].answers
                assert nodes[key].instance.state is InstanceState.RUNNING
            if key in self.closed:
                assert life.people <= self.before[key]

    def _costs_add_up(self) -> None:
        for _, life in self._lives:
            watched, published = (set(self._streams(life, publisher=each)) for each in (False, True))
            assert life.fetched == (len(watched - published) if life.size.fetches else 0)
            cpu, memory = life.size.filled(life.viewers, life.publishers, life.fetched)
            assert life.full == (cpu > life.size.most.cpu or memory > life.size.most.memory)
            if self.stage.policy.role != "both":  # where a stream may lose its publisher
                assert not life.full

    def _sources_tell_the_truth(self) -> None:
        world = self.stage.world
        people = {world.nodes[key].instance.ip: life.people for key, life in self._lives}
        told = {server.ip: server.sessions for server in world.servers.values() if server.ip != PARKING[0]}
        assert {ip: count for ip, count in told.items() if count} == {
            ip: count for ip, count in people.items() if count
        }
        assert not any(server.sessions for server in world.servers.values() if server.ip == PARKING[0])
        for key, node in world.nodes.items():
            fresh = node.heartbeat is not None and node.heartbeat.at == world.now
            assert fresh == (node.answers and key not in world.frozen)
        assert world.viewers == {"webrtc": self.stage.cluster.present[0]}

    def _streams(self, life: Life, *, publisher: bool) -> list[int]:
        """What those on a node watch, or publish."""
        (found,) = self.stage.cluster.stays.on([life], publisher=publisher).values()
        return [stream for stays in found.values() for _, stream in stays]

    def _note(self) -> None:
        """Remember which nodes take nobody from now on. Cookies lead to one that drains."""
        open_to = (
            {ServerStatus.UP, ServerStatus.DRAIN} if self.stage.policy.load_balancer[0].cookie else {ServerStatus.UP}
        )
        servers = self.stage.world.servers.values()
        doors = {server.ip for server in servers if server.status in open_to}
        nodes = self.stage.world.nodes
        self.before = {key: life.people for key, life in self._lives}
        self.closed = {key for key, _ in self._lives if nodes[key].instance.ip not in doors}


@settings(max_examples=60, deadline=None)
@given(people=crowds, by=policies, spec=worlds, seed=st.integers(0, 1000))
def test_nobody_goes_missing(people: Told, by: Policy, spec: WorldSpec, seed: int) -> None:
    stage = set_stage(by, people, spec, seed, timedelta(seconds=STEP_S))
    totals = play(stage, people, timedelta(seconds=STEP_S), Witness(stage, people).steer).totals
    assert (totals.publishers_cut, totals.viewers_cut) == (0, 0)  # our policies never do
