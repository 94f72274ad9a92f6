"""The cases of a `NAME.test.yaml`: tables unrolled, and every place kept at which a complaint would stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from autoscaler.model.errors import ConfigurationError, Problem
from autoscaler.policy.document import Document, Path, check, check_part, parse
from autoscaler.policy.schema import Policy
from autoscaler.review.consistency import Scenario, Stop, inconsistencies
from autoscaler.review.scenario import Case, Expectation, Given, PolicyTests, Step


@dataclass(frozen=True, slots=True)
class Suite:
    """One test file, checked by itself. `policy` is the path of the policy's file, as the file says it, or empty."""

    document: Document
    content: PolicyTests

    @property
    def policy(self) -> str:
        """The path that the file gives for its policy; empty when it gives none."""
        return self.content.policy


def read_suite(text: str, file: str) -> Suite:
    """Read a test file; raises ConfigurationError with every problem that shows without the policy."""
    document = parse(text, file)
    return Suite(document, check(PolicyTests, document))


def scenarios(suite: Suite, policy: Policy) -> tuple[Scenario, ...]:
    """Unroll the cases; raises ConfigurationError with everything in them that does not fit the policy."""
    found: list[Scenario] = []
    problems: list[Problem] = []
    for number, case in enumerate(suite.content.cases):
        try:
            found += _unrolled(suite, case, ("cases", number), policy)
        except ConfigurationError as error:
            problems += error.problems
    for scenario in found:
        problems += inconsistencies(scenario, policy, suite.document)
    if problems:
        raise ConfigurationError(sorted(dict.fromkeys(problems), key=lambda p: (p.line, p.column)))
    return tuple(found)


def _unrolled(suite: Suite, case: Case, origin: Path, policy: Policy) -> list[Scenario]:
    nevers: list[tuple[str, Path]] = [(word, ("never", number)) for number, word in enumerate(suite.content.never)]
    nevers += [(word, (*origin, "never", number)) for number, word in enumerate(case.never)]
    if case.table is not None:
        return _Table(suite.document, case, origin, policy).scenarios(tuple(nevers))
    if case.steps is None:
        stops = [Stop((), Step(after=timedelta(0), expect=case.expect))]
    else:
        stops = [Stop(("steps", number), step) for number, step in enumerate(case.steps)]
    return [Scenario(case.name, origin, origin, case.given, tuple(stops), tuple(nevers))]


@dataclass(frozen=True)
class _Table:
    """A case with a table. Its rows are checked as if each were written out, and complaints stand at the cell."""

    document: Document
    case: Case
    origin: Path
    policy: Policy
    targets: dict[str, Path] = field(default_factory=dict)

    def scenarios(self, nevers: tuple[tuple[str, Path], ...]) -> list[Scenario]:
        """Return one scenario a row; raises ConfigurationError with the problems of all rows."""
        self._aim()
        problems: list[Problem] = []
        found: list[Scenario] = []
        for number in range(len(self._table["rows"])):
            try:
                found.append(self._row(number, nevers))
            except ConfigurationError as error:
                problems += error.problems
        if problems:
            raise ConfigurationError(problems)
        return found

    @property
    def _table(self) -> Mapping[str, Any]:
        table: Mapping[str, Any] = self.document.root["cases"][self.origin[1]]["table"]
        return table

    def _aim(self) -> None:
        """Find what each column is about."""
        problems = []
        for number, column in enumerate(self._table["columns"]):
            target = _target(column, self.policy)
            if target is None or column in self.targets:
                path = (*self.origin, "table", "columns", number)
                what = "twice" if target else "neither a key of given or expect nor a signal of the policy"
                problems.append(self.document.problem(path, "table", f"the column {column!r} is {what}"))
            else:
                self.targets[column] = target
        if problems:
            raise ConfigurationError(problems)

    def _row(self, number: int, nevers: tuple[tuple[str, Path], ...]) -> Scenario:
        path: Path = (*self.origin, "table", "rows", number)
        row = self._table["rows"][number]
        if len(row) != len(self.targets):
            message = f"the row has {len(row)} values, and there are {len(self.targets)} columns"
            raise ConfigurationError([self.document.problem(path, "table", message)])
        cells = {target: (*path, column) for column, target in enumerate(self.targets.values())}
        said = {name: value for name, value in zip(self.targets, row, strict=True) if value is not None}
        facts = [f"{name} {value}" for name, value in said.items() if self.targets[name][0] == "given"]
        name = f"{self.case.name}: {', '.join(facts)}"
        scenario = Scenario(name, self.origin, path, self.case.given, (), nevers, cells)
        whole = check_part(Case, self._case(name, said), self.document, scenario.locate)
        stop = Stop((), Step(after=timedelta(0), expect=whole.expect))
        return replace(scenario, given=whole.given, stops=(stop,))

    def _case(self, name: str, said: Mapping[str, Any]) -> dict[str, Any]:
        """Write the case out that a row stands for."""
        given = dict(self.document.root["cases"][self.origin[1]].get("given") or {})
        given["signals"] = dict(given.get("signals") or {})
        case: dict[str, Any] = {"name": name, "given": given, "expect": {}, "never": self.case.never}
        for column, value in said.items():
            place = case
            for step in self.targets[column][:-1]:
                place = place[str(step)]
            place[str(self.targets[column][-1])] = value
        return case if case["expect"] else {key: value for key, value in case.items() if key != "expect"}


def _target(column: str, policy: Policy) -> Path | None:
    """Say which key of a case a column fills. `signals.NAME` says it of a signal whose name is such a key."""
    name = column.removeprefix("signals.")
    if name in policy.signals and (column != name or name not in {*Given.model_fields, *Expectation.model_fields}):
        return ("given", "signals", name)
    if column in Given.model_fields:
        return ("given", column)
    return ("expect", column) if column in Expectation.model_fields else None
