"""What `reserve` understands, what it refuses, and what becomes of a ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic_core import PydanticCustomError

from autoscaler.model.booking import Booking, Deed, Ledger
from autoscaler.model.errors import ConfigurationError
from autoscaler.policy.booking import Request, book, doubts, format_moment, read_moment
from autoscaler.policy.ledger import cancel, find, reserve, told
from tests.support.fleet import policy

NOW = datetime(2026, 3, 1, 12, 0, 0, 654_321, tzinfo=UTC)
BARE = NOW.replace(microsecond=0)
HOUR = timedelta(hours=1)


def request(**changes: Any) -> Request:
    return Request(
        **{"begin": "+1h", "end": "+3h", "nodes": 5, "name": "gig", "by": "ann@lb1", "why": "cup", **changes}
    )


def booked(**changes: Any) -> Booking:
    return book(request(**changes), policy(viewers_per_node=100), NOW)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("now", BARE),
        ("+0s", BARE),
        ("+2h", BARE + 2 * HOUR),
        ("+90m", BARE + 1.5 * HOUR),
        ("2026-06-01T18:00:00+03:00", datetime(2026, 6, 1, 15, tzinfo=UTC)),
        ("2026-06-01 18:00Z", datetime(2026, 6, 1, 18, tzinfo=UTC)),
        ("2026-06-01T18:00:00.75Z", datetime(2026, 6, 1, 18, tzinfo=UTC)),
    ],
)
def test_moments_are_utc_to_the_second(text: str, moment: datetime) -> None:
    assert read_moment(text, NOW) == moment
    assert read_moment(text, NOW).tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "", "tomorrow", "+", "+2", "2h", "-2h", "+-2h", "+400d", "1780000000", "2026-06-01", "18:00",
        "2026-06-31T18:00Z", "2026-06-01T18:00:00", "9999-12-31T23:59:00-05:00", "NOW",
    ],
)  # fmt: skip
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(PydanticCustomError):
        read_moment(text, NOW)


def test_a_request_becomes_a_booking() -> None:
    assert booked() == Booking(
        "gig", BARE + HOUR, BARE + 3 * HOUR, timedelta(minutes=15), 5, by="ann@lb1", why="cup"
    )  # fmt: skip
    crowd = booked(nodes=None, viewers=250, lead="1h", name="")
    assert (crowd.nodes, crowd.viewers, crowd.lead, crowd.name) == (3, 250, HOUR, "2026-03-01T1300Z")


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"begin": "noon"}, "--from: moment is no moment; write 2026-06-01T18:00:00+03:00, or Z for UTC"),
        (
            {"end": "2026-06-01T18:00:00"},
            "--until: moment has no offset; write 2026-06-01T18:00:00+03:00, or Z for UTC",
        ),
        ({"end": "+2"}, "--until: duration is not a duration; write a number and a unit: 500ms, 5s, 10m, 4h, 1d"),
        ({"lead": "15"}, "--lead: duration is not a duration; write a number and a unit: 500ms, 5s, 10m, 4h, 1d"),
        ({"end": "+1h"}, "--until: span it ends before it begins (mind the offsets; +2h is counted from now)"),
        (
            {"begin": "2026-03-01T10:00:00Z", "end": "2026-03-01T13:00:00+01:00"},
            "--until: span it is over since 2026-03-01 12:00:00Z (mind the offset)",
        ),
        (
            {"end": "+745h"},
            "--until: span with its lead it lasts longer than 31d (bounds.min in the policy keeps nodes for good)",
        ),
        (
            {"begin": "2027-06-01T10:00:00Z", "end": "2027-06-01T12:00:00Z"},
            "--from: span it begins more than 366d from now (is the year right?)",
        ),
        ({"nodes": None}, "reserve: usage needs exactly one of --nodes and --viewers"),
        ({"viewers": 5}, "reserve: usage needs exactly one of --nodes and --viewers"),
        ({"nodes": 0}, "--nodes: usage is 0; at least 1 can be reserved"),
        ({"nodes": None, "viewers": -4}, "--viewers: usage is -4; at least 1 can be reserved"),
        ({"nodes": 10_001}, "--nodes: usage is more than 10000 nodes, which no group has"),
        ({"nodes": None, "viewers": 1_000_001}, "--viewers: usage is more than 10000 nodes, which no group has"),
        (
            {"name": "a/b"},
            "--name: usage 'a/b' is no name (letters, digits, `.`, `_` and `-`, at most 63, a letter or digit first)",
        ),
    ],
)
def test_what_cannot_be_is_told_in_one_line(changes: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        booked(**changes)
    assert str(refused.value) == line


def test_everything_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as refused:
        booked(begin="x", end="y", lead="z", nodes=-1, name="?")
    assert [problem.file for problem in refused.value.problems] == ["--from", "--until", "--lead", "--nodes", "--name"]


def test_viewers_need_a_policy_that_says_what_a_node_carries() -> None:
    with pytest.raises(ConfigurationError) as refused:
        book(request(nodes=None, viewers=5), policy(), NOW)
    assert str(refused.value) == (
        "--viewers: viewers-per-node the policy of 'edge' does not say how many viewers a node carries "
        "(viewers_per_node in the policy, or --nodes)"
    )


IN_FILE = {"name": "match", "at": "2026-03-01T13:30:00Z", "until": "2026-03-01T14:30:00Z", "nodes": 4}


def test_a_name_of_the_file_is_not_free() -> None:
    with pytest.raises(ConfigurationError, match="the policy's file has a reservation 'match', and both would count"):
        book(request(name="match"), policy(reservations=[IN_FILE]), NOW)


TOGETHER = "gig with what else is reserved then needs 11 nodes, and the group never has more than 10: bounds win"


@pytest.mark.parametrize(
    ("nodes", "others", "notes"),
    [
        (10, [], []),
        (11, [], ["gig needs 11 nodes, and the group never has more than 10: bounds win"]),
        (1, [], ["gig reserves no more than bounds.min, 1: it changes nothing"]),
        (5, [IN_FILE], []),
        (7, [IN_FILE], [TOGETHER]),
        (7, [{**IN_FILE, "until": "2026-03-01T13:31:00Z", "lead": "0s", "at": "2026-03-01T13:30:59Z"}],
         [TOGETHER]),
        (7, [{**IN_FILE, "at": "2026-03-01T15:15:00Z", "until": "2026-03-01T16:00:00Z"}], []),
        (7, [{**IN_FILE, "at": "2000-01-01T00:00:00Z", "until": "2026-03-01T12:45:00Z"}], []),
    ],
)  # fmt: skip
def test_what_is_doubtful_is_told(nodes: int, others: list[dict[str, Any]], notes: list[str]) -> None:
    rules = policy(reservations=others)
    assert list(doubts(booked(nodes=nodes), rules, (), NOW)) == notes


def test_other_bookings_count_as_well() -> None:
    running = booked(nodes=6, name="now", begin="now", end="+2h")
    [note] = doubts(booked(nodes=6), policy(), [running], NOW)
    assert "needs 12 nodes" in note
    [note] = doubts(running, policy(), [booked(nodes=6)], NOW)
    assert "needs 12 nodes" in note


EMPTY = Ledger("edge", "gig")


def test_a_name_is_never_overwritten_silently() -> None:
    first = reserve(EMPTY, booked(), NOW, instead=False)
    assert [act.deed for act in first.acts] == [Deed.RESERVE]
    assert (first.acts[0].by, first.acts[0].why, first.acts[0].at) == ("ann@lb1", "cup", NOW)
    with pytest.raises(ConfigurationError) as refused:
        reserve(first, booked(nodes=6), NOW, instead=False)
    assert str(refused.value) == (
        "--name: reservation-exists 'gig' is reserved already: 5 nodes from 2026-03-01 13:00:00Z until "
        "2026-03-01 15:00:00Z, wanted from 2026-03-01 12:45:00Z on (another --name, or --replace)"
    )
    anew = reserve(first, booked(nodes=6, by="bob@lb1"), NOW, instead=True)
    assert [(act.deed, act.by, act.booking.nodes) for act in anew.acts] == [
        (Deed.RESERVE, "ann@lb1", 5), (Deed.REPLACE, "bob@lb1", 6),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [{"end": "+4h"}, {"begin": "+2h"}, {"lead": "16m"}, {"nodes": 4}, {"nodes": None, "viewers": 500}],
    ids=str,
)
def test_every_difference_is_one(changes: dict[str, Any]) -> None:
    first = reserve(EMPTY, booked(), NOW, instead=False)
    with pytest.raises(ConfigurationError, match="is reserved already"):
        reserve(first, booked(**changes), NOW, instead=False)


def test_the_same_again_changes_nothing() -> None:
    first = reserve(EMPTY, booked(), NOW, instead=False)
    assert reserve(first, booked(by="bob@lb1", why="again"), NOW, instead=False) is first
    crowd = reserve(EMPTY, booked(nodes=None, viewers=250), NOW, instead=False)
    carrying_more = book(request(nodes=None, viewers=250), policy(viewers_per_node=50), NOW)
    assert reserve(crowd, carrying_more, NOW, instead=False) is crowd


def test_a_name_is_free_again_after_its_end_or_its_cancelling() -> None:
    first = reserve(EMPTY, booked(), NOW, instead=False)
    over = reserve(first, booked(begin="+5h", end="+6h"), NOW + 3 * HOUR, instead=False)
    gone = cancel([first], "gig", NOW, by="bob@lb1", why="rain")
    again = reserve(gone, booked(nodes=6), NOW, instead=False)
    assert [act.deed for act in over.acts] == [Deed.RESERVE, Deed.RESERVE]
    assert [act.deed for act in again.acts] == [Deed.RESERVE, Deed.CANCEL, Deed.RESERVE]
    assert (gone.acts[-1].by, gone.acts[-1].why, gone.acts[-1].booking) == ("bob@lb1", "rain", booked())
    assert (gone.current(NOW), again.current(NOW)) == (None, booked(nodes=6))


def test_only_what_stands_can_be_cancelled() -> None:
    first = reserve(EMPTY, booked(), NOW, instead=False)
    for ledgers, name, now, hint in (
        ([first], "gigs", NOW, "did you mean 'gig'?"),
        ([first], "wedding", NOW, "reserved are: gig"),
        ([first], "gig", NOW + 3 * HOUR, "reserved are: none"),
        ([cancel([first], "gig", NOW, by="", why="")], "gig", NOW, "reserved are: none"),
    ):
        with pytest.raises(ConfigurationError) as refused:
            cancel(ledgers, name, now, by="", why="")
        message = f"nothing is reserved as {name!r}, or no longer ({hint})"
        assert str(refused.value) == f"--cancel: no-reservation {message}"


def test_a_ledger_is_found_by_its_name() -> None:
    first = reserve(EMPTY, booked(), NOW, instead=False)
    assert find([Ledger("edge", "cup"), first], "edge", "gig") is first
    assert find([first], "edge", "cup") == Ledger("edge", "cup")
    assert find([first], "edge", "cup").current(NOW) is None


def test_a_booking_is_told_in_words() -> None:
    assert told(booked(nodes=None, viewers=90), lambda moment: f"{moment:%H:%M}") == (
        "1 node for 90 viewers from 13:00 until 15:00, wanted from 12:45 on"
    )
    assert format_moment(datetime.fromisoformat("2026-06-01T18:00:00+03:00")) == "2026-06-01 15:00:00Z"
