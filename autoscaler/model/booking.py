"""Room that was reserved from the command line, and everything that was ever done about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Booking:
    """Room for an event, from `lead` before `at` until `until`. What a policy's file reserves is no booking.

    `nodes` is what was understood when it was made. `viewers`, if that is what was asked for, are turned into nodes
    anew in each cycle, by the policy in force; `nodes` holds while that policy does not say what a node carries.
    `by` is `user@host`, `why` what that user said.
    """

    name: str
    at: datetime
    until: datetime
    lead: timedelta
    nodes: int
    viewers: int | None = None
    by: str = ""
    why: str = ""


class Deed(StrEnum):
    """What may be done about a booking."""

    RESERVE = "reserve"
    REPLACE = "replace"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Act:
    """One deed: when, by whom and why. `booking` is the one made, or the one cancelled."""

    deed: Deed
    at: datetime
    by: str
    why: str
    booking: Booking


@dataclass(frozen=True, slots=True)
class Ledger:
    """All that was done under one name in one group, the oldest first. `revision` counts saves."""

    group: str
    name: str
    acts: tuple[Act, ...] = ()
    revision: int = 0

    def current(self, now: datetime) -> Booking | None:
        """Return the booking that stands: neither cancelled nor over."""
        last = self.acts[-1] if self.acts else None
        if last is None or last.deed is Deed.CANCEL or last.booking.until <= now:
            return None
        return last.booking
