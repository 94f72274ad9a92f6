"""`autoscaler validate`: every problem of every file at once, and what is legal but unwise."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from autoscaler.adapters.policy_files import policy_files, read_text
from autoscaler.model.errors import ConfigurationError, Problem, Severity
from autoscaler.policy.lint.run import lint
from autoscaler.policy.load import read_policies


class Format(StrEnum):
    """How problems are printed."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


def validate(
    paths: Annotated[list[Path], typer.Argument(help="Policy files, or folders of them.")],
    form: Annotated[Format, typer.Option("--format", help="text, json, or github annotations.")] = Format.TEXT,
    *,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 for warnings, too.")] = False,
) -> None:
    """Check policy files. Exits 1 when anything is wrong; what is only unwise is a warning."""
    problems, count = check(paths)
    errors = any(problem.severity is Severity.ERROR for problem in problems)
    if form is Format.JSON:
        typer.echo(json.dumps({"files": count, "problems": [_row(problem) for problem in problems]}, indent=2))
    else:
        for problem in problems:
            typer.echo(_annotation(problem) if form is Format.GITHUB else str(problem))
        if not errors and form is Format.TEXT:
            warnings = f", with {len(problems)} warnings" if problems else ""
            typer.echo(f"{count} policies are valid{warnings}")
    if errors or (strict and problems):
        raise typer.Exit(1)


def check(paths: list[Path]) -> tuple[tuple[Problem, ...], int]:
    """Return all errors and warnings of all files, file by file, and how many files there were."""
    problems: list[Problem] = []
    texts: dict[str, str] = {}
    for path in paths:
        files = policy_files(path)
        if not files:
            problems.append(Problem(str(path), 0, 0, "no-policies", "holds no policy file (*.yaml)"))
        for file in files:
            try:
                texts[str(file)] = read_text(file)
            except ConfigurationError as error:
                problems += error.problems
    policies, wrong = read_policies(texts)
    order = {file: number for number, file in enumerate(texts)}
    found = [*wrong, *lint(policies)]
    problems += sorted(found, key=lambda problem: (order[problem.file], problem.line, problem.column))
    return tuple(problems), len(texts)


def _row(problem: Problem) -> dict[str, str | int]:
    return {
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "severity": problem.severity.value,
        "code": problem.code,
        "message": problem.message,
        "hint": problem.hint,
    }


def _annotation(problem: Problem) -> str:
    """Write a workflow command of GitHub Actions, in which %, CR and LF are escaped."""
    text = f"{problem.code} {problem.message}" + (f" ({problem.hint})" if problem.hint else "")
    for raw, escaped in (("%", "%25"), ("\r", "%0D"), ("\n", "%0A")):
        text = text.replace(raw, escaped)
    return f"::{problem.severity} file={problem.file},line={problem.line},col={problem.column}::{text}"
