"""`autoscaler validate`: every problem of every file at once."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from autoscaler.adapters.policy_files import policy_files, read_text
from autoscaler.model.errors import ConfigurationError, Problem
from autoscaler.policy.load import load_policies


class Format(StrEnum):
    """How problems are printed."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


def validate(
    paths: Annotated[list[Path], typer.Argument(help="Policy files, or folders of them.")],
    form: Annotated[Format, typer.Option("--format", help="text, json, or github annotations.")] = Format.TEXT,
) -> None:
    """Check policy files. Exits 1 when anything is wrong."""
    problems, count = check(paths)
    if form is Format.JSON:
        rows = [
            {"file": p.file, "line": p.line, "column": p.column, "code": p.code, "message": p.message, "hint": p.hint}
            for p in problems
        ]
        typer.echo(json.dumps({"files": count, "problems": rows}, indent=2))
    else:
        for problem in problems:
            typer.echo(_annotation(problem) if form is Format.GITHUB else str(problem))
        if not problems and form is Format.TEXT:
            typer.echo(f"{count} policies are valid")
    if problems:
        raise typer.Exit(1)


def check(paths: list[Path]) -> tuple[tuple[Problem, ...], int]:
    """Return all problems of all files, and how many files there were."""
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
    try:
        load_policies(texts)
    except ConfigurationError as error:
        problems += error.problems
    return tuple(problems), len(texts)


def _annotation(problem: Problem) -> str:
    """Write a workflow command of GitHub Actions, in which %, CR and LF are escaped."""
    text = f"{problem.code} {problem.message}" + (f" ({problem.hint})" if problem.hint else "")
    for raw, escaped in (("%", "%25"), ("\r", "%0D"), ("\n", "%0A")):
        text = text.replace(raw, escaped)
    return f"::error file={problem.file},line={problem.line},col={problem.column}::{text}"
