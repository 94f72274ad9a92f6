"""What media servers say, joined into the snapshot: only where it is asked for, and never at another rule's cost."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from autoscaler.model.decision import Direction
from autoscaler.model.media import Resources
from autoscaler.model.record import cycle_record
from autoscaler.model.snapshot import GROUP, FleetSnapshot, Sample, ServerStatus
from autoscaler.policy.schema import Policy
from autoscaler.policy.signals import REFUSALS, RESOURCE_SOURCES
from autoscaler.simulate.world import SimulatedNode
from tests.support.fleet import BACKEND, CPU, policy, seconds
from tests.support.stage import Stage

VIEWERS = "ams.node.viewers"


def told(**values: Any) -> Resources:
    return Resources(Stage().world.now, **values)


ALL = told(
    webrtc_viewers=100, hls_viewers=20, dash_viewers=3, streams=4, cpu_percent=50, memory_percent=60.5, gpu_percent=70,
    gpu_memory_percent=80,
)  # fmt: skip
VALUES = dict(zip(RESOURCE_SOURCES, (123, 100, 20, 3, 4, 50, 60.5, 70, 80), strict=True))


@pytest.fixture
def stage() -> Stage:
    made = Stage()
    for slot in (1, 2):
        made.serving(slot).resources = ALL
    return made


def rules(source: str = VIEWERS, **changes: Any) -> Policy:
    return policy(
        **{
            "signals": {"busy": {"from": source, "max_age": "60s"}, "cpu": {"from": CPU}},
            "scale": [{"target_tracking": {"signal": "cpu", "target": 50}}],
            **changes,
        }
    )


def seen(stage: Stage, rules: Policy) -> FleetSnapshot:
    return stage.cycle(rules).snapshot


def nodes(stage: Stage) -> list[SimulatedNode]:
    return list(stage.world.nodes.values())


def keys(stage: Stage) -> list[str]:
    return [node.instance.instance_id for node in nodes(stage)]


class Asked:
    """Counts who is asked, and lets nobody answer who was not."""

    def __init__(self, stage: Stage) -> None:
        self._port, self.ips = stage.senses.resources, list[str]()
        stage.senses = replace(stage.senses, resources=self)

    def read(self, ips: Any) -> Any:
        assert self._port is not None
        self.ips += ips
        return self._port.read(ips)


@pytest.mark.parametrize("source", RESOURCE_SOURCES)
def test_every_value_of_every_node_is_there_with_the_time_of_the_answer(stage: Stage, source: str) -> None:
    shot = seen(stage, rules(source))
    assert shot.samples[source] == dict.fromkeys(keys(stage), Sample(VALUES[source], stage.world.now))
    assert shot.signal_gaps == shot.gaps == ()


def test_nobody_is_asked_while_no_signal_looks_at_it(stage: Stage) -> None:
    asked = Asked(stage)
    shot = seen(stage, policy())
    assert asked.ips == []
    assert not [source for source in shot.samples if source.startswith("ams.")]


def test_a_signal_that_only_an_expression_uses_is_asked_for(stage: Stage) -> None:
    asked = Asked(stage)
    signals = {"v": {"from": VIEWERS, "aggregate": "sum"}, "each": {"expr": "v / capacity"}}
    rule = {"target_tracking": {"signal": "each", "target": 30}}
    report = stage.cycle(policy(signals=signals, scale=[rule], warm_up="0s"))
    assert len(asked.ips) == 2
    assert (report.decision.verdicts[0].value, report.decision.direction) == (123 * 2, Direction.OUT)


def test_who_boots_is_lost_or_is_no_more_is_not_asked(stage: Stage) -> None:
    joined, booting, stopped = (stage.world.add_node() for _ in range(3))
    stage.world.join(joined)
    joined.resources = ALL
    stopped.instance = replace(stopped.instance, state=type(stopped.instance.state).STOPPED)
    asked = Asked(stage)
    seen(stage, rules())
    assert set(asked.ips) == {node.instance.ip for node in (*nodes(stage)[:2], joined)}
    assert booting.instance.ip not in asked.ips


def test_who_boots_is_asked_once_some_balancer_uses_it_for_its_load_counts(stage: Stage) -> None:
    booting = stage.world.add_node()
    stage.world.serve(booting, BACKEND, "slot3", sessions=1)
    place = next(place for place in stage.world.servers if place[2] == "slot3")
    stage.world.servers[place] = replace(stage.world.servers[place], status=ServerStatus.DOWN)
    asked = Asked(stage)
    seen(stage, rules())
    assert booting.instance.ip in asked.ips


def test_an_answer_that_comes_after_the_look_began_is_of_now(stage: Stage) -> None:
    class Slow(Asked):
        def read(self, ips: Any) -> Any:
            return {ip: replace(answer, at=answer.at + seconds(6)) for ip, answer in super().read(ips).items()}

    Slow(stage)
    shot = seen(stage, rules())
    assert {sample.at for sample in shot.samples[VIEWERS].values()} == {stage.world.now}


def test_who_drains_is_asked_for_its_load_counts_until_it_is_gone(stage: Stage) -> None:
    idle = rules(scale=[{"target_tracking": {"signal": "busy", "target": 1000}}], warm_up="0s")
    assert len(stage.cycle(idle).memory.drains) == 1
    asked = Asked(stage)
    seen(stage, idle)
    assert len(asked.ips) == 2


def test_a_node_that_does_not_answer_has_no_value_and_the_snapshot_says_why(stage: Stage) -> None:
    nodes(stage)[0].resources = None
    report = stage.cycle(rules())
    first, second = keys(stage)
    assert list(report.snapshot.samples[VIEWERS]) == [second]
    [gap] = report.snapshot.signal_gaps
    assert (gap.source, gap.subject, gap.since) == ("ams", first, stage.world.now)
    assert cycle_record(report)["signal_gaps"] == {"ams: did not answer in 1 s": 1}
    assert report.snapshot.gaps == ()
    assert report.snapshot.all_gaps == (gap,)


@pytest.mark.parametrize(("signal", "expected"), [("cpu", Direction.IN), ("busy", Direction.HOLD)])
def test_it_bars_its_own_rule_from_shrinking_and_no_other(stage: Stage, signal: str, expected: Direction) -> None:
    nodes(stage)[0].resources = None
    report = stage.cycle(rules(scale=[{"target_tracking": {"signal": signal, "target": 1000}}], warm_up="0s"))
    assert report.decision.direction is expected
    assert len(report.snapshot.signal_gaps) == 1


def test_a_value_that_the_node_does_not_tell_is_missing_and_no_zero(stage: Stage) -> None:
    for node in nodes(stage):
        node.resources = told(hls_viewers=3)
    assert seen(stage, rules("ams.node.viewers.hls")).samples["ams.node.viewers.hls"]
    assert "ams.node.gpu_percent" not in seen(stage, rules("ams.node.gpu_percent")).samples
    assert VIEWERS not in seen(stage, rules()).samples


def test_without_settings_nothing_is_asked_and_the_snapshot_says_why(stage: Stage) -> None:
    stage.senses = replace(stage.senses, resources=None, refusals=None)
    [gap] = seen(stage, rules()).signal_gaps
    assert (gap.subject, "no `ams`" in gap.detail) == (GROUP, True)
    [gap] = seen(stage, rules(REFUSALS)).signal_gaps
    assert (gap.subject, "no `web`" in gap.detail) == (GROUP, True)


def test_in_the_first_minute_refusals_are_at_least_so_many_and_none_proves_nothing(stage: Stage) -> None:
    world = stage.world
    world.listening_since = world.now
    world.refusals += [(world.now, nodes(stage)[1].instance.ip)] * 3
    shot = seen(stage, rules(REFUSALS))
    assert shot.samples[REFUSALS] == {keys(stage)[1]: Sample(3, world.now, partial=True)}
    [gap] = shot.signal_gaps
    assert "whole minute" in gap.detail


def test_after_a_minute_a_node_that_told_of_none_refused_none(stage: Stage) -> None:
    world = stage.world
    world.listening_since = world.now - timedelta(minutes=1)
    world.refusals += [(world.now, nodes(stage)[1].instance.ip), (world.now, "10.77.0.1")]
    shot = seen(stage, rules(REFUSALS))
    assert shot.samples[REFUSALS] == dict(zip(keys(stage), (Sample(0, world.now), Sample(1, world.now)), strict=True))
    assert shot.signal_gaps == ()


def test_a_refusal_makes_the_group_grow_by_a_step_at_once(stage: Stage) -> None:
    world = stage.world
    world.listening_since = world.now
    signals = {"refused": {"from": REFUSALS, "aggregate": "sum"}}
    step = policy(
        signals=signals, scale=[{"step": {"signal": "refused", "steps": [{"above": 0, "add": 2}]}}], warm_up="0s"
    )
    before = stage.cycle(step).decision
    world.advance(seconds(1))
    world.refusals.append((world.now, nodes(stage)[0].instance.ip))
    after = stage.cycle(step).decision
    assert (before.desired, after.desired) == (2, 4)
