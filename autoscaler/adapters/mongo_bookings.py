"""What is reserved by command, kept in MongoDB: one document a name, replaced only by who read its present revision.

Collection `reservations`. `_id` is `GROUP/NAME`; `acts` holds every deed about it as records of `model.booking`, the
newest last; `live` says whether the newest one reserves, `until` when that ends. MongoDB deletes a document at its
`forget_at`: the daemon goes by `until`, so nothing depends on when it does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from autoscaler.adapters.mongo import SOURCE, Document, agreed, reading, writing
from autoscaler.model.booking import Act, Booking, Deed, Ledger
from autoscaler.model.codec import from_plain, to_plain
from autoscaler.model.errors import ActionError, ObservationError

KEPT = timedelta(days=14)
"""How long a reservation can be looked up after its end. The journal forgets as late."""

_MOST_ACTS = 100
"""How many deeds about one name are kept: a script that replaces it all day must not fill its document (16 MB)."""


class MongoBookingReader:
    """Reads bookings, and has no means to write them."""

    def __init__(self, database: Database[Document]) -> None:
        """Use the collection `reservations` of `database`.

        Reads are from the primary and of what a majority has: a reservation that a failover would take back is none.
        """
        self._rows = agreed(database, "reservations")
        self._client = database.client

    def read(self, group: str, now: datetime) -> tuple[Booking, ...]:
        """Return the group's bookings that are neither cancelled nor over at `now`, by begin and name.

        Raises:
            ObservationError: MongoDB cannot be read, or holds what this version cannot read.
        """
        found = [each.current(now) for each in self._ledgers({"group": group, "live": True, "until": {"$gt": now}})]
        return tuple(sorted(filter(None, found), key=lambda booking: (booking.at, booking.name)))

    def _ledgers(self, query: Document) -> Iterable[Ledger]:
        with reading(self._client):
            rows = list(self._rows.find(query).sort("_id", 1))
        return map(_ledger, rows)


class MongoBookingStore(MongoBookingReader):
    """Keeps bookings, and what was done about them."""

    def ledgers(self, group: str) -> tuple[Ledger, ...]:
        """Return every ledger of the group that MongoDB did not delete yet, by name.

        Raises:
            ObservationError: as `read`.
        """
        return tuple(self._ledgers({"group": group}))

    def save(self, ledger: Ledger) -> Ledger:
        """Save if nobody else did since `ledger` was read, and return it with its new revision.

        Raises:
            ActionError: `reservation_conflict`, somebody else did and nothing was saved; or `reservation_unsaved`, and
                whether it was saved is unknown.
        """
        saved = replace(ledger, acts=ledger.acts[-_MOST_ACTS:], revision=ledger.revision + 1)
        document = _document(saved)
        with writing(self._client, "reservation_unsaved"):
            self._rows.create_index("forget_at", expireAfterSeconds=0)
            if ledger.revision == 0:
                done = self._insert(document)
            else:
                known = {"_id": document["_id"], "revision": ledger.revision}
                done = self._rows.replace_one(known, document).matched_count > 0
        if not done:
            raise ActionError("reservation_conflict", f"somebody else has just changed {document['_id']}")
        return saved

    def _insert(self, document: Document) -> bool:
        try:
            self._rows.insert_one(document)
        except DuplicateKeyError:
            return False
        return True


def _document(ledger: Ledger) -> Document:
    last = ledger.acts[-1]
    return {
        "_id": f"{ledger.group}/{ledger.name}",
        "group": ledger.group,
        "name": ledger.name,
        "revision": ledger.revision,
        "live": last.deed is not Deed.CANCEL,
        "until": last.booking.until,
        "forget_at": last.booking.until + KEPT,
        "acts": to_plain(ledger.acts),
    }


def _ledger(row: Document) -> Ledger:
    try:
        acts = tuple(from_plain(Act, act) for act in row["acts"])
        return Ledger(str(row["group"]), str(row["name"]), acts, int(row["revision"]))
    except (KeyError, TypeError, ValueError) as error:  # Malformed is a ValueError
        raise ObservationError(SOURCE, f"cannot read the reservation {row['_id']}: {error}") from error
