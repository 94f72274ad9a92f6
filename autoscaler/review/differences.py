"""What was expected, held against what was decided and planned."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from autoscaler.model.decision import Direction, Reason
from autoscaler.model.plan import Action, CancelDrain, Drain, Launch, Terminate
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
    for key in Expectation.model_fields:
        if key not in expected.model_fields_set:
            continue
        wish = getattr(expected, key)
        strangers = [name for name in _named(wish) if key in _OF_NODES and name not in names]
        if strangers:
            yield Difference((*path, key), key, f"a node {strangers[0]}", f"only {_list(names)}")
            continue
        difference = _compare(key, wish, report)
        if difference:
            yield Difference((*path, key), key, *difference)


_OF_NODES = {"drains": Drain, "not_drains": Drain, "takes_back": CancelDrain, "ends": Terminate}


def _named(wish: object) -> Iterable[str]:
    if isinstance(wish, Names):
        return wish.names or ()
    return wish if isinstance(wish, tuple) else ()


def _compare(key: str, wish: object, report: CycleReport) -> tuple[str, str] | None:
    """Return what was expected and what came instead; None when that is the same."""
    if key in _NUMBERS:
        return _number(wish, _NUMBERS[key](report))
    if key in _CODES:
        return _codes(wish, [reason.code for reason in _CODES[key](report)])
    if key.startswith("not_"):
        codes = [reason.code for reason in report.decision.reasons]
        return _none_of(wish, codes if key == "not_reasons" else _subjects(report, Drain))
    if key == "direction":
        direction = report.decision.direction
        return None if wish is direction else (str(wish), str(direction))
    return _nodes(wish, _subjects(report, _OF_NODES[key]))


_NUMBERS: Mapping[str, Callable[[CycleReport], int]] = {
    "current": lambda report: report.decision.current,
    "desired": lambda report: report.decision.desired,
    "launches": lambda report: sum(action.count for action in report.plan.actions if isinstance(action, Launch)),
}
_CODES: Mapping[str, Callable[[CycleReport], Sequence[Reason]]] = {
    "reasons": lambda report: report.decision.reasons,
    "refusals": lambda report: report.plan.refusals,
}


def _subjects(report: CycleReport, kind: type[Action]) -> list[str]:
    """Name the nodes of all new steps of one kind. A drain that is only finished is none."""
    actions = [action for action in report.plan.actions if isinstance(action, kind)]
    return [action.subject for action in actions if action.why != "drain_unfinished"]


def _number(wish: object, got: int) -> tuple[str, str] | None:
    return None if isinstance(wish, Range) and wish.holds(got) else (str(wish), str(got))


def _codes(wish: object, got: Sequence[str]) -> tuple[str, str] | None:
    expected = wish if isinstance(wish, tuple) else ()
    met = set(expected) <= set(got) if expected else not got
    return None if met else (_list(expected), _list(got))


def _none_of(wish: object, got: Sequence[str]) -> tuple[str, str] | None:
    unwanted = wish if isinstance(wish, tuple) else ()
    return (f"none of {_list(unwanted)}", _list(got)) if set(unwanted) & set(got) else None


def _nodes(wish: object, got: Sequence[str]) -> tuple[str, str] | None:
    if not isinstance(wish, Names):
        return None
    if wish.count is not None:
        return None if wish.count.holds(len(got)) else (f"{wish.count} nodes", _list(got))
    expected = wish.names or ()
    return None if set(expected) == set(got) else (_list(expected), _list(got))


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
    "terminate_in_use": _took(Terminate, lambda node: not node.empty),
    "out_of_bounds": _out_of_bounds,
}
