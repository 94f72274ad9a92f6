"""All that a comparison found, ready to be written down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from autoscaler.review.effective import difference
from autoscaler.simulate.compare.comparison import Failure, Match, Pair
from autoscaler.simulate.compare.diary import Parting
from autoscaler.simulate.compare.scales import MEASURES
from autoscaler.simulate.measures import Measures


@dataclass(frozen=True)
class Review:
    """`base` and `head` as they were named, and what came of them.

    Groups that only head has were played alone, those that only base has were not. `gone` are those of them that fail
    the review: gates were given, and nobody said that they may go. `base_problems` is why base has no policies at all.
    """

    base: str
    head: str
    pairs: Mapping[str, Pair]
    seeds: Sequence[int]
    matches: Sequence[Match]
    failed: Sequence[Failure]
    only_base: Sequence[str] = ()
    only_head: Sequence[str] = ()
    gone: Sequence[str] = ()
    base_problems: Sequence[str] = ()

    @property
    def changed(self) -> dict[str, Pair]:
        """The groups whose policies do not mean the same."""
        return {group: pair for group, pair in self.pairs.items() if pair.changed}

    def plain(self) -> dict[str, Any]:
        """Lay it out as a JSON object, whose keys docs/policy-review.md explains."""
        matches = {self._key(match): match for match in self.matches}
        pairs = {key: match for key, match in matches.items() if match.base}
        return {
            "base": {key: _entry(match, "base", match.base) for key, match in pairs.items()},
            "head": {key: _entry(match, "head", match.head) for key, match in matches.items()},
            "delta": {key: {name: found.mean for name, found in m.delta.items()} for key, m in pairs.items()},
            "failed": [
                {"expression": each.gate.text, "entry": self._key(each.match), "values": each.values}
                for each in self.failed
            ],
            "intervals": {key: _intervals(match) for key, match in pairs.items()},
            "seeds": [*self.seeds],
            "runs": {
                "base": {key: [run.plain() for run in match.base] for key, match in pairs.items()},
                "head": {key: [run.plain() for run in match.head] for key, match in matches.items()},
            },
            "partings": {key: [_parting(each) for each in match.partings] for key, match in matches.items()},
            "policies": {group: [*difference(*pair)] for group, pair in self.pairs.items()},
            "only_base": [*self.only_base],
            "only_head": [*self.only_head],
            "gone": [*self.gone],
            "base_problems": [*self.base_problems],
        }

    def _key(self, match: Match) -> str:
        """Name an entry: a trace, and the group before it where there are several."""
        return match.trace if len(self.pairs) == 1 else f"{match.group}/{match.trace}"


def _entry(match: Match, side: str, runs: Sequence[Measures]) -> dict[str, Any]:
    """Lay one side out under `simulate`'s keys: of several seeds the means, the first seed, and a digest of digests."""
    if len(runs) == 1:
        return runs[0].plain()
    digests = "\n".join(run.digest for run in runs)
    means = {name: match.values[f"{side}.{name}"] for name in MEASURES}
    wall_s = round(sum(run.wall_s for run in runs), 2)
    return runs[0].plain() | means | {"wall_s": wall_s, "digest": sha256(digests.encode()).hexdigest()}


def _intervals(match: Match) -> dict[str, list[float] | None]:
    return {
        name: None if found.low is None or found.high is None else [found.low, found.high]
        for name, found in match.delta.items()
    }


def _parting(parting: Parting) -> dict[str, Any]:
    return asdict(parting) | {"at": parting.at.isoformat()}
