"""Runs a job at a fixed interval. The only file that knows APScheduler.

APScheduler swallows whatever a job raises and drops runs that come too late; both are reported here, so that a daemon
whose every cycle fails does not look alive.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from apscheduler.events import (
    EVENT_JOB_ERROR,
    EVENT_JOB_MAX_INSTANCES,
    EVENT_JOB_MISSED,
    JobEvent,
    JobExecutionEvent,
)
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

LATE = "late"
"""What `on_trouble` gets when a cycle was due while the one before it still ran."""

_EXECUTOR = "cycles"
"""Our executor's alias in APScheduler, which logs each run under `apscheduler.executors.ALIAS`."""


class Schedule:
    """One job, never twice at once; runs that were missed are made up for by one."""

    def __init__(
        self, job: Callable[[], None], every: timedelta, on_trouble: Callable[[BaseException | str], None]
    ) -> None:
        """Prepare; nothing runs until `start`. `on_trouble` is called in the scheduler's thread."""
        self._on_trouble = on_trouble
        # Their own log would repeat each failure with a traceback; the listener reports it once, in our words. Levels
        # are set for the whole process, so only on loggers that nobody else writes to.
        logging.getLogger(f"apscheduler.executors.{_EXECUTOR}").setLevel(logging.CRITICAL)
        log = logging.getLogger(f"apscheduler.scheduler.{_EXECUTOR}")
        log.setLevel(logging.ERROR)
        self._scheduler = BackgroundScheduler(
            logger=log,
            timezone=UTC,
            executors={_EXECUTOR: ThreadPoolExecutor(1)},
            job_defaults={"max_instances": 1, "coalesce": True, "misfire_grace_time": None},
        )
        self._scheduler.add_job(
            job, "interval", seconds=every.total_seconds(), next_run_time=datetime.now(UTC), executor=_EXECUTOR
        )
        self._scheduler.add_listener(self._listen, EVENT_JOB_ERROR | EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES)

    def start(self) -> None:
        """Run the job now, and then at every interval, in a thread of its own."""
        self._scheduler.start()

    def stop(self) -> None:
        """Start no more runs, and return when the running one has finished."""
        self._scheduler.shutdown(wait=True)

    def _listen(self, event: JobEvent) -> None:
        if isinstance(event, JobExecutionEvent) and event.exception is not None:
            self._on_trouble(event.exception)
        else:
            self._on_trouble(LATE)
