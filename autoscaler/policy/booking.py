"""What somebody asks the command `reserve` for, checked against the policy in force. The clock is a parameter."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from autoscaler.model.booking import Booking
from autoscaler.model.errors import ConfigurationError, Problem
from autoscaler.policy.lint.finding import highest_max
from autoscaler.policy.record import Name
from autoscaler.policy.rules import Reservation
from autoscaler.policy.schema import Policy
from autoscaler.policy.times import parse_instant
from autoscaler.policy.units import format_duration, parse_duration

LONGEST = timedelta(days=31)
"""From the first wanted node to the end. What lasts longer is no event: it belongs into the policy, and its review."""

FARTHEST = timedelta(days=366)
MOST_NODES = 10_000
"""More than any policy's `bounds.max` may be."""

Room = Reservation | Booking
Value = TypeVar("Value")


def runs(room: Room, now: datetime) -> bool:
    """Whether what is reserved is wanted at `now`: from `lead` before `at` on. The end is not part of it."""
    return room.at - now <= room.lead and now < room.until


@dataclass(frozen=True, slots=True)
class Request:
    """The options as they were typed. Without a `name` it is called after its begin."""

    begin: str
    end: str
    nodes: int | None = None
    viewers: int | None = None
    lead: str = "15m"
    name: str = ""
    by: str = ""
    why: str = ""


def problem(option: str, code: str, message: str, hint: str = "") -> Problem:
    """Say what is wrong with an option, in the form in which files are complained about."""
    return Problem(option, 0, 0, code, message, hint)


def read_moment(text: str, now: datetime) -> datetime:
    """Read `2026-06-01T18:00:00+03:00`, `now`, or `+2h`: so long from now. Returns UTC, to the second.

    Raises:
        PydanticCustomError: it is none of these.
    """
    if text == "now":
        return now.replace(microsecond=0)
    if text.startswith("+"):
        return (now + parse_duration(text.removeprefix("+"))).replace(microsecond=0)
    return parse_instant(text).astimezone(UTC).replace(microsecond=0)


def book(request: Request, policy: Policy, now: datetime) -> Booking:
    """Make a booking of a request; raises ConfigurationError with everything that is wrong with it."""
    found: list[Problem] = []
    begin = _read("--from", lambda: read_moment(request.begin, now), found)
    end = _read("--until", lambda: read_moment(request.end, now), found)
    lead = _read("--lead", lambda: parse_duration(request.lead), found)
    found += [*_amount(request, policy), *_name(request.name, policy)]
    if begin and end and lead is not None:
        found += _span(begin, end, lead, now)
    if found or begin is None or end is None or lead is None:
        raise ConfigurationError(found)
    booking = Booking(
        name=request.name or f"{begin:%Y-%m-%dT%H%MZ}", at=begin, until=end, lead=lead, nodes=request.nodes or 0,
        viewers=request.viewers, by=request.by, why=request.why,
    )  # fmt: skip
    return replace(booking, nodes=policy.reserved(booking))


def _read(option: str, parse: Callable[[], Value], found: list[Problem]) -> Value | None:
    try:
        return parse()
    except PydanticCustomError as error:
        code = "duration" if error.type == "duration" else "moment"
        found.append(problem(option, code, error.message()))
        return None


def _amount(request: Request, policy: Policy) -> Iterator[Problem]:
    """Check how much is asked for."""
    given = {"--nodes": request.nodes, "--viewers": request.viewers}
    option, amount = next(((key, value) for key, value in given.items() if value is not None), ("--nodes", None))
    if amount is None or None not in given.values():
        yield problem("reserve", "usage", "needs exactly one of --nodes and --viewers")
    elif amount < 1:
        yield problem(option, "usage", f"is {amount}; at least 1 can be reserved")
    elif request.viewers and policy.viewers_per_node is None:
        message = f"the policy of {policy.group!r} does not say how many viewers a node carries"
        yield problem(option, "viewers-per-node", message, "viewers_per_node in the policy, or --nodes")
    elif amount > MOST_NODES * (policy.viewers_per_node or 1 if request.viewers else 1):
        yield problem(option, "usage", f"is more than {MOST_NODES} nodes, which no group has")


def _name(name: str, policy: Policy) -> Iterator[Problem]:
    """Check that the name is one, and free in the policy's file. Whether it is free otherwise the store knows."""
    if not name:
        return
    try:
        TypeAdapter(Name).validate_python(name)
    except ValidationError:
        hint = "letters, digits, `.`, `_` and `-`, at most 63, a letter or digit first"
        yield problem("--name", "usage", f"{name!r} is no name", hint)
    if name in {reservation.name for reservation in policy.reservations}:
        message = f"the policy's file has a reservation {name!r}, and both would count"
        yield problem("--name", "reservation-exists", message, "another --name")


def _span(begin: datetime, end: datetime, lead: timedelta, now: datetime) -> Iterator[Problem]:
    """Check that the event is one, and still to come or under way."""
    if end <= begin:
        yield problem("--until", "span", "it ends before it begins", "mind the offsets; +2h is counted from now")
    elif end <= now:
        yield problem("--until", "span", f"it is over since {format_moment(end)}", "mind the offset")
    elif end - begin + lead > LONGEST:
        message = f"with its lead it lasts longer than {format_duration(LONGEST)}"
        yield problem("--until", "span", message, "bounds.min in the policy keeps nodes for good")
    elif begin - now > FARTHEST:
        message = f"it begins more than {format_duration(FARTHEST)} from now"
        yield problem("--from", "span", message, "is the year right?")


def doubts(booking: Booking, policy: Policy, others: Sequence[Booking], now: datetime) -> Iterator[str]:
    """Say what is legal and yet not what was wanted. `others` are the group's other bookings."""
    most, peak = highest_max(policy), _peak(booking, (*policy.reservations, *others), policy, now)
    if peak > most:
        also = "" if peak == booking.nodes else " with what else is reserved then"
        yield f"{booking.name}{also} needs {peak} nodes, and the group never has more than {most}: bounds win"
    if booking.nodes <= policy.bounds.min:
        yield f"{booking.name} reserves no more than bounds.min, {policy.bounds.min}: it changes nothing"


def _peak(booking: Booking, others: Sequence[Room], policy: Policy, now: datetime) -> int:
    """Return the most nodes that are reserved at once while the booking runs."""
    rooms: list[Room] = [booking, *others]
    begins = [now, *(room.at - room.lead for room in rooms if room.at - now > room.lead)]
    return max(
        sum(policy.reserved(room) for room in rooms if runs(room, moment)) for moment in begins if runs(booking, moment)
    )


def format_moment(moment: datetime) -> str:
    """Write a moment in UTC: `2026-06-01 15:00:00Z`."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"
