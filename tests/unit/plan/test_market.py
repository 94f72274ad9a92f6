"""How much of a group is bought on the spot market."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaler.decide.pipeline import decide
from autoscaler.model.memory import DrainRecord, LaunchRecord, Memory
from autoscaler.model.plan import Failed, Launch, LaunchSpec, Outcome, Plan
from autoscaler.model.snapshot import InstanceState, Node, ServerStatus
from autoscaler.plan.planner import plan
from autoscaler.plan.remember import intend, settle
from autoscaler.policy.rules import ScaleRule
from autoscaler.policy.schema import Policy
from tests.support.fleet import NOW, node, policy, seasoned, seconds, snapshot, view

SUBNETS = ["subnet-a", "subnet-b"]


def rules(percent: str, low: int = 1, **changes: Any) -> Policy:
    launch = {"launch_template": "t", "types": ["big", "small"], "subnets": SUBNETS, "spot": {"percent": percent}}
    return policy(bounds={"min": low, "max": 100}, launch={**launch, **changes})


def bought(rules: Policy, wanted: int, *nodes: Node, **memory: Any) -> list[tuple[str, int, bool]]:
    """What is launched, as (subnet, nodes, spot), for a group that wants so many nodes in all."""
    numbers = [int(each.instance_id.removeprefix("i-")) for each in nodes]
    always = ScaleRule.model_validate({"schedule": {"min": wanted}})
    rules = rules.model_copy(update={"scale": (*rules.scale, always)})
    shot = snapshot(*nodes, cpu=dict.fromkeys(numbers, 60.0), free=100)
    decision, after = decide(shot, rules, seasoned(*numbers, **memory))
    steps = plan(decision, view(shot, rules, after))
    launches = [action for action in steps.actions if isinstance(action, Launch)]
    return [(launch.subnet, launch.count, launch.spec.spot) for launch in launches]


def counts(found: list[tuple[str, int, bool]]) -> tuple[int, int]:
    """(on demand, spot)"""
    return sum(n for _, n, spot in found if not spot), sum(n for _, n, spot in found if spot)


@pytest.mark.parametrize(
    ("percent", "low", "wanted", "expected"),
    [
        ("0%", 1, 8, (7, 0)),
        ("100%", 1, 8, (0, 7)),
        ("100%", 3, 8, (2, 5)),  # the first three are on demand
        ("50%", 1, 8, (3, 4)),
        ("50%", 1, 7, (3, 3)),  # rounded down
        ("50%", 6, 8, (5, 2)),
        ("12%", 1, 8, (7, 0)),
        ("12.5%", 1, 8, (6, 1)),
    ],
)
def test_the_share_is_rounded_down_and_the_first_nodes_are_on_demand(
    percent: str, low: int, wanted: int, expected: tuple[int, int]
) -> None:
    assert counts(bought(rules(percent, low), wanted, node(1))) == expected


def test_both_markets_spread_over_the_subnets_and_on_demand_comes_first() -> None:
    """Should something cut the plan, it cuts the spot nodes."""
    assert bought(rules("50%"), 9, node(1)) == [
        ("subnet-b", 4, False), ("subnet-a", 4, True)
    ]  # fmt: skip
    assert bought(rules("25%"), 9, node(1)) == [("subnet-a", 2, False), ("subnet-b", 4, False), ("subnet-a", 2, True)]


def test_nodes_that_are_there_or_on_their_way_count() -> None:
    there = [node(1), node(2, spot=True), node(3, spot=True, status=None)]
    assert counts(bought(rules("50%"), 6, *there)) == (2, 1)


def test_launches_that_are_not_listed_yet_count() -> None:
    records = (
        LaunchRecord("t", "subnet-a", "big", 2, NOW, ("i-8", "i-9"), spot=True),
        LaunchRecord("u", "subnet-a", "big", 1, NOW, ("i-7",)),
    )
    assert counts(bought(rules("50%"), 8, node(1), launches=records)) == (2, 2)


def test_what_is_launched_for_the_warm_pool_is_no_part_of_the_share() -> None:
    fills = LaunchRecord("t", "subnet-a", "big", 4, NOW, ("i-5", "i-6", "i-7", "i-8"), pool=True)
    assert counts(bought(rules("50%"), 4, node(1), launches=(fills,))) == counts(bought(rules("50%"), 4, node(1)))


def test_nodes_that_leave_count_no_more_unless_they_are_taken_back() -> None:
    leaving = node(2, spot=True, status=ServerStatus.DOWN)  # cannot be taken back
    assert counts(bought(rules("50%"), 4, node(1), leaving, drains={"i-2": DrainRecord(NOW)})) == (1, 2)
    back = node(2, spot=True, status=ServerStatus.DRAIN)
    assert counts(bought(rules("50%"), 4, node(1), back, drains={"i-2": DrainRecord(NOW)})) == (1, 1)


def test_stopped_nodes_count_when_they_are_woken() -> None:
    asleep = node(2, spot=True, state=InstanceState.STOPPED, status=None)
    assert counts(bought(rules("50%"), 8, node(1), asleep)) == (3, 3)


def test_a_share_that_grew_too_large_buys_on_demand_and_ends_nothing() -> None:
    there = [node(1), *(node(number, spot=True) for number in (2, 3, 4))]
    assert counts(bought(rules("50%"), 6, *there)) == (2, 0)


@given(
    percent=st.integers(0, 100), low=st.integers(0, 12), wanted=st.integers(0, 30), od=st.integers(0, 6),
    spot=st.integers(0, 6),
)  # fmt: skip
def test_no_launch_takes_the_share_above_what_is_allowed(
    percent: int, low: int, wanted: int, od: int, spot: int
) -> None:
    nodes = [node(number, spot=number > od) for number in range(1, od + spot + 1)]
    plain, cheap = counts(bought(rules(f"{percent}%", low), wanted, *nodes))
    size = od + spot + plain + cheap
    if cheap:
        assert (spot + cheap) * 100 <= percent * size
        assert od + plain >= low


OUT = NOW + seconds(60)


@pytest.mark.parametrize(
    ("gone", "expected"),
    [
        ([], [("subnet-b", 2, False), ("subnet-a", 2, True)]),
        (["big/subnet-a/spot"], [("subnet-a", 2, False), ("subnet-b", 2, True)]),
        (["big/subnet-a/spot", "big/subnet-b/spot"], [("subnet-a", 2, False), ("subnet-b", 2, False)]),
        (["small/subnet-a/spot"], [("subnet-b", 2, False), ("subnet-a", 2, True)]),
        (["big/subnet-a"], [("subnet-b", 2, False), ("subnet-b", 2, True)]),
    ],
)
def test_where_spot_is_out_of_stock_the_same_type_is_bought_on_demand(
    gone: list[str], expected: list[tuple[str, int, bool]]
) -> None:
    assert bought(rules("50%"), 5, node(1), stock_outs=dict.fromkeys(gone, OUT)) == expected


def test_the_two_launches_of_one_subnet_have_tokens_of_their_own() -> None:
    one_subnet = rules("50%", subnets=["subnet-a"])
    shot = snapshot(node(1), cpu={1: 300.0})
    decision, after = decide(shot, one_subnet, seasoned(1))
    launches = [step for step in plan(decision, view(shot, one_subnet, after)).actions if isinstance(step, Launch)]
    assert len({launch.token for launch in launches}) == len(launches) == 2


SPOT_LAUNCH = Launch(
    token="t", why="below_desired", group="edge", spec=LaunchSpec(instance_type="big", spot=True), subnet="s", count=2
)  # fmt: skip


def test_a_spot_launch_is_remembered_and_repeated_as_one() -> None:
    shot = snapshot(node(1), cpu={1: 60.0})
    decision, after = decide(shot, rules("50%"), seasoned(1))
    remembered = intend(after, Plan(decision, (SPOT_LAUNCH,)), NOW)
    assert [record.spot for record in remembered.launches] == [True]
    (again,) = [
        step for step in plan(decision, view(shot, rules("0%"), remembered)).actions if isinstance(step, Launch)
    ]
    assert (again.token, again.why, again.spec.spot) == ("t", "launch_unanswered", True)


def test_a_stock_out_of_spot_is_one_of_spot_alone() -> None:
    before = intend(Memory(), Plan(decide(snapshot(), policy(), Memory())[0], (SPOT_LAUNCH,)), NOW)
    after = settle(before, [Outcome(SPOT_LAUNCH, Failed("stock_out", "", retryable=True))], NOW)
    assert list(after.stock_outs) == ["big/s/spot"]
    assert after.launches == ()
