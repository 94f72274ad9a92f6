"""Whatever stands in a file, `validate` answers with problems: no crash, no wait, and every mistake at its place."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autoscaler.cli.check import check as validate
from autoscaler.model.errors import ConfigurationError, Severity
from autoscaler.policy.document import Document, check, parse, survey
from autoscaler.policy.lint.run import lint
from autoscaler.policy.record import Record
from autoscaler.policy.schema import Policy
from autoscaler.review.cases import Suite, look_at_suite, unrolled
from autoscaler.review.scenario import PolicyTests
from autoscaler.runtime.settings import Settings
from autoscaler.simulate.spec import WorldSpec
from autoscaler.simulate.traffic.schema import Generator
from tests.support.policy_tests import the_policy
from tests.support.policy_text import QUIET
from tests.support.traffic import GENERATOR

POLICY = f"""\
{QUIET}
headroom: {{nodes: 1, percent: 5%}}
flap_budget: {{turns: 3, per: 1h}}
viewers_per_node: 100
reservations:
  - {{name: gig, at: "2026-06-01T18:00:00Z", until: "2026-06-01T22:00:00Z", viewers: 900, lead: 30m}}
"""
TESTS = """\
policy: edge.yaml
never: [drain_of_publisher]
cases:
  - name: one
    given: {nodes: [{name: a, phase: draining, cpu: 5}], signals: {sessions: [1]}, now: 2026-06-01T18:00:00Z}
    expect: {desired: {at_least: 2}, drains: [a], reasons: [step]}
  - name: two
    given: {nodes: {in_service: 2}, history: [{ago: 5m, desired: 2}], gaps: [ec2]}
    steps:
      - {after: 0s, signals: {cpu: 50}}
      - {after: 1m, nodes: 3, expect: {direction: hold}, never: [drain]}
  - name: three
    given: {nodes: 1, signals: {sessions: 5}}
    table:
      columns: [cpu, desired]
      rows: [[90, 2], [5, 1]]
"""
SETTINGS = """\
cluster: live
mongodb: {uri: "mongodb://h/"}
haproxy: [{name: lb1, socket: "unix:/s", timeout: 3s}]
ec2: {region: eu-west-1}
ams: {jwt_secret: "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk", timeout: 1s}
policies: p
"""
TRACE = GENERATOR + "surges: [{at: 1h, viewers: 5}]\nevents: [{at: 1h, kind: node_crash, nodes: 1}]\n"
WORLD = """\
types:
  c7i.xlarge: {vcpus: 4, viewers: 220, memory: {viewers: 500}, stock: 9, stock_outs: {every: 5h, lasts: 9m}, weight: 2}
boot: {median: 90s, p95: 2m}
heartbeat_stops: {every: 1d, lasts: 5m}
spot: {price: 30%, notice: 2m}
"""
MODELS: dict[type[Record], str] = {
    Policy: POLICY, PolicyTests: TESTS, Settings: SETTINGS, Generator: TRACE, WorldSpec: WORLD,
}  # fmt: skip

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12),
    st.sampled_from([
        "0s", "366d", "5m", "0%", "1e9%", "10%", "cpu", "nope", "\u0662\u0660s", "24:00", "missing", "a\0b", " ",
        "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-06-01", "max(cpu", "cpu / 0", "n1",
        10**12, 10**400, 1e308, 5e-324,
    ]),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=6,
)  # fmt: skip


def spots(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from spots(inner, (*path, key))


def changed(value: Any, path: tuple[Any, ...], new: object) -> Any:
    if not path:
        return new
    other = copy(value)  # marks are kept
    other[path[0]] = changed(value[path[0]], path[1:], new)
    return other


@st.composite
def spoilt(draw: st.DrawFn) -> tuple[type[Record], Document]:
    """A file of any kind, with up to four of its values replaced, or keys of its sections taken out or added."""
    model = draw(st.sampled_from([*MODELS]))
    document = parse(MODELS[model], "f.yaml")
    root: Any = document.root
    for _ in range(draw(st.integers(1, 4))):
        path = draw(st.sampled_from([*spots(root)][1:] or [("version",)]))
        root = changed(root, path, draw(VALUES))
    return model, replace(document, root=root)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(spoilt())
def test_values_of_any_kind_anywhere_are_problems_or_right(given: tuple[type[Record], Document]) -> None:
    model, document = given
    found, problems = survey(model, document.root, document)
    for problem in problems:
        assert problem.line > 0
        assert "Input should" not in problem.message
    if problems:
        with pytest.raises(ConfigurationError) as caught:
            check(model, document)
        assert [*caught.value.problems] == problems
    else:
        assert check(model, document) == found
        lint([(document, found)] if isinstance(found, Policy) else [])


TEXTS = st.one_of(
    st.text(max_size=60),
    st.tuples(st.sampled_from([*MODELS.values()]), st.integers(0, 900), st.text(max_size=10)).map(
        lambda parts: parts[0][: parts[1]] + parts[2] + parts[0][parts[1] :]
    ),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["edge.yaml", "edge.test.yaml", "autoscaler.yaml", "t.csv"]), TEXTS)
def test_text_of_any_kind_is_answered(tmp_path: Path, name: str, text: str) -> None:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    for problem in validate([file], {}).problems:
        assert problem.severity in Severity


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_cases_of_any_kind_are_held_against_the_policy(data: st.DataObject) -> None:
    """What is right in a broken test file is looked at, too, and what is wrong in it stops nothing."""
    document = parse(TESTS, "f.yaml")
    root: Any = document.root
    for _ in range(data.draw(st.integers(1, 3))):
        root = changed(root, data.draw(st.sampled_from([*spots(root)][1:] or [("cases",)])), data.draw(VALUES))
    content, wrong = survey(PolicyTests, root, replace(document, root=root))
    found, misfits = unrolled(Suite(replace(document, root=root), content, broken=bool(wrong)), the_policy())
    assert found or wrong or misfits


BROKEN = """\
cases:
  - {name: one, given: {nodes: 1, signals: {nope: 1}}, expect: {reasons: [nope]}}
  - {name: two, given: {nodes: 1, gaps: [nope]}, expect: {desired: 1}}
  - {name: three, given: {nodes: [{subnet: nope}], now: nope}, steps: [{after: 0s, signals: {nope: 2}}, {after: 5}]}
  - name: four
    given: {nodes: 1, held: nope}
    table: {columns: [cpu, desired], rows: [[nope, 1], [1, nope], [1], [1, 1], 5]}
"""


def test_what_is_wrong_with_the_policy_is_told_beside_what_is_wrong_alone() -> None:
    suite, wrong = look_at_suite(BROKEN, "f.yaml")
    _, misfits = unrolled(suite, the_policy())
    told = sorted((problem.line, problem.column, problem.code) for problem in (*wrong, *misfits))
    assert told == [
        (2, 45, "signal"),
        (2, 75, "word"),
        (3, 42, "source"),
        (4, 36, "nodes"),
        (4, 52, "moment"),
        (4, 94, "signal"),
        (4, 106, "duration"),
        (6, 23, "duration"),
        (7, 46, "reading"),
        (7, 60, "count"),
        (7, 67, "table"),
        (7, 80, "tuple-type"),
    ]


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00", "1999-12-31T00:00:00Z"])
def test_years_that_nobody_means_are_told(moment: str, tmp_path: Path) -> None:
    (tmp_path / "edge.yaml").write_text(
        f'{QUIET}reservations: [{{name: b, at: "{moment}", until: "{moment}", nodes: 3}}]\n'
        .replace("  - target", f"  - schedule: {{min: 3, first_day: {moment[:10]}}}\n  - target", 1)
    )  # fmt: skip
    (tmp_path / "edge.test.yaml").write_text(
        f'cases: [{{name: a, given: {{nodes: 1, now: "{moment}"}}, expect: {{desired: 1}}}}]\n'
    )
    told = [problem for problem in validate([tmp_path], {}).problems if problem.severity is Severity.ERROR]
    assert [problem.code for problem in told if "of a year that nobody means" in problem.message] == ["moment"] * 4
