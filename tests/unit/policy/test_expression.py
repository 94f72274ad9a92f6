from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from autoscaler.policy.expression import parse_expression
from autoscaler.policy.schema import Policy
from autoscaler.policy.signals import Signal
from tests.support.fleet import policy_data

A, B = {"a": 6.0, "b": 3.0}, {"a": None, "b": 3.0}


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("a / b", A, 2.0),
        ("-a + 2 * (b - 1.5)", A, -3.0),
        ("max(a, b, 10)", A, 10.0),
        ("min(a, abs(-1))", A, 1.0),
        ("a / b", B, None),  # missing stays missing
        ("max(a, b)", B, None),
        ("coalesce(a, b) * 2", B, 6.0),
        ("coalesce(a, a)", B, None),
        ("a / (b - 3)", A, None),  # no answer is no zero
        ("a * 1e308 * 1e308", A, None),
        ("max(a)", A, 6.0),
        ("min(a)", B, None),
        (f"{'9' * 200} * {'9' * 190} * a", A, None),  # floats throughout: integers would not fit into one
        ("+".join(["a"] * 98), A, 588.0),
    ],
)
def test_arithmetic_over_what_is_known(text: str, values: dict[str, float | None], expected: float | None) -> None:
    expression = parse_expression(text)
    assert expression.value(values) == expected
    assert expression.names <= {"a", "b"}


@pytest.mark.parametrize(
    "text",
    [
        "", "  ", None, 5, "x" * 401, "a +", "a ** b", "9 ** 9 ** 9", "a // b", "a % b", "a if b else 1", "a < b",
        "not a", "a.b", "a[0]", "[1, 2]", "'text' * 9", "True", "open('x')", "__import__('os')", "max()", "max(*a)",
        "max(a, key=b)", "(lambda: 1)()", "a; b", "a = 1", "f(a)", "a and b", "+a", "1j", "(" * 300,
        "9" * 399, "1e999", "abs(a, b)", "-" * 399 + "a", "+".join(["a"] * 101), "max(a)(b)",
    ],
)  # fmt: skip
def test_anything_but_arithmetic_is_refused(text: object) -> None:
    with pytest.raises(PydanticCustomError):
        parse_expression(text)


@given(st.text(max_size=60))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    with suppress(PydanticCustomError):
        parse_expression(text)


def with_expression(text: str, **changes: Any) -> Policy:
    signals = {**policy_data()["signals"], "busy": {"expr": text, **changes}}
    return Policy.model_validate(policy_data(signals=signals))


def test_an_expression_names_measured_signals_only() -> None:
    busy = with_expression("sessions / capacity + cpu").signals["busy"]
    assert busy.expr is not None
    assert Signal(expr=busy.expr) == busy
    assert Signal.model_validate({"from": "mongodb.viewers", "expr": None}).expr is None
    with pytest.raises(ValidationError, match="names busy, nobody; it may name the measured signals"):
        with_expression("nobody + busy")
    with pytest.raises(ValidationError, match="exactly one of from and expr"):
        with_expression("cpu", **{"from": "mongodb.viewers"})
    with pytest.raises(ValidationError, match="exactly one of from and expr"):
        Policy.model_validate(policy_data(signals={"cpu": {}}))
