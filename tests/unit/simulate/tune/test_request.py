"""What is asked of a search, from the command line and from a file."""

from __future__ import annotations

import pytest

from autoscaler.model.errors import ConfigurationError
from autoscaler.policy.document import check, parse
from autoscaler.simulate.tune.request import SearchFile, make_goal, parse_vary


def texts(goal_limits: list[str]) -> list[str]:
    return [gate.text for gate in make_goal([], goal_limits).limits]


def test_the_promise_holds_unless_somebody_says_otherwise() -> None:
    promise = ["publishers_cut == 0", "viewer_minutes_disrupted == 0"]
    assert texts([]) == promise
    assert texts(["node_hours <= 105%"]) == [*promise, "node_hours <= 105%"]
    assert texts(["delta.publishers_cut <= 0 and flaps < 9"]) == [promise[1], "delta.publishers_cut <= 0 and flaps < 9"]


def test_what_is_minimised() -> None:
    assert make_goal([], []).objectives == ("node_hours", "rejected_sessions")
    assert make_goal(["cost", "flaps", "cost"], []).objectives == ("cost", "flaps")
    with pytest.raises(
        ConfigurationError, match=r"^--minimise: usage .*'node_hour'.*did you mean 'node_hours'"
    ) as caught:
        make_goal(["node_hour", "wall_s"], [])
    assert "known are rejected_sessions, " in str(caught.value)


def test_what_is_no_limit() -> None:
    with pytest.raises(ConfigurationError, match=r"^--limit 'flaps': expression is no comparison"):
        make_goal([], ["flaps"])


def test_paths_and_ranges() -> None:
    assert parse_vary(["a.b=1..2", " c = x,y=z "]) == {"a.b": "1..2", "c": "x,y=z"}
    with pytest.raises(ConfigurationError) as caught:
        parse_vary(["a", "=1", "b=", "c=1..2", "c=2..3"])
    said = [str(problem) for problem in caught.value.problems]
    assert [line.partition(" (")[0] for line in said] == [
        "--vary a: usage is not PATH=RANGE",
        "--vary =1: usage is not PATH=RANGE",
        "--vary b=: usage is not PATH=RANGE",
        "--vary c=2..3: usage is given twice",
    ]


def test_a_search_file() -> None:
    text = """\
version: 1
vary:
  headroom.percent: 0%..20%
  signals.cpu.aggregate: [mean, max]
  load_balancer[1].cookie: [true, false]
  bounds.min: [2, 4]
minimise: [node_hours]
limits: ["flaps <= 4"]
"""
    found = check(SearchFile, parse(text, "search.yaml"))
    assert found.vary == {
        "headroom.percent": "0%..20%",
        "signals.cpu.aggregate": "mean,max",
        "load_balancer[1].cookie": "true,false",
        "bounds.min": "2,4",
    }
    assert (found.minimise, found.limits) == (("node_hours",), ("flaps <= 4",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version: 1\nvary: {bounds.min: 3}\n", "search.yaml:2:8: vary vary.bounds.min: is neither a range"),
        ("version: 1\nvary: {a: [[1]]}\n", "is neither a range, 90..150, nor a list of choices"),
        ("version: 1\nvary: {a: [1, .inf]}\n", "search.yaml:2:8: vary vary.a: has a choice that is no finite"),
        ("version: 1\nvary: {}\n", "vary: is empty"),
        ("version: 1\nvaried: {a: 1..2}\n", "did you mean 'vary'?"),
    ],
)
def test_what_is_wrong_with_a_search_file(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check(SearchFile, parse(text, "search.yaml"))
    assert message in str(caught.value)
