"""Searches that play nothing: what a policy comes to is told by a function of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from autoscaler.policy.schema import Policy
from autoscaler.policy.text import read_policy
from autoscaler.simulate.compare.job import Job, Setting
from autoscaler.simulate.measures import Measures
from autoscaler.simulate.spec import WorldSpec
from autoscaler.simulate.tune.request import make_goal
from autoscaler.simulate.tune.search import Contest, Search
from autoscaler.simulate.tune.space import Space, make_space
from tests.support.played import evening, measured
from tests.support.policy_text import QUIET

Figures = dict[str, float]
SETTING = Setting(WorldSpec(), timedelta(seconds=10))


@cache
def a_run() -> Measures:
    return replace(measured(evening(1)), rejected_sessions=0, slo_minutes_breached=0.0)


def trade(policy: Policy) -> Figures:
    """More nodes cost more and refuse fewer; from five on, nobody. Headroom costs, and is good for nothing."""
    least = policy.bounds.min
    return {"node_hours": 10.0 * least + policy.headroom.percent, "rejected_sessions": max(0, 5 - least) * 100}


def playing(figures: Callable[[Policy], Figures], played: list[Job] | None = None) -> Callable[..., Iterator[Measures]]:
    def play(jobs: Sequence[Job]) -> Iterator[Measures]:
        for job in jobs:
            if played is not None:
                played.append(job)
            found: dict[str, Any] = {**figures(read_policy(job.policy))}
            yield replace(a_run(), trace=job.trace.stem, seed=job.seed, **found)

    return play


def a_space(text: str = QUIET, **wishes: str) -> Space:
    ranges = {name.replace("__", "."): wish for name, wish in wishes.items()}
    return make_space("policies/edge.yaml", text, ranges or {"bounds.min": "1..8", "headroom.percent": "0%..20%..5%"})


def a_search(
    space: Space | None = None, *, minimise: Sequence[str] = (), limits: Sequence[str] = (), seeds: int = 1
) -> Search:
    contest = Contest([Path("evening.csv")], range(1, seeds + 1), SETTING)
    return Search(space or a_space(), contest, make_goal(minimise, limits))
