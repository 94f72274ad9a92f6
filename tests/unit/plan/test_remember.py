from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from autoscaler.model.decision import Decision
from autoscaler.model.memory import DrainRecord, EndingRecord, LaunchRecord, Memory, ScaleEvent, WakeRecord
from autoscaler.model.plan import (
    Action,
    CancelDrain,
    Done,
    Drain,
    Failed,
    Launch,
    LaunchSpec,
    Outcome,
    Plan,
    Register,
    Result,
    Skipped,
    Stop,
    Terminate,
    Wake,
)
from autoscaler.plan.remember import intend, settle
from tests.support.fleet import NOW, seconds

NODE: dict[str, Any] = {"token": "t", "instance_id": "i-1", "ip": "10.0.0.1"}
PLACE: dict[str, Any] = {**NODE, "endpoints": ()}
LAUNCH = Launch(token="t", why="below_desired", group="edge", spec=LaunchSpec(instance_type="big"), subnet="s", count=2)
DRAIN = Drain(why="above_desired", **PLACE)
CANCEL = CancelDrain(why="below_desired", slot="slot1", **PLACE)
STOCK_OUT = Failed("stock_out", "", retryable=True)
LOST_ANSWER = Failed("ec2_unreachable", "", retryable=True)
REJECTED = Failed("ec2_rejected", "", retryable=False)
STOP = Stop(why="drained", **PLACE)
END = Terminate(why="drained", **PLACE)
WAKE = Wake(why="below_desired", instance_type="big", subnet="s", **NODE)
FILL = Launch(
    token="f", why="pool_short", group="edge", spec=LaunchSpec(instance_type="big"), subnet="s", count=1, pool=True
)


def intended(memory: Memory, *actions: Action) -> Memory:
    return intend(memory, Plan(Decision("edge", NOW, 1, 1), actions), NOW)


def test_intents_are_remembered_before_anything_is_done() -> None:
    after = intended(Memory(), DRAIN, LAUNCH, Register(why="joined", slot="slot1", **PLACE))
    assert after.drains == {"i-1": DrainRecord(NOW)}
    assert after.launches == (LaunchRecord("t", "s", "big", 2, NOW),)


def test_an_intent_that_is_repeated_keeps_its_first_time() -> None:
    earlier = NOW - seconds(60)
    before = Memory(drains={"i-1": DrainRecord(earlier)}, launches=(LaunchRecord("t", "s", "big", 2, earlier),))
    assert intended(before, DRAIN, LAUNCH) == before


def test_a_node_that_is_taken_back_is_no_longer_draining() -> None:
    assert intended(Memory(drains={"i-1": DrainRecord(NOW)}), CANCEL).drains == {}


@pytest.mark.parametrize(
    ("result", "kept", "stock_outs"),
    [
        (Done(("i-7",)), (LaunchRecord("t", "s", "big", 2, NOW, ("i-7",)),), {}),
        (LOST_ANSWER, (LaunchRecord("t", "s", "big", 2, NOW),), {}),  # it may have happened: ask again
        (REJECTED, (), {}),
        (Skipped("dry_run"), (), {}),
        (STOCK_OUT, (), {"big/s": NOW + seconds(180)}),
    ],
)
def test_what_became_of_a_launch(result: Result, kept: tuple[LaunchRecord, ...], stock_outs: dict[str, Any]) -> None:
    after = settle(intended(Memory(), LAUNCH), [Outcome(LAUNCH, result)], NOW)
    assert (after.launches, after.stock_outs) == (kept, stock_outs)


@pytest.mark.parametrize(
    ("action", "result", "nodes"),
    [
        (LAUNCH, Done(("i-7", "i-8")), [2]),
        (LAUNCH, Done(()), []),
        (LAUNCH, LOST_ANSWER, []),
        (LAUNCH, Skipped("journal"), []),
        (DRAIN, Done(), [-1]),
        (DRAIN, REJECTED, []),
        (Drain(why="drain_unfinished", **PLACE), Done(), []),  # counted when it was begun
        (CANCEL, Skipped("waiting_for_health_check"), [1]),
        (Wake(why="below_desired", **NODE), Done(), [1]),
        (Register(why="joined", slot="slot1", **PLACE), Done(), []),
    ],
)
def test_events_count_what_really_happened(action: Action, result: Result, nodes: list[int]) -> None:
    after = settle(intended(Memory(), action), [Outcome(action, result)], NOW)
    assert after.events == tuple(ScaleEvent(NOW, count) for count in nodes)


@pytest.mark.parametrize(
    ("result", "admitted"), [(Done(), {"i-1": NOW}), (Skipped("waiting_for_health_check"), {}), (REJECTED, {})]
)
def test_who_was_admitted_is_remembered_at_once(result: Result, admitted: dict[str, Any]) -> None:
    register = Register(why="joined", slot="slot1", **PLACE)
    assert settle(Memory(), [Outcome(register, result)], NOW).admitted == admitted


def test_who_was_admitted_before_keeps_the_first_time() -> None:
    register, earlier = Register(why="joined", slot="slot1", **PLACE), NOW - seconds(60)
    assert settle(Memory(admitted={"i-1": earlier}), [Outcome(register, Done())], NOW).admitted == {"i-1": earlier}


def test_a_stopped_node_is_the_pools_since_it_was_to_be_stopped() -> None:
    assert intended(Memory(), STOP).pool == {"i-1": NOW}
    assert intended(Memory(pool={"i-1": NOW - seconds(9)}), STOP).pool == {"i-1": NOW - seconds(9)}


def test_a_launch_for_the_pool_is_remembered_as_one_and_changes_no_size() -> None:
    after = intended(Memory(), FILL)
    assert after.launches == (LaunchRecord("f", "s", "big", 1, NOW, pool=True),)
    done = settle(after, [Outcome(FILL, Done(("i-7",)))], NOW)
    assert done.launches == (LaunchRecord("f", "s", "big", 1, NOW, ("i-7",), pool=True),)
    assert done.events == ()


@pytest.mark.parametrize(
    ("result", "wakes", "stock_outs"),
    [
        (Done(), {"i-1": WakeRecord(NOW, answered=True)}, {}),
        (REJECTED, {"i-1": WakeRecord(NOW, answered=True, failed=True)}, {}),
        (LOST_ANSWER, {"i-1": WakeRecord(NOW, answered=True, failed=True)}, {}),
        (STOCK_OUT, {}, {"big/s": NOW + seconds(180)}),
    ],
)
def test_what_became_of_a_wake(result: Result, wakes: dict[str, Any], stock_outs: dict[str, Any]) -> None:
    before = intended(Memory(pool={"i-1": NOW}), WAKE)
    assert before.wakes == {"i-1": WakeRecord(NOW)}
    after = settle(before, [Outcome(WAKE, result)], NOW)
    assert (after.wakes, after.stock_outs, after.pool) == (wakes, stock_outs, {"i-1": NOW})


@pytest.mark.parametrize(
    ("result", "until"), [(Done(), None), (LOST_ANSWER, None), (REJECTED, NOW + seconds(3600)), (Skipped("x"), None)]
)
def test_when_ec2_will_not_stop_a_node_none_is_stopped_for_a_while(result: Result, until: Any) -> None:
    assert settle(intended(Memory(), STOP), [Outcome(STOP, result)], NOW).no_stops_until == until


@pytest.mark.parametrize("action", [STOP, END])
@pytest.mark.parametrize(
    ("result", "ended"),
    [
        (Done(), True),
        (LOST_ANSWER, True),
        (Failed("ec2_unavailable", "", retryable=True), True),
        (Failed("ec2_throttled", "", retryable=True), False),
        (REJECTED, False),
        (Skipped("publisher_live"), False),
    ],
)
def test_who_was_told_to_end_or_may_have_been_is_remembered(action: Action, result: Result, *, ended: bool) -> None:
    record = EndingRecord(NOW, stop=isinstance(action, Stop))
    before = intended(Memory(), action)
    assert before.endings == {"i-1": record}  # a crash now must not bring it back
    after = replace(record, answered=isinstance(result, Done))
    assert settle(before, [Outcome(action, result)], NOW).endings == ({"i-1": after} if ended else {})


def test_who_is_woken_ends_no_more() -> None:
    assert intended(Memory(endings={"i-1": EndingRecord(NOW, stop=True)}), WAKE).endings == {}
