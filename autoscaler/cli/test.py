"""`autoscaler test`: the tests beside the policies, run through the real decision and the real plan."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from os.path import lexists
from pathlib import Path
from textwrap import indent
from typing import Annotated

import typer

from autoscaler.adapters.policy_files import entries, is_folder, read_text
from autoscaler.cli.options import AsJson
from autoscaler.cli.plan import document, text
from autoscaler.model.codec import Plain
from autoscaler.model.errors import ConfigurationError, Problem
from autoscaler.policy.load import load_policies
from autoscaler.policy.schema import Policy
from autoscaler.review.cases import Suite, read_suite
from autoscaler.review.rehearse import Failure, Result, rehearse

_SUFFIXES = (".yaml", ".yml")

IfAny = Annotated[bool, typer.Option("--if-any", help="Where a folder holds no test, say so and go on.")]


@dataclass(slots=True)
class Outcome:
    """What came of the test files: cases by file, and what was wrong with the files themselves."""

    results: list[tuple[str, Result]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[Problem] = field(default_factory=list)

    def skip_empty_folders(self) -> None:
        """Take it for no problem that a folder holds no test."""
        self.notes = [problem for problem in self.problems if _is_empty_folder(problem)]
        self.problems = [problem for problem in self.problems if not _is_empty_folder(problem)]

    @property
    def failed(self) -> int:
        """How many cases failed."""
        return sum(bool(result.failures) for _, result in self.results)

    @property
    def passed(self) -> int:
        """How many cases passed."""
        return len(self.results) - self.failed


def _is_empty_folder(problem: Problem) -> bool:
    return problem.code == "no-tests" and is_folder(Path(problem.file))


def test(
    paths: Annotated[list[Path], typer.Argument(help="Test files, policy files that have one, or folders of them.")],
    *,
    as_json: AsJson = False,  # noqa: PT028 - the command is called test and is none of pytest's
    if_any: IfAny = False,  # noqa: PT028 - the same
) -> None:
    """Run the policy tests (NAME.test.yaml). Exits 1 when a case fails, or cannot be run."""
    outcome = run_tests(paths)
    if if_any:
        outcome.skip_empty_folders()
    if as_json:
        typer.echo(json.dumps(_document(outcome), indent=2))
    else:
        for line in _lines(outcome):
            typer.echo(line)
    if outcome.failed or outcome.problems:
        raise typer.Exit(1)


def run_tests(paths: Sequence[Path]) -> Outcome:
    """Run every case of every file; what is wrong with one file costs that file only."""
    outcome = Outcome()
    for path in paths:
        try:
            files = test_files(path)
        except ConfigurationError as error:
            outcome.problems += error.problems
            continue
        if not files:
            problem = Problem(str(path), 0, 0, "no-tests", "holds no policy test (NAME.test.yaml)")
            outcome.problems.append(problem)
        for file in files:
            try:
                suite = read_suite(read_text(file), str(file))
                results = rehearse(suite, policy_of(file, suite))
            except ConfigurationError as error:
                outcome.problems += error.problems
            else:
                outcome.results += [(str(file), result) for result in results]
    return outcome


def test_files(path: Path) -> list[Path]:
    """List the test files of a folder in name order; a test file is its own list, a policy's is that of its test."""
    if is_folder(path):
        return [file for file in entries(path) if is_test(file)]
    if is_test(path):
        return [path]
    beside = [path.with_name(f"{path.stem}.test{suffix}") for suffix in _SUFFIXES]
    return [file for file in beside if lexists(file)]


def is_test(file: Path) -> bool:
    """Whether a file is a policy test, by its name."""
    return file.suffix in _SUFFIXES and file.stem.endswith(".test")


def policy_of(file: Path, suite: Suite) -> Policy:
    """Load the policy that a file tests: the one it names, else the one of its own name beside it."""
    names = [suite.policy] if suite.policy else [file.stem.removesuffix(".test") + suffix for suffix in _SUFFIXES]
    found = [file.parent / name for name in names if lexists(file.parent / name)]
    if not found:
        raise ConfigurationError([suite.document.problem(("policy",), "no-policies", f"there is no {names[0]}")])
    (policy,) = load_policies({str(found[0]): read_text(found[0])})
    return policy


def _lines(outcome: Outcome) -> Iterator[str]:
    """Show every failure with its place, what was expected and what came, and the whole decision below it."""
    for file, result in outcome.results:
        for failure in result.failures:
            yield from _failure(file, result, failure)
    yield from map(str, [*outcome.problems, *outcome.notes])
    yield f"{outcome.passed} passed, {outcome.failed} failed"


def _failure(file: str, result: Result, failure: Failure) -> Iterator[str]:
    when = f" after {failure.after}" if failure.after else ""
    for mistake in failure.mistakes:
        yield f"{file}:{mistake.line}:{mistake.column}: failed {result.name!r}{when}: {mistake.what}"
        yield f"    expected  {mistake.expected}"
        yield f"    got       {mistake.got}"
    yield indent(text(failure.report), "  ") + "\n"


def _document(outcome: Outcome) -> dict[str, Plain]:
    return {
        "passed": outcome.passed,
        "failed": outcome.failed,
        "cases": [_case(file, result) for file, result in outcome.results],
        "problems": [
            {"file": p.file, "line": p.line, "column": p.column, "code": p.code, "message": p.message, "hint": p.hint}
            for p in outcome.problems
        ],
    }


def _case(file: str, result: Result) -> Plain:
    place: dict[str, Plain] = {"file": file, "line": result.line, "column": result.column, "name": result.name}
    failures: list[Plain] = [
        {
            "after_s": failure.after.total_seconds(),
            "mistakes": [
                {"line": m.line, "column": m.column, "what": m.what, "expected": m.expected, "got": m.got}
                for m in failure.mistakes
            ],
            **{key: value for key, value in document(failure.report).items() if key != "snapshot"},
        }
        for failure in result.failures
    ]
    return {**place, "passed": not failures, "failures": failures}
