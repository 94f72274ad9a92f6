"""Target tracking, and how verdicts combine."""

from __future__ import annotations

from typing import Any

import pytest

from autoscaler.decide.combine import combine
from autoscaler.decide.pipeline import judge
from autoscaler.decide.roster import call_roll
from autoscaler.model.decision import Direction, Proposal, Verdict
from autoscaler.model.memory import DrainRecord, Memory
from autoscaler.model.snapshot import GROUP, FleetSnapshot, InstanceState, Sample
from tests.support.fleet import CPU, LONG_AGO, NOW, SESSIONS, node, policy, seasoned, seconds, snapshot, view

OUT, HOLD, IN, ABSTAIN = Direction.OUT, Direction.HOLD, Direction.IN, Direction.ABSTAIN


def verdict(shot: FleetSnapshot, memory: Memory, **changes: Any) -> Verdict:
    rules = policy(**changes)
    scene = view(shot, rules, memory)
    return judge(rules.scale[0], scene, call_roll(scene)).verdict


@pytest.mark.parametrize(
    ("cpu", "direction", "desired"),
    [
        ({1: 90.0, 2: 90.0, 3: 90.0}, OUT, 5),
        ({1: 66.0, 2: 66.0, 3: 66.0}, HOLD, 3),  # inside the tolerance of 10 %
        ({1: 67.0, 2: 67.0, 3: 67.0}, OUT, 4),
        ({1: 54.0, 2: 54.0, 3: 54.0}, HOLD, 3),
        ({1: 41.0, 2: 41.0, 3: 41.0}, HOLD, 3),  # 123 / 60 is more than two nodes
        ({1: 40.0, 2: 40.0, 3: 40.0}, IN, 2),
        ({1: 0.0, 2: 0.0, 3: 0.0}, IN, 0),
    ],
)
def test_a_mean_is_held_at_its_target(cpu: dict[int, float], direction: Direction, desired: int) -> None:
    found = verdict(snapshot(node(1), node(2), node(3), cpu=cpu), seasoned(1, 2, 3))
    assert (found.direction, found.desired) == (direction, desired)


def test_warming_nodes_are_present_when_adding() -> None:
    shot = snapshot(
        node(1), node(2), node(3), node(4, state=InstanceState.PENDING), node(5, state=InstanceState.PENDING),
        cpu={1: 90.0, 2: 90.0, 3: 90.0},
    )  # fmt: skip
    found = verdict(shot, seasoned(1, 2, 3))
    assert (found.direction, found.desired) == (HOLD, 5)


def test_leaving_nodes_still_count_when_removing() -> None:
    nodes = (node(1), node(2), node(3))
    drains = {"i-3": DrainRecord(LONG_AGO)}
    busy = verdict(snapshot(*nodes, cpu={1: 30.0, 2: 20.0, 3: 20.0}), seasoned(1, 2, 3, drains=drains))
    assert busy.direction is HOLD
    idle = verdict(snapshot(*nodes, cpu={1: 30.0, 2: 20.0, 3: 0.0}), seasoned(1, 2, 3, drains=drains))
    assert (idle.direction, idle.desired) == (IN, 1)


def test_a_node_in_warm_up_counts_at_most_as_the_target() -> None:
    shot = snapshot(node(1), node(2), cpu={1: 60.0, 2: 100.0})
    fresh = Memory(admitted={"i-1": LONG_AGO, "i-2": NOW - seconds(59)})
    assert verdict(shot, fresh).direction is HOLD
    assert verdict(shot, seasoned(1, 2)).direction is OUT


@pytest.mark.parametrize(
    ("on_missing", "cpu", "direction", "desired"),
    [
        ("hold", {1: 100.0, 2: 100.0}, HOLD, 4),  # the silent two may be idle
        ("hold", {1: 150.0, 2: 150.0}, OUT, 5),
        ("scale_out_only", {1: 100.0, 2: 100.0}, OUT, 7),  # the silent two are taken to be like the others
        ("hold", {1: 1.0, 2: 1.0}, HOLD, 4),
        ("scale_out_only", {1: 1.0, 2: 1.0}, HOLD, 4),
        ("hold", {}, HOLD, 4),
        ("scale_out_only", {}, HOLD, 4),
    ],
)
def test_silent_members_never_shrink_the_group(
    on_missing: str, cpu: dict[int, float], direction: Direction, desired: int
) -> None:
    shot = snapshot(node(1), node(2), node(3), node(4), cpu=cpu)
    signals = {"cpu": {"from": "mongodb.node.cpu_percent", "on_missing": on_missing}}
    found = verdict(shot, seasoned(1, 2, 3, 4), signals=signals)
    assert (found.direction, found.desired) == (direction, desired)
    assert len(found.missing) == 4 - len(cpu)


def test_an_old_value_is_a_missing_value() -> None:
    old = {"mongodb.node.cpu_percent": {"i-1": Sample(100.0, NOW - seconds(20.5))}}
    found = verdict(snapshot(node(1), samples=old), seasoned(1))
    assert (found.direction, found.missing, found.value) == (HOLD, ("i-1",), None)


def test_a_silent_leaving_node_bars_shrinking() -> None:
    memory = seasoned(1, 2, drains={"i-2": DrainRecord(LONG_AGO)})
    found = verdict(snapshot(node(1), node(2), cpu={1: 1.0}), memory)
    assert (found.direction, found.missing) == (HOLD, ("i-2",))


def test_a_maximum_counts_as_if_every_member_carried_it() -> None:
    signals = {"cpu": {"from": "mongodb.node.cpu_percent", "aggregate": "max"}}
    shot = snapshot(node(1), node(2), cpu={1: 10.0, 2: 90.0})
    found = verdict(shot, seasoned(1, 2), signals=signals)
    assert (found.direction, found.desired) == (OUT, 3)


def test_a_sum_is_shared_out() -> None:
    shot = snapshot(node(1), samples={SESSIONS: {"i-1": Sample(300, NOW)}})
    scale = [{"target_tracking": {"signal": "sessions", "target_per_node": 100}}]
    found = verdict(shot, seasoned(1), scale=scale)
    assert (found.direction, found.desired) == (OUT, 3)


@pytest.mark.parametrize(("samples", "direction"), [({GROUP: Sample(450, NOW)}, OUT), ({}, HOLD)])
def test_a_group_signal_has_one_value_or_none(samples: dict[str, Sample], direction: Direction) -> None:
    found = verdict(
        snapshot(node(1), samples={"mongodb.viewers": samples}),
        seasoned(1),
        signals={"viewers": {"from": "mongodb.viewers", "aggregate": "sum"}},
        scale=[{"target_tracking": {"signal": "viewers", "target_per_node": 100}}],
    )
    assert found.direction is direction
    assert found.missing == (() if samples else (GROUP,))


def test_rounding_does_not_buy_a_node() -> None:
    shot = snapshot(node(1), samples={SESSIONS: {"i-1": Sample(0.1 * 3, NOW)}})
    scale = [{"target_tracking": {"signal": "sessions", "target_per_node": 0.1}}]
    assert verdict(shot, seasoned(1), scale=scale).desired == 3


@pytest.mark.parametrize(
    ("verdicts", "desired"),
    [
        ([(OUT, 5), (OUT, 7), (IN, 1)], 7),
        ([(OUT, 5), (HOLD, 4)], 5),
        ([(IN, 1), (IN, 3)], 3),
        ([(IN, 1), (HOLD, 4)], 4),
        ([(HOLD, 4)], 4),
        ([(ABSTAIN, 4), (IN, 2)], 2),  # no opinion is no veto
        ([(ABSTAIN, 4)], 4),
        ([], 4),
    ],
)
def test_the_safest_wins(verdicts: list[tuple[Direction, int]], desired: int) -> None:
    proposal = combine(Proposal(4, 4), told(*verdicts))
    assert proposal.desired == desired
    assert [reason.code for reason in proposal.reasons] == (["target_tracking"] if desired != 4 else [])


def told(*wishes: tuple[Direction, int], group: str = "") -> list[Verdict]:
    return [Verdict(f"target_tracking:{n}", *wish, detail="", group=group) for n, wish in enumerate(wishes)]


@pytest.mark.parametrize(
    ("pair", "alone", "desired"),
    [
        ([(IN, 2), (HOLD, 4)], [(IN, 3)], 3),  # within a group holding is no veto
        ([(IN, 2), (HOLD, 4)], [(HOLD, 4)], 4),  # outside of it, it is
        ([(IN, 2), (OUT, 6)], [(IN, 3)], 6),
        ([(HOLD, 4), (HOLD, 4)], [(IN, 3)], 4),
        ([(ABSTAIN, 4), (IN, 2)], [(IN, 1)], 2),
    ],
)
def test_a_group_speaks_with_one_voice(
    pair: list[tuple[Direction, int]], alone: list[tuple[Direction, int]], desired: int
) -> None:
    assert combine(Proposal(4, 4), [*told(*pair, group="load"), *told(*alone)]).desired == desired


@pytest.mark.parametrize(
    ("on_missing", "cpu", "direction", "desired"),
    [
        ("ignore", {1: 100.0, 2: 100.0}, ABSTAIN, 4),
        ("ignore", {1: 60.0, 2: 60.0, 3: 60.0, 4: 60.0}, HOLD, 4),
        ("ignore", {}, ABSTAIN, 4),
        ("assume(100)", {1: 60.0, 2: 60.0}, OUT, 6),
        ("assume(0)", {1: 60.0, 2: 60.0}, HOLD, 4),
        ("assume(0)", {}, HOLD, 4),  # it never shrinks, whatever is assumed
        ("assume(100)", {}, OUT, 7),
    ],
)
def test_what_a_rule_was_told_to_make_of_silence(
    on_missing: str, cpu: dict[int, float], direction: Direction, desired: int
) -> None:
    shot = snapshot(node(1), node(2), node(3), node(4), cpu=cpu)
    signals = {"cpu": {"from": "mongodb.node.cpu_percent", "on_missing": on_missing}}
    found = verdict(shot, seasoned(1, 2, 3, 4), signals=signals)
    assert (found.direction, found.desired) == (direction, desired)


@pytest.mark.parametrize(("aggregate", "desired"), [("p50", 2), ("p90", 7), ("max", 7), ("p75", 4)])
def test_a_percentile_counts_as_if_every_member_carried_it(aggregate: str, desired: int) -> None:
    signals = {"cpu": {"from": "mongodb.node.cpu_percent", "aggregate": aggregate}}
    shot = snapshot(node(1), node(2), node(3), node(4), cpu={1: 10.0, 2: 20.0, 3: 60.0, 4: 100.0})
    assert verdict(shot, seasoned(1, 2, 3, 4), signals=signals).desired == desired


@pytest.mark.parametrize(("on_missing", "load"), [("assume(200)", 160.0), ("scale_out_only", 160.0)])
def test_a_silent_node_in_warm_up_counts_at_most_as_the_target(on_missing: str, load: float) -> None:
    memory = Memory(admitted={"i-1": LONG_AGO, "i-2": NOW})
    signals = {"cpu": {"from": CPU, "on_missing": on_missing}}
    assert verdict(snapshot(node(1), node(2), cpu={1: 100.0}), memory, signals=signals).value == load


def test_a_group_signal_may_be_assumed() -> None:
    signals = {"viewers": {"from": "mongodb.viewers.hls", "aggregate": "sum", "on_missing": "assume(250)"}}
    scale = [{"target_tracking": {"signal": "viewers", "target_per_node": 100}}]
    assert verdict(snapshot(node(1)), seasoned(1), signals=signals, scale=scale).desired == 3


BUSY = {
    "cpu": {"from": "mongodb.node.cpu_percent"},
    "sessions": {"from": SESSIONS, "aggregate": "sum"},
    "busy": {"expr": "max(cpu, sessions / capacity)"},
}


@pytest.mark.parametrize(
    ("busy", "sessions", "rule", "direction", "desired"),
    [
        ({}, {"i-1": 90, "i-2": 150}, {"target": 60}, OUT, 4),  # 120 a node over two nodes
        ({}, {"i-1": 60, "i-2": 60}, {"target": 60}, HOLD, 2),
        ({}, {"i-1": 10, "i-2": 10}, {"target": 60}, IN, 1),  # cpu is at 20
        ({}, {"i-1": 90}, {"target": 60}, HOLD, 2),  # the second node is silent
        ({"on_missing": "ignore"}, {"i-1": 90}, {"target": 60}, ABSTAIN, 2),
        ({"on_missing": "assume(90)"}, {"i-1": 90}, {"target": 60}, OUT, 3),
        ({"expr": "sessions", "aggregate": "sum"}, {"i-1": 150, "i-2": 150}, {"target_per_node": 60}, OUT, 5),
        ({"expr": "cpu / (capacity - 2)"}, {}, {"target": 60}, HOLD, 2),  # divides by zero
    ],
)
def test_an_expression_is_a_signal_like_others(
    busy: dict[str, Any], sessions: dict[str, float], rule: dict[str, float], direction: Direction, desired: int
) -> None:
    samples = {
        "mongodb.node.cpu_percent": {"i-1": Sample(20.0, NOW), "i-2": Sample(20.0, NOW)},
        SESSIONS: {key: Sample(value, NOW) for key, value in sessions.items()},
    }
    signals = {**BUSY, "busy": {**BUSY["busy"], **busy}}
    scale = [{"target_tracking": {"signal": "busy", **rule}}]
    found = verdict(snapshot(node(1), node(2), samples=samples), seasoned(1, 2), signals=signals, scale=scale)
    assert (found.direction, found.desired) == (direction, desired)


@pytest.mark.parametrize(
    ("signal", "telling", "detail"),
    [
        ("sessions", (), "sessions is missing of 2 nodes"),
        ("sessions", (1,), "sessions is missing of 1 node"),
        ("busy", (1,), "busy lacks all or part of sessions"),
        ("viewers", (1, 2), "viewers is not fully known"),
    ],
)
def test_what_is_missing_is_called_what_it_is(signal: str, telling: tuple[int, ...], detail: str) -> None:
    """A node, one of an expression's signals, or a part of what is told of the whole group."""
    samples = {
        "mongodb.node.cpu_percent": {"i-1": Sample(20.0, NOW), "i-2": Sample(20.0, NOW)},
        SESSIONS: {f"i-{number}": Sample(20.0, NOW) for number in telling},
        "mongodb.viewers": {"*": Sample(20.0, NOW, partial=True)},
    }
    sessions = {**BUSY["sessions"], "on_missing": "assume(20)"}
    viewers = {"from": "mongodb.viewers", "aggregate": "sum"}
    signals = {**BUSY, "sessions": sessions, "viewers": viewers, "busy": {**BUSY["busy"], "aggregate": "sum"}}
    scale = [{"target_tracking": {"signal": signal, "target_per_node": 100}}]
    shot = snapshot(node(1), node(2), samples=samples)
    assert verdict(shot, seasoned(1, 2), signals=signals, scale=scale).detail == detail


def test_what_is_only_partly_known_is_good_to_grow_by_and_never_to_shrink_by() -> None:
    def found(value: float) -> Verdict:
        told_in_part = {"i-1": Sample(value, NOW, partial=True), "i-2": Sample(value, NOW)}
        shot = snapshot(node(1), node(2), samples={"mongodb.node.cpu_percent": told_in_part})
        return verdict(shot, seasoned(1, 2))

    assert (found(100.0).direction, found(100.0).desired) == (OUT, 4)
    assert (found(1.0).direction, found(1.0).missing) == (HOLD, ("i-1",))
