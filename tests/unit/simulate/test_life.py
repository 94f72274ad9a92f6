"""What people cost a node: viewers, publishers with their renditions, streams that are fetched, CPU and memory."""

from __future__ import annotations

from typing import Any

import pytest

from autoscaler.simulate.crowd import Share, Visit
from autoscaler.simulate.life import Life, size_of
from autoscaler.simulate.spec import TypeSpec, WorldSpec

KIND = "c5.xlarge"


def node(kind: dict[str, Any] | None = None, **world: Any) -> Life:
    """A node that may use all its CPU and memory, unless `world` says otherwise."""
    usual = {"idle_cpu": "0%", "refuse_cpu": "100%", "idle_memory": "50%", "refuse_memory": "75%"}
    types = {KIND: {"vcpus": 4, "viewers": 200, "publishers": 20, **(kind or {})}}
    return Life(size_of(WorldSpec.model_validate({**usual, "types": types, **world}), KIND))


def viewers(life: Life, *streams: int, until: int = 9) -> int:
    """How many of these come in."""
    return sum(life.enter(Visit(publisher=False, last_step=until, stream=stream)) for stream in streams)


def publishers(life: Life, *streams: int, until: int = 9) -> int:
    return sum(life.enter(Visit(publisher=True, last_step=until, stream=stream)) for stream in streams)


def test_a_node_carries_what_its_cpu_does() -> None:
    assert viewers(node(), *[0] * 300) == 200
    assert publishers(node(), *range(300)) == 20
    assert viewers(node(idle_cpu="3%", refuse_cpu="75%"), *[0] * 300) == 144
    assert viewers(node({"viewers": 3}, idle_cpu="0%"), *[0] * 9) == 3  # thirds add up to a whole


def test_publishers_and_viewers_share_it() -> None:
    life = node()
    assert publishers(life, 1, 2, 3, 4, 5) == 5
    assert life.load() == 0.25
    assert viewers(life, *[1] * 300) == 150


@pytest.mark.parametrize(("renditions", "carried"), [(0, 20), (1, 5), (3, 1), (4, 1), (6, 1), (7, 1), (8, 0)])
def test_each_published_stream_is_transcoded_into_its_renditions(renditions: int, carried: int) -> None:
    """On 4 vCPUs 8 renditions take all; one more and its publisher is too much."""
    assert publishers(node(renditions=renditions), *range(20)) == {1: 5, 3: 2}.get(renditions, carried)
    assert viewers(node(renditions=renditions), *[0] * 300) == 200


def test_what_a_rendition_costs_can_be_told() -> None:
    assert publishers(node({"renditions": 60}, renditions=3), *range(20)) == 10  # 1/20 and 3/60


def test_a_stream_is_fetched_once_for_all_who_watch_it() -> None:
    life = node({"streams": 50})  # 4 viewers' worth
    assert viewers(life, *[7] * 10) == 10
    assert life.load() == pytest.approx(10 / 200 + 1 / 50)
    assert viewers(life, 8, 9) == 2
    assert life.load() == pytest.approx(12 / 200 + 3 / 50)


def test_who_would_be_first_needs_room_for_the_stream_too() -> None:
    life = node({"streams": 2})
    assert viewers(life, *[7] * 150, 8, 7) == 100  # half of it is the stream
    assert life.load() == pytest.approx(1.0)
    life = node({"streams": 2})
    assert viewers(life, *[7] * 60, 8, *[7] * 20) == 80  # the one who wants stream 8 is refused, the others are not


def test_what_nobody_watches_any_more_is_fetched_no_more() -> None:
    life = node({"streams": 50})
    viewers(life, 7, 7, 8, until=3)
    viewers(life, 7, until=5)
    life.leave(3)
    assert life.load() == pytest.approx(1 / 200 + 1 / 50)
    life.leave(5)
    assert (life.cpu, life.memory, life.people) == (0, 0, 0)


def test_what_is_published_on_the_node_itself_is_not_fetched() -> None:
    life = node({"streams": 50})
    viewers(life, 7, 7)
    publishers(life, 7, until=3)
    assert life.load() == pytest.approx(2 / 200 + 1 / 20)
    life.leave(3)
    assert life.load() == pytest.approx(2 / 200 + 1 / 50)  # from whoever publishes it now


def test_streams_that_cost_nothing_are_not_counted() -> None:
    life = node()
    viewers(life, *range(100))
    assert life.load() == 0.5


def test_memory_is_filled_by_who_is_told_to_fill_it() -> None:
    usual, told = node(), node({"memory": {"viewers": 400}})
    for life in (usual, told):
        viewers(life, *[0] * 100)
    assert (usual.filled(), told.filled()) == (0.0, 0.25)


def test_a_node_refuses_by_its_memory_too() -> None:
    """Half of what an idle node has left lies below 75 %."""
    assert viewers(node({"memory": {"viewers": 100}}), *[0] * 300) == 50
    assert publishers(node({"memory": {"viewers": 100}}), *range(30)) == 20  # nothing is told of theirs
    memory = {"publishers": 20, "renditions": 40, "streams": 10, "viewers": 1000}
    assert publishers(node({"memory": memory, "renditions": 1000}, renditions=2), *range(30)) == 5
    assert viewers(node({"memory": memory}), *range(300)) == 4  # of a stream each


def test_whoever_is_cut_takes_everything_along() -> None:
    life = node({"streams": 50, "memory": {"viewers": 400, "streams": 100}})
    viewers(life, 7, 7, 8, 9, until=3)
    viewers(life, 7, until=4)
    publishers(life, 5, until=4)
    some = life.scatter(publishers=False, share=Share(0.4), cookie="10.0.0.1")
    assert [(visit.last_step, visit.stream, visit.cookie) for visit in some] == [(3, 8, "10.0.0.1"), (3, 9, "10.0.0.1")]
    assert life.viewers.present == 3
    assert life.load() == pytest.approx(3 / 200 + 1 / 50 + 1 / 20)
    rest = [*life.scatter(publishers=False, cut=True), *life.scatter(publishers=True, cut=True)]
    assert [(visit.publisher, visit.last_step, visit.stream, visit.cut) for visit in rest] == [
        (False, 3, 7, True), (False, 3, 7, True), (False, 4, 7, True), (True, 4, 5, True),
    ]  # fmt: skip
    assert (life.cpu, life.memory, life.people, dict(life.viewers.ends)) == (0, 0, 0, {})


@pytest.mark.parametrize("streams", [None, 50])
def test_all_at_once_cost_what_they_cost_one_by_one(streams: int | None) -> None:
    kind = {"memory": {"viewers": 90, "publishers": 70}, **({"streams": streams} if streams else {})}
    at_once, one_by_one = node(kind, renditions=1), node(kind, renditions=1)
    visits = [Visit(number % 5 == 0, last_step=number % 3, stream=number % 7) for number in range(400)]
    at_once.enter_all(visits)
    for visit in visits:
        assert one_by_one.enter(visit, limited=False)
    assert at_once == one_by_one
    assert at_once.full
    for step in range(3):
        at_once.leave(step)
    assert (at_once.cpu, at_once.memory, at_once.people) == (0, 0, 0)


def test_a_type_that_nobody_told_is_like_four_vcpus() -> None:
    spec = WorldSpec(types={"big": TypeSpec(vcpus=8)})
    usual, big = size_of(spec, "unheard-of"), size_of(spec, "big")
    assert usual.carries(usual.viewer) == pytest.approx(0.72 * 220)
    assert big.carries(big.publisher) == pytest.approx(0.72 * 40)
