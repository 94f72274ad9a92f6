"""Past weeks as a policy test tells them."""

from __future__ import annotations

import pytest

from autoscaler.model.errors import ConfigurationError
from autoscaler.review.explain import explain
from tests.support.policy_tests import mistakes, problems, results

RULE = ("scale:\n", "scale:\n  - forecast: {signal: viewers, target_per_node: 100, seasons: 3}\n")
BUSY = "nodes: 3, signals: {cpu: 60}"


def one(past: str, expect: str, more: str = "") -> list[str]:
    return mistakes(
        f"cases: [{{name: one, given: {{{BUSY}, past: {{viewers: [{past}]}}{more}}}, expect: {expect}}}]", RULE
    )


@pytest.mark.parametrize(
    ("past", "expect"),
    [
        ("{ago: 7d, value: 700}, {ago: 14d, value: 650}", "{desired: 7, reasons: [forecast]}"),
        ("{ago: 14d, value: 650}, {ago: 7d, value: 700}", "{desired: 7}"),  # in any order
        ("{ago: 7d, value: 700}", "{desired: 3, reasons: []}"),
        ("{ago: 7d, value: 700}, {ago: 14d, value: missing}", "{desired: 3}"),
        ("{ago: 7d, value: 700}, {ago: 13d, value: 650}", "{desired: 3}"),  # another day
        ("{ago: 7.5d, value: 700}, {ago: 14.5d, value: 650}", "{desired: 7}"),  # twelve hours before, and on
        ("{ago: 8d, value: 700}, {ago: 15d, value: 650}", "{desired: 3}"),  # a day is over before this hour
        ("{ago: 7d, value: 700}, {ago: 14d, value: 650}, {ago: 14d, value: missing}", "{desired: 3}"),  # the last word
        ("{ago: 7d, value: 100}, {ago: 14d, value: 650}, {ago: 167.75h, value: 900}", "{desired: 9}"),
        ("{ago: 7d, value: 100}, {ago: 14d, value: 650}, {ago: 167.6h, value: 900}", "{desired: 7}"),
    ],
)
def test_past_weeks_are_told(past: str, expect: str) -> None:
    assert one(past, expect) == []


def test_a_value_counts_from_the_five_minutes_on_in_which_it_began() -> None:
    told = "{ago: 7d, value: 700}, {ago: 14d, value: 650}"
    assert one(told, "{desired: 7}", ', now: "2026-01-14T12:04:59+03:00"') == []


def test_the_past_passes_with_time() -> None:
    cases = f"""\
        cases:
          - name: one
            given: {{{BUSY}, past: {{viewers: [
              {{ago: 14d, value: 100}}, {{ago: 335h, value: 600}},
              {{ago: 7d, value: 100}}, {{ago: 167h, value: 500}}]}}}}
            steps:
              - {{after: 44m, expect: {{desired: 3}}}}
              - {{after: 1m, expect: {{desired: 6, reasons: [forecast]}}}}
    """
    assert mistakes(cases, RULE) == []


@pytest.mark.parametrize("gap", ["history", "mongodb"])
def test_what_cannot_be_read_is_not_foreseen(gap: str) -> None:
    told = "{ago: 7d, value: 700}, {ago: 14d, value: 650}"
    assert one(told, "{desired: 3}", f", gaps: [{gap}]") == []


@pytest.mark.parametrize(
    ("past", "expected"),
    [
        ("{sessions: []}", "no forecast of the policy looks at 'sessions' (the policy has no forecast)"),
        ("{viewers: [{ago: 7d, value: many}]}", "reading cases.0.given.past.viewers.0.value: is neither a number nor"),
        ("{viewers: [{ago: 7, value: 1}]}", "duration cases.0.given.past.viewers.0.ago: is not a duration"),
        ("{viewers: [{ago: 7d}]}", "missing-key cases.0.given.past.viewers.0.value is required"),
    ],
)
def test_a_mistake_is_told(past: str, expected: str) -> None:
    (problem,) = problems(f"cases: [{{name: one, given: {{nodes: 1, past: {past}}}, expect: {{desired: 1}}}}]")
    assert expected in problem


def test_what_no_forecast_looks_at_is_no_past() -> None:
    with pytest.raises(
        ConfigurationError, match=r"1:46: signal no forecast .* 'sessions' \(forecasts look at viewers\)"
    ):
        mistakes("cases: [{name: one, given: {nodes: 1, past: {sessions: []}}, expect: {desired: 1}}]", RULE)


def test_a_forecast_is_explained_from_the_report_alone() -> None:
    told = "past: {viewers: [{ago: 7d, value: 700}, {ago: 14d, value: 650}]}"
    (failed,) = results(f"cases: [{{name: one, given: {{{BUSY}, {told}}}, expect: {{desired: 1}}}}]", RULE)
    explanation = explain(failed.failures[0].report)
    assert explanation.note == ""
    assert explanation.report.decision.verdicts[0].rule == "target_tracking:cpu"
    assert explanation.report.decision.verdicts[-1].needed == 7
