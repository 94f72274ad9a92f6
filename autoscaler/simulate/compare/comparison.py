"""A comparison as a whole: who is played against whom, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from autoscaler.policy.schema import Policy
from autoscaler.simulate.compare.diary import Parting, partings
from autoscaler.simulate.compare.gate import SIDES, Gate
from autoscaler.simulate.compare.job import Job, Setting, run_job
from autoscaler.simulate.compare.pool import run_all
from autoscaler.simulate.compare.scales import MEASURES
from autoscaler.simulate.compare.spread import Spread, spread
from autoscaler.simulate.measures import Measures


class Pair(NamedTuple):
    """A group's policy on both sides. One that only head has is played alone."""

    base: Policy | None
    head: Policy

    @property
    def changed(self) -> bool:
        """Whether the sides do not mean the same."""
        return self.base is None or self.base.text != self.head.text


@dataclass(frozen=True)
class Match:
    """A group on a trace: each side's runs, a seed each and in the same order, and where they first part.

    Without a base there are no runs of it, no `delta`, and no values but head's.
    """

    group: str
    trace: str
    base: tuple[Measures, ...]
    head: tuple[Measures, ...]
    partings: tuple[Parting, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether any run came out otherwise. A digest alone does not tell: prices and sleeping nodes are not in it."""
        return [_outcome(run) for run in self.base] != [_outcome(run) for run in self.head]

    @cached_property
    def delta(self) -> Mapping[str, Spread]:
        """How far head is from base, measure by measure."""
        if not self.base:
            return {}
        pairs = [(one.plain(), other.plain()) for one, other in zip(self.base, self.head, strict=True)]
        return {name: spread([float(b[name]) - float(a[name]) for a, b in pairs]) for name in MEASURES}

    @cached_property
    def values(self) -> Mapping[str, float]:
        """Every mean over the seeds as `side.measure`."""
        means = {"base": _means(self.base), "head": _means(self.head)}
        means["delta"] = {name: found.mean for name, found in self.delta.items()}
        return {f"{side}.{name}": mean for side in SIDES for name, mean in means[side].items()}


@dataclass(frozen=True, slots=True)
class Failure:
    """An expression that held, on what, and the values that it looked at."""

    gate: Gate
    match: Match

    @property
    def values(self) -> dict[str, float]:
        """What it looked at."""
        return {name: self.match.values[name] for name in self.gate.names}


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be played. Groups and traces keep their order in all that is printed."""

    pairs: Mapping[str, Pair]
    traces: Sequence[Path]
    seeds: Sequence[int]
    setting: Setting

    def jobs(self, folder: Path) -> list[Job]:
        """List every simulation once: policies that mean the same are played once for both sides.

        Only with the first seed is a diary kept: one example is read, and more would only cost time.
        """
        found: dict[Job, None] = {}
        for pair in self.pairs.values():
            for trace in self.traces:
                for seed in self.seeds:
                    found |= dict.fromkeys(self.sides(pair, trace, seed, folder))
        return list(found)

    def sides(self, pair: Pair, trace: Path, seed: int, folder: Path) -> list[Job]:
        """Return the simulations of both sides, or of head alone."""
        parts = pair.base is not None and pair.changed and seed == self.seeds[0]
        place = f"{pair.head.group}-{self.traces.index(trace)}"
        return [
            Job(policy.text, trace, seed, self.setting, folder / f"{place}-{side}.gz" if parts else None)
            for side, policy in zip(Pair._fields, pair, strict=True)
            if policy
        ]


def compare(plan: Plan, folder: Path, processes: int, done: Callable[[], object] = bool) -> list[Match]:
    """Play everything and judge it, group by group and trace by trace. `folder` holds diaries meanwhile."""
    jobs = plan.jobs(folder)
    played = dict(zip(jobs, run_all(run_job, jobs, processes, done), strict=True))
    return [
        _match(plan, pair, trace, folder, played)
        for pair in plan.pairs.values()
        for trace in plan.traces
    ]  # fmt: skip


def _match(plan: Plan, pair: Pair, trace: Path, folder: Path, played: Mapping[Job, Measures]) -> Match:
    sides = [plan.sides(pair, trace, seed, folder) for seed in plan.seeds]
    *base, head = (tuple(played[job] for job in jobs) for jobs in zip(*sides, strict=True))
    diaries = [job.diary for job in sides[0] if job.diary]
    return Match(
        pair.head.group, head[0].trace, base[0] if base else (), head, partings(*diaries) if diaries else ()
    )  # fmt: skip


def failures(gates: Sequence[Gate], matches: Sequence[Match]) -> list[Failure]:
    """Return every expression that holds, with what it holds on. Where head is alone, those that ask for it alone."""
    return [
        Failure(gate, match)
        for gate in gates
        for match in matches
        if match.values.keys() >= {*gate.names} and gate.holds(match.values)
    ]


def _outcome(run: Measures) -> tuple[str | int | float, ...]:
    row = run.plain()
    return (run.digest, *(row[name] for name in MEASURES))


def _means(runs: Sequence[Measures]) -> dict[str, float]:
    rows = [run.plain() for run in runs]
    return {name: fmean(float(row[name]) for row in rows) for name in MEASURES} if rows else {}
