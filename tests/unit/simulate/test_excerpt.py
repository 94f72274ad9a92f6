"""A part of a trace: what was going on when it begins goes on in it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from autoscaler.model.errors import StockOut
from autoscaler.model.plan import Launch, LaunchSpec
from autoscaler.simulate.excerpt import part
from autoscaler.simulate.run import Steered, play, set_stage
from autoscaler.simulate.spec import WorldSpec
from autoscaler.simulate.traffic.sessions import Event
from tests.support.crowd import Told
from tests.support.fleet import policy

STEP = timedelta(seconds=10)


def launch(token: str) -> Launch:
    return Launch(token=token, why="", group="edge", spec=LaunchSpec(), subnet="subnet-a", count=1)


def test_what_began_before_goes_on_for_the_rest_of_its_time() -> None:
    events = (
        Event(0.0, "source_down", source="ec2", lasts_s=600.0),
        Event(100.0, "stock_out", lasts_s=501.0),
        Event(200.0, "source_down", source="mongodb", lasts_s=9000.0),
        Event(300.0, "node_crash", nodes=1),
        Event(600.0, "cut_viewers", share=0.5),
        Event(899.0, "stock_out", lasts_s=60.0),
        Event(900.0, "haproxy_reload"),
    )
    assert part(Told([], events=events), 600.0, 900.0).events == (
        Event(0.0, "stock_out", lasts_s=1.0),
        Event(0.0, "source_down", source="mongodb", lasts_s=8600.0),
        Event(0.0, "cut_viewers", share=0.5),
        Event(299.0, "stock_out", lasts_s=60.0),
    )


@pytest.mark.parametrize("from_s", [0.0, 300.0])
def test_a_part_is_as_stricken_as_the_whole(from_s: float) -> None:
    events = (
        Event(100.0, "stop_heartbeats", nodes=1, lasts_s=400.0),
        Event(200.0, "stock_out", lasts_s=400.0),
        Event(250.0, "source_down", source="ec2", lasts_s=450.0),
    )
    people = part(Told([(30, 0, 3600, False)], length_s=900, events=events), from_s, None)
    stage = set_stage(policy(bounds={"min": 2, "max": 2}), people, WorldSpec(), 1, STEP)
    seen: list[tuple[float, str]] = []

    def steer() -> Steered:
        world, at_s = stage.world, (stage.world.now - people.begin).total_seconds() + from_s
        seen.extend((at_s, "silent") for _ in world.frozen)
        seen.extend((at_s, source) for source in world.dead)
        try:
            world.launch(launch(f"{at_s}"))
        except StockOut:
            seen.append((at_s, "sold out"))
        return Steered(2, "hold", ())

    totals = play(stage, people, STEP, steer).totals
    spans = {"silent": (100, 500), "sold out": (200, 600), "ec2": (250, 700)}
    for what, (begin, end) in spans.items():
        assert [at_s for at_s, which in seen if which == what] == [
            float(at_s) for at_s in range(int(max(begin, from_s)), end, 10)
        ]
    assert totals.rejected_sessions == 0


def test_an_event_at_once_meets_the_nodes_that_are_there() -> None:
    people = Told([(60, 5, 600, False)], length_s=300, events=(Event(0.0, "node_crash", nodes=1),))
    stage = set_stage(policy(bounds={"min": 2, "max": 2}), people, WorldSpec(), 1, STEP)
    assert play(stage, people, STEP, lambda: Steered(2, "hold", ())).totals.max_nodes == 1
    assert sum(stage.cluster.present) == 60
