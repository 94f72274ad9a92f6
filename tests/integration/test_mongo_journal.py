"""The journal in MongoDB: whole cycles come back, old ones go, big ones fit."""

from __future__ import annotations

import json
import lzma
from datetime import timedelta
from typing import Any

import bson
import pytest
from pymongo.database import Database

from autoscaler.adapters.mongo import Document
from autoscaler.adapters.mongo_journal import MongoJournal, unpack_report
from autoscaler.model.codec import from_plain, to_plain
from autoscaler.model.errors import ActionError, ObservationError
from autoscaler.model.plan import Action
from autoscaler.simulate.ports import SimulatedClock
from autoscaler.simulate.world import World
from tests.support.logs import captured_log
from tests.support.mongo import failing
from tests.support.records import ACTIONS, NOW, REPORT, node, report

CLOCK = SimulatedClock(World(now=NOW))


def only(database: Database[Document]) -> dict[str, Any]:
    [row] = database.journal.find()
    return row


def test_a_cycle_comes_back_byte_for_byte(mongo_database: Database[Document]) -> None:
    MongoJournal(mongo_database, CLOCK).cycle(REPORT)
    read = unpack_report(only(mongo_database))
    assert read == REPORT
    assert json.dumps(to_plain(read)) == json.dumps(to_plain(REPORT))


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: type(action).__name__)
def test_the_whole_step_is_known_before_it_is_taken(mongo_database: Database[Document], action: Action) -> None:
    MongoJournal(mongo_database, CLOCK).intent("edge", action)
    assert from_plain(Action, only(mongo_database)["step"]) == action


def test_a_thousand_nodes_fit_many_times_over(mongo_database: Database[Document]) -> None:
    big = report(tuple(node(number) for number in range(1000)))
    MongoJournal(mongo_database, CLOCK).cycle(big)
    row = only(mongo_database)
    assert unpack_report(row) == big
    assert len(bson.encode(row)) < 16 * 2**20 / 20


def test_mongodb_forgets_after_the_retention(mongo_database: Database[Document]) -> None:
    MongoJournal(mongo_database, CLOCK, retention=timedelta(days=14)).intent("edge", ACTIONS[0])
    assert isinstance(only(mongo_database)["at"], type(NOW))  # a date: a TTL index passes over everything else
    assert mongo_database.journal.index_information()["at_1"]["expireAfterSeconds"] == 14 * 86_400


def test_another_retention_takes_the_place_of_the_former(mongo_database: Database[Document]) -> None:
    for days in (14, 3):
        MongoJournal(mongo_database, CLOCK, retention=timedelta(days=days)).intent("edge", ACTIONS[0])
    assert mongo_database.journal.index_information()["at_1"]["expireAfterSeconds"] == 3 * 86_400


def test_an_index_that_cannot_be_made_is_tried_again(mongo_uri: str, mongo_database: Database[Document]) -> None:
    journal = MongoJournal(mongo_database, CLOCK)
    with failing(mongo_uri, "createIndexes", errorCode=13), pytest.raises(ActionError):
        journal.intent("edge", ACTIONS[0])
    journal.intent("edge", ACTIONS[0])
    assert "at_1" in mongo_database.journal.index_information()


def test_an_intent_that_a_majority_does_not_have_stops_the_step(
    mongo_uri: str, mongo_database: Database[Document]
) -> None:
    journal = MongoJournal(mongo_database, CLOCK)
    lagging = {"code": 64, "codeName": "WriteConcernFailed", "errmsg": "waiting for replication timed out"}
    with failing(mongo_uri, "insert", writeConcernError=lagging), pytest.raises(ActionError) as refused:
        journal.intent("edge", ACTIONS[0])
    assert refused.value.code == "journal_unavailable"


def test_a_lost_cycle_is_told_in_the_log(mongo_uri: str, mongo_database: Database[Document]) -> None:
    with captured_log() as log, failing(mongo_uri, "insert", errorCode=112):
        MongoJournal(mongo_database, CLOCK).cycle(REPORT)
    told = json.loads(log.getvalue())
    assert (told["event"], told["lost"], told["group"], told["level"]) == (
        "journal_unavailable", "cycle", "edge", "warning",
    )  # fmt: skip


@pytest.mark.parametrize(
    "damage",
    [
        {"version": 2},
        {"version": None},
        {"report": b"no xz"},
        {"report": lzma.compress(b"no json")},
        {"report": lzma.compress(b"{}")},
        {"report": lzma.compress(b"\xff")},
        {"report": 5},
    ],
)
def test_what_is_no_cycle_is_not_replayed(mongo_database: Database[Document], damage: dict[str, Any]) -> None:
    MongoJournal(mongo_database, CLOCK).cycle(REPORT)
    with pytest.raises(ObservationError, match="journal"):
        unpack_report({**only(mongo_database), **damage})


def test_an_intent_holds_no_report(mongo_database: Database[Document]) -> None:
    MongoJournal(mongo_database, CLOCK).intent("edge", ACTIONS[0])
    with pytest.raises(ObservationError, match="damaged"):
        unpack_report(only(mongo_database))
