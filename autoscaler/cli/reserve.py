"""`autoscaler reserve`: room for an event that is in no policy's file."""

from __future__ import annotations

import getpass
import json
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Annotated

import typer

from autoscaler.adapters.policy_files import PolicyFiles
from autoscaler.cli.options import AsJson, Config
from autoscaler.model.booking import Act, Deed, Ledger
from autoscaler.model.codec import Plain, to_plain
from autoscaler.model.errors import ActionError, ConfigurationError
from autoscaler.policy.booking import Request, Room, book, doubts, format_moment, problem, runs
from autoscaler.policy.ledger import cancel, find, told
from autoscaler.policy.ledger import reserve as enter
from autoscaler.policy.schema import Policy
from autoscaler.runtime.settings import Settings, load_settings
from autoscaler.runtime.wiring import Desk, booking_desk

_FORM = "2026-06-01T18:00:00+03:00, now, or +2h from now"
_LONGEST_WHY = 500


def reserve(  # noqa: PLR0913 - each is an option of the command
    group: Annotated[str, typer.Argument(help="Whose nodes.")],
    *,
    nodes: Annotated[int | None, typer.Option(help="So many nodes in all. This, or --viewers.")] = None,
    viewers: Annotated[int | None, typer.Option(help="So many viewers, by the policy's viewers_per_node.")] = None,
    begin: Annotated[str, typer.Option("--from", metavar="T", help=f"When the room is needed: {_FORM}.")] = "",
    until: Annotated[str, typer.Option(metavar="T", help="When it is no longer, in the same forms.")] = "",
    lead: Annotated[str, typer.Option(metavar="D", help="How long before it the nodes are wanted.")] = "15m",
    name: Annotated[str, typer.Option(help="What it is called; else after its begin.")] = "",
    why: Annotated[str, typer.Option(help="What it is for; kept, and shown.")] = "",
    replace: Annotated[bool, typer.Option("--replace", help="In place of another one of that name.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="Show what is reserved, and what was.")] = False,
    cancelled: Annotated[str, typer.Option("--cancel", metavar="NAME", help="Give a reservation up.")] = "",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Reserve room for an event, from the next cycle on and ending by itself; or --list, or --cancel."""
    making = any((nodes is not None, viewers is not None, begin, until, name, replace))
    if making + listed + bool(cancelled) != 1 or (making and not (begin and until)):
        hint = "GROUP --nodes N|--viewers N --from T --until T, GROUP --list, or GROUP --cancel NAME"
        raise ConfigurationError([problem("reserve", "usage", "needs to know what to do", hint)])
    if len(why) > _LONGEST_WHY or not why.isprintable():
        message = f"is longer than {_LONGEST_WHY} characters, or not of one line"
        raise ConfigurationError([problem("--why", "usage", message)])
    settings = load_settings(config)
    with booking_desk(settings) as desk:
        clerk = _Clerk(group, settings, desk, desk.clock.now(), _who())
        if listed:
            entries = clerk.entries()
            typer.echo(_dump({"group": group, "reservations": entries}) if as_json else "\n".join(_lines(entries)))
            return
        request = Request(begin, until, nodes, viewers, lead, name, clerk.by, why)
        act, notes = clerk.cancel(cancelled, why) if cancelled else clerk.reserve(request, instead=replace)
    entry = _entry(act.booking, clerk.now, [act])
    typer.echo(_dump({"group": group, **entry}) if as_json else _said(group, act))
    for note in notes:
        typer.echo(f"warning: {note}", err=True)


@dataclass(frozen=True)
class _Clerk:
    """Serves one call of the command. `now` is its only one."""

    group: str
    settings: Settings
    desk: Desk
    now: datetime
    by: str

    def reserve(self, request: Request, *, instead: bool) -> tuple[Act, list[str]]:
        """Keep a booking; return the act that keeps it, this one or one that was the same, and what is doubtful."""
        policy = self._policy()
        booking = book(request, policy, self.now)
        ledgers = self.desk.store.ledgers(self.group)
        before = find(ledgers, self.group, booking.name)
        after = enter(before, booking, self.now, instead=instead)
        others = [ledger.current(self.now) for ledger in ledgers if ledger.name != booking.name]
        notes = list(doubts(booking, policy, [other for other in others if other], self.now))
        return after.acts[-1], [*notes, *(self._keep(after) if after != before else ())]

    def cancel(self, name: str, why: str) -> tuple[Act, list[str]]:
        """Cancel a booking. What stands can be cancelled whatever became of its policy."""
        ledgers = self.desk.store.ledgers(self.group)
        if not ledgers:
            self._policy()
        after = cancel(ledgers, name, self.now, by=self.by, why=why)
        return after.acts[-1], list(self._keep(after))

    def entries(self) -> list[dict[str, Plain]]:
        """Lay out everything that is reserved or was, by begin: by command, and in the policy's file."""
        ledgers = self.desk.store.ledgers(self.group)
        policy = self._policy()
        rooms: list[tuple[Room, Sequence[Act]]] = [(each.acts[-1].booking, each.acts) for each in ledgers]
        rooms += [(reservation, ()) for reservation in policy.reservations]
        rooms.sort(key=lambda pair: (pair[0].at, pair[0].name))
        return [{**_entry(room, self.now, acts), "nodes": policy.reserved(room)} for room, acts in rooms]

    def _keep(self, ledger: Ledger) -> Iterator[str]:
        """Save, then record; the record is the lesser one, for the ledger itself tells who did it."""
        self.desk.store.save(ledger)
        try:
            self.desk.journal.booking(self.group, ledger.acts[-1])
        except ActionError as error:
            yield f"done, and kept with who did it, but not in the journal: {error}"

    def _policy(self) -> Policy:
        """Return the group's policy; raises ConfigurationError when there is none."""
        policies = {policy.group: policy for policy in PolicyFiles(self.settings.policies).load()}
        if self.group not in policies:
            close = get_close_matches(self.group, policies, n=1)
            known = ", ".join(sorted(policies))
            hint = f"did you mean {close[0]!r}? known are: {known}" if close else f"known are: {known}"
            message = f"has no policy of {self.group!r}"
            raise ConfigurationError([problem(str(self.settings.policies), "no-group", message, hint)])
        return policies[self.group]


def _who() -> str:
    """Return `user@host`; behind sudo the user who called it."""
    try:
        user = os.environ.get("SUDO_USER") or getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def _entry(room: Room, now: datetime, acts: Sequence[Act]) -> dict[str, Plain]:
    """Lay one reservation out under the keys that scripts rely on. Who and when are None for the policy's own."""
    last = acts[-1] if acts else None
    return {
        "name": room.name,
        "state": _state(room, now, last),
        "from": to_plain(room.at),
        "until": to_plain(room.until),
        "lead_s": room.lead.total_seconds(),
        "nodes": room.nodes,
        "viewers": room.viewers,
        "source": "command" if acts else "policy",
        "by": last.by if last else None,
        "at": to_plain(last.at) if last else None,
        "why": last.why if last else "",
        "acts": [{"deed": act.deed.value, "by": act.by, "at": to_plain(act.at), "why": act.why} for act in acts],
    }


def _state(room: Room, now: datetime, last: Act | None) -> str:
    if last is not None and last.deed is Deed.CANCEL:
        return "cancelled"
    if room.until <= now:
        return "over"
    return "running" if runs(room, now) else "to come"


def _said(group: str, act: Act) -> str:
    """Say what was understood, in one line."""
    verb = {Deed.RESERVE: "reserved", Deed.REPLACE: "reserved anew", Deed.CANCEL: "cancelled"}[act.deed]
    return f"{group}: {verb} {act.booking.name}: {told(act.booking, _show)}"


def _lines(entries: Sequence[dict[str, Plain]]) -> Iterator[str]:
    if not entries:
        yield "nothing is reserved"
    for entry in entries:
        begin, until = (_show(datetime.fromisoformat(str(entry[key]))) for key in ("from", "until"))
        crowd = f" for {entry['viewers']} viewers" if entry["viewers"] is not None else ""
        yield f"{entry['name']}: {entry['state']}, {entry['nodes']} nodes{crowd} from {begin} until {until}"
        acts = entry["acts"] if isinstance(entry["acts"], list) else []
        yield from (f"  {_deed(act)}" for act in acts if isinstance(act, dict))
        if not acts:
            yield "  in the policy's file"


def _deed(act: dict[str, Plain]) -> str:
    why = f": {act['why']}" if act["why"] else ""
    return f"{act['deed']} by {act['by']} at {format_moment(datetime.fromisoformat(str(act['at'])))}{why}"


def _show(moment: datetime) -> str:
    """Write a moment in UTC and, where that is another, by the clock of this machine."""
    here = moment.astimezone()
    local = f" ({here:%Y-%m-%d %H:%M:%S%z} here)" if here.utcoffset() != moment.astimezone(UTC).utcoffset() else ""
    return format_moment(moment) + local


def _dump(document: Mapping[str, object]) -> str:
    return json.dumps(document, indent=2)
