"""What is promised of the shipped edge policy when 2,000 come within three minutes, and what it takes."""

from __future__ import annotations

import pytest

from autoscaler.policy.launch import WarmPoolRules
from autoscaler.policy.schema import Bounds, Policy
from benchmarks.baselines.contest import SEED, shipped
from benchmarks.baselines.rush import LENGTH_S, Rush, promises, run, rush

RISE_S = 600
"""When the first viewer comes."""


def cold() -> Policy:
    """The shipped policy without its warm pool."""
    edge = shipped("edge")
    return edge.model_copy(update={"launch": edge.launch.model_copy(update={"warm_pool": WarmPoolRules()})})


def blind() -> Policy:
    """The shipped policy without its look ahead."""
    edge = shipped("edge")
    rules = [rule for rule in edge.scale if not (rule.target_tracking and rule.target_tracking.signal == "soon")]
    assert len(rules) == len(edge.scale) - 1
    return edge.model_copy(update={"scale": tuple(rules)})


def test_the_shipped_policy_keeps_both_promises() -> None:
    rejected, room = run()
    assert (rejected.name, rejected.value, rejected.met) == ("rush_rejected", 0, True)
    assert (room.name, room.met) == ("rush_room", True)
    assert room.floor == 30 < room.value


@pytest.mark.parametrize("policy", [cold(), blind()], ids=["cold", "blind"])
def test_neither_the_pool_nor_the_look_ahead_suffices_by_itself(policy: Policy) -> None:
    found = rush(policy, SEED)
    assert found.rejected > 100
    assert [figure.met for figure in promises(found)] == [False, False]


def test_without_room_for_all_the_end_counts() -> None:
    small = shipped("edge").model_copy(update={"bounds": Bounds(min=2, max=4)})
    assert rush(small, SEED).room_s == LENGTH_S - RISE_S


@pytest.mark.parametrize(
    ("found", "met"),
    [(Rush(0, 180), [True, True]), (Rush(1, 180), [False, True]), (Rush(0, 190), [True, False])],
)
def test_each_is_a_goal_of_its_own(found: Rush, met: list[bool]) -> None:
    assert [figure.met for figure in promises(found)] == met
