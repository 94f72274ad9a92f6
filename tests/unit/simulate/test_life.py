"""What people cost a node: viewers, publishers with their renditions, streams that are fetched, CPU and memory."""

from __future__ import annotations

from typing import Any

import pytest

from autoscaler.simulate.crowd import Share
from autoscaler.simulate.life import UNIT, Life, size_of
from autoscaler.simulate.spec import TypeSpec, WorldSpec
from autoscaler.simulate.stays import Stays

KIND = "c5.xlarge"


def node(kind: dict[str, Any] | None = None, **world: Any) -> Life:
    """A node that may use all its CPU and memory, unless `world` says otherwise."""
    usual = {"idle_cpu": "0%", "refuse_cpu": "100%", "idle_memory": "50%", "refuse_memory": "75%"}
    types = {KIND: {"vcpus": 4, "viewers": 200, "publishers": 20, **(kind or {})}}
    return Life(size_of(WorldSpec.model_validate({**usual, "types": types, **world}), KIND))


def viewers(life: Life, *streams: int) -> int:
    """How many of these come in."""
    return sum(life.enter(stream) for stream in streams)


def publishers(life: Life, *streams: int) -> int:
    return sum(life.enter(stream, publisher=True) for stream in streams)


def leave(life: Life, *streams: int, publisher: bool = False) -> None:
    life.change(streams, publisher=publisher, more=-1)


def filled(life: Life) -> float:
    """How much of the memory that an idle node has left its people take."""
    _, memory = life.size.filled(life.viewers, life.publishers, life.fetched)
    return memory / UNIT


def come(stays: Stays, life: Life, *streams: int, until: int, publisher: bool = False) -> None:
    """Let these in until a step."""
    for stream in streams:
        assert life.enter(stream, publisher=publisher)
        stays.add(life, until, stream, publisher=publisher)


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
    viewers(life, 7, 7, 8, 7)
    leave(life, 7, 8, 7)
    assert life.load() == pytest.approx(1 / 200 + 1 / 50)
    leave(life, 7)
    assert (life.load(), filled(life), life.people) == (0, 0, 0)


def test_what_is_published_on_the_node_itself_is_not_fetched() -> None:
    life = node({"streams": 50})
    viewers(life, 7, 7)
    publishers(life, 7)
    assert life.load() == pytest.approx(2 / 200 + 1 / 20)
    leave(life, 7, publisher=True)
    assert life.load() == pytest.approx(2 / 200 + 1 / 50)  # from whoever publishes it now


def test_streams_that_cost_nothing_are_not_counted() -> None:
    life = node()
    viewers(life, *range(100))
    assert life.load() == 0.5


def test_memory_is_filled_by_who_is_told_to_fill_it() -> None:
    usual, told = node(), node({"memory": {"viewers": 400}})
    for life in (usual, told):
        viewers(life, *[0] * 100)
    assert (filled(usual), filled(told)) == (0.0, 0.25)


def test_a_node_refuses_by_its_memory_too() -> None:
    """Half of what an idle node has left lies below 75 %."""
    assert viewers(node({"memory": {"viewers": 100}}), *[0] * 300) == 50
    assert publishers(node({"memory": {"viewers": 100}}), *range(30)) == 20  # nothing is told of theirs
    memory = {"publishers": 20, "renditions": 40, "streams": 10, "viewers": 1000}
    assert publishers(node({"memory": memory, "renditions": 1000}, renditions=2), *range(30)) == 5
    assert viewers(node({"memory": memory}), *range(300)) == 4  # of a stream each


def test_whoever_is_cut_takes_everything_along() -> None:
    life, other, stays = node({"streams": 50, "memory": {"viewers": 400, "streams": 100}}), node(), Stays()
    come(stays, life, 7, 7, 8, 9, until=3)
    come(stays, other, 1, 1, until=3)
    come(stays, life, 7, until=4)
    come(stays, life, 5, until=4, publisher=True)
    some = stays.scatter([life], publisher=False, share=Share(0.4))
    assert some == [(life, 3, 8), (life, 3, 9)]
    assert life.viewers == 3
    assert life.load() == pytest.approx(3 / 200 + 1 / 50 + 1 / 20)
    rest = [stays.scatter([life], publisher=publisher) for publisher in (False, True)]
    assert rest == [[(life, 3, 7), (life, 3, 7), (life, 4, 7)], [(life, 4, 5)]]
    assert (life.load(), filled(life), life.people) == (0, 0, 0)
    for step in (3, 4):
        stays.leave(step)  # nobody is left who could
    assert (life.people, other.people) == (0, 0)


def test_whoever_was_cut_does_not_leave_again() -> None:
    life, stays = node({"streams": 50}), Stays()
    come(stays, life, 7, 7, 8, 9, until=3)
    come(stays, life, 8, until=4)
    assert len(stays.scatter([life], publisher=False, share=Share(0.4))) == 2
    stays.leave(3)
    assert life.load() == pytest.approx(1 / 200 + 1 / 50)


def test_of_a_node_those_go_first_who_leave_with_the_one_who_came_first() -> None:
    first, second, stays = node(), node(), Stays()
    come(stays, first, 1, until=9)
    come(stays, second, 2, until=5)
    come(stays, first, 3, until=5)
    come(stays, first, 4, until=9)
    assert stays.scatter([second, first], publisher=False) == [
        (second, 5, 2), (first, 9, 1), (first, 9, 4), (first, 5, 3),
    ]  # fmt: skip


def test_whoever_stays_is_found_in_order_after_very_many_came_and_left() -> None:
    first, second, stays = node(), node(), Stays()
    expected: list[tuple[Life, int, int]] = []
    for step in range(5):
        stays.leave(step)
        assert (first.viewers, second.viewers) == (step, 0)
        stays.add_viewers([second] * 9000, [step + 1] * 9000, range(9000))
        second.change(range(9000), publisher=False, more=1)
        stays.add_viewers([first], [90 - step], [step])
        first.change([step], publisher=False, more=1)
        expected.append((first, 90 - step, step))
    assert stays.scatter([first], publisher=False) == expected
    stays.leave(5)
    assert (first.viewers, second.viewers) == (0, 0)


@pytest.mark.parametrize("streams", [None, 50])
def test_all_at_once_cost_what_they_cost_one_by_one(streams: int | None) -> None:
    kind = {"memory": {"viewers": 90, "publishers": 70}, **({"streams": streams} if streams else {})}
    at_once, one_by_one = node(kind, renditions=1), node(kind, renditions=1)
    visits = [(number % 5 == 0, number % 7) for number in range(400)]
    for publisher in (False, True):
        at_once.change([stream for kind, stream in visits if kind == publisher], publisher=publisher, more=1)
    for publisher, stream in visits:
        one_by_one.change([stream], publisher=publisher, more=1)
    for name in ("viewers", "publishers", "fetched", "carried", "beside"):
        assert getattr(at_once, name) == getattr(one_by_one, name)
    assert at_once.full
    for publisher, stream in visits:
        at_once.change([stream], publisher=publisher, more=-1)
    assert (at_once.load(), filled(at_once), at_once.people) == (0, 0, 0)


def test_a_type_that_nobody_told_is_like_four_vcpus() -> None:
    spec = WorldSpec(types={"big": TypeSpec(vcpus=8)})
    usual, big = size_of(spec, "unheard-of"), size_of(spec, "big")
    assert usual.carries(usual.viewer) == pytest.approx(0.72 * 220)
    assert big.carries(big.publisher) == pytest.approx(0.72 * 40)


@pytest.mark.parametrize(
    ("instance_type", "vcpus"),
    [("c7i.large", 2), ("c7i.xlarge", 4), ("c7i.2xlarge", 8), ("c7gn.12xlarge", 48), ("c5.metal", 4), ("", 4)],
)
def test_a_type_that_nobody_told_has_the_vcpus_of_its_name(instance_type: str, vcpus: int) -> None:
    assert WorldSpec().size(instance_type) == TypeSpec(vcpus=vcpus)
    told = TypeSpec(vcpus=3)
    assert WorldSpec(types={instance_type or "x": told}).size(instance_type or "x") is told
