"""What every history does: MongoDB, and the simulated one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Protocol

import pytest
from pymongo.database import Database

from autoscaler.adapters.mongo import Document
from autoscaler.adapters.mongo_history import MongoHistory, MongoHistoryReader
from autoscaler.model.errors import ObservationError
from autoscaler.model.history import BUCKET, Recording, bucket_of
from autoscaler.model.snapshot import Sample
from autoscaler.ports import HistoryReader, HistoryWriter
from autoscaler.simulate.stores import SimulatedHistory
from tests.support.logs import captured_log
from tests.support.mongo import three_views

START = datetime(2026, 3, 6, 20, 0, tzinfo=UTC)
KEEP = timedelta(days=29)


class History(HistoryReader, HistoryWriter, Protocol):
    """Both ports; the daemon has one of them twice."""


@dataclass(frozen=True)
class Rig:
    """`another` is the history as another process has it, `unreachable` one whose server is down."""

    history: History
    another: HistoryReader
    unreachable: History


def mongo_rig(request: pytest.FixtureRequest) -> Rig:
    database, other, refused = three_views(request)
    return Rig(
        MongoHistory(database), MongoHistoryReader(other), MongoHistory(refused)
    )  # fmt: skip


def simulated_rig(request: pytest.FixtureRequest) -> Rig:
    del request
    history = SimulatedHistory()
    return Rig(history, history, SimulatedHistory(available=False))


@pytest.fixture(params=[mongo_rig, simulated_rig])
def rig(request: pytest.FixtureRequest) -> Rig:
    make: Callable[[pytest.FixtureRequest], Rig] = request.param
    return make(request)


def total(value: float, key: str = "viewers-1a") -> Recording:
    return Recording(key, value, KEEP)


def read(history: HistoryReader, *starts: datetime, key: str = "viewers-1a", group: str = "edge") -> tuple[Sample, ...]:
    return history.read(group, {key: starts})[key]


def test_nothing_was_recorded_at_first(rig: Rig) -> None:
    assert rig.history.read("edge", {"viewers-1a": [START], "sessions-2b": [START]}) == {
        "viewers-1a": (), "sessions-2b": (),
    }  # fmt: skip
    assert rig.history.read("edge", {}) == {}


def test_the_highest_of_five_minutes_is_kept_and_read_by_any_process(rig: Rig) -> None:
    for second, value in ((0, 40.0), (5, 70.5), (299, 60.0)):
        rig.history.record("edge", START + timedelta(seconds=second), [total(value)])
    assert read(rig.another, START) == (Sample(70.5, START),)


def test_each_five_minutes_stand_for_themselves(rig: Rig) -> None:
    rig.history.record("edge", START - timedelta(microseconds=1), [total(1.0)])
    rig.history.record("edge", START, [total(2.0)])
    rig.history.record("edge", START + 2 * BUCKET, [total(4.0)])
    asked = [START + number * BUCKET for number in (-2, -1, 0, 1, 2)]
    assert read(rig.history, *asked) == (
        Sample(1.0, START - BUCKET), Sample(2.0, START), Sample(4.0, START + 2 * BUCKET),
    )  # fmt: skip
    assert read(rig.history, START) == (Sample(2.0, START),)


def test_groups_and_keys_do_not_mix(rig: Rig) -> None:
    rig.history.record("edge", START, [total(1.0), total(2.0, "sessions-2b")])
    rig.history.record("edge", START, [])
    rig.history.record("origin", START, [total(3.0)])
    assert rig.history.read("edge", {"sessions-2b": [START], "viewers-1a": [START]}) == {
        "sessions-2b": (Sample(2.0, START),), "viewers-1a": (Sample(1.0, START),),
    }  # fmt: skip
    assert read(rig.history, START, group="origin") == (Sample(3.0, START),)


def test_what_is_below_nothing_is_a_value_too(rig: Rig) -> None:
    rig.history.record("edge", START, [total(-5.0), total(0.0, "sessions-2b")])
    assert read(rig.history, START) == (Sample(-5.0, START),)
    assert read(rig.history, START, key="sessions-2b") == (Sample(0.0, START),)


def test_a_moment_is_the_same_in_every_zone(rig: Rig) -> None:
    elsewhere = (START + timedelta(minutes=3)).astimezone(timezone(timedelta(hours=5, minutes=45)))
    rig.history.record("edge", elsewhere, [total(9.0)])
    assert read(rig.history, bucket_of(elsewhere)) == (Sample(9.0, START),)


def test_what_cannot_be_read_is_an_error_and_what_cannot_be_written_is_none(rig: Rig) -> None:
    with captured_log():
        rig.unreachable.record("edge", START, [total(1.0)])
    with pytest.raises(ObservationError) as reading:
        read(rig.unreachable, START)
    assert reading.value.source == "mongodb"


def test_a_reader_has_nothing_to_write_with(mongo_database: Database[Document]) -> None:
    assert {name for name in dir(MongoHistoryReader) if not name.startswith("_")} == {"read"}
    assert read(MongoHistoryReader(mongo_database), START) == ()
    assert mongo_database.list_collection_names() == []
