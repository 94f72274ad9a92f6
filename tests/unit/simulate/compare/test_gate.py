"""`--fail-on`: what holds, and what is no expression."""

from __future__ import annotations

import pytest

from autoscaler.model.errors import ConfigurationError
from autoscaler.simulate.compare.gate import SIDES, parse_gate
from autoscaler.simulate.compare.scales import MEASURES

VALUES = {f"{side}.{name}": 0.0 for side in SIDES for name in MEASURES} | {
    "base.node_hours": 100.0,
    "head.node_hours": 106.0,
    "delta.node_hours": 6.0,
    "head.rejected_sessions": 1.0,
    "delta.rejected_sessions": 1.0,
    "base.max_nodes": 9.0,
}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("rejected_sessions > 0", True),
        ("head.rejected_sessions > 1", False),
        ("delta.node_hours > 5%", True),
        ("delta.node_hours > 6 %", False),
        ("delta.node_hours > 5.5% + 0.4", True),
        ("head.node_hours >= 106%", True),
        ("head.node_hours - base.node_hours > 5%", True),
        ("delta.rejected_sessions > 5%", True),  # of nothing: any more is too much
        ("delta.rejected_sessions / base.rejected_sessions > 0.05", True),
        ("-delta.rejected_sessions / base.rejected_sessions < -5", True),
        ("delta.flaps / base.flaps > 0.05", False),  # nothing of nothing
        ("0 < rejected_sessions < 2", True),
        ("rejected_sessions == 1 and not flaps != 0", True),
        ("flaps > 0 or rejected_sessions <= 0", False),
        ("max(head.max_nodes, base.max_nodes) * 2 - abs(-3) >= min(15, 20, node_hours)", True),
    ],
)
def test_an_expression_holds_or_does_not(text: str, holds: bool) -> None:  # noqa: FBT001 - a column of the table
    assert parse_gate(text).holds(VALUES) is holds


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("node_hours <= 106", 0.0),
        ("node_hours <= 100", 0.06),
        ("node_hours <= 80%", 0.325),
        ("node_hours <= 100 and rejected_sessions == 0", 1.06),
        ("node_hours <= 100 or rejected_sessions == 0", 0.06),
        ("100 <= node_hours <= 53", 1.0),  # only what does not hold counts
        ("not rejected_sessions == 1", 1.0),
        ("rejected_sessions > 1", 1e-6),
        ("rejected_sessions / flaps < 1", 1e6),
    ],
)
def test_how_far_an_expression_is_from_holding(text: str, short: float) -> None:
    assert parse_gate(text).shortfall(VALUES) == pytest.approx(short)


def test_a_gate_is_called_as_it_was_given() -> None:
    with pytest.raises(ConfigurationError, match=r"^--limit 'node_hour > 1': expression there is no measure"):
        parse_gate("node_hour > 1", "--limit")


def test_a_gate_knows_what_it_looks_at() -> None:
    gate = parse_gate(" delta.node_hours > 5% and flaps > 0 ")
    assert gate.text == "delta.node_hours > 5% and flaps > 0"
    assert gate.names == ("delta.node_hours", "base.node_hours", "head.flaps")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("node_hour > 1", "there is no measure 'node_hour' (did you mean 'node_hours'?)"),
        ("hed.cost > 1", "there is no side 'hed' (did you mean 'head'?)"),
        ("wall_s > 1", "there is no measure 'wall_s' (known are rejected_sessions, "),
        ("delta.x > 1", "there is no measure 'x'"),
        ("cost", "is no comparison (write one such as"),
        ("cost in (1, 2)", "is no comparison"),
        ("cost > 1 and 5", "is no comparison"),
        ("", "cannot be read"),
        ("cost > ", "cannot be read"),
        ("cost > 1\0", "cannot be read"),
        ("(" * 290 + "cost > 1", "cannot be read"),
        ("x" * 301, "is longer than 300 characters"),
        ("1 / 2 > 0", "names no measure"),
        ("1 > 5%", "exactly one must stand"),
        ("head.cost > base.flaps + 5%", "exactly one must stand"),
        ("max(cost) > 1", "takes numbers, measures"),
        ("abs(cost, 1) > 1", "takes numbers, measures"),
        ("max(cost, 1, key=abs) > 1", "takes numbers, measures"),
        ("__import__('os').system('true') > 0", "takes numbers, measures"),
        ("cost.real.imag > 1", "takes numbers, measures"),
        ("cost ** 9 > 1", "takes numbers, measures"),
        ("cost > True", "takes numbers, measures"),
        ("cost > '1'", "takes numbers, measures"),
        ("cost > 1e999", "takes numbers, measures"),
        ("cost > - -1", "takes numbers, measures"),
        ("[cost for cost in 1] > 1", "takes numbers, measures"),
    ],
)
def test_what_is_no_expression_is_told(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_gate(text)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"--fail-on {text.strip()[:40]!r}"[:30])


@pytest.mark.parametrize(
    "text", ["1+" * 140 + "cost > 200", "not " * 70 + "cost > 0", "1-(" * 70 + "1" + ")" * 70 + " > cost"]
)
def test_what_is_nested_deep_is_done_all_the_same(text: str) -> None:
    assert parse_gate(text).holds(VALUES) in {True, False}


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("rejected_sessions < 0", "never"),
        ("rejected_sessions <= -1", "never"),
        ("0 > rejected_sessions", "never"),
        ("-1 >= rejected_sessions + 2 * flaps", "never"),
        ("cost > cost", "never"),
        ("head.flaps - base.flaps < head.flaps - base.flaps", "never"),
        ("cost != head.cost", "never"),
        ("flaps == -1", "never"),
        ("-flaps * 2 > 0", "never"),
        ("min(delta.flaps, 3) > 3", "never"),
        ("max(delta.flaps, 3) < 3", "never"),
        ("abs(delta.flaps) < 0", "never"),
        ("abs(-3 - flaps) < 3", "never"),
        ("5 < flaps < 0", "never"),
        ("1 > 2 or flaps > 3", "never"),
        ("not (flaps > 3 and cost < 0)", "never"),
        ("rejected_sessions >= 0", "always"),
        ("flaps - 1 > -2 or cost > 9", "always"),
        ("0 <= rejected_sessions != -1", "always"),
        ("3 == 3 and flaps > 3", "always"),
    ],
)
def test_what_no_play_can_change_is_told(text: str, known: str) -> None:
    """`rejected_sessions < 0` would let everything pass, as what was meant by it would not."""
    with pytest.raises(ConfigurationError, match=f"has a comparison that {known} holds, whatever is played"):
        parse_gate(text)


@pytest.mark.parametrize(
    "text",
    [
        "delta.rejected_sessions < 0",
        "rejected_sessions <= 0",
        "0 <= rejected_sessions <= 3",
        "-delta.flaps > 5%",
        "flaps * delta.flaps < 0",
        "head.cost > 0%",
        "flaps - cost < -5",
        "head.cost != base.cost",
        "flaps / cost < -1",  # what is divided by 0 is no number or infinite
        "cost / flaps == cost / flaps",
        "1e300 * 1e300 - 1e300 * 1e300 <= flaps",
        "abs(delta.flaps) <= 0",
    ],
)
def test_what_a_play_may_change_is_let_through(text: str) -> None:
    assert parse_gate(text).names
