"""The journal in MongoDB: what explain, record and replay read.

Collection `journal`. Every document has `at` (a BSON date), `event` (`cycle`, `intent`, `outcome` or `reservation`),
`version` and the keys of `model.record`. A cycle also has `report`, the whole CycleReport as xz-compressed JSON: BSON
would take 2 MB for 1,000 nodes and change numbers' types; this takes about 50 kB (40 nodes: 3 kB, which makes 0.8 GB in
14 days of 5 s cycles). An intent also has `step`, the whole action, for after a crash nothing else tells of it.

The policy changes once a week and would be much of a small report, so a cycle holds only its `policy_hash`. Collection
`policies` has the text under that hash; `at` is a time at which it was in force, and moves on while it is.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from heapq import merge
from typing import Any

import structlog
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import OperationFailure
from pymongo.write_concern import WriteConcern

from autoscaler.adapters.mongo import SOURCE, Document, reading, writing
from autoscaler.model.booking import Act
from autoscaler.model.codec import Malformed, from_json, to_plain
from autoscaler.model.errors import ActionError, ObservationError
from autoscaler.model.plan import Action, Outcome
from autoscaler.model.record import booking_record, cycle_record, intent_record, outcome_record
from autoscaler.model.report import VERSION, CycleReport
from autoscaler.ports import Clock

DEFAULT_RETENTION = timedelta(days=14)
_STILL_IN_FORCE = timedelta(days=1)
"""How often a policy in force is stored anew, so that it is not forgotten before the cycles that it decided."""

Damaged = Callable[[str], None]
"""Is told of a cycle that cannot be read: which one, and why."""

_PRESET = 0  # the fastest: 17 ms for 1,000 nodes, and half the size of what zlib makes of it
_PAGE = 100
_OTHER_OPTIONS, _OTHER_KEYS = 85, 86  # an index of this name exists and is not quite the one asked for


class MongoJournal:
    """Keeps what was decided and done for `retention`, then MongoDB forgets it."""

    def __init__(self, database: Database[Document], clock: Clock, retention: timedelta = DEFAULT_RETENTION) -> None:
        """Use the collections `journal` and `policies` of `database`; nothing is asked of the server yet."""
        self._database = database
        self._rows = database.get_collection("journal", write_concern=WriteConcern("majority"))
        self._texts = database.get_collection("policies", write_concern=WriteConcern("majority"))
        self._clock = clock
        self._retention = retention
        self._indexed = False
        self._policies: dict[str, datetime] = {}

    def intent(self, group: str, action: Action) -> None:
        """Record a step before it is taken, on a majority of the servers.

        Raises:
            ActionError: `journal_unavailable`; the step must not be taken.
        """
        self._write("intent", {"at": self._clock.now(), **intent_record(group, action), "step": to_plain(action)})

    def outcome(self, group: str, outcome: Outcome) -> None:
        """Record how a step ended. It did, so a journal that fails now is only logged."""
        self._try_to_write("outcome", {"at": self._clock.now(), **outcome_record(group, outcome)})

    def cycle(self, report: CycleReport) -> None:
        """Record a whole cycle. It is over, so a journal that fails now is only logged."""
        at = report.snapshot.taken_at
        document = {"at": at, **cycle_record(report), "report": pack_report(report)}
        self._try_to_write("cycle", {**document, "policy_hash": _hash(report.policy)}, report.policy)

    def booking(self, group: str, act: Act) -> None:
        """Record what somebody did about a reservation.

        Raises:
            ActionError: `journal_unavailable`; what was done stands, and is kept beside the reservation itself.
        """
        self._write("reservation", {"at": act.at, **booking_record(group, act)})

    def _try_to_write(self, event: str, document: Document, policy: str = "") -> None:
        try:
            self._write(event, document, policy)
        except ActionError as error:
            log = structlog.stdlib.get_logger("autoscaler")
            log.warning("journal_unavailable", group=document["group"], lost=event, detail=error.detail)

    def _write(self, event: str, document: Document, policy: str = "") -> None:
        with writing(self._database.client, "journal_unavailable"):
            if not self._indexed:
                self._bound(self._rows, self._retention)
                self._indexed = True
            if policy:
                self._keep_policy(policy, document["at"])
            self._rows.insert_one({"event": event, "version": VERSION, **document})

    def _keep_policy(self, text: str, at: datetime) -> None:
        """Store a policy that is new, or was stored a day ago. What readers need comes first, and delays no step."""
        if not self._policies:
            self._bound(self._texts, self._retention + 2 * _STILL_IN_FORCE)
            self._rows.create_index([("group", 1), ("event", 1), ("at", 1)])
        key = _hash(text)
        kept = self._policies.get(key)
        if kept is None or at - kept >= _STILL_IN_FORCE:
            self._texts.replace_one({"_id": key}, {"_id": key, "at": at, "text": text}, upsert=True)
            self._policies[key] = at

    def _bound(self, rows: Collection[Document], retention: timedelta) -> None:
        """Let MongoDB delete what is older than the retention, also where a former setting was another."""
        seconds = int(retention.total_seconds())
        try:
            rows.create_index("at", expireAfterSeconds=seconds)
        except OperationFailure as error:
            if error.code not in (_OTHER_OPTIONS, _OTHER_KEYS):
                raise
            change = {"keyPattern": {"at": 1}, "expireAfterSeconds": seconds}
            self._database.command("collMod", rows.name, index=change)


class MongoJournalReader:
    """Reads back what MongoJournal keeps, and has no means to write it."""

    def __init__(self, database: Database[Document]) -> None:
        """Use the collections `journal` and `policies` of `database`; nothing is asked of the server yet."""
        self._client = database.client
        self._rows = database.get_collection("journal")
        self._texts = database.get_collection("policies")
        self._last: tuple[Any, str] = (None, "")  # nearly every cycle has the policy of the one before

    def groups(self) -> tuple[str, ...]:
        """Name the groups that have cycles in the journal, at least one.

        Raises:
            ObservationError: there is none, or MongoDB cannot be read.
        """
        with reading(self._client):
            found = self._rows.distinct("group", {"event": "cycle"})
        if not found:
            raise ObservationError(SOURCE, f"no cycle is in the journal of {self._rows.database.name}")
        return tuple(sorted(found))

    def latest(self, group: str, until: datetime | None = None) -> CycleReport:
        """Return the group's last cycle, or the last that began at `until` or before.

        Raises:
            ObservationError: there is none, it is damaged or of another version, or MongoDB cannot be read.
        """
        bound = {"at": {"$lte": until}} if until else {}
        with reading(self._client):
            row = self._rows.find_one({"group": group, "event": "cycle", **bound}, sort=[("at", -1), ("_id", -1)])
        if row is None:
            when = f" up to {until.isoformat()}" if until else ""
            raise ObservationError(SOURCE, f"no cycle of the group {group!r} is in the journal{when}")
        return self._with_policy(row, unpack_report(row))

    def between(
        self, group: str, since: datetime, until: datetime, damaged: Damaged | None = None
    ) -> Iterator[CycleReport]:
        """Return the group's cycles that began from `since` to before `until`, oldest first, a page at a time.

        With `damaged`, cycles that cannot be read are told to it and passed over.

        Raises:
            ObservationError: as `latest`; the cycles before it were returned.
        """
        after: Document = {"$gte": since}
        while True:
            query = {"group": group, "event": "cycle", "at": {**after, "$lt": until}}
            with reading(self._client):
                page = list(self._rows.find(query).sort("at", 1).limit(_PAGE))
            for row in page:
                report = _unpack(row, damaged)
                if report:
                    yield self._with_policy(row, report)
            if len(page) < _PAGE:
                return
            after = {"$gt": page[-1]["at"]}

    def span(
        self, groups: Iterable[str], since: datetime, until: datetime, damaged: Damaged | None = None
    ) -> Iterator[CycleReport]:
        """Return the cycles of several groups as `between` does, in the order in which they began."""
        spans = [self.between(group, since, until, damaged) for group in groups]
        return merge(*spans, key=lambda report: report.snapshot.taken_at)

    def _with_policy(self, row: Document, report: CycleReport) -> CycleReport:
        """Give a cycle back its policy; its text is empty when MongoDB forgot it."""
        key = row.get("policy_hash")
        if self._last[0] != key:
            with reading(self._client):
                kept = self._texts.find_one({"_id": key}) or {}
            self._last = (key, str(kept.get("text", "")))
        return replace(report, policy=self._last[1])


def pack_report(report: CycleReport) -> bytes:
    """Return the report, without its policy, as a cycle's document holds it."""
    text = json.dumps(to_plain(replace(report, policy="")), separators=(",", ":"), ensure_ascii=False)
    return lzma.compress(text.encode("utf-8", "surrogatepass"), preset=_PRESET)


def unpack_report(document: Mapping[str, Any]) -> CycleReport:
    """Return the report that a cycle's document holds. Its policy stands elsewhere: it is empty.

    Raises:
        ObservationError: the document is of another version, or damaged.
    """
    if document.get("version") != VERSION:
        detail = (
            f"its journal has version {document.get('version')!r}, this release reads {VERSION}: use the one it is of"
        )
        raise ObservationError(SOURCE, detail)
    try:
        text = lzma.decompress(document["report"]).decode("utf-8", "surrogatepass")
        return from_json(CycleReport, text)
    except (KeyError, TypeError, lzma.LZMAError, UnicodeDecodeError, Malformed) as error:
        raise ObservationError(SOURCE, f"a cycle in the journal is damaged: {error}") from error


def _unpack(row: Document, damaged: Damaged | None) -> CycleReport | None:
    try:
        return unpack_report(row)
    except ObservationError as error:
        if damaged is None:
            raise
        damaged(f"the cycle of {row['group']} at {row['at'].isoformat()}Z: {error.detail}")
        return None


def _hash(policy: str) -> str:
    return sha256(policy.encode()).hexdigest()
