"""What a deed makes of a ledger: a name that is reserved is never overwritten silently, and nothing is erased."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from difflib import get_close_matches

from autoscaler.model.booking import Act, Booking, Deed, Ledger
from autoscaler.model.errors import ConfigurationError
from autoscaler.policy.booking import format_moment, problem


def find(ledgers: Sequence[Ledger], group: str, name: str) -> Ledger:
    """Return the ledger of a name, an empty one when nothing was ever done under it."""
    return next((ledger for ledger in ledgers if ledger.name == name), Ledger(group, name))


def reserve(ledger: Ledger, booking: Booking, now: datetime, *, instead: bool) -> Ledger:
    """Enter a booking; the very same again changes nothing.

    `instead`: in place of another one of that name. Raises ConfigurationError when there is one, and it is not.
    """
    there = ledger.current(now)
    if there is not None and _asked(there) == _asked(booking):
        return ledger
    if there is not None and not instead:
        message = f"{there.name!r} is reserved already: {told(there)}"
        raise ConfigurationError([problem("--name", "reservation-exists", message, "another --name, or --replace")])
    deed = Deed.REPLACE if there is not None else Deed.RESERVE
    return replace(ledger, acts=(*ledger.acts, Act(deed, now, booking.by, booking.why, booking)))


def cancel(ledgers: Sequence[Ledger], name: str, now: datetime, *, by: str, why: str) -> Ledger:
    """Enter that a booking is cancelled; raises ConfigurationError when none of that name stands."""
    standing = {ledger.name: ledger for ledger in ledgers if ledger.current(now)}
    there = standing[name].current(now) if name in standing else None
    if there is None:
        close = get_close_matches(name, standing, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"reserved are: {', '.join(standing) or 'none'}"
        message = f"nothing is reserved as {name!r}, or no longer"
        raise ConfigurationError([problem("--cancel", "no-reservation", message, hint)])
    ledger = standing[name]
    return replace(ledger, acts=(*ledger.acts, Act(Deed.CANCEL, now, by, why, there)))


def told(booking: Booking, show: Callable[[datetime], str] = format_moment) -> str:
    """Say in words what a booking is, its times as `show` writes them."""
    crowd = f" for {booking.viewers} viewers" if booking.viewers is not None else ""
    plural = "s" if booking.nodes != 1 else ""
    return (
        f"{booking.nodes} node{plural}{crowd} from {show(booking.at)} until {show(booking.until)}, "
        f"wanted from {show(booking.at - booking.lead)} on"
    )


def _asked(booking: Booking) -> tuple[object, ...]:
    """Return what was asked for, whoever did and whatever a node carries today."""
    amount = booking.nodes if booking.viewers is None else None
    return booking.at, booking.until, booking.lead, amount, booking.viewers
