"""The daemon: cycles at an interval until a signal, or until nothing works any more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import structlog

from autoscaler.cycle.cycle import Executor, run_cycle
from autoscaler.model.errors import AutoscalerError, ObservationError
from autoscaler.model.memory import Memory
from autoscaler.model.report import CycleReport
from autoscaler.policy.schema import Policy
from autoscaler.ports import MemoryReader, Senses
from autoscaler.runtime.preflight import PoliciesInForce
from autoscaler.runtime.schedule import LATE, Schedule
from autoscaler.runtime.signals import Signals

Publish = Callable[[CycleReport], None]


class KeptMemory:
    """A dry run's memory: begins with what the live daemon remembers, and is kept in this process only.

    What was really done only the live daemon knows, so that part is its own in each cycle: a node that it drains is not
    one of ours that fell out of service.
    """

    def __init__(self, reader: MemoryReader) -> None:
        """Read through `reader`."""
        self._reader = reader
        self._kept: dict[str, Memory] = {}

    def load(self, group: str) -> Memory:
        """Return what was kept, with what the live daemon did; while that cannot be read, with what it last had done.

        Raises:
            ObservationError: nothing was kept yet, and the live daemon's memory cannot be read.
        """
        kept = self._kept.get(group)
        try:
            live = self._reader.load(group)
        except ObservationError:
            if kept is None:
                raise
            return kept
        if kept is None:
            return live
        return replace(
            kept,
            drains=live.drains,
            launches=live.launches,
            events=live.events,
            pool=live.pool,
            wakes=live.wakes,
            no_stops_until=live.no_stops_until,
            endings=live.endings,
        )

    def keep(self, report: CycleReport) -> None:
        """Keep a cycle's memory for the next."""
        self._kept[report.snapshot.group] = report.memory


class Daemon:
    """Runs every group's cycle. A group that fails costs the others nothing."""

    def __init__(
        self, senses: Senses, executor: Executor, memories: MemoryReader, in_force: PoliciesInForce, publish: Publish,
        signals: Signals,
    ) -> None:  # fmt: skip
        """Run the policies in force, and reload them when a signal asks for it. `publish` gets every report."""
        self._signals = signals
        self._senses = senses
        self._executor = executor
        self._memories = memories
        self._in_force = in_force
        self._publish = publish
        self._log = structlog.stdlib.get_logger("autoscaler")
        self._failed_in_a_row = 0
        self._exit_code = 0

    def cycle(self) -> list[CycleReport]:
        """Run one cycle of every group. Every failure is logged; the first is raised when all groups had their turn."""
        if self._signals.reload.is_set():
            self._signals.reload.clear()
            self._reload()
        reports: list[CycleReport] = []
        failures: list[Exception] = []
        for policy in self._in_force.policies:
            try:
                reports.append(self._run(policy))
            except AutoscalerError as error:
                self._log.error("cycle_failed", group=policy.group, error=str(error))
                failures.append(error)
            except Exception as error:  # noqa: BLE001 - a bug that one group's data wakes costs the others nothing
                self._log.error("cycle_crashed", group=policy.group, exc_info=error)
                failures.append(error)
        if failures:
            raise failures[0]
        return reports

    def run(self, every: timedelta, give_up_after: int | None) -> int:
        """Run cycles until told to stop, which lets the running one finish. Returns the exit code.

        `give_up_after` failed cycles in a row end the process with the last failure's exit code, for a supervisor to
        start it anew; None of them do where nothing is steered, and a new start would only lose what was counted.
        """
        schedule = Schedule(self._once, every, lambda trouble: self._trouble(trouble, give_up_after))
        self._log.info(
            "started", groups=self._groups, cycle_s=every.total_seconds(), executor=type(self._executor).__name__
        )
        schedule.start()
        self._signals.stop.wait()
        schedule.stop()
        self._log.info("stopped", exit_code=self._exit_code)
        return self._exit_code

    def _once(self) -> None:
        self.cycle()
        self._failed_in_a_row = 0

    def _run(self, policy: Policy) -> CycleReport:
        report = run_cycle(self._senses, self._executor, policy, self._memories.load(policy.group))
        self._publish(report)
        if report.snapshot.lacks("ec2"):
            gap = next(gap for gap in report.snapshot.gaps if gap.source == "ec2")
            raise ObservationError(gap.source, gap.detail)
        return report

    def _reload(self) -> None:
        errors = self._in_force.reload()
        for line in [line for error in errors for line in str(error).splitlines()]:
            self._log.error("policy_reload_failed", problem=line)
        if not errors:
            self._log.info("policies_reloaded", groups=self._groups)

    @property
    def _groups(self) -> list[str]:
        return [policy.group for policy in self._in_force.policies]

    def _trouble(self, trouble: BaseException | str, give_up_after: int | None) -> None:
        """Count what the schedule reports; `cycle` has logged it."""
        if trouble == LATE:
            self._log.warning("cycle_late")
            return
        self._failed_in_a_row += 1
        if self._failed_in_a_row == give_up_after:  # a cycle that had begun by then may fail, too
            self._exit_code = trouble.exit_code if isinstance(trouble, AutoscalerError) else 1
            self._log.error("giving_up", failed_in_a_row=self._failed_in_a_row, exit_code=self._exit_code)
            self._signals.stop.set()
