"""What fails by chance: launches, heartbeats, spot instances and stocks. And what each leaves alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from autoscaler.model.errors import StockOut
from autoscaler.model.plan import Launch, LaunchSpec
from autoscaler.policy.schema import Policy
from autoscaler.simulate.run import Played, Stage, Steered, play, set_stage
from autoscaler.simulate.spec import WorldSpec
from autoscaler.simulate.traffic.sessions import Event
from tests.support.crowd import Told
from tests.support.fleet import SESSIONS, policy

STEP = timedelta(seconds=10)
NOBODY = Told([], length_s=3600)
KINDS: dict[str, Any] = {"a": {"vcpus": 4, "price": 1}, "b": {"vcpus": 4, "price": 3}}


def rules(**changes: Any) -> Policy:
    return policy(
        **{
            "bounds": {"min": 1, "max": 20},
            "signals": {"sessions": {"from": SESSIONS, "aggregate": "sum"}},
            "scale": [{"target_tracking": {"signal": "sessions", "target_per_node": 100}}],
            "launch": {"launch_template": "t", "types": ["a", "b"], "weights": {"a": 1, "b": 1}, "subnets": ["s"]},
            **changes,
        }
    )


def world(types: dict[str, Any] | None = None, **more: Any) -> WorldSpec:
    kinds = {name: {**kind, **(types or {}).get(name, {})} for name, kind in KINDS.items()}
    boot = {"median": "60s", "p95": "60s"}
    return WorldSpec.model_validate({"types": kinds, "boot": boot, **more})


def staged(spec: WorldSpec, people: Told = NOBODY, seed: int = 1, by: Policy | None = None) -> Stage:
    return set_stage(by or rules(), people, spec, seed, STEP)


def watched(stage: Stage, people: Told, look: Callable[[], object]) -> Played:
    """Play without steering; look after every step."""

    def steer() -> Steered:
        look()
        return Steered(1, "hold", ())

    return play(stage, people, STEP, steer)


def launch(stage: Stage, kind: str, count: int = 1, *, spot: bool = False) -> tuple[str, ...]:
    token = f"{kind}-{stage.world.born}-{stage.world.now}"
    spec = LaunchSpec(instance_type=kind, spot=spot)
    return stage.hands.fleet.launch(
        Launch(token=token, why="", group="edge", spec=spec, subnet="s", count=count)
    )  # fmt: skip


def kinds(stage: Stage) -> list[str]:
    return [node.instance.instance_type for node in stage.world.nodes.values()]


def test_a_type_has_so_many_at_once_and_the_next_one_has_the_rest() -> None:
    stage = staged(world({"a": {"stock": 2}}))
    assert len(launch(stage, "a", 4)) == 1  # one stands already
    with pytest.raises(StockOut):
        launch(stage, "a")
    assert len(launch(stage, "b", 4)) == 4
    stage.hands.fleet.terminate(next(iter(stage.world.nodes)))
    assert len(launch(stage, "a", 4)) == 1


def test_the_trace_begins_with_what_ec2_has() -> None:
    stage = staged(world({"a": {"stock": 2}}), by=rules(bounds={"min": 3, "max": 20}))
    assert kinds(stage) == ["a", "a", "b"]


def test_a_policy_launches_the_next_type_when_the_first_is_out_of_stock() -> None:
    people = Told([(90, 0, 3000, False), (250, 300, 2000, False)])
    stage = staged(world({"a": {"stock": 2}}), people)
    played = play(stage, people, STEP)
    assert played.totals.max_nodes == 4
    assert played.totals.cost > 2 * played.totals.node_seconds / 3600 / 2  # two of the dear ones were there


def test_stock_outs_come_and_go() -> None:
    spec = world({"a": {"stock_outs": {"every": "20m", "lasts": "5m"}}})
    stage = staged(spec, Told([], length_s=86400))
    seen: list[tuple[str, ...]] = []
    watched(stage, Told([], length_s=86400), lambda: seen.append(tuple(sorted(stage.world.sold_out))))
    assert set(seen) == {(), ("a",)}
    turns = [number for number in range(1, len(seen)) if seen[number] != seen[number - 1]]
    begins = turns[:: 2 if not seen[0] else 1]
    assert 35 <= len(begins) <= 80  # 57.6 in a day
    lengths = {end - begin for begin, end in zip(turns[::2], turns[1::2], strict=False)}
    assert lengths <= {29, 30, 31}


def test_failed_joins_can_be_told_of_a_type() -> None:
    spec = world({"a": {"failed_joins": "100%"}, "b": {}}, failed_joins="0%")
    stage = staged(spec)
    ids = launch(stage, "a", 3), launch(stage, "b", 3)
    watched(stage, Told([], length_s=300), lambda: None)
    assert [[stage.world.nodes[key].answers for key in some] for some in ids] == [[False] * 3, [True] * 3]


def test_ec2_takes_spot_instances_back_and_no_others() -> None:
    """One in ten minutes on average, of 20: after an hour hardly any is left."""
    stage = staged(world({"a": {"interruptions": "600%"}}))
    plain, spot = launch(stage, "a", 9), launch(stage, "a", 20, spot=True)
    left: list[int] = []
    played = watched(stage, NOBODY, lambda: left.append(len(stage.world.nodes.keys() & set(spot))))
    assert stage.world.nodes.keys() >= set(plain)
    assert left[0] >= 19
    assert 3 <= left[60] <= 13  # 20 / e is 7.4
    assert left[-1] <= 2
    assert played.totals.viewers_cut == 0


def test_who_is_on_a_spot_instance_is_lost_when_the_notice_is_over_and_comes_back() -> None:
    people = Told([(60, 0, 3600, False)], length_s=600, events=(Event(200.0, "spot_interruption", nodes=3),))
    stage = staged(world(), people)
    (key,) = launch(stage, "a", spot=True)
    stage.world.nodes[key].answers = True
    stage.world.serve(stage.world.nodes[key], "backend_http", "slot2")
    there: list[bool] = []
    totals = watched(stage, people, lambda: there.append(key in stage.world.nodes)).totals
    assert there.index(False) * 10 == 200 + 120
    assert (totals.lost_sessions, totals.viewers_cut, totals.disrupted_s) == (30, 0, 0)
    assert stage.cluster.present == (60, 0)
    assert sum(there) == 32


def test_a_group_without_spot_instances_is_not_interrupted() -> None:
    people = Told([(60, 0, 3600, False)], length_s=600, events=(Event(200.0, "spot_interruption", nodes=3),))
    totals = watched(staged(world(), people), people, lambda: None).totals
    assert (totals.lost_sessions, totals.min_nodes) == (0, 1)


def test_a_node_that_was_ended_before_its_notice_was_over_is_not_taken_twice() -> None:
    people = Told([], length_s=600, events=(Event(200.0, "spot_interruption", nodes=1),))
    stage = staged(world(), people)
    (key,) = launch(stage, "a", spot=True)
    stage.world.nodes[key].answers = True
    stage.world.serve(stage.world.nodes[key], "backend_http", "slot2")

    def look() -> None:
        if stage.world.now - people.begin == timedelta(seconds=250):
            stage.hands.fleet.terminate(key)

    watched(stage, people, look)
    assert key not in stage.world.nodes


def test_spot_instances_cost_less() -> None:
    for changes, expected in (({}, 1 + 0.4), ({"spot": {"price": "25%"}}, 1.25), ({"types": {"spot_price": 0.1}}, 1.1)):
        told: dict[str, Any] = dict(changes)
        stage = staged(world({"a": told.pop("types", {})}, **told))
        launch(stage, "a", spot=True)
        assert watched(stage, NOBODY, lambda: None).totals.cost == pytest.approx(expected)


def test_heartbeats_stop_now_and_then_and_the_node_serves_on() -> None:
    spec = world(heartbeat_stops={"every": "30m", "lasts": "2m"})
    people = Told([(20, 0, 90000, False)], length_s=86400)
    stage = staged(spec, people)
    ages: list[float] = []

    def look() -> None:
        (node,) = stage.world.nodes.values()
        assert node.heartbeat
        ages.append((stage.world.now - node.heartbeat.at).total_seconds())

    watched(stage, people, look)
    assert max(ages) >= 110
    assert 0.04 <= sum(age > 0 for age in ages) / len(ages) <= 0.09  # 2 of 32 minutes
    assert stage.cluster.present == (20, 0)


def test_what_fails_draws_numbers_of_its_own() -> None:
    """Boots are drawn alike with and without the rest, which does not come in this hour."""
    never = {"every": "366d", "lasts": "1s"}
    spec = world({"a": {"interruptions": "0.0001%", "stock_outs": never}}, heartbeat_stops=never)
    people = Told([(90, 0, 3000, False), (250, 300, 2000, False)])
    by = rules(launch={"launch_template": "t", "types": ["a"], "subnets": ["s"], "spot": {"percent": "50%"}})
    digests = [
        play(staged(each.model_copy(update={"boot": WorldSpec().boot}), people, by=by), people, STEP).timeline.digest
        for each in (world(), spec)
    ]
    assert digests[0] == digests[1]


def test_the_same_seed_draws_the_same_and_another_does_not() -> None:
    spec = world({"a": {"interruptions": "600%"}}, heartbeat_stops={"every": "30m", "lasts": "2m"})
    people = Told([(90, 0, 3000, False), (250, 300, 2000, False)])
    by = rules(launch={"launch_template": "t", "types": ["a"], "subnets": ["s"], "spot": {"percent": "100%"}})
    first, again, other = (play(staged(spec, people, seed, by), people, STEP).timeline.digest for seed in (1, 1, 2))
    assert first == again != other


def test_nodes_of_another_size_count_by_what_they_carry() -> None:
    """One of 8 vCPUs carries as much as two of 4: the ratio says so, and the hours do not."""
    spec = world({"b": {"vcpus": 8}})
    stage = staged(spec)
    launch(stage, "b", 2)
    totals = watched(stage, NOBODY, lambda: None).totals
    assert totals.node_seconds == 3 * 3600
    assert totals.usual_seconds == pytest.approx(5 * 3600)
    stage = staged(world())
    launch(stage, "b", 2)
    totals = watched(stage, NOBODY, lambda: None).totals
    assert totals.node_seconds == totals.usual_seconds == 3 * 3600
