"""The journal as log events, how logs look, and several journals as one."""

from __future__ import annotations

import logging
import os
from typing import TextIO

import structlog

from autoscaler.model.plan import Action, Failed, Outcome
from autoscaler.model.record import cycle_record, intent_record, outcome_record
from autoscaler.model.report import CycleReport
from autoscaler.ports import Journal


class StructlogJournal:
    """Logs one event a cycle, one before each step and one after it. Events: `cycle`, `intent`, `outcome`."""

    def __init__(self) -> None:
        """Log as `autoscaler`."""
        self._log = structlog.stdlib.get_logger("autoscaler")

    def intent(self, group: str, action: Action) -> None:
        """Log a step before it is taken."""
        self._log.info("intent", **intent_record(group, action))

    def outcome(self, group: str, outcome: Outcome) -> None:
        """Log how a step ended, a failure as a warning."""
        level = logging.WARNING if isinstance(outcome.result, Failed) else logging.INFO
        self._log.log(level, "outcome", **outcome_record(group, outcome))

    def cycle(self, report: CycleReport) -> None:
        """Log a whole cycle as one event."""
        self._log.info("cycle", **cycle_record(report))


class JournalChain:
    """Several journals as one. The first that cannot record an intent stops the step."""

    def __init__(self, *journals: Journal) -> None:
        """Record in each of `journals`, in this order."""
        self._journals = journals

    def intent(self, group: str, action: Action) -> None:
        """Record a step before it is taken, everywhere or not at all: raises the first journal's ActionError."""
        for journal in self._journals:
            journal.intent(group, action)

    def outcome(self, group: str, outcome: Outcome) -> None:
        """Record how a step ended."""
        for journal in self._journals:
            journal.outcome(group, outcome)

    def cycle(self, report: CycleReport) -> None:
        """Record a whole cycle as one event."""
        for journal in self._journals:
            journal.cycle(report)


def configure_logging(stream: TextIO, level: int = logging.INFO) -> None:
    """Send every log event of the process, libraries' too, to `stream`: readable on a terminal, else JSON lines.

    Libraries are heard from warnings on. A second call replaces what the first set up.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(stream)],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("autoscaler").setLevel(level)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )


def _renderers(stream: TextIO) -> list[structlog.typing.Processor]:
    if stream.isatty():
        return [structlog.dev.ConsoleRenderer(colors="NO_COLOR" not in os.environ)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
