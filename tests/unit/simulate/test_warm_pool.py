"""A warm pool in a made-up cluster: what it brings, what it costs, and that it is no capacity while it sleeps."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from autoscaler.model.plan import Admission, Done, Ending, Stop, Wake
from autoscaler.model.report import CycleReport
from autoscaler.model.snapshot import Instance, InstanceState
from autoscaler.policy.schema import Policy
from autoscaler.simulate.crowd import Visit
from autoscaler.simulate.measures import measure
from autoscaler.simulate.ports import SimulatedFleet
from autoscaler.simulate.run import Played, Stage, play, set_stage
from autoscaler.simulate.spec import BootSpec, TypeSpec, WorldSpec
from autoscaler.simulate.traffic.sessions import Event
from tests.support.crowd import Told, coming
from tests.support.fleet import BACKEND, SESSIONS, policy
from tests.support.traffic import generated

STEP = timedelta(seconds=10)


def steady(seconds: int) -> BootSpec:
    return BootSpec(median=timedelta(seconds=seconds), p95=timedelta(seconds=seconds))


SPEC = WorldSpec(
    types={"c5.xlarge": TypeSpec(vcpus=4, viewers=200, price=2, stopped_price=0.25)}, boot=steady(90), wake=steady(30)
)
"""A node of which 72 % may be used: 144 viewers."""


def rules(stopped: int, **changes: Any) -> Policy:
    """Two nodes at least, 100 viewers each wanted."""
    launch = {"launch_template": "t", "types": ["c5.xlarge"], "subnets": ["subnet-a", "subnet-b"]}
    return policy(
        **{
            "bounds": {"min": 2, "max": 20},
            "signals": {"sessions": {"from": SESSIONS, "aggregate": "sum"}},
            "scale": [{"target_tracking": {"signal": "sessions", "target_per_node": 100}}],
            "scale_in": {"stabilization": "1m"},
            "launch": {**launch, "warm_pool": {"stopped": stopped}},
            **changes,
        }
    )


def staged(by: Policy, traffic: Told, spec: WorldSpec = SPEC) -> Stage:
    return set_stage(by, traffic, spec, 1, STEP)


def played(by: Policy, traffic: Told, spec: WorldSpec = SPEC) -> Played:
    return play(staged(by, traffic, spec), traffic, STEP)


def asleep(stage: Stage) -> int:
    return sum(node.instance.state is InstanceState.STOPPED for node in stage.world.nodes.values())


@pytest.mark.parametrize(("stopped", "most", "found"), [(0, 20, 0), (3, 20, 3), (3, 4, 2)])
def test_the_pool_is_full_when_the_trace_begins(stopped: int, most: int, found: int) -> None:
    stage = staged(rules(stopped, bounds={"min": 2, "max": most}), Told([]))
    assert asleep(stage) == found
    play(stage, Told([]), STEP)
    assert asleep(stage) == found


def test_who_sleeps_costs_its_disk_and_is_no_node_hour() -> None:
    found = measure(played(rules(4), Told([])), "edge", "told", 1, wall_s=1.0)
    assert (found.node_hours, found.stopped_hours, found.over_provisioned_ratio) == (2, 4, 1)
    assert found.cost == pytest.approx(2 * 2 + 4 * 0.25)
    assert found.max_nodes == 2


@pytest.mark.parametrize(("stopped", "after_s"), [(0, 90), (1, 30)])
def test_a_woken_node_comes_sooner_than_a_new_one(stopped: int, after_s: int) -> None:
    crowd = Told([(190, 0, 3600, False), (60, 600, 3000, False)])
    found = played(rules(stopped), crowd)
    assert [(turn.at_s, turn.before, turn.after) for turn in found.timeline.turns][:1] == [(600.0, 2, 3)]
    first = next(point for point in found.timeline.points if point.serving > 2)
    assert 600 + after_s <= first.at_s <= 600 + after_s + 30  # it is listed, joins and is admitted in cycles of 10 s
    assert found.totals.viewers_cut == 0


def test_the_pool_fills_up_again_with_what_joined_and_with_what_was_drained() -> None:
    crowd = Told([(190, 0, 3600, False), (300, 600, 600, False)])
    stage = staged(rules(2), crowd)
    ended: list[str] = []
    stage.observer = lambda report: ended.extend(
        f"{type(action).__name__} {action.why}"
        for action in report.plan.actions
        if type(action).__name__ in {"Stop", "Terminate"}
    )
    totals = play(stage, crowd, STEP).totals
    assert asleep(stage) == 2
    assert ended.count("Stop pool_joined") == 2  # what was woken is replaced at once
    assert ended.count("Terminate drained") == 3
    assert (totals.viewers_cut, totals.max_nodes) == (0, 7)  # five serve while two join to be stopped


class Late(SimulatedFleet):
    """EC2 as it lists for three cycles as running what was stopped or ended."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage.world)
        self.ran: dict[str, tuple[datetime, Instance]] = {}

    def instances(self, group: str) -> tuple[Instance, ...]:
        now, listed = self.world.now, {instance.instance_id: instance for instance in super().instances(group)}
        up = {InstanceState.PENDING, InstanceState.RUNNING}
        self.ran |= {key: (now, instance) for key, instance in listed.items() if instance.state in up}
        return tuple((listed | {key: was for key, (at, was) in self.ran.items() if now - at <= 3 * STEP}).values())


def test_nobody_is_sent_to_a_node_that_ends_while_ec2_still_lists_it_as_running() -> None:
    waves = [(300, at, 60, False) for at in (*range(600, 3000, 130), *range(670, 3000, 170))]
    crowd = Told([(190, 0, 3600, False), *waves])
    quick = {"sticky_for": "0s", "empty_for": "0s"}
    stage = staged(rules(2, scale_in={"stabilization": "0s"}, drain=quick), crowd)
    stage.senses = replace(stage.senses, fleet=Late(stage))
    ended: set[str] = set()
    wrong: list[str] = []

    def watch(report: CycleReport) -> None:
        for outcome in report.outcomes:
            action = outcome.action
            if isinstance(action, Wake):
                ended.discard(action.instance_id)
            elif isinstance(action, Admission | Stop) and action.instance_id in ended:
                wrong.append(f"{type(action).__name__} {action.instance_id}")
            elif isinstance(action, Ending) and outcome.result == Done():
                ended.add(action.instance_id)

    stage.observer = watch
    play(stage, crowd, STEP)
    assert len(ended) > 10
    assert wrong == []


def test_a_drained_node_sleeps_when_the_group_was_at_its_largest() -> None:
    crowd = Told([(190, 0, 3600, False), (300, 600, 600, False)])
    stage = staged(rules(2, bounds={"min": 2, "max": 5}), crowd)
    stops: list[str] = []
    stage.observer = lambda report: stops.extend(
        action.why for action in report.plan.actions if type(action).__name__ == "Stop"
    )
    play(stage, crowd, STEP)
    assert asleep(stage) == 2
    assert "drained" in stops


def test_whoever_is_on_a_node_that_is_stopped_is_cut() -> None:
    """The simulation would tell if we ever did it."""
    stage = staged(rules(0), Told([]))
    stage.cluster.step(0, coming([Visit(publisher=False, last_step=99)] * 100))
    node = next(iter(stage.world.nodes.values()))
    stage.world.stop(node)
    assert stage.cluster.reap().viewers_cut == 50
    assert node.instance.state is InstanceState.STOPPED
    assert stage.cluster.reap().viewers_cut == 0


def test_where_nothing_can_be_woken_nothing_is_lost_but_time() -> None:
    crowd = Told([(190, 0, 3600, False), (60, 600, 3000, False)], events=(Event(590.0, "stock_out", lasts_s=300.0),))
    found = played(rules(1), crowd)
    first = next(point for point in found.timeline.points if point.serving > 2)
    assert first.at_s >= 890
    assert found.totals.viewers_cut == 0


# 0 to 2,000 viewers -------------------------------------------------------------------------------------------------

RUSH = """\
trace: rush
begin: 2026-03-04T18:00:00
length: 30m
viewers: {base: 0}
streams: {count: 1}
surges:
  - {at: 10m, viewers: 2000, rise: 3m, stay: {median: 40m, sigma: 0.4}}
"""


def edge(stopped: int, *, ahead: bool = True) -> Policy:
    """A node carries 158 viewers and should have 110; 70 s are a wake with all that goes before and after it."""
    signals: dict[str, Any] = {
        "sessions": {"from": SESSIONS, "backend": BACKEND, "aggregate": "sum"},
        "rate": {"from": "haproxy.server.rate", "backend": BACKEND, "aggregate": "sum", "on_missing": "ignore"},
        "soon": {"expr": "sessions + 70 * rate", "aggregate": "sum"},
    }
    target = {"signal": "soon" if ahead else "sessions", "target_per_node": 110}
    return rules(stopped, signals=signals, scale=[{"target_tracking": target}], headroom={"percent": "10%"})


def rush(by: Policy) -> tuple[Played, float]:
    """Play 2,000 viewers who come within three minutes; return when there was room for all, too, from their begin."""
    traffic = generated(RUSH)
    found = play(set_stage(by, traffic, WorldSpec(), 1, STEP), traffic, STEP)
    return found, next(point.at_s for point in found.timeline.points if point.serving * 158 >= 2000) - 600


def test_a_warm_pool_serves_two_thousand_in_three_minutes_with_boots_of_ninety_seconds() -> None:
    (cold, late_s), (warm, soon_s), (late, _) = (rush(by) for by in (edge(0), edge(12), edge(12, ahead=False)))
    assert warm.totals.sessions == cold.totals.sessions >= 2000
    assert soon_s <= 150 < late_s
    assert (warm.totals.rejected_sessions, warm.totals.viewers_cut) == (0, 0)
    assert min(cold.totals.rejected_sessions, late.totals.rejected_sessions) > 1000  # neither suffices by itself
