"""The journal in MongoDB: whole cycles come back, old ones go, big ones fit."""

from __future__ import annotations

import json
import lzma
from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any

import bson
import pytest
from pymongo.database import Database

from autoscaler.adapters import mongo_journal
from autoscaler.adapters.mongo import Document
from autoscaler.adapters.mongo_journal import MongoJournal, MongoJournalReader, unpack_report
from autoscaler.model.codec import from_plain, to_plain
from autoscaler.model.errors import ActionError, ObservationError
from autoscaler.model.plan import Action
from autoscaler.model.report import CycleReport
from autoscaler.simulate.ports import SimulatedClock
from autoscaler.simulate.world import World
from tests.support.logs import captured_log
from tests.support.looking import FOR_GOOD
from tests.support.mongo import failing
from tests.support.records import ACTIONS, NOW, REPORT, node, report

CLOCK = SimulatedClock(World(now=NOW))


def only(database: Database[Document]) -> dict[str, Any]:
    [row] = database.journal.find()
    return row


def test_a_cycle_comes_back_byte_for_byte(mongo_database: Database[Document]) -> None:
    MongoJournal(mongo_database, CLOCK, FOR_GOOD).cycle(REPORT)
    read = MongoJournalReader(mongo_database).latest("edge")
    assert read == REPORT
    assert json.dumps(to_plain(read)) == json.dumps(to_plain(REPORT))


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: type(action).__name__)
def test_the_whole_step_is_known_before_it_is_taken(mongo_database: Database[Document], action: Action) -> None:
    MongoJournal(mongo_database, CLOCK, FOR_GOOD).intent("edge", action)
    assert from_plain(Action, only(mongo_database)["step"]) == action


def test_a_thousand_nodes_fit_many_times_over(mongo_database: Database[Document]) -> None:
    big = report(tuple(node(number) for number in range(1000)))
    MongoJournal(mongo_database, CLOCK, FOR_GOOD).cycle(big)
    row = only(mongo_database)
    assert unpack_report(row) == replace(big, policy="")
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
    journal = MongoJournal(mongo_database, CLOCK, FOR_GOOD)
    with failing(mongo_uri, "createIndexes", errorCode=13), pytest.raises(ActionError):
        journal.intent("edge", ACTIONS[0])
    journal.intent("edge", ACTIONS[0])
    assert "at_1" in mongo_database.journal.index_information()


def test_an_intent_that_a_majority_does_not_have_stops_the_step(
    mongo_uri: str, mongo_database: Database[Document]
) -> None:
    journal = MongoJournal(mongo_database, CLOCK, FOR_GOOD)
    lagging = {"code": 64, "codeName": "WriteConcernFailed", "errmsg": "waiting for replication timed out"}
    with failing(mongo_uri, "insert", writeConcernError=lagging), pytest.raises(ActionError) as refused:
        journal.intent("edge", ACTIONS[0])
    assert refused.value.code == "journal_unavailable"


def test_a_lost_cycle_is_told_in_the_log(mongo_uri: str, mongo_database: Database[Document]) -> None:
    with captured_log() as log, failing(mongo_uri, "insert", errorCode=112):
        MongoJournal(mongo_database, CLOCK, FOR_GOOD).cycle(REPORT)
    told = json.loads(log.getvalue())
    assert (told["event"], told["lost"], told["group"], told["level"]) == (
        "journal_unavailable", "cycle", "edge", "warning",
    )  # fmt: skip


@pytest.mark.parametrize(
    "damage",
    [
        {"version": 1},
        {"version": None},
        {"report": b"no xz"},
        {"report": lzma.compress(b"no json")},
        {"report": lzma.compress(b"{}")},
        {"report": lzma.compress(b"\xff")},
        {"report": lzma.compress(b"[" * 100_000)},
        {"report": lzma.compress(b"9" * 5_000)},
        {"report": 5},
    ],
)
def test_what_is_no_cycle_is_not_replayed(mongo_database: Database[Document], damage: dict[str, Any]) -> None:
    MongoJournal(mongo_database, CLOCK, FOR_GOOD).cycle(REPORT)
    with pytest.raises(ObservationError, match="journal"):
        unpack_report({**only(mongo_database), **damage})


def test_an_intent_holds_no_report(mongo_database: Database[Document]) -> None:
    MongoJournal(mongo_database, CLOCK, FOR_GOOD).intent("edge", ACTIONS[0])
    with pytest.raises(ObservationError, match="damaged"):
        unpack_report(only(mongo_database))


def begun(after: float, policy: str = REPORT.policy, group: str = "edge") -> CycleReport:
    """A cycle that began so many seconds after NOW."""
    snapshot = replace(REPORT.snapshot, taken_at=NOW + timedelta(seconds=after))
    return replace(REPORT, snapshot=snapshot, decision=replace(REPORT.decision, group=group), policy=policy)


def test_a_cycle_is_found_by_a_time_in_it(mongo_database: Database[Document]) -> None:
    journal, reader = MongoJournal(mongo_database, CLOCK, FOR_GOOD), MongoJournalReader(mongo_database)
    cycles = [begun(0), begun(5), begun(10)]
    for each in (*cycles, begun(7, group="origin")):
        journal.cycle(each)
    assert reader.latest("edge") == cycles[2]
    assert reader.latest("edge", cycles[1].snapshot.taken_at) == cycles[1]
    assert reader.latest("edge", NOW + timedelta(seconds=9)) == cycles[1]
    with pytest.raises(
        ObservationError, match=r"no cycle of the group 'edge' is in the journal up to 2026-01-01T11:59"
    ):
        reader.latest("edge", NOW - timedelta(seconds=1))
    with pytest.raises(ObservationError, match=r"no cycle of the group 'nobody' is in the journal$"):
        reader.latest("nobody")


def test_the_journal_names_its_groups(mongo_database: Database[Document]) -> None:
    journal, reader = MongoJournal(mongo_database, CLOCK, FOR_GOOD), MongoJournalReader(mongo_database)
    journal.intent("someone", ACTIONS[0])  # a step without a cycle explains nothing
    with pytest.raises(ObservationError, match="no cycle is in the journal of"):
        reader.groups()
    journal.cycle(begun(0, group="origin"))
    journal.cycle(begun(0))
    assert reader.groups() == ("edge", "origin")


def test_a_span_is_read_in_order_over_all_pages(
    mongo_database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mongo_journal, "_PAGE", 2)
    journal, reader = MongoJournal(mongo_database, CLOCK, FOR_GOOD), MongoJournalReader(mongo_database)
    cycles = [begun(after) for after in (4, 0, 1, 2, 3)]
    for each in cycles:
        journal.cycle(each)
    since, until = NOW, NOW + timedelta(seconds=4)
    assert list(reader.between("edge", since, until)) == [*cycles[1:]]
    assert list(reader.between("edge", until, until + timedelta(days=1))) == [cycles[0]]


def test_a_policy_is_stored_once_and_again_while_it_stays_in_force(mongo_database: Database[Document]) -> None:
    journal, reader = MongoJournal(mongo_database, CLOCK, FOR_GOOD), MongoJournalReader(mongo_database)
    day = timedelta(days=1).total_seconds()
    for each in (begun(0), begun(day - 1), begun(day), begun(day + 1, policy="{}")):
        journal.cycle(each)
    kept = {row["text"]: row["at"] for row in mongo_database.policies.find()}
    assert {text: round((at.replace(tzinfo=UTC) - NOW).total_seconds()) for text, at in kept.items()} == {
        REPORT.policy: day,
        "{}": day + 1,
    }
    assert [each.policy for each in reader.between("edge", NOW, NOW + timedelta(days=2))] == [REPORT.policy] * 3 + [
        "{}"
    ]
    assert (
        mongo_database.policies.index_information()["at_1"]["expireAfterSeconds"]
        == (FOR_GOOD + timedelta(days=2)).total_seconds()
    )


def test_a_cycle_outlives_a_policy_that_is_lost(mongo_database: Database[Document]) -> None:
    MongoJournal(mongo_database, CLOCK, FOR_GOOD).cycle(REPORT)
    mongo_database.policies.delete_many({})
    assert MongoJournalReader(mongo_database).latest("edge") == replace(REPORT, policy="")


def test_a_journal_that_cannot_be_read_says_so(mongo_uri: str, mongo_database: Database[Document]) -> None:
    MongoJournal(mongo_database, CLOCK, FOR_GOOD).cycle(REPORT)
    reader = MongoJournalReader(mongo_database)
    with failing(mongo_uri, "find", errorCode=13), pytest.raises(ObservationError, match="lacks a permission"):
        reader.latest("edge")
    with failing(mongo_uri, "distinct", errorCode=13), pytest.raises(ObservationError, match="lacks a permission"):
        reader.groups()
