"""The cases of a `NAME.test.yaml`: tables unrolled, and every place kept at which a complaint would stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from autoscaler.model.errors import ConfigurationError, Problem
from autoscaler.policy.document import Document, Path, check, check_part, parse, survey
from autoscaler.policy.schema import Policy
from autoscaler.review.consistency import Scenario, Stop, inconsistencies
from autoscaler.review.scenario import Case, Expectation, Given, PolicyTests, Step, Table


@dataclass(frozen=True, slots=True)
class Suite:
    """One test file, checked by itself. `broken`: something in it is wrong, and cannot be read from `content`."""

    document: Document
    content: PolicyTests | None
    broken: bool = False

    @property
    def policy(self) -> str:
        """The path that the file gives for its policy; empty when it gives none."""
        return getattr(self.content, "policy", "")


def read_suite(text: str, file: str) -> Suite:
    """Read a test file; raises ConfigurationError with every problem that shows without the policy."""
    document = parse(text, file)
    return Suite(document, check(PolicyTests, document))


def look_at_suite(text: str, file: str) -> tuple[Suite, list[Problem]]:
    """Read a test file with all that is right in it, and every problem; raises ConfigurationError for broken YAML."""
    document = parse(text, file)
    content, problems = survey(PolicyTests, document.root, document)
    return Suite(document, content, broken=bool(problems)), problems


def scenarios(suite: Suite, policy: Policy) -> tuple[Scenario, ...]:
    """Unroll the cases; raises ConfigurationError with everything in them that does not fit the policy."""
    found, problems = unrolled(suite, policy)
    if problems:
        raise ConfigurationError(problems)
    return tuple(found)


def unrolled(suite: Suite, policy: Policy) -> tuple[list[Scenario], list[Problem]]:
    """Unroll the cases, and find all in them that does not fit the policy, not what is wrong in itself."""
    found: list[Scenario] = []
    problems: list[Problem] = []
    for number, case in enumerate(getattr(suite.content, "cases", ())):
        with _as_far_as_known(suite):
            played, wrong = _played(suite, case, ("cases", number), policy)
            found += played
            problems += wrong
    for scenario in found:
        for part in inconsistencies(scenario, policy, suite.document):
            with _as_far_as_known(suite):
                problems += part  # one by one: what came before something unknown stays
    return found, sorted(dict.fromkeys(problems), key=lambda p: (p.line, p.column))


def _as_far_as_known(suite: Suite) -> AbstractContextManager[None]:
    """Go on where a file that is wrong has nothing to look at; in one that is right that would be a bug."""
    return suppress(*((AttributeError,) if suite.broken else ()))


def _played(suite: Suite, case: Case, origin: Path, policy: Policy) -> tuple[list[Scenario], list[Problem]]:
    words = getattr(suite.content, "never", ())
    nevers: list[tuple[str, Path]] = [(word, ("never", number)) for number, word in enumerate(words)]
    nevers += [(word, (*origin, "never", number)) for number, word in enumerate(case.never)]
    if case.table is not None:
        return _Table(suite.document, case, origin, policy, case.table, broken=suite.broken).scenarios(tuple(nevers))
    if case.steps is None:
        stops = [Stop((), Step.model_construct(after=timedelta(0), expect=case.expect))]
    else:
        stops = [Stop(("steps", number), step) for number, step in enumerate(case.steps)]
    return [Scenario(case.name, origin, origin, case.given, tuple(stops), tuple(nevers))], []


@dataclass(frozen=True)
class _Table:
    """A case with a table. Its rows are checked as if each were written out, and complaints stand at the cell."""

    document: Document
    case: Case
    origin: Path
    policy: Policy
    told: Table
    broken: bool
    targets: dict[str, Path] = field(default_factory=dict)

    def scenarios(self, nevers: tuple[tuple[str, Path], ...]) -> tuple[list[Scenario], list[Problem]]:
        """Return one scenario for each row that is right, and the problems of the columns and of all the others."""
        problems = list(self._aim())
        found: list[Scenario] = []
        for number in range(len(self.told.rows)):
            try:
                found.append(self._row(number, nevers))
            except ConfigurationError as error:
                problems += error.problems
        if not self.broken and len(self.targets) == len(self.told.columns):
            return found, problems
        cells = {self.document.locate(cell) for cell in self._cells()}  # the rest is told already, or only follows
        return [], [
            problem for problem in problems if problem.code == "table" or (problem.line, problem.column) in cells
        ]

    def _cells(self) -> Iterator[Path]:
        for number, row in enumerate(self._table["rows"]):
            width = len(row) if isinstance(row, list) else 0
            yield from ((*self.origin, "table", "rows", number, column) for column in range(width))

    @property
    def _table(self) -> Mapping[str, Any]:
        table: Mapping[str, Any] = self.document.root["cases"][self.origin[1]]["table"]
        return table

    def _aim(self) -> Iterator[Problem]:
        """Find what each column is about, and tell of those that are about nothing."""
        for number, column in enumerate(self.told.columns):
            target = _target(column, self.policy)
            if target is None or column in self.targets:
                path = (*self.origin, "table", "columns", number)
                what = "twice" if target else "neither a key of given or expect nor a signal of the policy"
                yield self.document.problem(path, "table", f"the column {column!r} is {what}")
            else:
                self.targets[column] = target

    def _row(self, number: int, nevers: tuple[tuple[str, Path], ...]) -> Scenario:
        path: Path = (*self.origin, "table", "rows", number)
        row, columns = self._table["rows"][number], self.told.columns
        if not isinstance(row, list):
            raise ConfigurationError([])  # told already
        if len(row) != len(columns):
            message = f"the row has {len(row)} values, and there are {len(columns)} columns"
            raise ConfigurationError([self.document.problem(path, "table", message)])
        places = {name: columns.index(name) for name in self.targets}
        cells = {target: (*path, places[name]) for name, target in self.targets.items()}
        said = {name: row[place] for name, place in places.items() if row[place] is not None}
        facts = [f"{name} {value}" for name, value in said.items() if self.targets[name][0] == "given"]
        name = f"{self.case.name}: {', '.join(facts)}"
        scenario = Scenario(name, self.origin, path, self.case.given, (), nevers, cells)
        whole = check_part(Case, self._case(name, said), self.document, scenario.locate)
        stop = Stop((), Step.model_construct(after=timedelta(0), expect=whole.expect))
        return replace(scenario, given=whole.given, stops=(stop,))

    def _case(self, name: str, said: Mapping[str, Any]) -> dict[str, Any]:
        """Write the case out that a row stands for."""
        given = dict(self.document.root["cases"][self.origin[1]].get("given") or {})
        signals = given.get("signals")
        given["signals"] = dict(signals) if isinstance(signals, dict) else {}
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
