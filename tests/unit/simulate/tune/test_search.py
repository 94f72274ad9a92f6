"""The search, on policies whose figures are known: what it tries, what it learns, and what it leaves out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from autoscaler.policy.schema import Policy
from autoscaler.simulate.compare.job import Job
from autoscaler.simulate.measures import Measures
from autoscaler.simulate.tune.optimiser import Everything
from autoscaler.simulate.tune.search import BATCH, Search
from autoscaler.simulate.tune.space import Point, make_space
from autoscaler.simulate.tune.tpe import Tpe
from tests.support.policy_text import QUIET
from tests.support.tuning import Figures, a_search, a_space, playing, trade

WIDE = {
    "bounds.min": "1..8",
    "headroom.percent": "0%..30%",
    "scale_in.stabilization": "2m..20m",
    "warm_up": "30s..3m",
    "signals.cpu.aggregate": "mean,max,p90",
}


class Given:
    """Proposes what it was given, and keeps what it is told."""

    def __init__(self, *points: Point) -> None:
        self.points = [*points]
        self.told: dict[int, tuple[Sequence[float] | None, float]] = {}
        self.known: tuple[float, ...] = ()

    def know(self, values: Sequence[float], shortfall: float) -> None:
        self.known = (*values, shortfall)

    def ask(self) -> tuple[int, Point] | None:
        return (len(self.points), self.points.pop(0)) if self.points else None

    def tell(self, ticket: int, values: Sequence[float] | None, shortfall: float) -> None:
        self.told[ticket] = values, shortfall


def searched(seed: int = 1, trials: int = 40, **options: Sequence[str]) -> Search:
    search = a_search(make_space("p.yaml", QUIET, WIDE), **options)  # type: ignore[arg-type]  # by name
    search.run(playing(trade), Tpe(search.space, len(search.goal.objectives), seed), trials)
    return search


def test_the_policy_as_it_is_comes_first_and_is_made_known() -> None:
    search, optimiser = a_search(limits=["node_hours <= 10"]), Given((4, None))
    search.run(playing(trade), optimiser, 5)
    assert [trial.point for trial in search.trials] == [(None, None), (4, None)]
    assert optimiser.known == (20.0, 300.0, 1.0)
    assert optimiser.told == {1: ((50.0, 0.0), 4.0)}
    assert search.front == []


def test_what_was_tried_is_told_and_not_played_again() -> None:
    jobs: list[Job] = []
    search, optimiser = a_search(seeds=2), Given((4, None), (None, None), (4, None), (4, 1), (4, None))
    search.run(playing(trade, jobs), optimiser, 10)
    assert len(search.trials) == 3
    assert len(jobs) == 3 * 2
    assert sorted(optimiser.told) == [1, 2, 3, 4, 5]
    assert optimiser.told[5] == optimiser.told[3] == optimiser.told[1]


def test_what_is_no_policy_is_counted_with_its_reason() -> None:
    space = make_space("p.yaml", QUIET, {"bounds.min": "2..14", "bounds.max": "3..12"})
    search, optimiser = a_search(space), Given((12, 0), (11, 0), (12, None))
    search.run(playing(trade), optimiser, 10)
    assert optimiser.told[3] == (None, 0.0)
    assert [trial.figures is None for trial in search.trials] == [False, True, True, True]
    assert search.refused == {
        "bounds: min 14 is above max 3": 1,
        "bounds: min 13 is above max 3": 1,
        "bounds: min 14 is above max 12": 1,
    }
    assert [trial.number for trial in search.front] == [0]


def test_no_more_are_tried_than_were_asked_for_and_in_batches() -> None:
    search = a_search()
    sizes: list[int] = []

    def play(jobs: Sequence[Job]) -> Iterator[Measures]:
        sizes.append(len(jobs))
        return playing(trade)(jobs)

    search.run(play, Everything(search.space), 2 * BATCH + 3)
    assert sizes == [1, BATCH, BATCH, 3]


def test_a_small_space_is_tried_to_its_end() -> None:
    search = a_search()
    search.run(playing(trade), Everything(search.space), 1000)
    assert len(search.trials) == search.space.size
    assert [trial.of(search.goal.objectives) for trial in search.front] == [
        (10.0 * least, (5 - least) * 100) for least in range(1, 6)
    ]
    assert [search.space.changes(trial.point) for trial in search.better] == []


def test_a_change_that_gains_nothing_is_left_out() -> None:
    def deaf(policy: Policy) -> Figures:
        return {"node_hours": 5.0 if policy.bounds.min == 4 else 9.0, "rejected_sessions": 0}

    search = a_search()
    search.run(playing(deaf), Given((3, 2)), 5)
    search.simplify(playing(deaf))
    (best,) = search.better
    assert search.space.changes(best.point) == {"bounds.min": "4"}
    assert search.spare == 2


def test_the_same_seed_finds_the_same_and_another_another() -> None:
    one, again, other = (searched(seed, 20) for seed in (1, 1, 2))
    assert [trial.point for trial in one.trials] == [trial.point for trial in again.trials]
    assert [trial.point for trial in one.trials] != [trial.point for trial in other.trials]


def test_it_learns_what_is_better() -> None:
    """Of 8 x 31 x 19 x 16 x 3 policies few are near the best; by chance 40 tries would hardly meet one."""
    search = searched(minimise=["node_hours"])
    (best,) = search.front
    assert best.of(["node_hours"])[0] <= 13.0
    later = [trial.of(["node_hours"])[0] for trial in search.trials[-10:]]
    sooner = [trial.of(["node_hours"])[0] for trial in search.trials[1:11]]
    assert sum(later) < sum(sooner) / 2


def test_it_minds_the_limits() -> None:
    search = searched(minimise=["node_hours"], limits=["rejected_sessions <= 100"])
    (best,) = search.front
    assert best.policy is not None
    assert best.policy.bounds.min == 4
    assert sum(trial.good for trial in search.trials[-10:]) > 5


def test_what_was_found_outlives_an_interruption() -> None:
    def play(jobs: Sequence[Job]) -> Iterator[Measures]:
        for number, found in enumerate(playing(trade)(jobs)):
            if number == 3:
                raise KeyboardInterrupt
            yield found

    search = a_search()
    with pytest.raises(KeyboardInterrupt):
        search.run(play, Everything(search.space), 20)
    assert len(search.trials) == 4


def test_two_seeds_are_added_up() -> None:
    search = a_search(a_space(), seeds=2)
    search.run(playing(trade), Given(), 1)
    assert search.trials[0].of(["node_hours", "rejected_sessions"]) == (40.0, 600.0)
