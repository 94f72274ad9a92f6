"""An optimiser by Optuna. The only file that knows it: it needs the extra `tune`, so it is imported by name."""

from __future__ import annotations

from collections.abc import Sequence

import optuna

from autoscaler.simulate.tune.space import Point, Space

_NO_POLICY = 1e9
"""How far from every limit is what cannot even be loaded."""


class Tpe:
    """Proposes what looks best by what is known: tree-structured Parzen estimators, for one objective or several.

    Its choices depend on the seed and on what it is told, in which order, and on nothing else: not on who computed it,
    nor on how long that took. Points that are asked for together keep away from one another.
    """

    def __init__(self, space: Space, objectives: int, seed: int) -> None:
        """Begin a study that knows nothing."""
        optuna.logging.set_verbosity(optuna.logging.CRITICAL)  # what matters of it is told in our words
        self._space = space
        self._ranges: dict[str, optuna.distributions.BaseDistribution] = {
            axis.path: optuna.distributions.IntDistribution(0, len(axis.values) - 1)
            if axis.ordered
            else optuna.distributions.CategoricalDistribution(range(len(axis.values)))
            for axis in space.axes
        }
        sampler = optuna.samplers.TPESampler(seed=seed)
        self._study = optuna.create_study(directions=["minimize"] * objectives, sampler=sampler)
        self._trials: dict[int, optuna.trial.Trial] = {}

    def know(self, values: Sequence[float], shortfall: float) -> None:
        """Hear of the policy as it is, where all of it lies within the space."""
        if None not in self._space.nows:
            self._study.enqueue_trial({axis.path: axis.now for axis in self._space.axes})
            ticket, _ = self.ask()
            self.tell(ticket, values, shortfall)

    def ask(self) -> tuple[int, Point]:
        """Return what to try next; it may be what was tried before."""
        trial = self._study.ask(self._ranges)
        self._trials[trial.number] = trial
        return trial.number, self._space.point([trial.params[axis.path] for axis in self._space.axes])

    def tell(self, ticket: int, values: Sequence[float] | None, shortfall: float) -> None:
        """Mind it in the next proposals. Of what does not keep the limits only the shortfall counts."""
        trial = self._trials.pop(ticket)
        trial.set_constraint("limits", _NO_POLICY if values is None else shortfall)
        self._study.tell(trial, [0.0] * len(self._study.directions) if values is None else values)
