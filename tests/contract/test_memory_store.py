"""What every MemoryStore does: MongoDB, and the simulated one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Barrier

import pytest
from pymongo.database import Database

from autoscaler.adapters.mongo import Document
from autoscaler.adapters.mongo_memory import MongoMemoryReader, MongoMemoryStore
from autoscaler.model.errors import ActionError, ObservationError, StateConflict
from autoscaler.model.memory import Memory
from autoscaler.ports import MemoryStore
from autoscaler.simulate.stores import SimulatedMemoryStore
from tests.support.mongo import three_views
from tests.support.records import MEMORY

FRESH = replace(MEMORY, revision=0)


@dataclass(frozen=True)
class Rig:
    """`another` is the store as another process has it, `unreachable` one whose server is down."""

    store: MemoryStore
    another: MemoryStore
    unreachable: MemoryStore


def mongo_rig(request: pytest.FixtureRequest) -> Rig:
    return Rig(*map(MongoMemoryStore, three_views(request)))


def simulated_rig(request: pytest.FixtureRequest) -> Rig:
    del request
    store = SimulatedMemoryStore()
    return Rig(store, store, SimulatedMemoryStore(available=False))


@pytest.fixture(params=[mongo_rig, simulated_rig])
def rig(request: pytest.FixtureRequest) -> Rig:
    make: Callable[[pytest.FixtureRequest], Rig] = request.param
    return make(request)


def test_a_group_remembers_nothing_at_first(rig: Rig) -> None:
    assert replace(rig.store.load("edge"), origin="") == Memory()


def test_what_is_saved_is_loaded_whole(rig: Rig) -> None:
    saved = rig.store.save("edge", FRESH)
    assert saved == replace(FRESH, revision=1)
    assert rig.another.load("edge") == saved


def test_each_save_counts(rig: Rig) -> None:
    memory = Memory()
    for revision in (1, 2, 3):
        memory = rig.store.save("edge", memory)
        assert memory.revision == revision
    assert rig.store.load("edge").revision == 3


def test_groups_do_not_mix(rig: Rig) -> None:
    rig.store.save("edge", FRESH)
    assert replace(rig.store.load("origin"), origin="") == Memory()
    assert rig.store.save("origin", Memory()).revision == 1


def test_who_saves_on_an_old_memory_is_refused_and_changes_nothing(rig: Rig) -> None:
    first = rig.store.save("edge", Memory())
    theirs = rig.another.save("edge", replace(MEMORY, revision=first.revision))
    with pytest.raises(StateConflict):
        rig.store.save("edge", first)
    assert rig.store.load("edge") == theirs


def test_a_second_first_save_is_refused(rig: Rig) -> None:
    first = rig.store.save("edge", FRESH)
    with pytest.raises(StateConflict):
        rig.another.save("edge", Memory())
    assert rig.store.load("edge") == first


def test_a_memory_from_nowhere_is_refused(rig: Rig) -> None:
    with pytest.raises(StateConflict):
        rig.store.save("edge", Memory(revision=7))
    assert replace(rig.store.load("edge"), origin="") == Memory()


def test_a_refused_process_goes_on_with_what_it_loads_then(rig: Rig) -> None:
    rig.store.save("edge", Memory())
    with pytest.raises(StateConflict):
        rig.another.save("edge", Memory())
    assert rig.another.save("edge", rig.another.load("edge")).revision == 2


def test_what_cannot_be_reached_is_an_error_and_not_an_empty_memory(rig: Rig) -> None:
    with pytest.raises(ObservationError) as reading:
        rig.unreachable.load("edge")
    with pytest.raises(ActionError) as saving:
        rig.unreachable.save("edge", FRESH)
    assert reading.value.source == "mongodb"
    assert (saving.value.code, saving.value.retryable) == ("state_unavailable", True)


@pytest.mark.parametrize("round_", range(5))
def test_of_racing_first_savers_exactly_one_wins(mongo_database: Database[Document], round_: int) -> None:
    """Only for the real one: the simulated store is used by one thread."""
    racers = 8
    store, barrier = MongoMemoryStore(mongo_database), Barrier(racers)

    def race(racer: int) -> int | None:
        barrier.wait()
        try:
            store.save(
                f"edge{round_}", replace(FRESH, stock_outs={str(racer): MEMORY.stock_outs["c5.xlarge/subnet-a"]})
            )
        except StateConflict:
            return None
        return racer

    with ThreadPoolExecutor(racers) as pool:
        winners = [racer for racer in pool.map(race, range(racers)) if racer is not None]
    assert len(winners) == 1
    assert list(store.load(f"edge{round_}").stock_outs) == [str(winners[0])]


def test_a_reader_has_nothing_to_write_with(mongo_database: Database[Document]) -> None:
    public = {name for name in dir(MongoMemoryReader) if not name.startswith("_")}
    assert public == {"load"}
    assert replace(MongoMemoryReader(mongo_database).load("edge"), origin="") == Memory()
    assert mongo_database.list_collection_names() == []


def test_each_first_memory_has_an_origin_of_its_own_and_keeps_it(rig: Rig) -> None:
    first, other = rig.store.load("edge"), rig.store.load("origin")
    assert first.origin
    assert first.origin != other.origin
    rig.store.save("edge", first)
    assert rig.another.load("edge").origin == first.origin
