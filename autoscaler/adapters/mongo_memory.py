"""What the cycles remember, kept in MongoDB: one document a group, replaced only by who read its present revision.

The memory is one JSON text in its document. Its keys hold dots (`c7i.xlarge/subnet-a`), which field names of MongoDB
before 5.0 do not take everywhere.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from uuid import uuid4

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from autoscaler.adapters.mongo import SOURCE, Document, agreed, reading, writing
from autoscaler.model.codec import Malformed, from_json, to_plain
from autoscaler.model.errors import ObservationError, StateConflict
from autoscaler.model.memory import Memory


class MongoMemoryReader:
    """Reads memories, and has no means to write them."""

    def __init__(self, database: Database[Document]) -> None:
        """Use the collection `memory` of `database`.

        Reads are from the primary and of what a majority has: a memory that a failover would take back is none.
        """
        self._rows = agreed(database, "memory")
        self._client = database.client

    def load(self, group: str) -> Memory:
        """Return the group's memory; at first an empty one of an origin of its own.

        Raises:
            ObservationError: MongoDB cannot be read, or holds what this version cannot read.
        """
        with reading(self._client):
            row = self._rows.find_one({"_id": group})
        if row is None or row.get("revision") == 0:  # 0: made for the first savers, and nobody saved yet
            return Memory(origin=uuid4().hex)
        try:
            return replace(from_json(Memory, row["memory"]), revision=row["revision"])
        except (KeyError, TypeError, Malformed) as error:
            raise ObservationError(SOURCE, f"cannot read the memory of group {group!r}: {error}") from error


class MongoMemoryStore(MongoMemoryReader):
    """Keeps memories."""

    def save(self, group: str, memory: Memory) -> Memory:
        """Save if nobody else did since `memory` was loaded, and return it with its new revision.

        Raises:
            StateConflict: somebody else did; nothing was saved.
            ActionError: `state_unavailable`; whether it was saved is unknown, so load again before the next save.
        """
        saved = replace(memory, revision=memory.revision + 1)
        with writing(self._client, "state_unavailable"):
            if memory.revision == 0:
                self._make_row(group)
            known = {"_id": group, "revision": memory.revision}
            found = self._rows.replace_one(known, _document(saved)).matched_count
        if not found:
            raise StateConflict(group)
        return saved

    def _make_row(self, group: str) -> None:
        """Make the row that the first savers then compete for: of two upserts, both may believe that they won."""
        with suppress(DuplicateKeyError):
            self._rows.insert_one({"_id": group, **_document(Memory())})


def _document(memory: Memory) -> Document:
    return {"revision": memory.revision, "memory": json.dumps(to_plain(memory))}
