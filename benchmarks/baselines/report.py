"""The contest as Markdown tables, the best of each column in bold, and as figures with goals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass

from autoscaler.simulate.measures import Measures
from benchmarks.baselines import rush
from benchmarks.baselines.contest import CONTESTANTS, GROUPS, OURS, Bout, contest, traces
from benchmarks.baselines.fixed import Fixed
from benchmarks.figures import Effort, Figure, Goal

ORACLE_RATIO = 1.35
Results = Sequence[tuple[Bout, Measures]]


@dataclass(frozen=True, slots=True)
class Score:
    """What a contestant made of one trace, or of all. Less is better in each."""

    node_hours: float
    asleep: float
    oracle: float
    rejected: int
    slo_minutes: float
    disrupted: float
    publishers_cut: int
    flaps: int

    @property
    def ratio(self) -> float:
        """Node-hours by those of the oracle."""
        return self.node_hours / self.oracle


COLUMNS: dict[str, tuple[Callable[[Score], float], str]] = {
    "node-hours": (lambda score: score.node_hours, ".1f"),
    "of the oracle's": (lambda score: score.ratio, ".2f"),
    "asleep": (lambda score: score.asleep, ".1f"),
    "rejected": (lambda score: score.rejected, "d"),
    "SLO minutes": (lambda score: score.slo_minutes, ".0f"),
    "viewer-minutes cut": (lambda score: score.disrupted, ".0f"),
    "publishers cut": (lambda score: score.publishers_cut, "d"),
    "flaps": (lambda score: score.flaps, "d"),
}
_ABSENT = {"edge": {"publishers cut"}, "origin": {"viewer-minutes cut", "asleep"}}
"""Nobody publishes to an edge; nobody watches an origin, and none sleeps."""


def run(effort: Effort) -> list[Figure]:
    """Play, print both tables, and return the figures."""
    results = contest(traces(), effort.hours)
    by_group = {group: scores(results, group) for group in GROUPS}
    for group, by_trace in by_group.items():
        print(f"\n### {group.capitalize()} group\n\n{markdown(by_trace, group)}")
    promised = [figure for group, by_trace in by_group.items() for figure in promises(by_trace, group)]
    return [expense(by_group), *promised, *rush.run()]


def scores(results: Results, group: str) -> dict[str, dict[str, Score]]:
    """Sort a group's results by trace and contestant.

    All of a trace are held against one oracle, the dearest: a run's own oracle leaves out whom that run rejected.
    """
    played: dict[str, dict[str, Measures]] = {}
    for bout, measures in results:
        if bout.group == group:
            played.setdefault(measures.trace, {})[bout.contestant] = measures
    oracles = {trace: max(part.oracle_node_hours for part in parts.values()) for trace, parts in played.items()}
    return {
        trace: {name: _score(measures, oracles[trace]) for name, measures in parts.items()}
        for trace, parts in played.items()
    }


def _score(measures: Measures, oracle: float) -> Score:
    return Score(
        node_hours=measures.node_hours,
        asleep=measures.stopped_hours,
        oracle=oracle,
        rejected=measures.rejected_sessions,
        slo_minutes=measures.slo_minutes_breached,
        disrupted=measures.viewer_minutes_disrupted,
        publishers_cut=measures.publishers_cut,
        flaps=measures.flaps,
    )


def total(by_trace: Mapping[str, Mapping[str, Score]]) -> dict[str, Score]:
    """Sum each contestant over all traces."""
    return {
        name: Score(
            *(sum(column) for column in zip(*(astuple(block[name]) for block in by_trace.values()), strict=True))
        )
        for name in CONTESTANTS
    }


def markdown(by_trace: Mapping[str, Mapping[str, Score]], group: str) -> str:
    """Render a group's table: a block of rows for each trace, and one for their sum."""
    names = [name for name in COLUMNS if name not in _ABSENT[group]]
    lines = [f"| trace | steered by | {' | '.join(names)} |", f"|---|---|{'---:|' * len(names)}"]
    for trace, block in {**by_trace, "all": total(by_trace)}.items():
        lines += _rows(trace, block, names)
    return "\n".join(lines)


def _rows(trace: str, block: Mapping[str, Score], names: Iterable[str]) -> list[str]:
    cells = {name: [name] for name in block}
    for column in names:
        read, form = COLUMNS[column]
        shown = {name: format(read(score), form) for name, score in block.items()}
        best = min(shown.values(), key=float)
        differ = len(set(shown.values())) > 1
        for name, text in shown.items():
            cells[name].append(f"**{text}**" if differ and text == best else text)
    return [f"| {trace} | {' | '.join(row)} |" for row in cells.values()]


def expense(by_group: Mapping[str, Mapping[str, Mapping[str, Score]]]) -> Figure:
    """Return the node-hours of our whole cluster, all groups on all traces; the floor is the oracle's."""
    ours = [total(by_trace)[OURS] for by_trace in by_group.values()]
    size = f"{len(by_group)} groups, {len(next(iter(by_group.values())))} traces"
    hours, oracle = sum(score.node_hours for score in ours), sum(score.oracle for score in ours)
    return Figure("node_hours", size, hours, "h", oracle, Goal("ratio", ORACLE_RATIO))


def promises(by_trace: Mapping[str, Mapping[str, Score]], group: str) -> list[Figure]:
    """Return what is promised of ours to people, each on the trace where it is kept worst.

    The floor is what the best of the others that scale does. A fixed size that knows the peak beforehand rejects
    nobody, and is no rule.
    """
    rivals = [name for name in CONTESTANTS if name not in {OURS, Fixed.name}]
    least = {trace: min(block[name].rejected for name in rivals) for trace, block in by_trace.items()}
    ours = {trace: block[OURS] for trace, block in by_trace.items()}
    full = max(ours, key=lambda trace: ours[trace].rejected - least[trace])
    rough = max(ours, key=lambda trace: _harm(ours[trace]))
    gentlest = min(_harm(by_trace[rough][name]) for name in rivals)
    return [
        Figure(f"{group}_rejected", full, ours[full].rejected, "sessions", least[full], Goal("value", least[full])),
        Figure(f"{group}_harm", rough, _harm(ours[rough]), "cut", gentlest, Goal("value", 0)),
    ]


def _harm(score: Score) -> float:
    """Add up viewer-minutes and publishers: of ours there must be none of either."""
    return score.disrupted + score.publishers_cut
