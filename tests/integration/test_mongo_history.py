"""The history in MongoDB: what a person finds there, what goes, what is told when it cannot be kept."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from autoscaler.adapters.mongo import Document, connect
from autoscaler.adapters.mongo_history import MongoHistory, MongoHistoryReader
from autoscaler.model.errors import ObservationError
from autoscaler.model.history import Recording
from autoscaler.model.snapshot import Sample
from tests.support.logs import captured_log
from tests.support.mongo import failing, mongo_server, require_executable

NOW = datetime(2026, 3, 6, 20, 3, 17, tzinfo=UTC)
START = NOW.replace(minute=0, second=0)
KEY = "viewers-1a2b3c4d"


def record(database: Database[Document], value: float = 50.0, *, days: int = 29, at: datetime = NOW) -> None:
    MongoHistory(database).record("edge", at, [Recording(KEY, value, timedelta(days=days))])


def only(database: Database[Document]) -> dict[str, Any]:
    [row] = database.history.find()
    return row


def test_a_person_can_read_it(mongo_database: Database[Document]) -> None:
    record(mongo_database)
    row = only(mongo_database)
    assert (row["_id"], row["value"]) == (f"edge/{KEY}/2026-03-06T20:00Z", 50.0)


def test_each_row_says_itself_when_mongodb_may_forget_it(mongo_database: Database[Document]) -> None:
    record(mongo_database, days=29)
    assert mongo_database.history.index_information()["until_1"]["expireAfterSeconds"] == 0
    assert only(mongo_database)["until"].replace(tzinfo=UTC) == START + timedelta(days=29)


def test_a_longer_look_back_keeps_a_row_longer_and_a_shorter_one_takes_nothing(
    mongo_database: Database[Document],
) -> None:
    for days in (29, 57, 8):
        record(mongo_database, days=days)
    assert only(mongo_database)["until"].replace(tzinfo=UTC) == START + timedelta(days=57)


def test_a_lost_record_is_told_in_the_log_and_costs_nothing_else(
    mongo_uri: str, mongo_database: Database[Document]
) -> None:
    history = MongoHistory(mongo_database)
    with captured_log() as log, failing(mongo_uri, "update", errorCode=112):
        history.record("edge", NOW, [Recording(KEY, 1.0, timedelta(days=29))])
    told = json.loads(log.getvalue())
    assert (told["event"], told["group"], told["level"]) == ("history_unavailable", "edge", "warning")
    assert "112" in told["detail"]
    assert mongo_database.history.count_documents({}) == 0


def test_without_its_index_nothing_is_kept_for_ever_and_it_is_tried_again(
    mongo_uri: str, mongo_database: Database[Document]
) -> None:
    history, recording = MongoHistory(mongo_database), Recording(KEY, 1.0, timedelta(days=29))
    with captured_log() as log, failing(mongo_uri, "createIndexes", errorCode=13):
        history.record("edge", NOW, [recording])
    assert "lacks a permission" in log.getvalue()
    assert mongo_database.history.count_documents({}) == 0
    history.record("edge", NOW, [recording])
    assert only(mongo_database)["value"] == 1.0
    assert "until_1" in mongo_database.history.index_information()


def test_a_server_that_fails_to_answer_is_no_empty_history(mongo_uri: str, mongo_database: Database[Document]) -> None:
    record(mongo_database)
    with failing(mongo_uri, "find", errorCode=13), pytest.raises(ObservationError, match="lacks a permission"):
        MongoHistoryReader(mongo_database).read("edge", {KEY: [START]})


@pytest.mark.parametrize("damage", ["many", None, True, float("nan"), {}])
def test_what_is_no_number_is_no_history(mongo_database: Database[Document], damage: object) -> None:
    record(mongo_database)
    mongo_database.history.update_one({}, {"$set": {"value": damage}})
    with pytest.raises(ObservationError, match=r"row edge/viewers-1a2b3c4d/2026-03-06T20:00Z holds no number"):
        MongoHistoryReader(mongo_database).read("edge", {KEY: [START]})


def test_a_row_without_a_value_is_no_zero(mongo_database: Database[Document]) -> None:
    record(mongo_database)
    mongo_database.history.update_one({}, {"$unset": {"value": ""}})
    with pytest.raises(ObservationError, match="holds no number"):
        MongoHistoryReader(mongo_database).read("edge", {KEY: [START]})


def test_a_whole_number_that_a_person_put_there_is_one(mongo_database: Database[Document]) -> None:
    record(mongo_database)
    mongo_database.history.update_one({}, {"$set": {"value": 4200}})
    assert MongoHistoryReader(mongo_database).read("edge", {KEY: [START]}) == {KEY: (Sample(4200, START),)}


def test_it_outlives_a_restart_of_daemon_and_server(tmp_path: Path) -> None:
    require_executable()
    with mongo_server(tmp_path, ["--sync-on-commit"]) as server, connect(server.uri) as client:
        record(client["autoscaler"], 70.0)
        record(client["autoscaler"], 60.0, at=NOW + timedelta(seconds=5))
    with mongo_server(tmp_path) as server, connect(server.uri) as client:
        record(client["autoscaler"], 65.0, at=NOW + timedelta(seconds=40))
        assert MongoHistoryReader(client["autoscaler"]).read("edge", {KEY: [START]}) == {KEY: (Sample(70.0, START),)}
