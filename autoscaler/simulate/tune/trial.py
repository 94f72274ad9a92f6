"""One policy that was tried: what came of it on all traces with all seeds, and whether it keeps the limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from autoscaler.policy.schema import Policy
from autoscaler.simulate.compare.gate import Gate
from autoscaler.simulate.compare.scales import MEASURES, WORSE_WHEN_MORE
from autoscaler.simulate.measures import Measures
from autoscaler.simulate.tune.space import Point

OBJECTIVES = (*WORSE_WHEN_MORE, "scale_outs", "scale_ins", "max_nodes")
"""What can be made less of."""

USUAL_OBJECTIVES = ("node_hours", "rejected_sessions")
USUAL_LIMITS = ("publishers_cut == 0", "viewer_minutes_disrupted == 0")
"""The promise. Each holds unless a limit that somebody gives speaks of the same measure."""

_OF_SEVERAL: Mapping[str, Callable[[Sequence[float]], float]] = {
    "over_provisioned_ratio": max,
    "max_nodes": max,
    "min_nodes": min,
}
"""Of ratios and peaks a sum means nothing, and a mean hides the one bad evening: the worst counts. All else adds up."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A policy of the search space; `number` 0 is the current one.

    `refused` is why it is no policy; then nothing was played. `broken` are the limits that it does not keep.
    """

    number: int
    point: Point
    policy: Policy | None = None
    runs: tuple[Measures, ...] = ()
    figures: Mapping[str, float] | None = None
    broken: tuple[str, ...] = ()
    shortfall: float = 0.0
    refused: str = ""

    @property
    def good(self) -> bool:
        """Whether it was played and keeps every limit."""
        return self.figures is not None and not self.broken

    def of(self, objectives: Sequence[str]) -> tuple[float, ...]:
        """Return what it has of some measures; only of one that was played."""
        figures = self.figures or {}
        return tuple(figures[name] for name in objectives)


def figures(runs: Sequence[Measures]) -> dict[str, float]:
    """Put all runs of a policy together: sums, and of ratios and peaks the worst.

    To three digits, as the measures have them: sums of binary fractions would be 3.3000000000000003.
    """
    columns = {name: [number for run in runs if not isinstance(number := run.plain()[name], str)] for name in MEASURES}
    return {name: round(_OF_SEVERAL.get(name, sum)(column), 3) for name, column in columns.items()}


def judged(limits: Sequence[Gate], current: Mapping[str, float], found: Mapping[str, float]) -> tuple[list[str], float]:
    """Return the limits that a policy's figures do not keep, and how far they are from it in all."""
    values = {f"base.{name}": current[name] for name in MEASURES}
    values |= {f"head.{name}": found[name] for name in MEASURES}
    values |= {f"delta.{name}": found[name] - current[name] for name in MEASURES}
    broken = [limit.text for limit in limits if not limit.holds(values)]
    return broken, sum(limit.shortfall(values) for limit in limits)


def front(trials: Sequence[Trial], objectives: Sequence[str]) -> list[Trial]:
    """Return those to which no other is better in anything without being worse in something else (Pareto).

    Of several with the same values the one with the fewest changes is kept. In the order of the first objective.
    """
    good = [trial for trial in trials if trial.good]
    best = [trial for trial in good if not any(beats(other, trial, objectives) for other in good)]
    best.sort(key=lambda trial: (trial.of(objectives), _changes(trial), trial.number))
    return list({trial.of(objectives): trial for trial in reversed(best)}.values())[::-1]


def beats(one: Trial, other: Trial, objectives: Sequence[str]) -> bool:
    """Whether one is no worse in any objective, and better in at least one. Who keeps the limits beats who does not."""
    if one.good != other.good:
        return one.good
    pairs = list(zip(one.of(objectives), other.of(objectives), strict=True))
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)


def _changes(trial: Trial) -> int:
    return sum(index is not None for index in trial.point)
