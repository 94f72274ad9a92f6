"""What every BookingStore does: MongoDB, and the simulated one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from threading import Barrier

import pytest
from pymongo.database import Database

from autoscaler.adapters.mongo import Document, connect
from autoscaler.adapters.mongo_bookings import KEPT, MongoBookingReader, MongoBookingStore
from autoscaler.adapters.mongo_journal import MongoJournal
from autoscaler.model.booking import Act, Booking, Deed, Ledger
from autoscaler.model.errors import ActionError, ObservationError
from autoscaler.model.record import booking_record
from autoscaler.ports import BookingJournal, BookingStore
from autoscaler.simulate.ports import SimulatedClock
from autoscaler.simulate.stores import RecordingJournal, SimulatedBookings
from autoscaler.simulate.world import World
from tests.support.mongo import three_views
from tests.support.places import free_port
from tests.support.records import NOW

HOUR = timedelta(hours=1)
GIG = Booking("gig", NOW + HOUR, NOW + 3 * HOUR, timedelta(minutes=15), 5, viewers=450, by="ann@lb1", why="a cup")


def made(booking: Booking, group: str = "edge", deed: Deed = Deed.RESERVE) -> Ledger:
    return Ledger(group, booking.name, (Act(deed, NOW, booking.by, booking.why, booking),))


def cancelled(ledger: Ledger) -> Ledger:
    return replace(ledger, acts=(*ledger.acts, Act(Deed.CANCEL, NOW, "bob@lb1", "rain", ledger.acts[-1].booking)))


@dataclass(frozen=True)
class Rig:
    """`another` is the store as another process has it, `unreachable` one whose server is down."""

    store: BookingStore
    another: BookingStore
    unreachable: BookingStore


def mongo_rig(request: pytest.FixtureRequest) -> Rig:
    return Rig(*map(MongoBookingStore, three_views(request)))


def simulated_rig(request: pytest.FixtureRequest) -> Rig:
    del request
    store = SimulatedBookings(World(now=NOW))
    return Rig(store, store, SimulatedBookings(World(now=NOW, dead={"mongodb"})))


@pytest.fixture(params=[mongo_rig, simulated_rig])
def rig(request: pytest.FixtureRequest) -> Rig:
    make: Callable[[pytest.FixtureRequest], Rig] = request.param
    return make(request)


def test_nothing_is_reserved_at_first(rig: Rig) -> None:
    assert rig.store.read("edge", NOW) == ()
    assert rig.store.ledgers("edge") == ()


def test_what_is_saved_is_read_whole(rig: Rig) -> None:
    saved = rig.store.save(made(GIG))
    assert saved == replace(made(GIG), revision=1)
    assert rig.another.ledgers("edge") == (saved,)
    assert rig.another.read("edge", NOW) == (GIG,)


def test_groups_do_not_mix(rig: Rig) -> None:
    rig.store.save(made(GIG))
    assert rig.store.read("origin", NOW) == ()
    assert rig.store.save(made(replace(GIG, nodes=2), "origin")).revision == 1
    assert rig.store.read("edge", NOW) == (GIG,)


def test_those_that_stand_are_read_in_their_order(rig: Rig) -> None:
    late, twin = replace(GIG, name="aftermath", at=NOW + 2 * HOUR), replace(GIG, name="cup")
    for booking in (late, GIG, twin):
        rig.store.save(made(booking))
    assert [booking.name for booking in rig.store.read("edge", NOW)] == ["cup", "gig", "aftermath"]
    assert [ledger.name for ledger in rig.store.ledgers("edge")] == ["aftermath", "cup", "gig"]


def test_it_is_gone_at_its_end_and_can_still_be_looked_up(rig: Rig) -> None:
    saved = rig.store.save(made(GIG))
    assert rig.store.read("edge", GIG.until - timedelta(milliseconds=1)) == (GIG,)
    assert rig.store.read("edge", GIG.until) == ()
    assert rig.store.ledgers("edge") == (saved,)


def test_what_is_cancelled_is_gone_from_decisions_and_not_from_the_record(rig: Rig) -> None:
    gone = rig.store.save(cancelled(rig.store.save(made(GIG))))
    assert gone.revision == 2
    assert rig.another.read("edge", NOW) == ()
    assert rig.another.ledgers("edge") == (gone,)
    assert [act.deed for act in gone.acts] == [Deed.RESERVE, Deed.CANCEL]


def test_who_saves_on_an_old_ledger_is_refused_and_changes_nothing(rig: Rig) -> None:
    first = rig.store.save(made(GIG))
    theirs = rig.another.save(cancelled(first))
    with pytest.raises(ActionError) as refused:
        rig.store.save(cancelled(first))
    assert refused.value.code == "reservation_conflict"
    assert str(refused.value) == "reservation_conflict: somebody else has just changed edge/gig"
    assert rig.store.ledgers("edge") == (theirs,)


def test_a_second_first_one_is_refused(rig: Rig) -> None:
    rig.store.save(made(GIG))
    with pytest.raises(ActionError, match="reservation_conflict"):
        rig.another.save(made(replace(GIG, nodes=9)))
    assert rig.store.read("edge", NOW) == (GIG,)


def test_a_ledger_from_nowhere_is_refused(rig: Rig) -> None:
    with pytest.raises(ActionError, match="reservation_conflict"):
        rig.store.save(replace(made(GIG), revision=4))
    assert rig.store.ledgers("edge") == ()


def test_what_cannot_be_reached_is_an_error_and_not_an_empty_list(rig: Rig) -> None:
    for read in (lambda: rig.unreachable.read("edge", NOW), lambda: rig.unreachable.ledgers("edge")):
        with pytest.raises(ObservationError) as reading:
            read()
        assert reading.value.source == "mongodb"
    with pytest.raises(ActionError) as saving:
        rig.unreachable.save(made(GIG))
    assert (saving.value.code, saving.value.exit_code) == ("reservation_unsaved", 4)


@pytest.mark.parametrize("round_", range(3))
def test_of_racing_first_ones_exactly_one_wins(mongo_database: Database[Document], round_: int) -> None:
    """Only for the real one: the simulated store is used by one thread."""
    racers = 8
    store, barrier = MongoBookingStore(mongo_database), Barrier(racers)

    def race(racer: int) -> int | None:
        barrier.wait()
        try:
            store.save(made(replace(GIG, nodes=racer + 1), f"edge{round_}"))
        except ActionError as error:
            return None if error.code == "reservation_conflict" else -1
        return racer

    with ThreadPoolExecutor(racers) as pool:
        winners = [racer for racer in pool.map(race, range(racers)) if racer is not None]
    assert len(winners) == 1
    assert [booking.nodes for booking in store.read(f"edge{round_}", NOW)] == [winners[0] + 1]


def test_mongodb_deletes_it_some_days_after_its_end(mongo_database: Database[Document]) -> None:
    MongoBookingStore(mongo_database).save(made(GIG))
    [index] = [i for i in mongo_database.reservations.list_indexes() if "expireAfterSeconds" in i]
    assert (dict(index["key"]), index["expireAfterSeconds"]) == ({"forget_at": 1}, 0)
    row = mongo_database.reservations.find_one({}) or {}
    assert row["forget_at"] - row["until"] == KEPT


def test_a_document_that_cannot_be_read_is_an_error(mongo_database: Database[Document]) -> None:
    store = MongoBookingStore(mongo_database)
    store.save(made(GIG))
    mongo_database.reservations.update_one({}, {"$set": {"acts.0.booking.nodes": "many"}})
    with pytest.raises(ObservationError, match=r"the reservation edge/gig: booking\.nodes: expected a whole number"):
        store.read("edge", NOW)


def test_a_ledger_does_not_grow_for_ever(mongo_database: Database[Document]) -> None:
    store = MongoBookingStore(mongo_database)
    many = tuple(Act(Deed.REPLACE, NOW, str(number), "", GIG) for number in range(250))
    saved = store.save(Ledger("edge", "gig", many))
    assert store.ledgers("edge") == (saved,)
    assert (len(saved.acts), saved.acts[-1].by) == (100, "249")


def test_a_reader_has_nothing_to_write_with(mongo_database: Database[Document]) -> None:
    public = {name for name in dir(MongoBookingReader) if not name.startswith("_")}
    assert public == {"read"}
    assert MongoBookingReader(mongo_database).read("edge", NOW) == ()
    assert mongo_database.list_collection_names() == []


def test_a_deed_is_recorded_with_who_and_why(mongo_database: Database[Document]) -> None:
    [act], clock = made(GIG).acts, SimulatedClock(World(now=NOW))
    journals: list[BookingJournal] = [MongoJournal(mongo_database, clock), recording := RecordingJournal()]
    for journal in journals:
        journal.booking("edge", act)
    assert recording.records == [("edge", act)]
    [row] = mongo_database.journal.find({})
    assert (row["event"], row["deed"], row["by"], row["why"]) == ("reservation", "reserve", "ann@lb1", "a cup")
    assert {key: row[key] for key in booking_record("edge", act)} == booking_record("edge", act)


def test_a_journal_that_cannot_record_a_deed_says_so() -> None:
    clock = SimulatedClock(World(now=NOW))
    with connect(f"mongodb://127.0.0.1:{free_port()}", timeout=timedelta(milliseconds=300)) as refused:
        for journal in (MongoJournal(refused["autoscaler"], clock), RecordingJournal(available=False)):
            with pytest.raises(ActionError, match="journal_unavailable"):
                journal.booking("edge", made(GIG).acts[0])
