"""A cycle run again comes out the same to the byte; what does not is shown place by place."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from autoscaler.model.codec import from_plain, to_plain
from autoscaler.model.plan import Drain, Launch
from autoscaler.model.report import CycleReport
from autoscaler.plan import planner
from autoscaler.policy.text import read_policy
from autoscaler.review.replay import Departure, departures, replay
from tests.support.fleet import policy, seconds
from tests.support.stage import Stage

RULES = policy(bounds={"min": 1, "max": 5}, scale_in={"stabilization": "10s"}, warm_up="0s")


def story(*percents: float, capacity: int = 9) -> list[CycleReport]:
    """Cycles five seconds apart in which all nodes are so busy."""
    stage = Stage()
    stage.world.capacity.update({"subnet-a": capacity, "subnet-b": capacity})
    nodes = [stage.serving(slot) for slot in (1, 2, 3)]
    reports = []
    for percent in percents:
        for node in nodes:
            stage.world.beat(node, percent)
        reports.append(stage.cycle(RULES))
        stage.world.now += seconds(5)
    return reports


def again(report: CycleReport) -> tuple[Departure, ...]:
    """Replay a cycle as it comes back from a file."""
    read = from_plain(CycleReport, json.loads(json.dumps(to_plain(report))))
    return replay(read, read_policy(read.policy))


def test_every_cycle_of_a_story_comes_out_the_same() -> None:
    reports = [*story(90, 90), *story(20, 20, 20, 20)]
    actions = [type(action) for report in reports for action in report.plan.actions]
    assert {Launch, Drain} <= {*actions}
    assert [again(report) for report in reports] == [()] * 6


def test_a_launch_that_failed_is_remembered_the_same() -> None:
    reports = story(90, 90, capacity=0)
    assert [report.failures != () for report in reports] == [True, True]
    assert [again(report) for report in reports] == [(), ()]


def test_another_decision_is_told_with_all_its_places() -> None:
    (report,) = story(90)
    other = replace(report, decision=replace(report.decision, desired=4))
    assert again(other) == (Departure("decision.desired", "4", "5"),)


def test_a_changed_rule_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    report = story(90)[0]
    monkeypatch.setattr("autoscaler.decide.pipeline.add_headroom", lambda proposal, *_: proposal.to(4, "gone", "away"))
    found = {each.path: (each.recorded, each.replayed) for each in again(report)}
    assert found["decision.desired"] == ("5", "4")
    added = json.dumps({"code": "gone", "detail": "away", "before": 5, "after": 4})
    assert found["decision.reasons.1"] == ("(absent)", added)


def test_a_plan_and_a_memory_that_depart_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    launched = story(90)[0]
    short = story(90, capacity=0)[0]
    monkeypatch.setattr("autoscaler.plan.remember.STOCK_OUT_MEMORY", timedelta(seconds=1))
    assert again(launched) == ()
    assert {each.path for each in again(short)} == {"memory.stock_outs./subnet-b"}
    monkeypatch.setattr(planner, "guard", lambda draft, _: replace(draft, actions=()))
    assert all(each.path.startswith("plan.actions.") for each in again(launched))


def test_code_that_breaks_is_a_departure(monkeypatch: pytest.MonkeyPatch) -> None:
    report = story(90)[0]
    monkeypatch.setattr("autoscaler.decide.pipeline.stabilize_in", None)
    (found,) = again(report)
    assert found == Departure("cycle", "(it ran to its end)", "(TypeError: 'NoneType' object is not callable)")


def test_bytes_are_compared_not_values() -> None:
    assert list(departures("x", {"a": 1, "b": [1.0]}, {"a": 1, "b": [1.0]})) == []
    assert list(departures("x", 37, 37.0)) == [Departure("x", "37", "37.0")]
    assert list(departures("x", {"a": 1, "b": 2}, {"b": 2, "a": 1})) == [
        Departure("x", "(in the order a, b)", "(in the order b, a)")
    ]
    assert list(departures("x", [1, None], [1])) == [Departure("x.1", "null", "(absent)")]
    assert list(departures("x", {"a": 1}, None)) == [Departure("x", '{"a": 1}', "null")]
