"""What really became of nodes, told from EC2's list and the balancers: each deed once, and no flaw of a look as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType

import pytest

from autoscaler.model.decision import Decision, Phase
from autoscaler.model.report import CycleReport
from autoscaler.model.snapshot import FleetSnapshot, Gap, InstanceState, Node, Server, ServerStatus
from autoscaler.review.happened import Happened
from tests.support.fleet import NOW
from tests.support.records import REPORT, node

UP, DRAIN, MAINT, CHECKING, DOWN = (
    ServerStatus.UP, ServerStatus.DRAIN, ServerStatus.MAINT, ServerStatus.CHECKING, ServerStatus.DOWN,
)  # fmt: skip
STOPPED, ENDING = InstanceState.STOPPED, InstanceState.SHUTTING_DOWN


def seen(
    number: int, *told: ServerStatus, state: InstanceState = InstanceState.RUNNING, starts: int = 0, gap: bool = False
) -> Node:
    """A node with one server line for each status told; `starts` times started since it was launched."""
    made = node(number)
    launched_at = made.instance.launched_at + starts * timedelta(hours=1)
    servers = tuple(
        Server("lb1", f"b{place}", "slot1", made.instance.ip, 5080, status, 0) for place, status in enumerate(told)
    )
    lost = Gap("haproxy:lb1", made.instance_id, NOW, "away")
    instance = replace(made.instance, state=state, launched_at=launched_at)
    return replace(made, instance=instance, servers=lost if gap else servers)


def look(
    *nodes: Node, filling: Sequence[int] = (), hours: float = 0, told: Mapping[int, Phase] = MappingProxyType({})
) -> CycleReport:
    """A look, so many hours later; `told` are the phases of those that were told to stop or to end."""
    phases = {each.instance_id: Phase.BOOTING for each in nodes}
    others = {**dict.fromkeys(filling, Phase.FILLING), **told}
    phases |= {node(number).instance_id: phase for number, phase in others.items()}
    at = NOW + timedelta(hours=hours)
    decision = Decision("edge", at, len(nodes), len(nodes), phases=phases)
    return replace(REPORT, snapshot=FleetSnapshot("edge", at, nodes), decision=decision)


def counted(*looks: CycleReport) -> tuple[int, int, int]:
    happened = Happened()
    for each in looks:
        happened.add(each)
    return happened.launched, happened.drained, happened.terminated


def test_what_was_there_at_first_was_not_launched_meanwhile() -> None:
    assert counted(look(seen(1, UP), seen(2))) == (0, 0, 0)
    assert counted(look(), look(seen(1))) == (1, 0, 0)  # but an empty group is a look, too


def test_a_launch_is_counted_once_however_long_it_is_there() -> None:
    pending = seen(2, state=InstanceState.PENDING)
    assert counted(look(seen(1, UP)), look(seen(1, UP), pending), look(seen(1, UP), seen(2)), look(seen(2, UP))) == (
        1, 0, 1,
    )  # fmt: skip


def test_what_fills_the_pool_is_no_launch_until_it_is_to_serve() -> None:
    filled = look(seen(1), filling=[1])
    stopped = look(seen(1, state=STOPPED))
    assert counted(look(), filled, stopped) == (0, 0, 0)
    assert counted(look(), filled, stopped, look(seen(1, starts=1)), look(seen(1, UP, starts=1))) == (1, 0, 0)
    assert counted(look(), filled, look(seen(1))) == (1, 0, 0)  # woken before it was ever stopped
    assert counted(stopped, look()) == (0, 0, 1)


@pytest.mark.parametrize("phase", [Phase.STOPPED, Phase.TERMINATING])
def test_a_filled_node_told_to_stop_or_to_end_is_no_launch_though_ec2_still_lists_it_as_running(phase: Phase) -> None:
    late = look(seen(1), told={1: phase})
    assert counted(look(), look(seen(1), filling=[1]), late, look(seen(1, state=STOPPED))) == (0, 0, 0)
    assert counted(look(), late, look(seen(1, state=STOPPED)), look(seen(1, starts=1))) == (1, 0, 0)


def test_a_drain_that_nobody_saw_is_told_of_who_is_ending_already() -> None:
    assert counted(look(seen(1, UP)), look(seen(1, MAINT), told={1: Phase.TERMINATING}), look()) == (0, 1, 1)


def test_a_node_that_sleeps_after_its_drain_is_started_and_not_taken_back() -> None:
    again = look(seen(1, UP, starts=1))
    assert counted(look(seen(1, UP)), look(seen(1, MAINT)), look(seen(1, state=STOPPED)), again) == (1, 1, 0)


@pytest.mark.parametrize(
    ("before", "after", "drained"),
    [
        ((UP, UP), (DRAIN, DRAIN), 1),
        ((UP, UP), (DRAIN, MAINT), 1),
        ((UP, DOWN), (DRAIN, DRAIN), 1),
        ((UP, UP), (DRAIN, UP), 0),
        ((UP, UP), (DRAIN, DOWN), 0),
        ((UP, UP), (DOWN, DOWN), 0),
        ((UP, UP), (), 0),
        ((CHECKING, DRAIN), (DRAIN, DRAIN), 0),
        ((), (DRAIN, DRAIN), 0),
    ],
)
def test_a_drain_is_told_of_who_served_and_is_let_in_nowhere(
    before: tuple[ServerStatus, ...], after: tuple[ServerStatus, ...], drained: int
) -> None:
    assert counted(look(seen(1, *before)), look(seen(1, *after)), look(seen(1, *after))) == (0, drained, 0)


def test_what_is_taken_back_is_room_again_and_drains_once_more_as_the_same_node() -> None:
    out = look(seen(1, DRAIN))
    assert counted(look(seen(1, UP)), out, look(seen(1, UP)), out, look(seen(1, UP))) == (2, 1, 0)


def test_while_the_balancers_are_away_nothing_is_told_of_drains() -> None:
    away = look(seen(1, gap=True))
    assert counted(look(seen(1, UP)), away, look(seen(1, UP))) == (0, 0, 0)
    assert counted(look(seen(1, UP)), away, look(seen(1, DRAIN))) == (0, 1, 0)


def test_a_node_ends_once_and_one_that_was_only_not_listed_for_a_while_never_ended() -> None:
    both, ending = look(seen(1, UP), seen(2, UP)), look(seen(1, UP), seen(2, state=ENDING))
    assert counted(both, ending, look(seen(1, UP))) == (0, 0, 1)
    assert counted(both, look(seen(1, UP)), both) == (0, 0, 0)


def test_a_node_long_gone_is_forgotten_and_still_counted() -> None:
    happened = Happened()
    for number in range(50):
        happened.add(look(seen(number, UP), hours=48 * number))
        happened.add(look(seen(number, DRAIN), hours=48 * number + 1))
    assert len(happened.known) == 2  # who is there, and who is gone since an hour
    assert (happened.launched, happened.drained, happened.terminated) == (49, 50, 49)


def test_a_node_may_be_missed_for_hours_and_is_no_other_when_it_is_back() -> None:
    back = look(seen(1, DRAIN), hours=72)
    assert counted(look(seen(1, UP)), look(hours=1), look(hours=20), back, look(hours=73)) == (0, 1, 1)
