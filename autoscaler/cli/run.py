"""`autoscaler run`: the daemon."""

from __future__ import annotations

import gc
import importlib
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Annotated

import typer

from autoscaler.adapters.journal import StructlogJournal, configure_logging
from autoscaler.adapters.policy_files import PolicyFiles
from autoscaler.cli.options import Config
from autoscaler.cycle.dry_run import DryRunExecutor
from autoscaler.model.errors import ActionError, ObservationError
from autoscaler.model.report import CycleReport
from autoscaler.runtime.daemon import Daemon, KeptMemory
from autoscaler.runtime.handover import left_behind
from autoscaler.runtime.preflight import PoliciesInForce, preflight
from autoscaler.runtime.score import Scoreboard
from autoscaler.runtime.settings import Settings, WebSettings, load_settings
from autoscaler.runtime.signals import Signals, caught
from autoscaler.runtime.wiring import Acting, Watching, acting, watching


def _room(settings: WebSettings | None, base: Watching, *, dry_run: bool) -> AbstractContextManager[None]:
    """Listen while the context lasts, if the settings say where."""
    if settings is None:
        return nullcontext()
    # By name: a daemon that listens to nobody does without the 12 MB of what would.
    room = importlib.import_module("autoscaler.runtime.web.room")
    opened: AbstractContextManager[None] = room.open_room(settings, base.window, dry_run=dry_run)
    return opened


def run(
    config: Config = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing; say what would be done.")] = False,
    once: Annotated[bool, typer.Option("--once", help="Run one cycle and end.")] = False,
) -> None:
    """Keep the cluster the right size until SIGTERM. SIGHUP reloads the policies; a bad change keeps the last good."""
    with caught() as signals:
        configure_logging(sys.stderr)
        settings = load_settings(config, steering=not dry_run)
        # A single cycle is over before anybody could have told it anything.
        web = None if once else settings.web
        with watching(settings) as base, _room(web, base, dry_run=dry_run):
            scores = Scoreboard()
            daemon = _dry(settings, base, signals, scores) if dry_run else _live(settings, base, signals)
            code = _exit_code(daemon.cycle()) if once else _run(daemon, settings, steering=not dry_run)
            if not once:  # a single cycle says all there is to say itself
                scores.end()
    raise typer.Exit(code)


def _run(daemon: Daemon, settings: Settings, *, steering: bool) -> int:
    """Run until told to stop. What was loaded up to here stays, so full collections need not walk through it again."""
    gc.collect()
    gc.freeze()
    return daemon.run(settings.cycle, settings.give_up_after if steering else None)


def _live(settings: Settings, base: Watching, signals: Signals) -> Daemon:
    hands = acting(settings, base)
    in_force = _in_force(settings, base, hands)
    return Daemon(base.senses, hands.executor, hands.hands.store, in_force, hands.hands.journal.cycle, signals)


def _dry(settings: Settings, base: Watching, signals: Signals, scores: Scoreboard) -> Daemon:
    memories, journal = KeptMemory(base.memories), StructlogJournal()

    def publish(report: CycleReport) -> None:
        memories.keep(report)
        for outcome in report.outcomes:
            journal.outcome(report.decision.group, outcome)
        journal.cycle(report)
        scores.add(report)

    return Daemon(base.senses, DryRunExecutor(), memories, _in_force(settings, base, None), publish, signals)


def _in_force(settings: Settings, base: Watching, hands: Acting | None) -> PoliciesInForce:
    """Load the policies; what is wrong ends the command with the worst exit code, after one line for each."""
    made = PoliciesInForce(
        PolicyFiles(settings.policies),
        lambda policies: preflight(policies, base, hands),
        lambda before, after: left_behind(before, after, base.senses),
    )
    errors = made.reload()
    for error in errors:
        typer.echo(str(error), err=True)
    if errors:
        raise typer.Exit(errors[0].exit_code)
    return made


def _exit_code(reports: list[CycleReport]) -> int:
    if any(report.failures for report in reports):
        return ActionError.exit_code
    return ObservationError.exit_code if any(report.snapshot.gaps for report in reports) else 0
