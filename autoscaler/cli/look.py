"""One look at the live cluster that changes nothing: what `plan` and `status` print is made of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from autoscaler.adapters.policy_files import PolicyFiles
from autoscaler.cycle.cycle import run_cycle
from autoscaler.cycle.dry_run import DryRunExecutor
from autoscaler.model.errors import ConfigurationError, ObservationError, Problem
from autoscaler.model.report import CycleReport
from autoscaler.policy.schema import Policy
from autoscaler.runtime.settings import Settings, load_settings
from autoscaler.runtime.wiring import watching


def look(config: Path | None, group: str | None) -> tuple[Settings, Sequence[tuple[Policy, CycleReport]]]:
    """Run one cycle of every group, or of one, without a hand that could act.

    Raises ConfigurationError, and ObservationError when the memory or the list of instances cannot be read.
    """
    settings = load_settings(config)
    policies = [policy for policy in PolicyFiles(settings.policies).load() if group in (None, policy.group)]
    if not policies:
        raise ConfigurationError([Problem(str(settings.policies), 0, 0, "no-group", f"has no policy of {group!r}")])
    with watching(settings) as base:
        reports = [
            (policy, run_cycle(base.senses, DryRunExecutor(), policy, base.memories.load(policy.group)))
            for policy in policies
        ]
    for _, report in reports:
        blind = [gap for gap in report.snapshot.gaps if gap.source == "ec2"]
        if blind:
            raise ObservationError("ec2", blind[0].detail)
    return settings, reports
