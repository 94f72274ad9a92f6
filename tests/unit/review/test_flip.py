"""The smallest change that decides otherwise is one, and a smaller one is none."""

from __future__ import annotations

from dataclasses import replace
from math import copysign
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.decide.pipeline import decide
from autoscaler.model.decision import Direction
from autoscaler.model.memory import Memory
from autoscaler.model.snapshot import GROUP, FleetSnapshot, Gap, Sample
from autoscaler.review import flip as flip_module
from autoscaler.review.flip import Case, Flip, Way, flips, without_gaps
from tests.support.fleet import CPU, MONGO_GAP, NOW, SESSIONS, node, policy, seasoned, seconds, snapshot

ALONE = {"cpu": {"from": CPU}}


def case(cpu: dict[int, float], memory: Memory | None = None, **changes: Any) -> Case:
    """Three nodes in service, and only their cpu looked at unless told otherwise."""
    facts = {key: changes.pop(key) for key in ("samples", "gaps") if key in changes}
    shot = snapshot(node(1), node(2), node(3), cpu=cpu)
    if "samples" in facts:
        facts["samples"] = {**shot.samples, **facts["samples"]}
    return Case(replace(shot, **facts), policy(**{"signals": ALONE, **changes}), memory or seasoned(1, 2, 3))


def near(value: float) -> Any:
    """Be within a thousandth of it."""
    return pytest.approx(value, rel=1e-3)


def both(scene: Case, signal: str = "cpu") -> tuple[Flip, Flip]:
    up, down = (flip for flip in flips(scene) if flip.signal == signal)
    assert (up.way, down.way) == (Way.UP, Way.DOWN)
    return up, down


def test_a_signal_flips_at_the_borders_of_its_rule() -> None:
    up, down = both(case({1: 54.0, 2: 54.0, 3: 54.0}))
    assert (up.start, up.end) == (54, near(66))  # the tolerance ends at 66
    assert (up.desired, up.direction) == (4, Direction.OUT)
    assert (down.start, down.end) == (54, near(40))  # two nodes carry 120
    assert (down.desired, down.direction) == (2, Direction.IN)


def test_a_decision_to_grow_flips_into_a_smaller_growth() -> None:
    up, down = both(case({1: 90.0, 2: 90.0, 3: 90.0}))
    assert (down.end, down.desired, down.direction) == (near(80), 4, Direction.OUT)
    assert up.end is None  # at 100 % each five nodes are still enough


def test_a_decision_to_shrink_flips_into_none() -> None:
    up, _ = both(case({1: 35.0, 2: 35.0, 3: 35.0}))
    assert (up.end, up.desired, up.direction) == (near(40), 3, Direction.HOLD)


def test_a_share_ends_at_all_of_it() -> None:
    up, _ = both(case({1: 94.0, 2: 94.0, 3: 94.0}, scale=[{"target_tracking": {"signal": "cpu", "target": 95}}]))
    assert (up.end, up.desired, up.direction) == (None, None, None)
    assert up.obstacle == "target_tracking:cpu holds: cpu is inside the tolerance"


@pytest.mark.parametrize(
    ("changes", "obstacle"),
    [
        ({"bounds": {"min": 3, "max": 3}}, "below_min: the group keeps at least 3 nodes"),
        ({"gaps": (MONGO_GAP,)}, "gap: mongodb lacks *: does not answer"),
        ({"scale": [{"step": {"signal": "cpu", "steps": [{"above": 70, "add": 1}]}}]}, "no rule wants another size"),
        (
            {"scale": [{"step": {"signal": "cpu", "steps": [{"below": 9, "for": "1m", "remove": 1}]}}]},
            "step:cpu holds: cpu is beyond a threshold, and waits",
        ),
    ],
)
def test_what_stands_before_a_change_is_named(changes: dict[str, Any], obstacle: str) -> None:
    _, down = both(case({1: 54.0, 2: 54.0, 3: 54.0}, **changes))
    assert (down.end, down.obstacle) == (None, obstacle)


def test_nothing_can_only_be_added_to() -> None:
    rules: dict[str, Any] = {"signals": {"sessions": {"from": SESSIONS, "aggregate": "sum"}},
             "scale": [{"target_tracking": {"signal": "sessions", "target_per_node": 100, "tolerance": "0%"}}],
             "bounds": {"min": 3, "max": 9}}  # fmt: skip
    idle = {SESSIONS: {f"i-{number}": Sample(0, NOW) for number in (1, 2, 3)}}
    up, down = both(case({}, samples=idle, **rules), "sessions")
    assert (up.start, up.end, up.desired) == (0, near(300), 4)
    assert (down.end, down.obstacle) == (None, "it is zero already")


def test_a_value_of_the_group_is_moved_too() -> None:
    rules: dict[str, Any] = {
        "signals": {"viewers": {"from": "mongodb.viewers", "aggregate": "sum"}},
        "scale": [{"target_tracking": {"signal": "viewers", "target_per_node": 100, "tolerance": "0%"}}],
    }
    up, down = both(case({}, samples={"mongodb.viewers": {GROUP: Sample(250, NOW)}}, **rules), "viewers")
    assert (up.end, up.desired) == (near(300), 4)
    assert (down.end, down.desired) == (near(200), 2)


def test_an_expression_flips_by_what_it_is_computed_of() -> None:
    rules: dict[str, Any] = {"signals": {**ALONE, "twice": {"expr": "cpu * 2"}},
             "scale": [{"target_tracking": {"signal": "twice", "target": 120, "tolerance": "0%"}}]}  # fmt: skip
    scene = case({1: 50.0, 2: 50.0, 3: 50.0}, **rules)
    up, _ = both(scene)
    assert (up.end, up.desired) == (near(60), 4)
    assert {flip.signal for flip in flips(scene)} == {"cpu"}


def test_what_was_not_measured_is_not_moved() -> None:
    assert list(flips(case({}))) == []
    stale = {CPU: {"i-1": Sample(50, NOW - seconds(60))}}
    assert list(flips(case({}, samples=stale))) == []


@pytest.mark.parametrize("load", [0.0, 30.0, 54.0, 90.0])
def test_an_answer_costs_a_bounded_number_of_decisions(load: float, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []

    def counted(*arguments: Any) -> Any:
        made.append(arguments)
        return decide(*arguments)

    monkeypatch.setattr(flip_module, "decide", counted)
    answers = flips(case({1: load, 2: load, 3: load}))
    next(answers)
    assert len(made) <= 1 + 43  # as docs/explain.md has it, and the decision itself
    made.clear()
    next(answers)
    assert len(made) <= 43


def test_without_a_list_of_instances_there_is_nothing_to_flip() -> None:
    blind = case({1: 54.0}, gaps=(Gap("ec2", GROUP, NOW, "down"),))
    assert list(flips(blind)) == []
    assert without_gaps(blind) is None


NARROW = {"from": "haproxy.server.bytes_out", "backend": "backend_http", "window": "1m"}


def test_a_mean_over_a_window_flips_where_the_mean_would() -> None:
    """A rate, too: what is moved is the value that the rule looks at, and what it was made of is of no matter."""
    samples = {"haproxy.server.bytes_out:backend_http/1m": {f"i-{n}": Sample(54e6, NOW) for n in (1, 2, 3)}}
    latest = {"haproxy.server.bytes_out:backend_http": {f"i-{n}": Sample(9e9, NOW) for n in (1, 2, 3)}}
    tracking = {"target_tracking": {"signal": "out", "target": 60e6}}
    up, down = both(case({}, samples=samples | latest, signals={"out": NARROW}, scale=[tracking]), "out")
    assert (up.start, up.end, up.desired) == (54e6, near(66e6), 4)
    assert (down.end, down.desired) == (near(40e6), 2)


LOADS = st.lists(st.floats(1, 100), min_size=3, max_size=3)


@given(LOADS, LOADS)
def test_a_flip_flips_and_hardly_less_of_it_does_not(cpu: list[float], sessions: list[float]) -> None:
    """Deciding again on values that this test moves by itself."""
    numbers = (1, 2, 3)
    scene = case(
        dict(zip(numbers, cpu, strict=True)),
        samples={SESSIONS: {f"i-{n}": Sample(v, NOW) for n, v in zip(numbers, sessions, strict=True)}},
        signals={**ALONE, "sessions": {"from": SESSIONS, "aggregate": "sum"}},
        scale=[
            {"target_tracking": {"signal": "cpu", "target": 60}},
            {"target_tracking": {"signal": "sessions", "target_per_node": 40}},
        ],
    )
    decided = scene.decide().desired
    for flip in flips(scene):
        signal = scene.policy.signals[flip.signal]
        before = scene.snapshot.samples[signal.key]
        if flip.end is None or (signal.key == CPU and flip.end * max(cpu) > 100 * flip.start):
            continue  # no flip, or one in which the fullest nodes could not move as far as the others
        change = flip.end / flip.start - 1
        resolution = 2e-6  # a border that is as good as reached already is told to a 2**14th of the first 1 %
        for change_made, flipped in ((change * 1.001, True), (change * 0.995 - copysign(resolution, change), False)):
            factor = 1 + change_made
            moved = {subject: replace(sample, value=sample.value * factor) for subject, sample in before.items()}
            again = scene.decide({**scene.snapshot.samples, signal.key: moved}).desired
            assert (again != decided) is flipped


def shown(shot: FleetSnapshot, **changes: Any) -> tuple[int, Direction] | None:
    seen = without_gaps(Case(shot, policy(signals=ALONE, **changes), seasoned(1, 2, 3)))
    return (seen.desired, seen.direction) if seen else None


def test_a_gap_is_taken_away() -> None:
    nodes, cpu = (node(1), node(2), node(3)), {1: 30.0, 2: 30.0, 3: 30.0}
    assert shown(snapshot(*nodes, cpu=cpu)) is None
    assert shown(snapshot(*nodes, cpu=cpu, gaps=(MONGO_GAP,))) == (2, Direction.IN)


def test_a_silent_node_is_taken_to_be_like_the_others() -> None:
    shot = snapshot(node(1), node(2), node(3), cpu={1: 90.0, 2: 90.0})
    assert Case(shot, policy(signals=ALONE), seasoned(1, 2, 3)).decide().direction is Direction.HOLD
    assert shown(shot) == (5, Direction.OUT)


def test_what_nobody_measured_is_not_made_up() -> None:
    shot = snapshot(node(1), node(2), node(3), gaps=(MONGO_GAP,))
    assert shown(shot) == (3, Direction.HOLD)


def test_only_measured_values_of_nodes_are_filled_in() -> None:
    signals = {**ALONE, "all": {"from": "mongodb.viewers", "aggregate": "sum"}, "twice": {"expr": "cpu * 2"}}
    shot = snapshot(node(1), node(2), node(3), cpu={1: 40.0, 2: 40.0, 3: 40.0})
    assert without_gaps(Case(shot, policy(signals=signals), seasoned(1, 2, 3))) is None


@pytest.mark.parametrize("window", ["0s", "1m"])
def test_what_is_only_part_of_a_value_is_taken_for_the_whole(window: str) -> None:
    """A node whose slot is new, or whose window was not watched to its end: with time it would be told whole."""
    key = "haproxy.server.bytes_out" + (":/1m" if window != "0s" else "")
    samples = {key: {f"i-{n}": Sample(30.0, NOW, partial=n == 3) for n in (1, 2, 3)}}
    signals = {"out": {"from": "haproxy.server.bytes_out", "window": window}}
    scene = case({}, samples=samples, signals=signals, scale=[{"target_tracking": {"signal": "out", "target": 60}}])
    assert scene.decide().direction is Direction.HOLD
    seen = without_gaps(scene)
    assert seen
    assert (seen.desired, seen.direction) == (2, Direction.IN)


def test_what_is_only_part_of_a_groups_value_is_too() -> None:
    signals = {"busy": {"from": "haproxy.backend.sessions", "aggregate": "sum"}}
    tracking = [{"target_tracking": {"signal": "busy", "target_per_node": 60}}]
    samples = {"haproxy.backend.sessions": {GROUP: Sample(90, NOW, partial=True)}}
    seen = without_gaps(case({}, samples=samples, signals=signals, scale=tracking))
    assert seen
    assert seen.desired == 2
