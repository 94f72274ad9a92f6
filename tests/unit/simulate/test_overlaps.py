"""Things that last, and overlap: none ends another, neither a trace's events nor what the world file draws."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from autoscaler.simulate.run import Steered, play, set_stage
from autoscaler.simulate.spec import WorldSpec
from autoscaler.simulate.traffic.sessions import Event
from tests.support.crowd import Told
from tests.support.fleet import policy

STEP = timedelta(seconds=10)
RULES = policy(bounds={"min": 2, "max": 2}, launch={"launch_template": "t", "types": ["a"], "subnets": ["s"]})

SILENT = Event(300.0, "stop_heartbeats", nodes=2, lasts_s=900.0)
SOLD_OUT = Event(300.0, "stock_out", lasts_s=900.0)
DEAD = Event(300.0, "source_down", source="ec2", lasts_s=900.0)
SPELLS = {"every": "15m", "lasts": "5m"}


def suffered(*events: Event, kind: dict[str, Any] | None = None, **world: Any) -> set[tuple[float, str]]:
    """When who is silent since when, which source is dead, and whether EC2 has nothing."""
    spec = WorldSpec.model_validate({"types": {"a": {"vcpus": 4, **(kind or {})}}, **world})
    people = Told([], length_s=3600, events=events)
    stage = set_stage(RULES, people, spec, 3, STEP)
    seen: set[tuple[float, str]] = set()

    def steer() -> Steered:
        world = stage.world
        at_s = (world.now - people.begin).total_seconds()
        seen.update((at_s, knob) for knob in [*world.frozen, *world.dead])
        if min(world.left("a"), world.capacity.get("s", 1)) < 1:
            seen.add((at_s, "sold out"))
        return Steered(2, "hold", ())

    play(stage, people, STEP, steer)
    return seen


def after(first: Event, at_s: float, lasts_s: float, nodes: int = 0) -> Event:
    return Event(at_s, first.kind, nodes=nodes, source=first.source, lasts_s=lasts_s)


@pytest.mark.parametrize("first", [SILENT, SOLD_OUT, DEAD], ids=lambda event: event.kind)
@pytest.mark.parametrize(("at_s", "lasts_s"), [(600.0, 60.0), (600.0, 1800.0), (300.0, 900.0), (1200.0, 300.0)])
def test_events_do_not_end_each_other(first: Event, at_s: float, lasts_s: float) -> None:
    second = after(first, at_s, lasts_s, nodes=min(1, first.nodes))
    assert suffered(first, second) == suffered(first) | suffered(second)
    assert len(suffered(first)) == 90 * max(1, first.nodes)


def test_nodes_fall_silent_when_the_first_says_so() -> None:
    """A second event does not make their last word younger."""
    people = Told([], length_s=700, events=(SILENT, after(SILENT, 600.0, 300.0, nodes=1)))
    stage = set_stage(RULES, people, WorldSpec(), 3, STEP)
    play(stage, people, STEP, lambda: Steered(2, "hold", ()))
    assert list(stage.world.frozen.values()) == [people.begin + timedelta(seconds=300)] * 2


@pytest.mark.parametrize(
    ("event", "drawn"),
    [
        (SILENT, {"heartbeat_stops": SPELLS}),
        (SOLD_OUT, {"kind": {"stock_outs": SPELLS}}),
        (SOLD_OUT, {"kind": {"stock": 2}}),
    ],
    ids=["heartbeat_stops", "stock_outs", "stock"],
)
@pytest.mark.parametrize("begins_s", range(0, 3600, 300))
def test_neither_ends_what_the_world_file_says(event: Event, drawn: dict[str, Any], begins_s: int) -> None:
    event = after(event, begins_s, 400.0, nodes=event.nodes)
    alone = suffered(**drawn)
    assert suffered(event, **drawn) == suffered(event) | alone
    assert alone
