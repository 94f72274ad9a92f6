"""Every problem of every file of one run: policies, the tests beside them, settings, traces, worlds and searches."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel

from autoscaler.adapters.policy_files import read_text, same_file, yaml_files
from autoscaler.cli.test import is_test, policy_of
from autoscaler.model.errors import ConfigurationError, Problem, Severity
from autoscaler.policy.document import check as check_record
from autoscaler.policy.document import parse
from autoscaler.policy.lint.run import lint
from autoscaler.policy.load import read_policies
from autoscaler.policy.record import Record
from autoscaler.policy.schema import Policy
from autoscaler.review.cases import look_at_suite, unrolled
from autoscaler.runtime import settings_lint
from autoscaler.runtime.settings import DEFAULT_PATH, Settings, examine, unsteerable
from autoscaler.simulate.spec import WorldSpec
from autoscaler.simulate.traffic.load import CSV, load_traffic, read_generator
from autoscaler.simulate.traffic.schema import Generator
from autoscaler.simulate.tune.request import SearchFile

_KEY = re.compile(r"^([a-z0-9_]+):", re.MULTILINE)
_ELSEWHERE = frozenset({"unset-variable", "unreadable", "no-socket", "no-nodes"})
"""Wrong where the daemon runs, unless it only watches; where a change is reviewed, worth a line."""


class Kind(StrEnum):
    """What a file holds, in the words of the last line."""

    POLICY = "policies"
    TEST = "test files"
    SETTINGS = "settings files"
    TRACE = "traces"
    WORLD = "world files"
    SEARCH = "search files"


@dataclass(slots=True)
class Checked:
    """All that was found, file by file, and what each file was taken for."""

    problems: tuple[Problem, ...] = ()
    kinds: dict[str, Kind] = field(default_factory=dict)


def check(paths: Sequence[Path], environment: Mapping[str, str]) -> Checked:
    """Read each file once, in the order given, and return all errors and warnings. Folders are not searched below."""
    first: list[Problem] = []
    texts: dict[str, str] = {}
    known: set[Path] = set()
    for path in paths:
        try:
            files = yaml_files(path)
        except ConfigurationError as error:
            first += error.problems
            continue
        if not files:
            first.append(Problem(str(path), 0, 0, "no-policies", "holds no policy file (*.yaml)"))
        for file in files:
            if same_file(file) in known:
                continue
            known.add(same_file(file))
            try:
                texts[str(file)] = read_text(file) if file.suffix != CSV else ""  # they can be huge
            except ConfigurationError as error:
                first += error.problems
    kinds = {file: kind_of(Path(file), text) for file, text in texts.items()}
    found = [*_policies(texts, kinds), *_tests(texts, kinds), *_all_settings(texts, kinds, environment)]
    found += [*_traces(texts, kinds), *_records(Kind.WORLD, WorldSpec, texts, kinds)]
    found += _records(Kind.SEARCH, SearchFile, texts, kinds)
    order = {file: number for number, file in enumerate(texts)}
    last = len(order)
    found.sort(key=lambda problem: (order.get(problem.file, last), problem.file, problem.line, problem.column))
    return Checked((*first, *dict.fromkeys(found)), kinds)


def kind_of(file: Path, text: str) -> Kind:
    """Tell a file by its name if it is a test or CSV, and else by which model has most of its keys to itself."""
    if is_test(file):
        return Kind.TEST
    if file.suffix == CSV:
        return Kind.TRACE
    keys = set(_KEY.findall(text))
    counts = {kind: len(keys & own) for kind, own in _OWN.items()}
    of_settings, of_policy = counts[Kind.SETTINGS], counts[Kind.POLICY]
    for kind in (Kind.TRACE, Kind.WORLD, Kind.SEARCH):
        if counts[kind] > max(count for other, count in counts.items() if other is not kind):
            return kind
    if of_settings == of_policy:
        return Kind.SETTINGS if file.name == DEFAULT_PATH.name else Kind.POLICY
    return Kind.SETTINGS if of_settings > of_policy else Kind.POLICY


_MODELS: Mapping[Kind, type[BaseModel]] = {
    Kind.SETTINGS: Settings,
    Kind.POLICY: Policy,
    Kind.TRACE: Generator,
    Kind.WORLD: WorldSpec,
    Kind.SEARCH: SearchFile,
}
_OWN = {
    kind: frozenset(model.model_fields).difference(*(m.model_fields for k, m in _MODELS.items() if k is not kind))
    for kind, model in _MODELS.items()
}
"""The keys that no other file has at its top."""


def _of(kind: Kind, texts: Mapping[str, str], kinds: Mapping[str, Kind]) -> dict[str, str]:
    return {file: text for file, text in texts.items() if kinds[file] is kind}


def _policies(texts: Mapping[str, str], kinds: Mapping[str, Kind]) -> list[Problem]:
    policies, wrong = read_policies(_of(Kind.POLICY, texts, kinds))
    return [*wrong, *lint(policies)]


def _tests(texts: Mapping[str, str], kinds: Mapping[str, Kind]) -> list[Problem]:
    """Check test files and that they fit their policies, without running them. What is wrong twice is told once."""
    found: list[Problem] = []
    for file, text in _of(Kind.TEST, texts, kinds).items():
        try:
            suite, wrong = look_at_suite(text, file)
            found += wrong
            found += unrolled(suite, policy_of(Path(file), suite))[1]
        except ConfigurationError as error:
            found += error.problems
    return found


def _traces(texts: Mapping[str, str], kinds: Mapping[str, Kind]) -> list[Problem]:
    found: list[Problem] = []
    for file, text in _of(Kind.TRACE, texts, kinds).items():
        try:
            load_traffic(Path(file), 0) if Path(file).suffix == CSV else read_generator(text, file, 0)
        except ConfigurationError as error:
            found += error.problems
    return found


def _records(kind: Kind, model: type[Record], texts: Mapping[str, str], kinds: Mapping[str, Kind]) -> list[Problem]:
    """Check files that are right when they are right by themselves."""
    found: list[Problem] = []
    for file, text in _of(kind, texts, kinds).items():
        try:
            check_record(model, parse(text, file))
        except ConfigurationError as error:
            found += error.problems
    return found


def _all_settings(texts: Mapping[str, str], kinds: Mapping[str, Kind], environment: Mapping[str, str]) -> list[Problem]:
    found: list[Problem] = []
    for file, text in _of(Kind.SETTINGS, texts, kinds).items():
        try:
            found += _settings(file, text, environment)
        except ConfigurationError as error:
            found += error.problems
    return found


def _settings(file: str, text: str, environment: Mapping[str, str]) -> list[Problem]:
    document = parse(text, file)
    settings, problems = examine(document, environment)
    if settings:
        problems += unsteerable(document, settings)
        problems += settings_lint.lint(settings, parse(text, file))  # as written: `examine` replaced the references
    return [_softened(problem) for problem in problems]


def _softened(problem: Problem) -> Problem:
    return replace(problem, severity=Severity.WARNING) if problem.code in _ELSEWHERE else problem
