"""The rules of others, on worked examples: what their documentation or source says, with sums of our own.

Three of the HPA's are those of its own documentation; they say so.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from benchmarks.baselines.fixed import Fixed
from benchmarks.baselines.hpa import Hpa, recommend
from benchmarks.baselines.nomad import Nomad, target_value
from benchmarks.baselines.rule import Rule, Seen
from benchmarks.baselines.target_tracking import TargetTracking


def nodes(count: int, cpu: float, *, age_s: float = 86400.0, ready: bool = True) -> list[Seen]:
    return [Seen(name=f"i-{cpu:g}-{number}", cpu=cpu, age_s=age_s, ready=ready) for number in range(count)]


BOOTING = {"age_s": 30.0, "ready": False}
DOUBLED, HALVED = 200.0, 50.0


@pytest.mark.parametrize(
    ("pods", "target", "wanted"),
    [
        (nodes(4, DOUBLED), 100, 8),  # the documentation's: 200m at a target of 100m doubles,
        (nodes(4, HALVED), 100, 2),  # and 50m halves
        (nodes(50, 90.0), 75, 60),  # the example of its post on tolerance: 50 x 90 / 75
        (nodes(4, 65.9), 60, 4),  # 65 % is within a tenth of 60 %
        (nodes(4, 54.0), 60, 4),
        (nodes(4, 53.9), 60, 4),  # 53 / 60 x 4 rounds up to as many as there are
        (nodes(5, 47.0), 60, 4),
        (nodes(4, 90.0) + nodes(2, 0.0, ready=False), 60, 6),  # (4 x 90) / 6 is 60: what comes is enough
        (nodes(4, 90.0) + nodes(4, 0.0, ready=False), 60, 8),  # would be 45, the other way: nothing
        (nodes(4, 120.0) + nodes(2, 0.0, ready=False), 60, 8),  # (4 x 120) / 6 is 80: 6 x 80 / 60
        (nodes(4, 30.0) + nodes(2, 0.0, ready=False), 60, 2),  # shrinking looks at those that are ready
        (nodes(3, 0.0, ready=False), 60, 3),  # no metric, no change
    ],
)
def test_what_an_hpa_recommends(pods: list[Seen], target: float, wanted: int) -> None:
    assert recommend(len(pods), pods, target) == wanted


def test_an_hpa_grows_by_four_or_doubles_within_its_period() -> None:
    assert Hpa().desired(0, 2, nodes(2, 600.0)) == 6
    assert Hpa().desired(0, 10, nodes(10, 600.0)) == 20
    hpa = Hpa()
    assert hpa.desired(0, 2, nodes(2, 60.0)) == 2
    assert hpa.desired(20, 2, nodes(2, 600.0)) == 6  # that of 15 s, in cycles of 10 s
    assert hpa.desired(30, 6, nodes(6, 600.0)) == 6  # 15 s are not over since it grew,
    assert hpa.desired(40, 6, nodes(6, 600.0)) == 6  # here it does not look,
    assert hpa.desired(50, 6, nodes(6, 600.0)) == 12  # and here they are


def test_an_hpa_does_not_turn_round_because_of_pods_that_come() -> None:
    more_than_wanted = nodes(4, 90.0) + nodes(4, 0.0, ready=False)
    assert recommend(3, more_than_wanted, 60) == 3


def test_an_hpa_shrinks_to_the_highest_wish_of_five_minutes() -> None:
    hpa = Hpa()
    assert hpa.desired(0, 6, nodes(6, 60.0)) == 6
    assert hpa.desired(15, 6, nodes(6, 40.0)) == 6
    for now_s in range(30, 300, 15):
        assert hpa.desired(now_s, 6, nodes(6, 20.0)) == 6
    assert hpa.desired(300, 6, nodes(6, 20.0)) == 4  # the wish of 0 s is over, the one of 15 s is not
    assert hpa.desired(315, 4, nodes(4, 20.0)) == 2


def test_an_hpa_looks_past_pods_that_leave() -> None:
    going = [Seen("i-9", cpu=0.0, leaving=True)]
    assert Hpa().desired(0, 4, nodes(4, 90.0) + going) == 6


def tracked(rule: TargetTracking, minutes: Sequence[float], size: int, group: list[Seen] | None = None) -> list[int]:
    """Show the rule a CPU for a minute each, every 10 s; return what it wants when each is over."""
    wanted = []
    for number, cpu in enumerate(minutes):
        for second in range(0, 60, 10):
            size = rule.desired(60 * number + second, size, group or nodes(size, cpu))
        wanted.append(size)
    return wanted


def test_target_tracking_grows_after_three_minutes_above_the_target() -> None:
    # what is decided is told in the minute after: 3 points are complete as the fourth begins; 4 x 90 / 60
    assert tracked(TargetTracking(), [90, 90, 90, 90], 4) == [4, 4, 4, 6]
    assert tracked(TargetTracking(), [90, 60, 90, 90, 90], 4) == [4] * 5
    assert tracked(TargetTracking(), [61, 61, 61, 61], 4) == [4, 4, 4, 5]  # rounds up


def test_instances_that_warm_up_are_counted_once() -> None:
    rule = TargetTracking()
    assert tracked(rule, [90, 90, 90], 4) == [4, 4, 4]
    assert rule.desired(180, 4, nodes(4, 90.0)) == 6
    with_new = nodes(4, 90.0) + nodes(2, 0.0, age_s=60)
    assert rule.desired(240, 6, with_new) == 6  # still 4 x 90 / 60: those two are on their way
    rule.desired(300, 6, nodes(4, 105.0) + nodes(2, 0.0, age_s=120))
    assert rule.desired(360, 6, nodes(4, 105.0) + nodes(2, 0.0, age_s=180)) == 7  # 4 x 105 / 60


def test_target_tracking_shrinks_after_fifteen_minutes_below_seventy_percent_of_the_target() -> None:
    assert tracked(TargetTracking(), [30.0] * 16, 6) == [6] * 15 + [3]
    assert tracked(TargetTracking(), [30.0] * 7 + [42.0] + [30.0] * 9, 6) == [6] * 17
    assert tracked(TargetTracking(), [42.0] * 20, 6) == [6] * 20  # 42 is not below 42
    assert tracked(TargetTracking(), [31.0] * 16, 6)[-1] == 4  # 3.1: too many rather than too few


def test_target_tracking_shrinks_once_in_five_minutes() -> None:
    assert tracked(TargetTracking(), [30.0] * 22, 8)[-7:] == [4, 4, 4, 4, 4, 2, 2]


def test_terminating_instances_count_as_capacity_when_it_shrinks() -> None:
    going = [Seen("i-9", cpu=30.0, leaving=True)] * 2
    assert tracked(TargetTracking(), [30.0] * 16, 6, nodes(6, 30.0) + going)[-1] == 4


def test_target_tracking_does_not_shrink_while_anything_warms_up() -> None:
    group = nodes(5, 30.0) + nodes(1, 0.0, age_s=100)
    assert tracked(TargetTracking(), [30.0] * 20, 6, group) == [6] * 20


def test_target_tracking_does_nothing_without_data() -> None:
    assert tracked(TargetTracking(), [90.0] * 4, 2, nodes(2, 90.0, age_s=100)) == [2] * 4
    assert tracked(TargetTracking(), [0.0] * 20, 2, nodes(2, 0.0, age_s=100)) == [2] * 20


@pytest.mark.parametrize(
    ("count", "metric", "target", "wanted"),
    [  # the plugin's formula; those with 0 are cases that its source explains
        (2, 90, 60, 3), (4, 61, 60, 5), (4, 60.5, 60, 4), (4, 59.5, 60, 4), (10, 30, 60, 5), (10, 31, 60, 6),
        (0, 120, 60, 2), (0, 0, 60, 0), (5, 0, 0, 0), (2, 3, 0, 6),
    ],
)  # fmt: skip
def test_what_the_target_value_strategy_asks_for(count: int, metric: float, target: float, wanted: int) -> None:
    assert target_value(count, metric, target) == wanted


def test_nomad_waits_five_minutes_after_each_change() -> None:
    rule = Nomad()
    assert rule.desired(0, 4, nodes(4, 60.0)) == 4
    assert rule.desired(10, 4, nodes(4, 90.0)) == 6
    assert rule.desired(300, 6, nodes(6, 10.0)) == 6
    assert rule.desired(310, 6, nodes(6, 10.0)) == 1


def test_nomad_needs_nodes_that_are_ready() -> None:
    assert Nomad().desired(0, 4, nodes(4, 0.0, ready=False)) == 4
    assert Nomad().desired(0, 4, nodes(2, 90.0) + nodes(2, 0.0, ready=False)) == 6


def test_a_fixed_size_stays() -> None:
    assert Fixed(7).desired(0, 3, nodes(3, 99.0)) == 7


OLD = Seen("old", "a", cpu=10, people=5, age_s=7300.0)
LATE = Seen("late", "a", cpu=50, people=40, age_s=3500.0)
NEW = Seen("new", "b", cpu=30, people=20, age_s=600.0)
COMING = Seen("coming", "b", age_s=700.0, ready=False)


@pytest.mark.parametrize(
    ("rule", "group", "first"),
    [
        (Hpa(), [OLD, LATE, NEW], NEW),  # a ReplicaSet takes the newest,
        (Hpa(), [OLD, LATE, NEW, COMING], COMING),  # and before it whatever is not ready
        (TargetTracking(), [OLD, LATE, NEW], LATE),  # zone a has more, and LATE is 100 s from its next hour
        (TargetTracking(), [LATE, NEW, COMING], COMING),  # zone b has more, and 700 s is closer than 600 s
        (Nomad(), [OLD, LATE, NEW], OLD),
        (Nomad(), [OLD, COMING], COMING),
        (Fixed(2), [OLD, LATE, NEW], NEW),
    ],
)
def test_who_goes_first(rule: Rule, group: list[Seen], first: Seen) -> None:
    assert rule.victim(group) is first


def test_only_an_auto_scaling_group_waits_for_people_to_leave() -> None:
    assert [rule.delay_s for rule in (Hpa(), TargetTracking(), Nomad())] == [0, 300, 0]
