"""Who is sent where: least connections by weight, cookies, and those who were here before."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.model.snapshot import ServerStatus
from autoscaler.simulate.balancer import Balancer
from autoscaler.simulate.counts import SessionCounts
from autoscaler.simulate.crowd import Coming, Visit
from autoscaler.simulate.life import Life, size_of
from autoscaler.simulate.run import Steered, play, set_stage
from autoscaler.simulate.spec import WorldSpec
from autoscaler.simulate.traffic.sessions import Event
from autoscaler.simulate.world import World
from tests.support.crowd import Told, coming
from tests.support.fleet import BACKEND, PORT, policy

SPEC = WorldSpec.model_validate(
    {
        "types": {
            "small": {"vcpus": 4, "viewers": 20},
            "light": {"vcpus": 8, "viewers": 400},
            "tight": {"vcpus": 4, "viewers": 200, "memory": {"viewers": 33}},
            "heavy": {"vcpus": 8, "viewers": 400, "weight": 3},
        },
        "idle_cpu": "0%",
        "refuse_cpu": "100%",
    }
)


class OneByOne(Balancer):
    """Looks at everybody."""

    def _alike(self, *_: object) -> bool:
        return False


class Place:
    """A backend of some servers, each with a node of a type behind it."""

    def __init__(self, *types: str, sticky: bool = False, returning: float = 0.0) -> None:
        self.world = World()
        self.lives: dict[str, Life] = {}
        self.ips: list[str] = []
        for number, kind in enumerate(types, start=1):
            node = self.world.add_node(instance_type=kind)
            self.world.join(node)
            self.world.serve(node, BACKEND, f"slot{number}")
            self.lives[node.instance.instance_id] = Life(size_of(SPEC, kind))
            self.ips.append(node.instance.ip)
        self.balancer = Balancer(self.world, BACKEND, sticky, returning, None, Random(1))  # noqa: S311 - a draw

    def come(self, count: int, **about: str) -> list[str]:
        """Let so many viewers come; return where who was refused was refused."""
        visits = [Visit(publisher=False, last_step=9, **about)] * count  # type: ignore[arg-type]  # only a cookie
        return [ip for _, ip in self.balancer.spread(1, visits, Coming(), self.lives)]

    def set(self, number: int, status: ServerStatus) -> None:
        key = ("lb1", BACKEND, f"slot{number}")
        self.world.servers[key] = replace(self.world.servers[key], status=status)

    @property
    def people(self) -> list[int]:
        return [life.people for life in self.lives.values()]


def test_connections_are_levelled() -> None:
    place = Place("light", "light", "light")
    place.come(7)
    assert place.people == [3, 2, 2]
    place.come(4, cookie="10.9.9.9")  # no server's; and the clients are not sticky
    assert place.people == [4, 4, 3]


def test_a_server_of_more_weight_gets_more() -> None:
    place = Place("light", "heavy")
    place.come(120)
    assert place.people == [30, 90]
    place.come(40)
    assert place.people == [40, 120]


def test_who_is_full_is_sent_to_and_refuses() -> None:
    place = Place("small", "light")
    assert place.come(45) == [place.ips[0]] * 5  # 20 each, and then the first of the two equals refuses
    assert place.people == [20, 20]


def test_a_full_one_of_little_weight_refuses_while_another_has_room() -> None:
    place = Place("heavy", "small")
    assert place.come(100) == [place.ips[1]] * 17
    assert place.people == [63, 20]  # a third of the connections of the first, who would be next with 63


viewers = st.tuples(st.integers(2, 6), st.integers(0, 3))
"""In which step one leaves, and what is watched."""


@given(
    people=st.lists(st.integers(0, 30), min_size=1, max_size=8),
    types=st.lists(st.sampled_from(["small", "light", "tight"]), min_size=8, max_size=8),
    back=st.lists(viewers, max_size=20),
    new=st.lists(viewers, max_size=70),
    sticky=st.booleans(),
)
def test_all_at_once_go_where_they_go_one_by_one(
    people: list[int], types: list[str], back: list[tuple[int, int]], new: list[tuple[int, int]], *, sticky: bool
) -> None:  # fmt: skip
    found = []
    for kind in (Balancer, OneByOne):
        place = Place(*types[: len(people)])
        for life, count in zip(place.lives.values(), people, strict=True):
            for _ in range(count):
                life.enter(0)
        returning = [Visit(publisher=False, last_step=last, stream=stream, until=7) for last, stream in back]
        arrivals = coming([Visit(publisher=False, last_step=last, stream=stream) for last, stream in new])
        counts = SessionCounts(place.world, BACKEND, 10.0)
        place.balancer = kind(place.world, BACKEND, sticky, 0.0, counts, Random(1))  # noqa: S311 - a draw
        refused = place.balancer.spread(1, returning, arrivals, place.lives)
        lives = list(place.lives.values())
        stays = list(place.balancer.stays.on(lives, publisher=False).values())
        found.append((refused, place.people, stays, place.world.traffic))
    assert found[0] == found[1]


def test_without_servers_everybody_is_turned_away() -> None:
    place = Place("light")
    place.set(1, ServerStatus.DOWN)
    assert place.come(2) == ["", ""]
    place = Place("light", sticky=True)
    place.set(1, ServerStatus.MAINT)
    assert place.come(2, cookie=place.ips[0]) == ["", ""]


@pytest.mark.parametrize(
    ("status", "sticky", "expected"),
    [
        (ServerStatus.UP, "sticky", [15, 0]),
        (ServerStatus.DRAIN, "sticky", [15, 0]),
        (ServerStatus.MAINT, "sticky", [10, 5]),
        (ServerStatus.DOWN, "sticky", [10, 5]),
        (ServerStatus.UP, "", [10, 5]),
        (ServerStatus.DRAIN, "", [10, 5]),
    ],
)
def test_a_cookie_leads_back_where_haproxy_still_sends(status: ServerStatus, sticky: str, expected: list[int]) -> None:
    place = Place("light", "light", sticky=bool(sticky))
    place.set(2, ServerStatus.MAINT)
    place.come(10)
    place.set(2, ServerStatus.UP)
    place.set(1, status)
    place.come(5, cookie=place.ips[0])
    assert place.people == expected


def test_a_cookie_of_a_full_node_leads_to_a_refusal_while_others_are_empty() -> None:
    place = Place("small", "light", sticky=True)
    place.come(20, cookie=place.ips[0])
    assert place.come(3, cookie=place.ips[0]) == [place.ips[0]] * 3
    assert place.people == [20, 0]


def test_a_node_that_does_not_answer_gets_nobody() -> None:
    place = Place("light", "light", sticky=True)
    next(iter(place.world.nodes.values())).answers = False
    place.come(4, cookie=place.ips[0])
    assert place.people == [0, 4]


def test_nodes_that_stop_and_begin_to_answer_lose_and_get_people_at_once() -> None:
    place = Place("light", "light")
    first, _ = place.world.nodes.values()
    for answers, expected in ((True, [2, 2]), (False, [2, 6]), (True, [6, 6])):
        first.answers = answers
        place.come(4)
        assert place.people == expected


def test_a_server_is_where_its_phase_is() -> None:
    place = Place("light", "light", "light", "light")
    for number, status in enumerate((ServerStatus.UP, ServerStatus.DRAIN, ServerStatus.MAINT, ServerStatus.DOWN), 1):
        place.set(number, status)
    found = place.balancer.members.phases
    assert [found.get(ip) for ip in place.ips] == ["serving", "draining", "draining", None]
    place.world.servers.count(place.balancer.members.placed, {place.ips[0]: 7})  # that is no change of the servers
    assert place.balancer.members.phases is found
    assert place.world.servers["lb1", BACKEND, "slot1"].sessions == 7


def test_who_was_here_before_goes_where_sessions_went() -> None:
    """All of 100 sessions went to the first of two; nine of ten who come hold one of their cookies."""
    place = Place("light", "light", sticky=True, returning=0.9)
    place.set(2, ServerStatus.MAINT)
    place.come(100)
    place.set(2, ServerStatus.UP)
    place.come(50)
    first, second = place.people
    assert 135 <= first <= 149
    assert first + second == 150
    place = Place("light", "light", sticky=True, returning=0.0)
    place.set(2, ServerStatus.MAINT)
    place.come(100)
    place.set(2, ServerStatus.UP)
    place.come(50)
    assert place.people == [100, 50]


def _cut(*, cookie: bool) -> Counter[str]:
    """Where those are who were cut while one of two nodes was new, and empty."""
    people = Told([(60, 0, 3600, False)], length_s=300, events=(Event(100.0, "cut_viewers", share=0.5),))
    rules = policy(
        bounds={"min": 1, "max": 2},
        launch={"launch_template": "t", "types": ["light"], "subnets": ["subnet-a"]},
        load_balancer=[{"backend": BACKEND, "port": PORT, "cookie": cookie}],
    )
    stage = set_stage(rules, people, SPEC, 1, timedelta(seconds=10))
    second = stage.world.add_node("edge", instance_type="light")

    def steer() -> Steered:
        second.answers = True
        stage.world.serve(second, BACKEND, "slot2")
        return Steered(2, "hold", ())

    play(stage, people, timedelta(seconds=10), steer)
    return Counter({key: life.people for key, life in stage.cluster.lives.items()})


def test_who_lost_the_connection_comes_back_to_the_node_of_the_cookie() -> None:
    assert sorted(_cut(cookie=True).values()) == [0, 60]
    assert sorted(_cut(cookie=False).values()) == [30, 30]
