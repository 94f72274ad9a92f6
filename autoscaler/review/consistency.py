"""A case as it is run, and what in it contradicts itself or its policy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from autoscaler.decide.past import forecasts
from autoscaler.model.errors import Problem
from autoscaler.policy.document import Document, Path
from autoscaler.policy.schema import Policy
from autoscaler.policy.signals import CAPACITY, SOURCES
from autoscaler.review.scenario import Given, NodeTold, SignalTold, Step
from autoscaler.review.stage import SOURCE_OF

GAPS = ("ec2", "history", *dict.fromkeys(source.partition(".")[0] for source in SOURCES))
"""What can be told to be unreadable as a whole."""


@dataclass(frozen=True, slots=True)
class Stop:
    """A moment at which something is expected, and where in the case it stands."""

    path: Path
    step: Step


@dataclass(frozen=True, slots=True)
class Scenario:
    """One case, or one row of a table. `path` is where it stands, `origin` the case that it belongs to.

    `nevers` are words with their places, `cells` where the keys of a row's case come from.
    """

    name: str
    origin: Path
    path: Path
    given: Given
    stops: tuple[Stop, ...]
    nevers: tuple[tuple[str, Path], ...]
    cells: Mapping[Path, Path] = field(default_factory=dict)

    def locate(self, inner: Path) -> Path:
        """Turn a path inside the case into one of the file."""
        for target, cell in self.cells.items():
            if inner[: len(target)] == target:
                return cell
        if self.cells and inner[:1] != ("given",):
            return self.path
        return (*self.origin, *inner)


def inconsistencies(scenario: Scenario, policy: Policy, document: Document) -> Iterator[Iterator[Problem]]:
    """Find everything that cannot be played as it is told, in parts of which none depends on another."""
    yield _no_nodes(scenario, document)
    yield _unforeseen(scenario, policy, document)
    blocks: list[tuple[Path, Given | Step]] = [(("given",), scenario.given)]
    blocks += [(stop.path, stop.step) for stop in scenario.stops]
    for inner, block in blocks:
        checked = _Block(scenario, inner, block, policy, document)
        yield checked.signals()
        yield checked.nodes()
        yield checked.gaps()
        yield checked.bookings()


def _no_nodes(scenario: Scenario, document: Document) -> Iterator[Problem]:
    if scenario.given.nodes is None:
        yield document.problem(scenario.locate(("given",)), "missing-key", "given.nodes is required: the group's nodes")


def _unforeseen(scenario: Scenario, policy: Policy, document: Document) -> Iterator[Problem]:
    foreseen = {rule.signal for rule in forecasts(policy)}
    for name in scenario.given.past:
        if name not in foreseen:
            hint = f"forecasts look at {', '.join(sorted(foreseen))}" if foreseen else "the policy has no forecast"
            at = scenario.locate(("given", "past", name))
            yield document.problem(at, "signal", f"no forecast of the policy looks at {name!r}", hint)


@dataclass(frozen=True)
class _Block:
    """`given`, or one step: what is told in one place."""

    scenario: Scenario
    inner: Path
    block: Given | Step
    policy: Policy
    document: Document

    def _at(self, *keys: str | int) -> Path:
        return self.scenario.locate((*self.inner, *keys))

    def signals(self) -> Iterator[Problem]:
        """Every signal is the policy's, and told once."""
        told_by: dict[str, str] = {}
        for name, told in self.block.signals.items():
            signal = self.policy.signals.get(name)
            at = self._at("signals", name)
            if signal is None:
                close = get_close_matches(name, self.policy.signals, n=1)
                hint = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(self.policy.signals)}"
                yield self.document.problem(at, "signal", f"the policy has no signal {name!r}", hint)
                continue
            if signal.expr is not None:
                hint = f"tell of {', '.join(sorted(signal.expr.names - {CAPACITY}))}"
                yield self.document.problem(at, "signal", f"{name!r} is computed from others", hint)
                continue
            other = told_by.setdefault(signal.key, name)
            if other != name:
                hint = "a list tells it for each node"
                yield self.document.problem(at, "signal", f"{other!r} tells of {signal.key} already", hint)
            yield from self._shape(name, told, per_node=signal.per_node)
            for node in self.block.nodes or ():
                fact = next((key for key, source in SOURCE_OF.items() if source == signal.source), "")
                if fact and getattr(node, fact) is not None:
                    yield self.document.problem(at, "signal", f"a node tells its {fact} already")
                    break

    def _shape(self, name: str, told: SignalTold, *, per_node: bool) -> Iterator[Problem]:
        if told.each is None:
            return
        at = self._at("signals", name)
        if not per_node:
            yield self.document.problem(at, "signal", f"{name!r} is one value for the group")
        elif self.block.nodes is not None and len(told.each) != len(self.block.nodes):
            message = f"{len(told.each)} values of {name!r} for {len(self.block.nodes)} nodes"
            yield self.document.problem(at, "signal", message)

    def nodes(self) -> Iterator[Problem]:
        """Every name is one node's, every subnet one of the policy's."""
        nodes: tuple[NodeTold, ...] = self.block.nodes or ()
        names = Counter(node.name or f"n{number}" for number, node in enumerate(nodes, 1))
        for number, node in enumerate(nodes):
            name = node.name or f"n{number + 1}"
            if names[name] > 1:
                yield self.document.problem(self._at("nodes", number), "nodes", f"two nodes are called {name}")
            if node.subnet and node.subnet not in self.policy.launch.subnets:
                hint = f"it has {', '.join(self.policy.launch.subnets)}"
                at = self._at("nodes", number, "subnet")
                yield self.document.problem(at, "nodes", "is no subnet of the policy", hint)

    def bookings(self) -> Iterator[Problem]:
        """Viewers can be reserved only where the policy says how many a node carries."""
        for number, booking in enumerate(self.block.bookings or ()):
            if booking.viewers is not None and self.policy.viewers_per_node is None:
                message = "the policy does not say how many viewers a node carries"
                hint = "viewers_per_node in the policy, or nodes"
                yield self.document.problem(self._at("bookings", number), "viewers-per-node", message, hint)

    def gaps(self) -> Iterator[Problem]:
        """Every gap is of a source that there is."""
        for number, gap in enumerate(self.block.gaps or ()):
            if gap not in GAPS:
                message = f"there is no source {gap!r} to be missing"
                hint = f"known are {', '.join(GAPS)}"
                yield self.document.problem(self._at("gaps", number), "source", message, hint)
