"""What past seasons had, kept in MongoDB: one small document for each bucket of each signal of a group.

A bucket's key is its `_id`, so that a forecast reads the few that it looks at by their keys, whatever else is there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from math import isfinite

import structlog
from pymongo import UpdateOne
from pymongo.collection import Collection
from pymongo.database import Database

from autoscaler.adapters.mongo import SOURCE, Document, reading
from autoscaler.model.errors import ObservationError
from autoscaler.model.history import Recording, bucket_of
from autoscaler.model.snapshot import Sample


class MongoHistoryReader:
    """Reads what was recorded, and has no means to record."""

    def __init__(self, database: Database[Document]) -> None:
        """Use the collection `history` of `database`; nothing is asked of the server yet."""
        self._rows: Collection[Document] = database.get_collection("history")
        self._client = database.client

    def read(self, group: str, buckets: Mapping[str, Sequence[datetime]]) -> Mapping[str, tuple[Sample, ...]]:
        """Return what was recorded in these buckets of each key, in one question.

        Raises:
            ObservationError: MongoDB cannot be read, or a row holds no number.
        """
        ids = [_id(group, key, at) for key, starts in buckets.items() for at in starts]
        with reading(self._client):
            rows = {row["_id"]: row.get("value") for row in self._rows.find({"_id": {"$in": ids}}, {"value": 1})}
        return {
            key: tuple(
                Sample(_number(rows[row], row), at) for at in starts if (row := _id(group, key, at)) in rows
            )
            for key, starts in buckets.items()
        }  # fmt: skip


class MongoHistory(MongoHistoryReader):
    """Records, too. MongoDB forgets each row a while after nobody looks back to it any more."""

    def __init__(self, database: Database[Document]) -> None:
        """Use the collection `history` of `database`; nothing is asked of the server yet."""
        super().__init__(database)
        self._indexed = False

    def record(self, group: str, at: datetime, recordings: Sequence[Recording]) -> None:
        """Raise the bucket of `at` to these totals, in one request. What cannot be written is logged and lost."""
        if not recordings:
            return
        start = bucket_of(at)
        raises = [
            UpdateOne(
                {"_id": _id(group, recording.key, start)},
                {"$max": {"value": recording.value, "until": start + recording.keep}},
                upsert=True,
            )
            for recording in recordings
        ]
        try:
            with reading(self._client):  # no step waits for it, so its failure has no code of a step
                self._bound()
                self._rows.bulk_write(raises, ordered=False)
        except ObservationError as error:
            log = structlog.stdlib.get_logger("autoscaler")
            log.warning("history_unavailable", group=group, detail=error.detail)

    def _bound(self) -> None:
        """Let MongoDB delete each row when its own `until` has passed: policies look back differently far."""
        if not self._indexed:
            self._rows.create_index("until", expireAfterSeconds=0)
            self._indexed = True


def _id(group: str, key: str, start: datetime) -> str:
    return f"{group}/{key}/{start:%Y-%m-%dT%H:%MZ}"


def _number(value: object, row: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise ObservationError(SOURCE, f"the history's row {row} holds no number")
    return value
