"""`autoscaler plan`: one live cycle that changes nothing."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from autoscaler.cli.look import look
from autoscaler.cli.options import AsJson, Config, Group
from autoscaler.model.codec import Plain, to_plain
from autoscaler.model.errors import ObservationError
from autoscaler.model.report import CycleReport

WOULD_ACT = 10


def plan(
    config: Config = None,
    group: Group = None,
    *,
    as_json: AsJson = False,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit 10 when something would be done.")
    ] = False,
) -> None:
    """Observe, decide and plan once; say what would be done and why, and do nothing."""
    _, looks = look(config, group)
    reports = [report for _, report in looks]
    if as_json:
        documents = [document(report) for report in reports]
        typer.echo(json.dumps(documents[0] if len(documents) == 1 else documents, indent=2))
    else:
        typer.echo("\n\n".join(text(report) for report in reports))
    if detailed_exitcode and any(report.plan.actions for report in reports):
        raise typer.Exit(WOULD_ACT)
    if any(report.snapshot.gaps for report in reports):
        raise typer.Exit(ObservationError.exit_code)


def document(report: CycleReport) -> dict[str, Plain]:
    """Lay a report out under the keys that scripts rely on."""
    decision = report.decision
    return {
        "group": decision.group,
        "at": to_plain(decision.at),
        "snapshot": to_plain(report.snapshot),
        "decision": {
            "current": decision.current,
            "desired": decision.desired,
            "direction": decision.direction.value,
            "reasons": to_plain(decision.reasons),
            "verdicts": to_plain(decision.verdicts),
            "phases": to_plain(decision.phases),
        },
        "plan": [
            {"action": type(action).__name__, "node": action.subject, "why": action.why}
            for action in report.plan.actions
        ],
        "refusals": to_plain(report.plan.refusals),
        "gaps": to_plain(report.snapshot.gaps),
    }


def text(report: CycleReport) -> str:
    """Say the same in lines."""
    decision = report.decision
    lines = [f"{decision.group}: {decision.current} -> {decision.desired} nodes ({decision.direction})"]
    lines += [f"  rule    {verdict.rule}: {verdict.direction}, {verdict.detail}" for verdict in decision.verdicts]
    lines += [f"  because {r.code}: {r.before} -> {r.after}, {r.detail}" for r in decision.reasons]
    lines += [f"  would   {type(a).__name__} {a.subject} ({a.why})" for a in report.plan.actions]
    lines += [f"  refused {r.code}: {r.before} -> {r.after}, {r.detail}" for r in report.plan.refusals]
    lines += [f"  lacks   {gap.source} {gap.subject}: {gap.detail}" for gap in report.snapshot.all_gaps]
    if not report.plan.actions:
        lines.append("  nothing to do")
    return "\n".join(lines)
