"""Why a cycle decided as it did: what each node's part in it was, and what would have decided otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from autoscaler.decide.view import View
from autoscaler.model.decision import LEAVING, Decision, Direction, Phase
from autoscaler.model.plan import Action, Drain, Ending, NodeAction, Stop, Terminate
from autoscaler.model.report import CycleReport
from autoscaler.model.snapshot import Gap, Node
from autoscaler.plan.removal import rank, removable, sizes_that_matter
from autoscaler.policy.text import read_policy
from autoscaler.review.flip import Case, Flip, flips, without_gaps

_ELSEWHERE = {
    Phase.STOPPED: "it is stopped",
    Phase.PENDING: "it is starting",
    Phase.BOOTING: "it is booting",
    Phase.FILLING: "it is on its way into the warm pool",
    Phase.JOINED: "it joined and is not in service yet",
    Phase.DRAINING: "it is draining already",
    Phase.DRAINED: "it is drained already",
    Phase.TERMINATING: "it is ending already",
    Phase.LOST: "it is lost",
    Phase.FAILED_TO_JOIN: "it never joined",
}

_ALIKE: Mapping[str, float] = {}
"""What nodes are worth where any of them may go."""


@dataclass(frozen=True, slots=True)
class NodeChoice:
    """One node's part. `chosen`: the plan began to drain it, or stopped or ended it."""

    instance_id: str
    phase: Phase
    chosen: bool
    why: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """All there is to say about one cycle.

    `flips` and `seeing_all` (the decision had nothing been missing; None when nothing was) come from deciding again.
    When that does not lead to what was decided then, `note` says why, and there are none.
    """

    report: CycleReport
    nodes: tuple[NodeChoice, ...]
    flips: tuple[Flip, ...] = ()
    seeing_all: Decision | None = None
    note: str = ""


def explain(report: CycleReport) -> Explanation:
    """Explain a cycle by what its report holds and by deciding again."""
    try:
        policy = read_policy(report.policy)
    except ValueError:
        nodes = tuple(choices(report))
        return Explanation(report, nodes, note="its policy is lost, or of another version: it cannot be decided again")
    sizes = sizes_that_matter(report.decision, View(report.snapshot, policy, report.memory_before))
    nodes = tuple(choices(report, sizes))
    case = Case(report.snapshot, policy, report.memory_before)
    again = case.decide()
    if again != report.decision:
        note = f"this version would decide otherwise: {again.current} -> {again.desired}"
        return Explanation(report, nodes, note=note)
    return Explanation(report, nodes, tuple(flips(case)), without_gaps(case))


def choices(report: CycleReport, sizes: Mapping[str, float] = _ALIKE) -> Iterator[NodeChoice]:
    """Say of every node why it was, or was not, chosen for removal; `sizes` are those that mattered."""
    line = _Line(report, sizes)
    for node in report.snapshot.nodes:
        phase = report.decision.phases.get(node.instance_id)
        if phase is Phase.IN_SERVICE:
            yield NodeChoice(node.instance_id, phase, node.instance_id in line.drained, line.why(node))
        elif phase is not None:  # without a list of instances there are no phases
            step = line.steps.get(node.instance_id)
            yield NodeChoice(node.instance_id, phase, isinstance(step, Ending), line.why_elsewhere(node, phase))


class _Line:
    """The nodes in service in the order in which they would go, and how far down that line the plan went."""

    def __init__(self, report: CycleReport, sizes: Mapping[str, float]) -> None:
        nodes = [n for n in report.snapshot.nodes if report.decision.phases.get(n.instance_id) is Phase.IN_SERVICE]
        self.steps = {action.instance_id: action for action in report.plan.actions if isinstance(action, NodeAction)}
        self.drained = {node.instance_id for node in nodes if isinstance(self.steps.get(node.instance_id), Drain)}
        self._refused = {reason.detail: reason.code for reason in report.plan.refusals}
        self._shrinks = report.decision.direction is Direction.IN
        free = [node for node in nodes if removable(node)]
        picked = {n.instance_id for n in free if n.instance_id in self.drained or self._struck(Drain, n)}
        self._sizes = sizes if _lead(picked, rank(free, sizes)) else _ALIKE  # an older version's plan knew no sizes
        self._ranked = rank(free, self._sizes)
        self._zones = Counter(node.instance.zone for node in free)
        self._last = next((node for node in reversed(self._ranked) if node.instance_id in picked), None)

    def why(self, node: Node) -> str:
        """Say why a node in service goes or stays."""
        if not removable(node):
            return _protection(node)
        number, sessions = self._ranked.index(node) + 1, _counted(node.sessions, "session")
        place = f"number {number} of {len(self._ranked)} in line, with {sessions}"
        if node.instance_id in self.drained:
            return f"nobody publishes on it, and it is {place}"
        if struck := self._struck(Drain, node):
            return f"{place}; refused: {struck}"
        if self._last is None:
            return f"{'larger than those that should go' if self._shrinks else 'nothing was to go'}; {place}"
        if self._sizes and self._sizes[node.instance_id] != self._sizes[self._last.instance_id]:
            return f"{place}, behind {self._last.instance_id}, the last to go, which is smaller"
        return f"{place}, {_difference(node, self._last, self._zones)}"

    def why_elsewhere(self, node: Node, phase: Phase) -> str:
        """Say where a node stands that is not in service, and what is done about it."""
        words = [_ELSEWHERE[phase]]
        if phase in LEAVING:
            words.append(f"with {_counted(node.sessions, 'session')} and {_counted(node.publishers, 'publisher')}")
        if step := self.steps.get(node.instance_id):
            words.append(f"and planned was {type(step).__name__} ({step.why})")
        if struck := self._struck(Terminate, node) or self._struck(Stop, node):
            words.append(f"and its end was refused: {struck}")
        return ", ".join(words)

    def _struck(self, kind: type[Action], node: Node) -> str:
        """Return the code with which the guard struck a step on the node, if it did."""
        return self._refused.get(f"{kind.__name__} {node.instance_id}", "")


def _lead(picked: set[str], line: list[Node]) -> bool:
    """Whether those that were picked stand before all others of the line."""
    return picked == {node.instance_id for node in line[: len(picked)]}


def _protection(node: Node) -> str:
    if isinstance(node.publishers, Gap):
        return f"whether anybody publishes on it is unknown: {node.publishers.source}: {node.publishers.detail}"
    if node.publishers:
        return f"it has {_counted(node.publishers, 'publisher')}"
    return f"its sessions are {_counted(node.sessions, 'session')}"


def _counted(number: int | Gap, what: str) -> str:
    if isinstance(number, Gap):
        return f"unknown: {number.source}: {number.detail}"
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _difference(node: Node, last: Node, zones: Counter[str]) -> str:
    """Say by what a node stands behind the last one that goes."""
    mine, theirs = zones[node.instance.zone], zones[last.instance.zone]
    if node.sessions != last.sessions:
        return f"behind {last.instance_id}, the last to go, which has {last.sessions}"
    if mine != theirs:
        return f"behind {last.instance_id}, the last to go, in whose zone {theirs} could go, not {mine}"
    if node.instance.launched_at != last.instance.launched_at:
        return f"behind {last.instance_id}, the last to go, which is older"
    return f"behind {last.instance_id}, the last to go, by its id only"
