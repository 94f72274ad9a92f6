"""Run a case through the real `decide` and `plan`, and say where they did otherwise than expected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from autoscaler.decide.pipeline import decide
from autoscaler.decide.view import View
from autoscaler.model.report import CycleReport
from autoscaler.plan.planner import plan
from autoscaler.policy.document import Document
from autoscaler.policy.schema import Policy
from autoscaler.review.cases import Suite, scenarios
from autoscaler.review.cast import CYCLE, carry_out, change_scene, open_scene
from autoscaler.review.consistency import Scenario, Stop
from autoscaler.review.differences import Difference, differences, misplaced, violations
from autoscaler.review.stage import Scene, snapshot

_LOOKS = timedelta(seconds=30)
"""How far apart the looks between two steps are: near enough to count as watching without a break."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One expectation that was not met, and where it stands."""

    line: int
    column: int
    what: str
    expected: str
    got: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A moment at which a case went otherwise than expected. `report` is the whole cycle, as the daemon has it."""

    after: timedelta
    mistakes: tuple[Mistake, ...]
    report: CycleReport


@dataclass(frozen=True, slots=True)
class Result:
    """One case, and where it stands. No failures: it passed."""

    name: str
    line: int
    column: int
    failures: tuple[Failure, ...]


def rehearse(suite: Suite, policy: Policy) -> tuple[Result, ...]:
    """Run every case of a test file; raises ConfigurationError when a case does not fit the policy."""
    return tuple(_run(scenario, policy, suite.document) for scenario in scenarios(suite, policy))


def _run(scenario: Scenario, policy: Policy, document: Document) -> Result:
    failures: list[Failure] = []
    for found, report in _Play(scenario, policy, policy.text).cycles():
        mistakes = tuple(Mistake(*document.locate(each.path), each.what, each.expected, each.got) for each in found)
        if mistakes:
            failures.append(Failure(report.decision.at - scenario.given.now, mistakes, report))
    return Result(scenario.name, *document.locate(scenario.path), tuple(failures))


@dataclass(frozen=True, slots=True)
class _Play:
    """One case as it is run. Only the cycles at which the test stops act; those between them watch and remember."""

    scenario: Scenario
    policy: Policy
    text: str

    def cycles(self) -> Iterator[tuple[list[Difference], CycleReport]]:
        """Yield every cycle and what is wrong with it."""
        scene = open_scene(self.scenario.given, self.policy)
        report = self._look(scene)
        nodes = self.scenario.given.nodes or ()
        yield self._placed(misplaced(nodes, ("given",), report)), report
        for number, stop in enumerate(self.scenario.stops):
            end = scene.now + stop.step.after
            for now in _between(scene.now, end, first=number == 0):
                report = self._look(replace(scene, now=now))
                yield list(violations(report, self.policy, self.scenario.nevers)), report
                scene = replace(scene, memory=report.memory)
            scene = change_scene(replace(scene, now=end), stop.step)
            report = self._look(scene)
            yield self._wrong(stop, scene, report), report
            scene = carry_out(replace(scene, memory=report.memory), report.plan)

    def _look(self, scene: Scene) -> CycleReport:
        """Observe, decide and plan once, without acting."""
        shot = snapshot(scene)
        decision, memory = decide(shot, self.policy, scene.memory)
        planned = plan(decision, View(shot, self.policy, memory))
        return CycleReport(shot, decision, planned, (), memory, memory_before=scene.memory, policy=self.text)

    def _wrong(self, stop: Stop, scene: Scene, report: CycleReport) -> list[Difference]:
        """Hold a cycle that acts against everything that was said about it."""
        own = [(word, self.scenario.locate((*stop.path, "never", n))) for n, word in enumerate(stop.step.never)]
        found = list(violations(report, self.policy, [*self.scenario.nevers, *own]))
        inner = list(misplaced(stop.step.nodes or (), stop.path, report))
        if stop.step.expect is not None:
            names = [member.name for member in scene.members]
            inner += differences(stop.step.expect, (*stop.path, "expect"), report, names)
        return [*found, *self._placed(inner)]

    def _placed(self, found: Iterator[Difference] | list[Difference]) -> list[Difference]:
        """Turn paths inside the case into paths of the file."""
        return [replace(each, path=self.scenario.locate(each.path)) for each in found]


def _between(start: datetime, end: datetime, *, first: bool) -> Iterator[datetime]:
    """Yield when the daemon looks before `end`. A stop looked at `start` already; before the first one nobody did."""
    now = start if first else start + _LOOKS
    while now < end - CYCLE:
        yield now
        now += _LOOKS
    if end - CYCLE > start:
        yield end - CYCLE
