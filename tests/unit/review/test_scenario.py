"""What the writer of a policy test reads about a mistake in it: every one, where it is, and what to do."""

from __future__ import annotations

from typing import Any

import pytest

from autoscaler.review.scenario import Given
from autoscaler.review.words import REASONS, REFUSALS, Range
from tests.support.documents import ROOT, prose
from tests.support.policy_tests import mistakes, problems, results


def case(given: str, expect: str = "{desired: 1}") -> str:
    return f"cases:\n  - name: one\n    given: {given}\n    expect: {expect}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (case("{node: 1}"), "3:13: unknown-key unknown key 'node' (did you mean 'nodes'?)"),
        (case("{nodes: 1}", "{desire: 1}"), "4:14: unknown-key unknown key 'desire' (did you mean 'desired'?)"),
        (case("{nodes: [{cpuu: 1}]}"), "3:22: unknown-key unknown key 'cpuu' (did you mean 'cpu'?)"),
        (case("{nodes: many}"), "3:13: nodes cases.0.given.nodes: is a number of nodes, a number a phase, or a list"),
        (case("{nodes: true}"), "3:13: nodes"),
        (case("{nodes: -1}"), "3:13: nodes cases.0.given.nodes: needs a whole number of nodes, from 0 to 10000"),
        (case("{nodes: {in_service: yes}}"), "3:13: nodes cases.0.given.nodes: needs a whole number"),
        (case("{nodes: {in_servise: 3}}"), "3:13: nodes cases.0.given.nodes: there is no phase 'in_servise'; stopped"),
        (case("{nodes: [{phase: gone}]}"), "3:22: enum"),
        (case("{nodes: [{sessions: 1.5}]}"), "3:22: reading cases.0.given.nodes.0.sessions: is neither a whole number"),
        (case("{nodes: [{sessions: -1}]}"), "3:22: reading"),
        (case("{nodes: 1, signals: {cpu: high}}"), "3:33: reading"),
        (case("{nodes: 1, signals: {cpu: .inf}}"), "3:33: reading"),
        (case("{nodes: 1, signals: {cpu: 1" + "0" * 400 + "}}"), "3:33: reading"),
        (case("{nodes: 1, signals: {cpu: true}}"), "3:33: reading"),
        (case("{nodes: 1, signals: {cpuu: 1}}"), "3:33: signal the policy has no signal 'cpuu' (did you mean 'cpu'?)"),
        (case("{nodes: 1, signals: {xyz: 1}}"), "3:33: signal the policy has no signal 'xyz' (it has cpu, peak, "),
        (
            case("{nodes: 1, signals: {each: 1}}"),
            "3:33: signal 'each' is computed from others (tell of viewers)",
        ),
        (
            case("{nodes: 1, signals: {cpu: 1, peak: 2}}"),
            "3:41: signal 'cpu' tells of mongodb.node.cpu_percent already",
        ),
        (case("{nodes: 1, signals: {viewers: [1]}}"), "3:33: signal 'viewers' is one value for the group"),
        (case("{nodes: 2, signals: {cpu: [1]}}"), "3:33: signal 1 values of 'cpu' for 2 nodes"),
        (case("{nodes: [{cpu: 3}], signals: {cpu: 1}}"), "3:42: signal a node tells its cpu already"),
        (case("{nodes: [{name: a}, {name: a}]}"), "3:21: nodes two nodes are called a"),
        (case("{nodes: [{name: n2}, {}]}"), "3:21: nodes two nodes are called n2"),
        (case("{nodes: [{subnet: subnet-c}]}"), "3:22: nodes is no subnet of the policy (it has subnet-a, subnet-b)"),
        (case("{nodes: 1, gaps: [mongo]}"), "3:30: source there is no source 'mongo' to be missing (known are ec2, "),
        (case("{nodes: 1, now: noon}"), "3:23: moment"),
        (
            case(
                "{nodes: 1, bookings: [{name: a, at: 2026-01-14T12:00:00Z, until: 2026-01-14T13:00:00Z, viewers: 9}]}"
            ),
            "3:34: viewers-per-node the policy does not say how many viewers a node carries (viewers_per_node in the",
        ),
        (
            case("{nodes: 1, bookings: [{name: a, at: 2026-01-14T12:00:00Z, until: 2026-01-14T12:00:00Z, nodes: 9}]}"),
            "3:34: reservation cases.0.given.bookings.0: ends before it begins",
        ),
        (case("{nodes: 1, now: 2026-01-01T10:00:00}"), "3:23: moment"),
        (case("{nodes: 1, history: long}"), "3:23: history"),
        (case("{nodes: 1, history: [{ago: 5, desired: 1}]}"), "3:34: duration"),
        (case("{nodes: 1, history: [{ago: 5m, desired: 1, x: 1}]}"), "unknown key 'x' (known keys: ago, desired)"),
        (case("{}"), "3:5: missing-key given.nodes is required: the group's nodes"),
        (case("{nodes: 1}", "{}"), "4:5: expectation cases.0.expect: expects nothing; give it desired, direction"),
        (case("{nodes: 1}", "{desired: few}"), "4:14: count"),
        (case("{nodes: 1}", "{desired: {}}"), "4:14: count cases.0.expect.desired: needs at_least or at_most"),
        (case("{nodes: 1}", "{direction: abstain}"), "4:14: literal-error"),
        (case("{nodes: 1}", "{reasons: [abov_max]}"), "there is no reason 'abov_max'; did you mean above_max?"),
        (case("{nodes: 1}", "{refusals: [xyz]}"), "there is no refusal 'xyz'; known are protected, "),
        ("cases: [{name: one, given: {nodes: 1}}]", "1:9: case cases.0: needs exactly one of expect, steps and table"),
        (
            "cases: [{name: one, given: {nodes: 1}, steps: [{after: 0s}, {after: 0s}]}]",
            "1:62: case cases.0.steps.1.after: only the first step may be at once",
        ),
        ("cases: []", "1:1: too-short"),
        ("never: [crash]\ncases: [{name: one, never: [drain]}]", "1:9: word never.0: there is no such event 'crash'"),
    ],
)
def test_a_mistake_is_told_with_its_place(text: str, expected: str) -> None:
    (problem, *more) = problems(text)
    assert expected in problem
    assert problem.startswith("edge.test.yaml:")
    assert all(": nodes two nodes" in other for other in more)  # it takes two of them


def table(columns: str, *rows: str) -> str:
    text = "cases:\n  - name: one\n    given: {signals: {cpu: 5}}\n    table:\n"
    return f"{text}      columns: {columns}\n      rows:\n" + "".join(f"        - {row}\n" for row in rows)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            table("[cpux, desired]", "[1, 1]"),
            ["5:17: table the column 'cpux' is neither a key of given or expect nor a"],
        ),
        (table("[nodes, nodes]", "[1, 1]"), ["5:24: table the column 'nodes' is twice"]),
        (
            table("[nodes, desired]", "[1]", "[1, 2, 3]"),
            ["7:11: table the row has 1 values, and", "8:11: table the row has 3"],
        ),
        (
            table("[nodes, cpu, desired]", "[1, hot, 1]", "[1, 2, x]"),
            ["7:15: reading given.signals.cpu", "8:18: count"],
        ),
        (table("[nodes, cpu]", "[1, 50]"), ["7:11: case needs exactly one of"]),
        (table("[desired, cpu]", "[1, 50]"), ["3:5: missing-key given.nodes is required"]),
        (table("[nodes, cpu, reasons]", "[2, [1], [step]]"), ["7:15: signal 1 values of 'cpu' for 2 nodes"]),
        (table("[nodes, expected]", "[1, 1]"), ["5:24: table the column 'expected' is neither"]),
        (
            table("[nodes, sessionsx, desired]", "[1, 1, 1]", "[1]"),
            ["5:24: table the column 'sessionsx'", "8:11: table the row has 1"],
        ),
        (table("[nodes, desird]", "[x, 1]"), ["5:24: table the column 'desird'", "7:12: nodes"]),
    ],
)
def test_a_mistake_in_a_table_is_told_at_its_cell(text: str, expected: list[str]) -> None:
    found = problems(text)
    assert len(found) == len(expected)
    for problem, beginning in zip(found, expected, strict=True):
        assert problem.startswith(f"edge.test.yaml:{beginning}")


def test_a_table_may_only_rule_out() -> None:
    text = table("[nodes, cpu]", "[2, 90]", "[2, 50]").replace("    table:", "    never: [scale_out]\n    table:")
    assert mistakes(text) == ["4:13 never: scale_out / 2 -> 3 nodes"]


def test_an_empty_cell_leaves_the_key_as_the_case_has_it() -> None:
    (told, left) = results(table("[nodes, cpu, desired]", "[3, 50, 3]", "[1, ~, 1]"))
    assert (told.name, told.failures) == ("one: nodes 3, cpu 50", ())
    assert (left.name, left.line, left.column, left.failures) == ("one: nodes 1", 8, 11, ())


def test_a_signal_that_is_called_like_a_key_can_be_a_column() -> None:
    text = (
        "cases:\n  - name: x\n    given: {nodes: 3}\n    table: {columns: [signals.held, desired], rows: [[90, 5]]}\n"
    )
    assert mistakes(text, ("  cpu: {from", "  held: {from"), ("signal: cpu", "signal: held")) == []
    assert "'signals.nope' is neither" in problems(text.replace("signals.held", "signals.nope"))[0]


@pytest.mark.parametrize(
    ("one", "text"),
    [
        (Range(at_least=2, at_most=2), "2"),
        (Range(at_least=2), "at least 2"),
        (Range(at_most=2), "at most 2"),
        (Range(at_least=2, at_most=4), "2 to 4"),
    ],
)
def test_a_count_says_itself(one: Range, text: str) -> None:
    assert str(one) == text
    assert [one.holds(number) for number in (1, 2, 5)].count(True) in {1, 2}
    assert one.holds(2)


def test_every_code_of_the_documentation_can_be_expected() -> None:
    decision, _, rest = prose(ROOT / "docs/reasons.md").partition("## Refusals")
    refusals = rest.partition("## Why a step")[0]
    for text, known in ((decision, REASONS), (refusals, REFUSALS)):
        codes = [line.strip("# `") for line in text.splitlines() if line.startswith("### `")]
        assert codes
        assert [code for code in codes if code not in known] == []


@pytest.mark.parametrize("history", ["steady", "none", [{"ago": "5m", "desired": 4}]])
def test_a_history_is_written_as_it_is_read(history: Any) -> None:
    given = Given.model_validate({"history": history})
    assert given.model_dump(mode="json")["history"] == history
    assert Given.model_validate({"history": given.model_dump(mode="json")["history"]}) == given
