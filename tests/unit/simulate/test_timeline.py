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
    ticks = [replace(TICK, at_s=10.0 * n, viewers=n, rejected=1, draining=n % 2) for n in range(100_000)]
    timeline = of(*ticks)
    assert 2048 <= len(timeline.points) <= 4096
    assert timeline.count == 100_000
    kept = sum(point.rejected for point in timeline.points)
    assert 100_000 - 64 < kept <= 100_000  # all but those of the point that is still open
    assert all(point.draining == 1 for point in timeline.points)
    assert [point.viewers for point in timeline.points] == [point.at_s / 10 for point in timeline.points]


def test_the_phases_of_a_merged_point_were_there_at_one_time() -> None:
    begins, drains = replace(TICK, serving=2, coming=2), replace(TICK, serving=3, draining=1)
    of_fewer = replace(TICK, serving=4, desired=5)
    (point, *_) = of(*[begins, drains, of_fewer, TICK] * 2048).points
    assert (point.serving, point.draining, point.coming) == (3, 1, 0)  # of as many nodes those that drain
    assert point.desired == 5


def test_the_digest_is_of_every_tick() -> None:
    ticks = [replace(TICK, at_s=10.0 * number) for number in range(5000)]
    assert of(*ticks).digest == of(*ticks).digest
    changes: dict[str, Any] = {"viewers": 11, "reasons": ("gap",), "direction": "in", "rejected": 1, "cut": 1}
    for field, value in changes.items():
        changed = [*ticks[:2500], replace(ticks[2500], **{field: value}), *ticks[2501:]]
        assert of(*changed).digest != of(*ticks).digest
