"""What every Journal does: log lines, MongoDB, both, and the recording one."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from pymongo.database import Database

from autoscaler.adapters.journal import JournalChain, StructlogJournal
from autoscaler.adapters.mongo import Document, connect
from autoscaler.adapters.mongo_journal import MongoJournal
from autoscaler.model.errors import ActionError
from autoscaler.model.plan import Action, Outcome
from autoscaler.model.record import cycle_record, intent_record, outcome_record
from autoscaler.ports import Journal
from autoscaler.simulate.ports import SimulatedClock
from autoscaler.simulate.stores import RecordingJournal
from autoscaler.simulate.world import World
from tests.support.logs import captured_log
from tests.support.places import free_port
from tests.support.records import ACTIONS, NOW, REPORT, RESULTS

Records = list[tuple[str, dict[str, Any]]]
CLOCK = SimulatedClock(World(now=NOW))


@dataclass(frozen=True)
class Rig:
    """`records` reads back (event, keys of model.record) in order; `broken` is the journal with its server down."""

    journal: Journal
    records: Callable[[], Records]
    broken: Journal | None = None


def log_rig(request: pytest.FixtureRequest) -> Rig:
    log: io.StringIO = request.getfixturevalue("log")

    def records() -> Records:
        lines = [json.loads(line) for line in log.getvalue().splitlines()]
        return [(line.pop("event"), _without(line, "timestamp", "level", "logger")) for line in lines]

    return Rig(StructlogJournal(), records)


def mongo_rig(request: pytest.FixtureRequest) -> Rig:
    database: Database[Document] = request.getfixturevalue("mongo_database")
    request.getfixturevalue("log")
    refused = connect(f"mongodb://127.0.0.1:{free_port()}", timeout=timedelta(milliseconds=300))
    request.addfinalizer(refused.close)

    def records() -> Records:
        rows = list(database.journal.find({}, {"_id": 0}).sort("_id"))
        return [(row.pop("event"), _without(row, "at", "version", "report", "step", "policy_hash")) for row in rows]

    return Rig(MongoJournal(database, CLOCK), records, broken=MongoJournal(refused["autoscaler"], CLOCK))


def chain_rig(request: pytest.FixtureRequest) -> Rig:
    mongo, log = mongo_rig(request), log_rig(request)
    assert mongo.broken is not None
    chain = JournalChain(mongo.journal, log.journal)

    def records() -> Records:
        assert mongo.records() == log.records()
        return log.records()

    return Rig(chain, records, broken=JournalChain(log.journal, mongo.broken))


def recording_rig(request: pytest.FixtureRequest) -> Rig:
    del request
    journal = RecordingJournal()

    def records() -> Records:
        return [_told(group, record) for group, record in journal.records]

    return Rig(journal, records, broken=RecordingJournal(available=False))


def _told(group: str, record: object) -> tuple[str, dict[str, Any]]:
    match record:
        case Action():
            return "intent", intent_record(group, record)
        case Outcome():
            return "outcome", outcome_record(group, record)
    assert record is REPORT
    return "cycle", cycle_record(REPORT)


def _without(record: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in keys}


@pytest.fixture(name="log")
def _log() -> Any:
    with captured_log() as stream:
        yield stream


@pytest.fixture(params=[log_rig, mongo_rig, chain_rig, recording_rig])
def rig(request: pytest.FixtureRequest) -> Rig:
    make: Callable[[pytest.FixtureRequest], Rig] = request.param
    return make(request)


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: type(action).__name__)
def test_every_step_is_named_before_it_is_taken(rig: Rig, action: Action) -> None:
    rig.journal.intent("edge", action)
    told = {"group": "edge", "action": type(action).__name__, "subject": action.subject, "why": action.why,
            "token": action.token}  # fmt: skip
    assert rig.records() == [("intent", told)]


@pytest.mark.parametrize(
    ("result", "told"),
    [
        (RESULTS[0], {"result": "done", "instance_ids": []}),
        (RESULTS[1], {"result": "done", "instance_ids": ["i-1", "i-2"]}),
        (RESULTS[2], {"result": "skipped", "code": "sessions_left"}),
        (RESULTS[3], {"result": "failed", "code": "ec2_throttled", "detail": "slow down", "retryable": True}),
    ],
)
def test_how_a_step_ended(rig: Rig, result: Any, told: dict[str, Any]) -> None:
    rig.journal.outcome("edge", Outcome(ACTIONS[0], result))
    [(event, record)] = rig.records()
    assert event == "outcome"
    assert record == {**intent_record("edge", ACTIONS[0]), **told}


def test_a_cycle_is_one_event(rig: Rig) -> None:
    rig.journal.cycle(REPORT)
    assert rig.records() == [
        (
            "cycle",
            {
                "group": "edge",
                "direction": "out",
                "current": 4,
                "desired": 5,
                "in_service": 2,
                "reasons": ["target_tracking"],
                "refusals": ["publisher_live"],
                "actions": {type(action).__name__: 1 for action in ACTIONS},
                "gaps": {"probe": 1, "mongodb": 2},
                "signal_gaps": {},
            },
        )
    ]


def test_records_keep_their_order(rig: Rig) -> None:
    rig.journal.intent("edge", ACTIONS[0])
    rig.journal.outcome("edge", Outcome(ACTIONS[0], RESULTS[0]))
    rig.journal.intent("edge", ACTIONS[1])
    rig.journal.cycle(REPORT)
    assert [event for event, _ in rig.records()] == ["intent", "outcome", "intent", "cycle"]


@pytest.fixture(params=[mongo_rig, chain_rig, recording_rig])  # log lines need no server, so there is none to lose
def broken(request: pytest.FixtureRequest) -> Journal:
    make: Callable[[pytest.FixtureRequest], Rig] = request.param
    journal = make(request).broken
    assert journal is not None
    return journal


def test_a_journal_that_cannot_record_an_intent_says_so(broken: Journal) -> None:
    with pytest.raises(ActionError) as refused:
        broken.intent("edge", ACTIONS[0])
    assert refused.value.code == "journal_unavailable"


def test_what_is_over_is_no_failure_when_only_the_journal_is(broken: Journal) -> None:
    broken.outcome("edge", Outcome(ACTIONS[0], RESULTS[0]))
    broken.cycle(REPORT)
