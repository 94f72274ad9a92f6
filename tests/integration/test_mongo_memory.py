"""Memories that this version cannot read."""

from __future__ import annotations

import json

import pytest
from pymongo.database import Database

from autoscaler.adapters.mongo import Document
from autoscaler.adapters.mongo_memory import MongoMemoryStore
from autoscaler.model.errors import ObservationError
from autoscaler.model.memory import Memory


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({}, "revision"),
        ({"memory": "{"}, "delimiter|property name"),
        ({"memory": 5}, "JSON object must be"),
        ({"memory": "[" * 100_000}, "recursion"),
        ({"memory": "9" * 5_000}, "digits"),
        ({"memory": json.dumps({"drains": {"i-1": {"since": "soon"}}})}, "drains.i-1.since: expected a time"),
        ({"memory": json.dumps({"from_the_future": 1})}, "from_the_future"),
    ],
)
def test_what_is_no_memory_is_an_error_and_not_an_empty_one(
    mongo_database: Database[Document], row: Document, problem: str
) -> None:
    """An empty one would forget which nodes are draining, and which launches were asked for."""
    store = MongoMemoryStore(mongo_database)
    store.save("edge", Memory())
    mongo_database.memory.update_one({"_id": "edge"}, {"$unset": {"memory": ""}} if not row else {"$set": row})
    with pytest.raises(ObservationError, match=problem if row else "memory"):
        store.load("edge")


def test_a_person_can_read_it(mongo_database: Database[Document]) -> None:
    MongoMemoryStore(mongo_database).save("edge", Memory(revision=0))
    row = mongo_database.memory.find_one({"_id": "edge"})
    assert row is not None
    assert row["revision"] == 1
    assert json.loads(row["memory"])["drains"] == {}
