"""`autoscaler validate`: every problem of every file at once, and what is legal but unwise."""

from __future__ import annotations

import json
import os
from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from autoscaler.cli.check import Checked, Kind, check
from autoscaler.model.errors import Problem, Severity


class Format(StrEnum):
    """How problems are printed."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


def validate(
    paths: Annotated[
        list[Path], typer.Argument(help="Policies, tests, settings, traces, worlds and searches, or folders.")
    ],
    form: Annotated[Format, typer.Option("--format", help="text, json, or github annotations.")] = Format.TEXT,
    *,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 for warnings, too.")] = False,
) -> None:
    """Check policies and all files beside them. Exits 1 when any is wrong; what is unwise is a warning."""
    checked = check(paths, os.environ)
    problems = checked.problems
    errors = any(problem.severity is Severity.ERROR for problem in problems)
    if form is Format.JSON:
        rows = [_row(problem) for problem in problems]
        typer.echo(json.dumps({"files": len(checked.kinds), "problems": rows}, indent=2))
    else:
        for problem in problems:
            typer.echo(_annotation(problem) if form is Format.GITHUB else str(problem))
        if not errors and form is Format.TEXT:
            warnings = f", with {len(problems)} warnings" if problems else ""
            typer.echo(f"{_counted(checked)} are valid{warnings}")
    if errors or (strict and problems):
        raise typer.Exit(1)


def _counted(checked: Checked) -> str:
    """Say how many files of each kind there were."""
    counts = Counter(checked.kinds.values())
    return " and ".join(f"{counts[kind]} {kind}" for kind in Kind if counts[kind])


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
