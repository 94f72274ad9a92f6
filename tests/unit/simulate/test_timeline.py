"""Ticks: all of them in the digest, a bounded number of them kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from autoscaler.simulate.timeline import Tick, Timeline

TICK = Tick(0.0, 10, 1, 0, 0, 2, 0, 0, 2, "hold", ())


def of(*ticks: Tick) -> Timeline:
    timeline = Timeline()
    for tick in ticks:
        timeline.add(tick)
    return timeline


def test_a_short_one_is_kept_as_it_was() -> None:
    ticks = [replace(TICK, at_s=10.0 * number) for number in range(4095)]
    timeline = of(*ticks)
    assert (timeline.points, timeline.count) == (ticks, 4095)


def test_a_long_one_is_merged_and_loses_no_peak_and_no_rejection() -> None:
    ticks = [replace(TICK, at_s=10.0 * n, viewers=n, rejected=1, draining=n % 2) for n in range(100_010)]
    timeline = of(*ticks)
    assert 2048 <= len(timeline.points) <= 4096
    assert timeline.count == 100_010
    points, peaks = timeline.whole()
    assert sum(point.rejected for point in points) == 100_010  # those of the point that is still open, too
    assert len(points) == len(peaks) == len(timeline.points) + 1
    assert set(peaks) == {(1, 1, 0)}
    assert all(point.draining == 1 for point in timeline.points)
    assert [point.viewers for point in timeline.points] == [point.at_s / 10 for point in timeline.points]


def test_the_phases_of_a_merged_point_were_there_at_one_time() -> None:
    begins, drains = replace(TICK, serving=2, coming=2), replace(TICK, serving=3, draining=1)
    of_fewer = replace(TICK, serving=4, desired=5)
    (point, *_) = of(*[begins, drains, of_fewer, TICK] * 2048).points
    assert (point.serving, point.draining, point.coming) == (3, 1, 0)  # of as many nodes those that drain
    assert point.desired == 5


def test_what_a_fuller_moment_hides_is_in_the_peaks() -> None:
    full, drains = replace(TICK, serving=9), replace(TICK, draining=1)
    hurt = [replace(TICK, rejected=3), replace(TICK, rejected=40, cut=2)]
    timeline = of(full, drains, *hurt, *[TICK] * 8188)
    assert (timeline.each, timeline.points[0].draining, timeline.points[0].rejected) == (4, 0, 43)
    assert timeline.peaks[:2] == [(1, 40, 2), (0, 0, 0)]


def test_drains_are_counted_and_timed_to_the_cycle() -> None:
    counts = [0, 1, 2, 0, 1, 0, *[0] * 9000, 1, 1, 1]
    drains = of(*[replace(TICK, draining=count) for count in counts]).drains
    assert (drains.count, drains.longest) == (3, 3)


def test_the_digest_is_of_every_tick() -> None:
    ticks = [replace(TICK, at_s=10.0 * number) for number in range(5000)]
    assert of(*ticks).digest == of(*ticks).digest
    changes: dict[str, Any] = {"viewers": 11, "reasons": ("gap",), "direction": "in", "rejected": 1, "cut": 1}
    for field, value in changes.items():
        changed = [*ticks[:2500], replace(ticks[2500], **{field: value}), *ticks[2501:]]
        assert of(*changed).digest != of(*ticks).digest
