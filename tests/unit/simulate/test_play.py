"""A policy in a made-up cluster: what capacity does to people, and people to capacity."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from autoscaler.model.snapshot import ServerStatus
from autoscaler.policy.schema import Policy
from autoscaler.simulate.ports import SimulatedFleet
from autoscaler.simulate.run import Played, Steered, play, set_stage
from autoscaler.simulate.spec import BootSpec, TypeSpec, WorldSpec
from autoscaler.simulate.traffic.sessions import Event
from tests.support.crowd import Told
from tests.support.fleet import CPU, SESSIONS, policy

STEP = timedelta(seconds=10)
SPEC = WorldSpec(types={"c5.xlarge": TypeSpec(vcpus=4, viewers=200, publishers=20, price=2)})
"""A node of which 72 % may be used: 144 viewers, or 14.4 publishers."""


def rules(**changes: Any) -> Policy:
    """Two nodes at least, 100 viewers each wanted."""
    return policy(
        **{
            "bounds": {"min": 2, "max": 20},
            "signals": {"cpu": {"from": CPU}, "sessions": {"from": SESSIONS, "aggregate": "sum"}},
            "scale": [{"target_tracking": {"signal": "sessions", "target_per_node": 100}}],
            "scale_in": {"stabilization": "5m"},
            "launch": {"launch_template": "t", "types": ["c5.xlarge"], "subnets": ["subnet-a"]},
            **changes,
        }
    )


def played(traffic: Told, by: Policy | None = None, spec: WorldSpec = SPEC, seed: int = 1) -> Played:
    return play(set_stage(by or rules(), traffic, spec, seed, STEP), traffic, STEP)


def test_nobody_comes_and_nothing_happens() -> None:
    found = played(Told([]))
    totals = found.totals
    assert (totals.sessions, totals.rejected_sessions, totals.scale_outs, found.cycles) == (0, 0, 0, 360)
    assert totals.node_seconds == 2 * 3600
    assert found.oracle.node_hours == 2
    assert totals.cost == pytest.approx(4.0)


def test_people_are_spread_evenly_and_leave_when_their_time_is_over() -> None:
    traffic = Told([(100, 5, 600, False)])
    stage = set_stage(rules(), traffic, SPEC, 1, STEP)
    found = play(stage, traffic, STEP)
    present = {point.at_s: point.viewers for point in found.timeline.points}
    assert (present[0], present[10], present[580], present[590], present[600]) == (100, 100, 100, 100, 0)
    at_peak = max(found.timeline.points, key=lambda point: point.viewers)
    assert (at_peak.serving, at_peak.rejected) == (2, 0)


def test_what_a_node_cannot_carry_is_refused() -> None:
    found = played(Told([(400, 5, 600, False)]), rules(bounds={"min": 2, "max": 2}))
    assert found.totals.rejected_sessions == 400 - 2 * 144
    assert max(point.viewers for point in found.timeline.points) == 288
    assert found.totals.breached_s == 10.0


def test_more_people_bring_more_nodes_a_boot_later() -> None:
    found = played(Told([(190, 0, 3600, False), (190, 600, 3000, False)]), spec=_steady(60))
    first = next(point for point in found.timeline.points if point.serving > 2)
    turn = found.timeline.turns[0]
    assert (turn.at_s, turn.before, turn.after) == (600.0, 2, 3)
    assert 660 <= first.at_s <= 690
    assert found.totals.rejected_sessions == 190 - (288 - 190)


def test_fewer_people_leave_fewer_nodes_and_nobody_is_cut() -> None:
    crowd = Told([(100, 0, 1200, False), (15, 10, 7300, False), (350, 700, 900, False)], length_s=7200)
    found = played(crowd, rules(bounds={"min": 1, "max": 20}, scale_in={"stabilization": "1m"}))
    last = found.timeline.points[-1]
    assert (last.serving, last.viewers) == (1, 15)
    assert found.totals.max_nodes >= 3
    assert (found.totals.viewers_cut, found.totals.disrupted_s, found.totals.publishers_cut) == (0, 0, 0)


def test_a_crash_sends_people_to_the_nodes_that_are_left() -> None:
    crash = Event(600.0, "node_crash", nodes=1)
    found = played(Told([(150, 5, 1800, False)], events=(crash,)))
    after = [point for point in found.timeline.points if point.at_s in (600.0, 610.0)]
    assert [point.viewers for point in after] == [144, 144]  # one node carries no more; six find no room
    assert found.totals.rejected_sessions == 6
    assert found.totals.viewers_cut == 0  # not by us
    assert max(point.serving for point in found.timeline.points if point.at_s > 900) == 2


def test_publishers_go_where_the_role_has_them() -> None:
    people = Told([(4, 0, 600, True), (30, 0, 600, False)])
    present = {
        role: max((point.viewers, point.publishers) for point in played(people, rules(role=role)).timeline.points)
        for role in ("edge", "origin", "both")
    }
    assert present == {"edge": (30, 0), "origin": (0, 4), "both": (30, 4)}


def test_the_same_seed_gives_the_same_digest_and_another_does_not() -> None:
    people = Told([(250, 0, 1200, False), (300, 900, 900, False)])
    first, again, other = (played(people, seed=seed).timeline.digest for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize(("share", "lost"), [(0.7, 254), (0.5, 182), (0.03, 11), (0.001, 0), (1.0, 363)])
def test_as_many_lose_the_connection_as_are_told_however_their_stays_are_drawn(share: float, lost: int) -> None:
    """Hardly any two of the 363 leave in the same step."""
    stays = Random(1)  # noqa: S311 - a simulation draws what it can draw again
    rows = [(1, 5.0, 310 + stays.expovariate(1 / 5000), False) for _ in range(363)]
    cut = Event(300.0, "cut_viewers", share=share)
    found = played(Told(rows, length_s=400, events=(cut,)), rules(bounds={"min": 5, "max": 5}))
    present = {point.at_s: point.viewers for point in found.timeline.points}
    assert (present[290], found.totals.lost_sessions) == (363, lost)


def test_a_node_that_never_joins_is_ended_and_another_launched() -> None:
    spec = SPEC.model_copy(update={"failed_joins": 100.0})
    by = rules(join={"timeout": "3m"})
    found = played(Told([(190, 0, 3600, False), (190, 600, 3000, False)]), by, spec)
    assert max(point.serving for point in found.timeline.points) == 2
    assert max(point.coming for point in found.timeline.points) >= 1
    assert found.totals.node_seconds > 2 * 3600


@pytest.mark.parametrize("source", ["mongodb", "haproxy", "ec2"])
def test_a_source_that_is_down_shrinks_nothing(source: str) -> None:
    down = Event(900.0, "source_down", source=source, lasts_s=2700.0)
    busy = Told([(450, 0, 1000, False)], events=(down,))
    by = rules(scale_in={"stabilization": "1m"})
    quiet = played(replace(busy, events=()), by)
    assert quiet.timeline.points[-1].serving == 2
    assert played(busy, by).timeline.points[-1].serving == max(p.serving for p in quiet.timeline.points)


def _steady(seconds: int) -> WorldSpec:
    boot = BootSpec(median=timedelta(seconds=seconds), p95=timedelta(seconds=seconds))
    return SPEC.model_copy(update={"boot": boot})


def test_who_is_refused_tries_again_until_patience_ends() -> None:
    """Of 200 one node carries 144; after 60 s, when 100 of them left, there is room for the others, if they waited."""
    people = Told([(100, 0, 60, False), (100, 5, 600, False)], length_s=300)
    by = rules(bounds={"min": 1, "max": 1})
    patient, hasty = (
        played(people, by, SPEC.model_copy(update={"patience": timedelta(seconds=wait)})) for wait in (120, 30)
    )
    assert patient.totals.rejected_sessions == hasty.totals.rejected_sessions == 56  # each counts once
    assert patient.timeline.points[-1].viewers == 100
    assert hasty.timeline.points[-1].viewers == 44


def test_whose_time_is_over_while_waiting_does_not_come_any_more() -> None:
    """Four are refused until 30 s, when the 144 leave; that is when their own time is over."""
    people = Told([(144, 0, 25, False), (4, 5, 20, False)], length_s=120)
    stage = set_stage(rules(bounds={"min": 1, "max": 1}), people, SPEC, 1, STEP)
    played = play(stage, people, STEP)
    assert played.totals.rejected_sessions == 4
    assert (stage.cluster.present, stage.cluster.waiting) == ((0, 0), 0)


def test_whom_we_cut_waits_and_the_wait_is_counted() -> None:
    people = Told([(60, 0, 3000, False)], length_s=600)
    stage = set_stage(rules(bounds={"min": 2, "max": 2}), people, SPEC, 1, STEP)
    ended: list[str] = []

    def steer() -> Steered:
        if stage.world.now - people.begin == timedelta(seconds=300):
            ended.append(next(iter(stage.world.nodes)))
            SimulatedFleet(stage.world).terminate(ended[0])
            for key, server in stage.world.servers.items():
                if server.name == "slot1":
                    stage.world.servers[key] = replace(server, status=ServerStatus.DOWN)
        return Steered(2, "hold", ())

    totals = play(stage, people, STEP, steer).totals
    assert (len(ended), totals.viewers_cut, totals.rejected_sessions) == (1, 30, 0)
    assert totals.disrupted_s == 30 * 10  # each came back one step later


@pytest.mark.parametrize(("stay_s", "waits_s"), [(3000, 40), (320, 20)])
def test_who_gives_up_or_had_to_go_anyway_waits_no_more(stay_s: float, waits_s: int) -> None:
    """The only node ends at 300 s; who is cut is refused from 310 s on, and would be for ever."""
    people = Told([(100, 0, stay_s, False)], length_s=600)
    patience = SPEC.model_copy(update={"patience": timedelta(seconds=30)})
    stage = set_stage(rules(bounds={"min": 1, "max": 1}), people, patience, 1, STEP)

    def steer() -> Steered:
        if stage.world.now - people.begin == timedelta(seconds=300):
            SimulatedFleet(stage.world).terminate(next(iter(stage.world.nodes)))
        return Steered(1, "hold", ())

    totals = play(stage, people, STEP, steer).totals
    assert (totals.viewers_cut, totals.rejected_sessions, totals.disrupted_s) == (100, 100, 100 * waits_s)


def test_who_was_let_in_and_is_refused_again_counts_again() -> None:
    """Four are let in at 30 s, when the 144 leave; at 50 s the only node dies."""
    crash = Event(50.0, "node_crash", nodes=1)
    people = Told([(144, 0, 25, False), (4, 5, 600, False)], length_s=120)
    by = rules(bounds={"min": 1, "max": 1})
    assert played(people, by).totals.rejected_sessions == 4
    found = played(replace(people, events=(crash,)), by).totals
    assert (found.rejected_sessions, found.lost_sessions) == (8, 4)


def test_it_begins_with_the_nodes_that_the_policy_has_for_those_who_are_there() -> None:
    found = played(Told([(450, 0, 3600, False)]))
    assert (found.timeline.points[0].serving, found.totals.rejected_sessions, found.timeline.turns) == (5, 0, [])
    bounded = played(Told([(450, 0, 3600, False)]), rules(bounds={"min": 1, "max": 3}))
    assert bounded.timeline.points[0].serving == 3


def test_who_is_refused_makes_the_oracle_no_cheaper() -> None:
    people = Told([(400, 0, 3600, False)])
    few, enough = (played(people, rules(bounds={"min": 1, "max": most})) for most in (1, 20))
    assert few.totals.rejected_sessions == 400 - 144
    assert few.oracle.node_hours == enough.oracle.node_hours == 3  # of 144 each


def test_refusals_are_told_to_who_listens_for_them() -> None:
    """Everybody is refused but those for whom there is room; a step by refusals sees it where no load does."""
    signals = {"refused": {"from": "ams.node.refusals", "aggregate": "sum"}}
    rule = {"step": {"signal": "refused", "steps": [{"above": 0, "add": 2}]}}
    found = played(Told([(300, 600, 3000, False)]), rules(signals=signals, scale=[rule], bounds={"min": 1, "max": 9}))
    first = found.timeline.turns[0]
    assert (first.at_s, first.before, first.after) == (600.0, 1, 3)
