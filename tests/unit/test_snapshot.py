"""Samples that are laid over others: a mapping as any, of which nothing below is laid out before somebody looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from autoscaler.model.codec import to_plain
from autoscaler.model.snapshot import FleetSnapshot, Sample
from tests.support.fleet import CPU, NOW, SESSIONS

BEFORE = {CPU: {"i-1": Sample(1.0, NOW)}, SESSIONS: {"i-1": Sample(2.0, NOW)}}
MORE = {SESSIONS: {"i-1": Sample(3.0, NOW)}, "ams.node.streams": {"i-1": Sample(4.0, NOW)}, "told nothing": {}}
BOTH = {CPU: BEFORE[CPU], SESSIONS: MORE[SESSIONS], "ams.node.streams": MORE["ams.node.streams"]}


class Lazy(Mapping[str, Mapping[str, Sample]]):
    """Notes who is looked at."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __getitem__(self, source: str) -> Mapping[str, Sample]:
        self.seen.append(source)
        return BEFORE[source]

    def __iter__(self) -> Iterator[str]:
        return iter(BEFORE)

    def __len__(self) -> int:
        return len(BEFORE)


def test_what_is_told_later_stands_before_what_was_there() -> None:
    samples = FleetSnapshot("edge", NOW, samples=BEFORE).with_samples(MORE).samples
    assert samples == BOTH
    assert {*samples} == {*BOTH}
    assert len(samples) == 3
    assert repr(samples) == repr({source: samples[source] for source in samples})
    assert to_plain(samples) == to_plain(BOTH)
    assert samples.get("told nothing") is None
    with pytest.raises(KeyError):
        samples["nowhere"]


def test_nothing_more_is_the_same_snapshot() -> None:
    shot = FleetSnapshot("edge", NOW, samples=BEFORE)
    assert shot.with_samples({"told nothing": {}}) is shot


def test_only_who_is_asked_for_is_laid_out() -> None:
    below = Lazy()
    samples = FleetSnapshot("edge", NOW, samples=below).with_samples(MORE).samples
    assert below.seen == []
    assert samples[SESSIONS] == MORE[SESSIONS]
    assert below.seen == []
    assert samples.get(CPU) == BEFORE[CPU]
    assert below.seen == [CPU]
