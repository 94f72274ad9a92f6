"""What a search found, ready to be written down: the best policies, and what each would change in the file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from autoscaler.review.effective import difference
from autoscaler.simulate.tune.outline import patch
from autoscaler.simulate.tune.search import Search
from autoscaler.simulate.tune.trial import Trial


@dataclass(frozen=True)
class Outcome:
    """A search that ended, or was `interrupted`. `seed` is the search's own; patches are of the file `name`."""

    search: Search
    seed: int
    name: str
    interrupted: bool = False

    @property
    def current(self) -> Trial:
        """The policy as it is."""
        return self.search.trials[0]

    @property
    def best(self) -> list[Trial]:
        """The Pareto set without the current policy."""
        return [trial for trial in self.search.front if trial is not self.current]

    def changes(self, trial: Trial) -> dict[str, tuple[str, str]]:
        """Return what a policy changes, as `{path: (before, after)}`."""
        before = {axis.path: axis.current for axis in self.search.space.axes}
        return {path: (before[path], after) for path, after in self.search.space.changes(trial.point).items()}

    def diff(self, trial: Trial) -> str:
        """Return what would change in the operator's file, as a patch for `git apply`."""
        space = self.search.space
        return patch(self.name, space.text, space.rewritten(trial.point))

    def plain(self) -> dict[str, Any]:
        """Lay it out as a JSON object, whose keys docs/tuning.md explains. The same search gives the same one."""
        search, contest = self.search, self.search.contest
        policy = self.current.policy
        return {
            "policy": policy.group if policy else None,
            "file": search.space.file,
            "traces": list(dict.fromkeys(run.trace for run in self.current.runs)),
            "seeds": [*contest.seeds],
            "seed_search": self.seed,
            "minimise": [*search.goal.objectives],
            "limits": [limit.text for limit in search.goal.limits],
            "space": {axis.path: {"now": axis.current, "values": [*axis.values]} for axis in search.space.axes},
            "current": self._entry(self.current),
            "best": [self._entry(trial) | self._change(trial) for trial in self.best],
            "trials": [self._entry(trial) for trial in search.trials],
            "spare": search.spare,
            "interrupted": self.interrupted,
        }

    def _entry(self, trial: Trial) -> dict[str, Any]:
        return {
            "number": trial.number,
            "changes": self.search.space.changes(trial.point),
            "figures": {**trial.figures} if trial.figures else None,
            "broken_limits": [*trial.broken],
            "refused": trial.refused or None,
        }

    def _change(self, trial: Trial) -> dict[str, Any]:
        before, after = self.current.policy, trial.policy
        return {
            "beats_current": trial in self.search.better,
            "effective": [*difference(before, after)] if before and after else [],
            "diff": self.diff(trial),
        }
