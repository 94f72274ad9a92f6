"""What the log looks like, on a terminal and off it."""

from __future__ import annotations

import io
import json
import logging

import pytest
import structlog

from autoscaler.adapters.journal import StructlogJournal
from autoscaler.model.plan import Failed, Outcome
from tests.support.logs import captured_log
from tests.support.records import ACTIONS, REPORT


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_off_a_terminal_every_line_is_json_with_time_and_level() -> None:
    with captured_log() as log:
        StructlogJournal().cycle(REPORT)
    [line] = [json.loads(line) for line in log.getvalue().splitlines()]
    assert (line["event"], line["level"], line["logger"]) == ("cycle", "info", "autoscaler")
    assert line["timestamp"].endswith("Z")


def test_on_a_terminal_a_line_is_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    with captured_log(Terminal()) as log:
        StructlogJournal().cycle(REPORT)
    assert "desired=5" in log.getvalue()
    assert "\x1b" not in log.getvalue()


def test_colour_only_without_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    with captured_log(Terminal()) as log:
        StructlogJournal().cycle(REPORT)
    assert "\x1b[" in log.getvalue()


def test_a_failed_step_is_a_warning() -> None:
    with captured_log() as log:
        StructlogJournal().outcome("edge", Outcome(ACTIONS[0], Failed("ec2_throttled", "", retryable=True)))
    assert json.loads(log.getvalue())["level"] == "warning"


def test_libraries_are_heard_from_warnings_on_in_the_same_form() -> None:
    with captured_log() as log:
        logging.getLogger("pymongo").info("chatter")
        try:
            raise KeyError("x")  # noqa: TRY301 - what APScheduler logs is an exception that it caught
        except KeyError:
            logging.getLogger("apscheduler").exception("job failed")
    [line] = [json.loads(line) for line in log.getvalue().splitlines()]
    assert (line["event"], line["level"], line["logger"]) == ("job failed", "error", "apscheduler")
    assert "KeyError" in line["exception"]


def test_what_is_bound_to_the_context_is_on_every_line() -> None:
    with captured_log() as log, structlog.contextvars.bound_contextvars(cycle_id="c1"):
        StructlogJournal().intent("edge", ACTIONS[0])
    assert json.loads(log.getvalue())["cycle_id"] == "c1"
