"""Recordings of a simulated cluster teach what its world was told, though its nodes differ and their CPU jumps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from math import pi, sin

import pytest

from autoscaler.model.report import CycleReport
from autoscaler.model.snapshot import Heartbeat
from autoscaler.policy.document import check, parse
from autoscaler.policy.text import read_policy
from autoscaler.simulate.learn.learnt import Limits
from autoscaler.simulate.learn.lesson import Lesson, conclude
from autoscaler.simulate.learn.readings import count_of
from autoscaler.simulate.learn.recorded import Recorded
from autoscaler.simulate.learn.suggest import advise
from autoscaler.simulate.learn.world import world_text
from autoscaler.simulate.spec import BootSpec, TypeSpec, WorldSpec
from tests.support.crowd import Told
from tests.support.learning import everybody, noisy, recorded

SPEC = WorldSpec(
    types={"c7i.xlarge": TypeSpec(vcpus=4, viewers=180, publishers=24)},
    boot=BootSpec(median=timedelta(seconds=80), p95=timedelta(seconds=110)),
)
"""A node refuses at 72 % more than idle: it carries 129.6 viewers, or 17.28 publishers."""

LIMITS = Limits(cpu=75.0, memory=100.0)
RUNS = 20


def crowd(hours: int) -> Told:
    """Viewers come in one wave and publishers in others, each for some twenty minutes."""
    rows = []
    for number in range(hours * 60):
        viewers = 6 + 20 * (1 - sin(pi * number / (hours * 60)) ** 2)
        rows.append((round(viewers), 60.0 * number + 7, 900.0 + 37 * (number % 17), False))
        publishers = 0.9 * (1 + sin(number / 9)) * (1 + number % 3) / 2
        rows.append((round(publishers), 60.0 * number + 19, 700.0 + 53 * (number % 13), True))
    return Told([row for row in rows if row[0]], length_s=hours * 3600.0)


@pytest.fixture(scope="module")
def reports() -> list[CycleReport]:
    return recorded(everybody(), crowd(5), SPEC)


def taught(reports: Sequence[CycleReport]) -> Lesson:
    rules = read_policy(reports[0].policy)
    found = Recorded("edge", count_of(rules))
    for report in reports:
        found.add(report, rules)
    return conclude(found, LIMITS)


def test_a_clean_recording_tells_the_world_to_the_digit(reports: list[CycleReport]) -> None:
    lesson = taught(reports)
    (kind,) = lesson.types
    assert kind.viewers
    assert kind.publishers
    assert kind.cpu
    assert kind.cpu.base == pytest.approx(3, abs=0.05)
    assert kind.viewers.alone.value == pytest.approx(129.6, rel=0.005)
    assert kind.publishers.alone.value == pytest.approx(17.28, rel=0.005)
    assert [finding.code for finding in kind.findings] == ["at-limit"]  # its first minutes had too few nodes
    assert lesson.left_out.keys() == {"leaving", "warm-up", "not-in-service"}
    spec = check(WorldSpec, parse(world_text(lesson), "w"))
    assert spec.types["c7i.xlarge"].viewers == pytest.approx(180, rel=0.005)
    assert spec.types["c7i.xlarge"].publishers == pytest.approx(24, rel=0.005)
    assert spec.idle_cpu == pytest.approx(3, abs=0.1)
    assert spec.refuse_cpu == 75
    assert lesson.boots
    assert lesson.growth.within_s == lesson.boots.serving_p95_s + 30  # a boot, and the cycle that sees the need
    assert spec.boot.median.total_seconds() == pytest.approx(80, abs=45)  # looked at every half minute


@pytest.mark.parametrize(("slowest", "within"), [(90.0, 150), (300.0, 330), (None, 630)])
def test_of_few_boots_a_usual_one_is_taken_or_the_slowest_and_of_none_what_the_policy_allows(
    reports: list[CycleReport], monkeypatch: pytest.MonkeyPatch, slowest: float | None, within: float
) -> None:
    monkeypatch.setattr(Recorded, "slowest_s", lambda _: slowest)
    lesson = taught(reports[:40])
    assert (lesson.boots, lesson.growth.within_s) == (None, within)  # a cycle more
    assert [finding.code for finding in lesson.findings] == ["boots-unknown"]


def test_intervals_hold_the_truth_nine_times_of_ten(reports: list[CycleReport]) -> None:
    hits = {"viewers": 0, "publishers": 0}
    for seed in range(RUNS):
        (kind,) = taught(noisy(reports, seed)).types
        for who, true in (("viewers", 129.6), ("publishers", 17.28)):
            carried = getattr(kind, who)
            assert carried, kind.findings
            hits[who] += carried.alone.low <= true <= (carried.alone.high or float("inf"))
            assert 0.8 * true < carried.alone.value < 1.25 * true
    assert min(hits.values()) >= 0.9 * RUNS, hits


def test_an_hour_of_a_recording_proves_no_target(reports: list[CycleReport]) -> None:
    """Though what nodes carry may be known by then: of many nodes for minutes it is."""
    for begin in range(0, len(reports), 60):
        advice = advise(everybody(), taught(reports[begin : begin + 120]))
        assert advice.suggestions == ()
        assert {"growth-unknown", "first-type-unknown"} & {finding.code for finding in advice.findings}


def test_a_target_that_is_suggested_keeps_every_node_below_its_limit(reports: list[CycleReport]) -> None:
    """Steered by what a noisy recording suggests, the true cluster serves the same people and refuses nobody."""
    rules = everybody()
    advice = advise(rules, taught(noisy(reports, 3)))
    targets = {each.path: each.after for each in advice.suggestions}
    scale = rules.model_dump(mode="json", by_alias=True, exclude_none=True)["scale"]
    for (_, number, kind, key), after in targets.items():
        scale[number][kind][key] = after
    assert len(targets) == 2
    again = recorded(everybody(scale=scale), crowd(5), SPEC)
    beats = [node.heartbeat for report in again for node in report.snapshot.nodes]
    cpus = [beat.cpu_percent or 0.0 for beat in beats if isinstance(beat, Heartbeat)]
    assert 50 < max(cpus) < 75
