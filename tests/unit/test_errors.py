from __future__ import annotations

import pytest

from autoscaler.model.errors import (
    ActionError,
    AutoscalerError,
    ConfigurationError,
    ObservationError,
    Problem,
    StateConflict,
    StockOut,
)


def test_a_problem_is_one_line_that_editors_understand() -> None:
    assert str(Problem("a.yaml", 3, 7, "code", "message", "hint")) == "a.yaml:3:7: code message (hint)"
    assert str(Problem("a.yaml", 0, 0, "code", "message")) == "a.yaml: code message"


def test_a_configuration_error_carries_every_problem() -> None:
    problems = [Problem("a", 1, 1, "x", "one"), Problem("b", 2, 2, "y", "two")]
    error = ConfigurationError(problems)
    assert error.problems == tuple(problems)
    assert str(error) == "a:1:1: x one\nb:2:2: y two"


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (ConfigurationError([]), 2, ""),
        (ObservationError("mongodb", "does not answer"), 3, "mongodb: does not answer"),
        (ActionError("ec2_rejected", "no"), 4, "ec2_rejected: no"),
        (StockOut("none left"), 4, "stock_out: none left"),
        (StateConflict("edge"), 4, "state_conflict: another process is running the group 'edge'"),
    ],
)
def test_each_error_has_its_exit_code_and_one_line(error: AutoscalerError, code: int, text: str) -> None:
    assert (error.exit_code, str(error)) == (code, text)
