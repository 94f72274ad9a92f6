"""Asks every check about every policy, and leaves out what the files silence with a reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import Any

from autoscaler.model.errors import Problem, Severity
from autoscaler.policy.document import Document, Path
from autoscaler.policy.lint import (
    bounds,
    combination,
    expressions,
    forecast,
    gaps,
    groups,
    nodes,
    pace,
    pool,
    reservations,
    schedules,
    spot,
    steps,
    targets,
    weights,
)
from autoscaler.policy.lint.finding import Check, Finding
from autoscaler.policy.lint.silence import FORM, Silence, silences
from autoscaler.policy.schema import Policy

_FAMILIES = (
    spot,
    pool,
    gaps,
    expressions,
    pace,
    targets,
    combination,
    steps,
    schedules,
    reservations,
    forecast,
    bounds,
    nodes,
    weights,
)

CHECKS: dict[str, Check] = {code: check for family in _FAMILIES for code, check in family.CHECKS.items()}
"""The checks of one policy."""

GROUP_CHECKS = groups.CHECKS
"""The checks of a policy beside the others that are used with it."""

UNKNOWN, UNREASONED, UNNEEDED = "lint-silence-unknown", "lint-silence-unreasoned", "lint-silence-unneeded"

CODES = (*CHECKS, *GROUP_CHECKS, UNKNOWN, UNREASONED, UNNEEDED)
"""Every code that `lint` can give."""


def lint(files: Sequence[tuple[Document, Policy]]) -> tuple[Problem, ...]:
    """Return what is unwise in these files, each alone and all together, as warnings in the order of their lines."""
    problems: list[Problem] = []
    for document, policy in files:
        others = [other for _, other in files if other.group != policy.group]
        problems += warnings(document, _ask(policy, others), CODES)
    return tuple(problems)


def warnings(document: Document, findings: Iterable[tuple[str, Finding]], codes: Sequence[str]) -> list[Problem]:
    """Turn findings by their codes into warnings, in the order of lines, without those that the file silences.

    What is wrong with the silences is told, too; `codes` are all that a silence in such a file may name.
    """
    found = [_warning(document, _locate(document, finding), code, finding) for code, finding in findings]
    heeded = _heed(document, found, codes)
    return sorted(heeded, key=lambda problem: (problem.line, problem.column, problem.code))


def _ask(policy: Policy, others: Sequence[Policy]) -> Iterator[tuple[str, Finding]]:
    for code, check in CHECKS.items():
        yield from ((code, finding) for finding in check(policy))
    for code, group_check in GROUP_CHECKS.items():
        yield from ((code, finding) for finding in group_check(policy, others))


def _heed(document: Document, found: Sequence[Problem], codes: Sequence[str]) -> Iterator[Problem]:
    """Leave out what is silenced, and add what is wrong with the silences themselves."""
    orders = list(silences(document.text))
    quiet = {(order.covers, order.code) for order in orders}
    yield from (problem for problem in found if (problem.line, problem.code) not in quiet)
    present = {(problem.line, problem.code) for problem in found}
    for order in orders:
        for code, finding in _judge(order, present, codes):
            yield _warning(document, (order.line, order.column), code, finding)


def _judge(order: Silence, present: set[tuple[int, str]], codes: Sequence[str]) -> Iterator[tuple[str, Finding]]:
    """Say what is wrong with a silence. Whether one about several files is needed depends on which are looked at."""
    if order.code and order.code not in codes:
        close = get_close_matches(order.code, codes, n=1)
        hint = f"did you mean {close[0]}?" if close else "docs/lint.md lists them all"
        yield UNKNOWN, Finding((), f"there is no warning {order.code!r} to allow", hint)
    elif not order.reason:
        yield UNREASONED, Finding((), "gives no reason that a reviewer could judge", FORM)
    elif (order.covers, order.code) not in present and order.code not in GROUP_CHECKS:
        message = f"{order.code} is allowed for line {order.covers}, which has no such warning"
        yield UNNEEDED, Finding((), message, "remove the comment, or put it at the line that is meant")


def _warning(document: Document, place: tuple[int, int], code: str, finding: Finding) -> Problem:
    return Problem(document.file, *place, code, finding.message, finding.hint, Severity.WARNING)


def _locate(document: Document, finding: Finding) -> tuple[int, int]:
    """Return where the finding stands; where it would stand, when it is about a key that the file leaves out."""
    path = finding.path if not finding.otherwise or _has(document.root, finding.path) else finding.otherwise
    return document.locate(path)


def _has(here: Any, path: Path) -> bool:  # noqa: ANN401 - whatever YAML held
    for step in path:
        inside = step in here if isinstance(here, dict) else isinstance(here, list)
        if not inside:
            return False
        here = here[step]
    return True
