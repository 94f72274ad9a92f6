"""The journal in MongoDB: what explain, record and replay read.

Collection `journal`. Every document has `at` (a BSON date), `event` (`cycle`, `intent` or `outcome`), `version` and the
keys of `model.record`. A cycle also has `report`, the whole CycleReport as xz-compressed JSON: BSON would take 2 MB for
1,000 nodes and change numbers' types; this takes about 50 kB (40 nodes: 3 kB, which makes 0.8 GB in 14 days of 5 s
cycles). An intent also has `step`, the whole action, for after a crash nothing else tells of it.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import structlog
from pymongo.database import Database
from pymongo.errors import OperationFailure
from pymongo.write_concern import WriteConcern

from autoscaler.adapters.mongo import SOURCE, Document, writing
from autoscaler.model.codec import Malformed, from_plain, to_plain
from autoscaler.model.errors import ActionError, ObservationError
from autoscaler.model.plan import Action, Outcome
from autoscaler.model.record import cycle_record, intent_record, outcome_record
from autoscaler.model.report import CycleReport
from autoscaler.ports import Clock

VERSION = 1
DEFAULT_RETENTION = timedelta(days=14)
_PRESET = 0  # the fastest: 17 ms for 1,000 nodes, and half the size of what zlib makes of it
_OTHER_OPTIONS, _OTHER_KEYS = 85, 86  # an index of this name exists and is not quite the one asked for


class MongoJournal:
    """Keeps what was decided and done for `retention`, then MongoDB forgets it."""

    def __init__(self, database: Database[Document], clock: Clock, retention: timedelta = DEFAULT_RETENTION) -> None:
        """Use the collection `journal` of `database`; nothing is asked of the server yet."""
        self._database = database
        self._rows = database.get_collection("journal", write_concern=WriteConcern("majority"))
        self._clock = clock
        self._retention = retention
        self._indexed = False

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
        document = {"at": report.snapshot.taken_at, **cycle_record(report), "report": pack_report(report)}
        self._try_to_write("cycle", document)

    def _try_to_write(self, event: str, document: Document) -> None:
        try:
            self._write(event, document)
        except ActionError as error:
            log = structlog.stdlib.get_logger("autoscaler")
            log.warning("journal_unavailable", group=document["group"], lost=event, detail=error.detail)

    def _write(self, event: str, document: Document) -> None:
        with writing(self._database.client, "journal_unavailable"):
            if not self._indexed:
                self._bound()
                self._indexed = True
            self._rows.insert_one({"event": event, "version": VERSION, **document})

    def _bound(self) -> None:
        """Let MongoDB delete what is older than the retention, also where a former setting was another."""
        seconds = int(self._retention.total_seconds())
        try:
            self._rows.create_index("at", expireAfterSeconds=seconds)
        except OperationFailure as error:
            if error.code not in (_OTHER_OPTIONS, _OTHER_KEYS):
                raise
            change = {"keyPattern": {"at": 1}, "expireAfterSeconds": seconds}
            self._database.command("collMod", self._rows.name, index=change)


def pack_report(report: CycleReport) -> bytes:
    """Return the report as a cycle's document holds it."""
    text = json.dumps(to_plain(report), separators=(",", ":"), ensure_ascii=False)
    return lzma.compress(text.encode("utf-8", "surrogatepass"), preset=_PRESET)


def unpack_report(document: Mapping[str, Any]) -> CycleReport:
    """Return the report that a cycle's document holds.

    Raises:
        ObservationError: the document is of another version, or damaged.
    """
    if document.get("version") != VERSION:
        raise ObservationError(SOURCE, f"the journal has version {document.get('version')!r}, not {VERSION}")
    try:
        text = lzma.decompress(document["report"]).decode("utf-8", "surrogatepass")
        return from_plain(CycleReport, json.loads(text))
    except (KeyError, TypeError, lzma.LZMAError, UnicodeDecodeError, json.JSONDecodeError, Malformed) as error:
        raise ObservationError(SOURCE, f"a cycle in the journal is damaged: {error}") from error
