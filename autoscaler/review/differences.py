"""What was expected, held against what was decided and planned."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from autoscaler.model.decision import Direction, Reason
from autoscaler.model.plan import Action, CancelDrain, Drain, Ending, Launch, Stop, Terminate, Wake
from autoscaler.model.report import CycleReport
from autoscaler.model.snapshot import Node
from autoscaler.policy.document import Path
from autoscaler.policy.schema import Policy
from autoscaler.review.scenario import Expectation, Names, NodeTold
from autoscaler.review.words import Range


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as expected. `path` is inside the case."""

    path: Path
    what: str
    expected: str
    got: str


def differences(expected: Expectation, path: Path, report: CycleReport, names: Sequence[str]) -> Iterator[Difference]:
    """Compare one cycle with what was expected of it. `names` are the nodes that there are."""
    for key, compare in _COMPARISONS.items():
        strangers = [name for name in _named(expected, key) if name not in names]
        difference = (f"a node {strangers[0]}", f"only {_list(names)}") if strangers else compare(expected, report)
        if difference:
            yield Difference((*path, key), key, *difference)


def _named(expected: Expectation, key: str) -> tuple[str, ...]:
    """Return the nodes that an expectation names: one of a node that is not there would always, or never, hold."""
    if key == "not_drains":
        return expected.not_drains
    wish = getattr(expected, key)
    return (wish.names or ()) if isinstance(wish, Names) else ()


_Pair = tuple[str, str] | None
"""What was expected and what came instead; None when that is the same, or when nothing was expected."""


def _number(wish: Range | None, got: int) -> _Pair:
    return None if wish is None or wish.holds(got) else (str(wish), str(got))


def _codes(wish: tuple[str, ...] | None, reasons: Sequence[Reason]) -> _Pair:
    got = [reason.code for reason in reasons]
    if wish is None or (set(wish) <= set(got) if wish else not got):
        return None
    return _list(wish), _list(got)


def _none_of(unwanted: tuple[str, ...], got: Sequence[str]) -> _Pair:
    return (f"none of {_list(unwanted)}", _list(got)) if set(unwanted) & set(got) else None


def _nodes(wish: Names | None, got: Sequence[str]) -> _Pair:
    if wish is None:
        return None
    if wish.count is not None:
        return None if wish.count.holds(len(got)) else (f"{wish.count} nodes", _list(got))
    expected = wish.names or ()
    return None if set(expected) == set(got) else (_list(expected), _list(got))


def _direction(wish: Direction | None, got: Direction) -> _Pair:
    return None if wish in (None, got) else (str(wish), str(got))


def _subjects(report: CycleReport, kind: type[Action]) -> list[str]:
    """Name the nodes of all new steps of one kind. A drain that is only finished is none."""
    actions = [action for action in report.plan.actions if isinstance(action, kind)]
    return [action.subject for action in actions if action.why != "drain_unfinished"]


def _launched(report: CycleReport, *, spot: bool = False, pool: bool = False) -> int:
    launches = [action for action in report.plan.actions if isinstance(action, Launch)]
    return sum(action.count for action in launches if action.pool is pool and (action.spec.spot or not spot))


_COMPARISONS: Mapping[str, Callable[[Expectation, CycleReport], _Pair]] = {
    "current": lambda wish, report: _number(wish.current, report.decision.current),
    "desired": lambda wish, report: _number(wish.desired, report.decision.desired),
    "direction": lambda wish, report: _direction(wish.direction, report.decision.direction),
    "reasons": lambda wish, report: _codes(wish.reasons, report.decision.reasons),
    "not_reasons": lambda wish, report: _none_of(wish.not_reasons, [r.code for r in report.decision.reasons]),
    "refusals": lambda wish, report: _codes(wish.refusals, report.plan.refusals),
    "launches": lambda wish, report: _number(wish.launches, _launched(report)),
    "spot_launches": lambda wish, report: _number(wish.spot_launches, _launched(report, spot=True)),
    "pool_launches": lambda wish, report: _number(wish.pool_launches, _launched(report, pool=True)),
    "drains": lambda wish, report: _nodes(wish.drains, _subjects(report, Drain)),
    "not_drains": lambda wish, report: _none_of(wish.not_drains, _subjects(report, Drain)),
    "takes_back": lambda wish, report: _nodes(wish.takes_back, _subjects(report, CancelDrain)),
    "wakes": lambda wish, report: _nodes(wish.wakes, _subjects(report, Wake)),
    "stops": lambda wish, report: _nodes(wish.stops, _subjects(report, Stop)),
    "ends": lambda wish, report: _nodes(wish.ends, _subjects(report, Terminate)),
}
"""Every key of `Expectation`, in the order in which its differences are shown."""


def _list(words: Iterable[str]) -> str:
    return ", ".join(words) or "none"


def misplaced(nodes: Sequence[NodeTold], path: Path, report: CycleReport) -> Iterator[Difference]:
    """Find nodes that were told to be in a phase which, by the rest that was told, they cannot be in."""
    for number, told in enumerate(nodes):
        name = told.name or f"n{number + 1}"
        phase = report.decision.phases.get(name, told.phase)
        if phase is not told.phase:
            yield Difference((*path, "nodes", number), name, str(told.phase), f"{phase}, by its age and the policy")


def violations(report: CycleReport, policy: Policy, nevers: Iterable[tuple[str, Path]]) -> Iterator[Difference]:
    """Find what happened and never should have."""
    for word, path in nevers:
        got = _NEVERS[word](report, policy)
        if got:
            yield Difference(path, "never", word, got)


_Sight = Callable[[CycleReport, Policy], str]


def _went(direction: Direction) -> _Sight:
    def sight(report: CycleReport, policy: Policy) -> str:
        del policy
        decision = report.decision
        return f"{decision.current} -> {decision.desired} nodes" if decision.direction is direction else ""

    return sight


def _took(kind: type[Action], busy: Callable[[Node], bool] = lambda node: True) -> _Sight:  # noqa: ARG005 - any node
    def sight(report: CycleReport, policy: Policy) -> str:
        del policy
        nodes = {node.instance_id: node for node in report.snapshot.nodes}
        return ", ".join(name for name in _subjects(report, kind) if name not in nodes or busy(nodes[name]))

    return sight


def _out_of_bounds(report: CycleReport, policy: Policy) -> str:
    desired, bounds = report.decision.desired, policy.bounds
    inside = bounds.min <= desired <= bounds.max or report.snapshot.lacks("ec2")
    return "" if inside else f"{desired} nodes, and the bounds are {bounds.min} to {bounds.max}"


_NEVERS: Mapping[str, _Sight] = {
    "scale_out": _went(Direction.OUT),
    "scale_in": _went(Direction.IN),
    "launch": _took(Launch),
    "drain": _took(Drain),
    "drain_of_publisher": _took(Drain, lambda node: node.publishers != 0),
    "drain_of_viewer": _took(Drain, lambda node: node.sessions != 0),
    "terminate": _took(Terminate),
    "terminate_in_use": _took(Ending, lambda node: not node.empty),
    "out_of_bounds": _out_of_bounds,
}
