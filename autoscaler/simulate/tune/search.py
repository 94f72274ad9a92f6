"""The search: batches of policies are proposed, played on all traffic, and told to who proposes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from autoscaler.model.errors import ConfigurationError
from autoscaler.policy.schema import Policy
from autoscaler.simulate.compare.gate import Gate
from autoscaler.simulate.compare.job import Job, Setting
from autoscaler.simulate.measures import Measures
from autoscaler.simulate.tune.optimiser import Optimiser
from autoscaler.simulate.tune.space import Point, Space
from autoscaler.simulate.tune.trial import Trial, beats, figures, front, judged

BATCH = 8
"""So many are proposed at once, whatever the number of processes: it changes what is proposed."""

_PATIENCE = 100
"""So many proposals on end of what was tried before: there is nothing left that looks better."""

Play = Callable[[Sequence[Job]], Iterator[Measures]]
"""Plays jobs, wherever, and yields what came of each in their order."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What is better, and what must hold whatever is gained by it."""

    objectives: tuple[str, ...]
    limits: tuple[Gate, ...]


@dataclass(frozen=True, slots=True)
class Contest:
    """The traffic that every policy is played on."""

    traces: Sequence[Path]
    seeds: Sequence[int]
    setting: Setting

    @property
    def size(self) -> int:
        """How many simulations a policy takes."""
        return len(self.traces) * len(self.seeds)

    def jobs(self, policy: Policy) -> list[Job]:
        """List a policy's simulations."""
        return [Job(policy.text, trace, seed, self.setting) for trace in self.traces for seed in self.seeds]


@dataclass
class Search:
    """All that is known so far. `trials` grows while it goes on, so what was found outlives an interruption.

    `spare` counts trials that came after the search, only to leave out changes that gain nothing.
    """

    space: Space
    contest: Contest
    goal: Goal
    trials: list[Trial] = field(default_factory=list)
    spare: int = 0
    _known: dict[Point, Trial] = field(default_factory=dict)

    @property
    def front(self) -> list[Trial]:
        """The best of what was tried; each of them better than any other in something."""
        return front(self.trials, self.goal.objectives)

    @property
    def better(self) -> list[Trial]:
        """Which of these beat the current policy: worse in nothing, and better in something."""
        return [trial for trial in self.front if beats(trial, self.trials[0], self.goal.objectives)]

    @property
    def refused(self) -> Counter[str]:
        """Why policies were none, and how often."""
        return Counter(trial.refused for trial in self.trials if trial.refused)

    def run(self, play: Play, optimiser: Optimiser, trials: int) -> None:
        """Try the current policy and so many others, or fewer when nothing new is proposed any more."""
        self._try(play, [self.space.origin])
        optimiser.know(self.trials[0].of(self.goal.objectives), self.trials[0].shortfall)
        last = len(self.trials) + trials
        while len(self.trials) < last:
            asked = self._ask(optimiser, min(BATCH, last - len(self.trials)))
            self._try(play, [point for _, point in asked])
            for ticket, point in asked:
                self._tell(optimiser, ticket, self._known[point])
            if not asked:
                return

    def simplify(self, play: Play) -> None:
        """Try the best without each of their changes: nobody should have to review one that gains nothing."""
        before = len(self.trials)
        try:
            for number in range(len(self.space.axes)):
                points = [trial.point for trial in self.front if trial.point[number] is not None]
                self._try(play, [(*point[:number], None, *point[number + 1 :]) for point in points])
        finally:
            self.spare += len(self.trials) - before

    def _ask(self, optimiser: Optimiser, count: int) -> list[tuple[int, Point]]:
        """Return so many that nobody tried. Of others the optimiser is told at once what is known of them."""
        asked: list[tuple[int, Point]] = []
        for _ in range(_PATIENCE):
            proposal = optimiser.ask() if len({point for _, point in asked}) < count else None
            if proposal is None:
                break
            ticket, point = proposal
            if point in self._known:
                self._tell(optimiser, ticket, self._known[point])
            else:
                asked.append(proposal)
        return asked

    def _tell(self, optimiser: Optimiser, ticket: int, trial: Trial) -> None:
        values = trial.of(self.goal.objectives) if trial.figures else None
        optimiser.tell(ticket, values, trial.shortfall)

    def _try(self, play: Play, points: Sequence[Point]) -> None:
        """Load and play what is new, and note each as soon as it is known."""
        loaded = [self._load(point) for point in dict.fromkeys(points) if point not in self._known]
        jobs = [job for policy in (p for _, p, _ in loaded if p) for job in self.contest.jobs(policy)]
        played = play(jobs)
        for point, policy, refused in loaded:
            runs = tuple(next(played) for _ in range(self.contest.size)) if policy else ()
            self._note(point, policy, runs, refused)

    def _load(self, point: Point) -> tuple[Point, Policy | None, str]:
        try:
            return point, self.space.policy(point), ""
        except ConfigurationError as error:
            return point, None, error.problems[0].message

    def _note(self, point: Point, policy: Policy | None, runs: tuple[Measures, ...], refused: str) -> None:
        number = len(self.trials)
        if policy is None:
            trial = Trial(number, point, refused=refused)
        else:
            found = figures(runs)
            current = (self.trials[0].figures if self.trials else None) or found
            broken, shortfall = judged(self.goal.limits, current, found)
            trial = Trial(number, point, policy, runs, found, tuple(broken), shortfall)
        self.trials.append(trial)
        self._known[point] = trial
