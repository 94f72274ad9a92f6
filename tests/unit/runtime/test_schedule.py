from __future__ import annotations

import logging
import threading
from datetime import timedelta

import pytest

from autoscaler.runtime.schedule import LATE, Schedule

OFTEN, SELDOM = timedelta(milliseconds=20), timedelta(hours=1)


def test_the_first_run_is_at_once_and_more_follow() -> None:
    runs = threading.Semaphore(0)
    schedule = Schedule(runs.release, OFTEN, lambda _: None)
    schedule.start()
    assert [runs.acquire(timeout=20) for _ in range(3)] == [True] * 3
    schedule.stop()


def test_a_stop_waits_for_the_running_job_and_starts_no_more() -> None:
    begun, ended = threading.Event(), threading.Event()
    runs: list[int] = []

    def job() -> None:
        runs.append(1)
        begun.set()
        threading.Event().wait(0.2)
        ended.set()

    schedule = Schedule(job, SELDOM, lambda _: None)
    schedule.start()
    assert begun.wait(20)
    schedule.stop()
    assert ended.is_set()
    assert runs == [1]


@pytest.mark.parametrize("error", [ValueError("x"), KeyError("y")])
def test_what_a_job_raises_is_not_swallowed(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    troubles: list[object] = []
    told = threading.Event()

    def job() -> None:
        raise error

    def on_trouble(trouble: object) -> None:
        troubles.append(trouble)
        told.set()

    caplog.set_level(logging.DEBUG)
    schedule = Schedule(job, SELDOM, on_trouble)
    schedule.start()
    assert told.wait(20)
    schedule.stop()
    assert troubles == [error]
    assert caplog.text == ""  # told once, in our words


def test_a_run_that_is_due_while_another_runs_is_late_and_not_a_second_one() -> None:
    late, running = threading.Event(), threading.Semaphore(1)
    doubled: list[bool] = []

    def job() -> None:
        doubled.append(not running.acquire(blocking=False))
        assert late.wait(20)
        running.release()

    schedule = Schedule(job, OFTEN, lambda trouble: late.set() if trouble == LATE else None)
    schedule.start()
    assert late.wait(20)
    schedule.stop()
    assert not any(doubled)
