"""`autoscaler status`: groups and nodes as they are now."""

from __future__ import annotations

import json

import typer
from rich.console import Console
from rich.table import Table

from autoscaler.cli.look import look
from autoscaler.cli.options import AsJson, Config, Group
from autoscaler.decide.floors import running_reservations
from autoscaler.decide.view import View
from autoscaler.model.codec import Plain, to_plain
from autoscaler.model.report import CycleReport
from autoscaler.model.snapshot import Gap, Heartbeat, Node
from autoscaler.policy.booking import Room, format_moment
from autoscaler.policy.schema import Policy

_WHOLE = 10_000
"""Columns to lay out in, more than any table has. An id must never be cut; a narrow terminal wraps lines by itself."""


def status(config: Config = None, group: Group = None, *, as_json: AsJson = False) -> None:
    """Show each group's size and each node's phase and load. What cannot be read is shown as unknown, never as 0."""
    settings, looks = look(config, group)
    groups = [summary(policy, report) for policy, report in looks]
    if as_json:
        typer.echo(json.dumps({"cluster": settings.cluster, "leader": None, "groups": groups}, indent=2))
        return
    # What a vendor says goes in as it is: `[...]` in it is no markup.
    console = Console(width=_WHOLE, markup=False, emoji=False, highlight=False)
    for (policy, report), entry in zip(looks, groups, strict=True):
        decision, bounds = report.decision, policy.bounds
        console.print(
            f"{settings.cluster}/{policy.group}: {decision.current} nodes, {decision.desired} desired, "
            f"bounds {bounds.min}-{bounds.max}"
        )
        for room in _reserved(policy, report):
            until = format_moment(room.until)
            console.print(f"reserved {room.name}: {policy.reserved(room)} nodes until {until}")
        console.print(_table(entry["nodes"]))
        for gap in report.snapshot.all_gaps:
            console.print(f"lacks {gap.source} {gap.subject}: {gap.detail}")


def summary(policy: Policy, report: CycleReport) -> dict[str, Plain]:
    """Lay one group out under the keys that scripts rely on. `reservations` are those that run."""
    return {
        "group": policy.group,
        "current": report.decision.current,
        "desired": report.decision.desired,
        "bounds": {"min": policy.bounds.min, "max": policy.bounds.max},
        "paused": False,
        "reservations": [
            {"name": room.name, "nodes": policy.reserved(room), "until": to_plain(room.until)}
            for room in _reserved(policy, report)
        ],
        "nodes": [_node(node, report) for node in report.snapshot.nodes],
        "gaps": [f"{gap.source} {gap.subject}: {gap.detail}" for gap in report.snapshot.all_gaps],
    }


def _reserved(policy: Policy, report: CycleReport) -> tuple[Room, ...]:
    return running_reservations(View(report.snapshot, policy, report.memory_before))


def _node(node: Node, report: CycleReport) -> Plain:
    beat = node.heartbeat if isinstance(node.heartbeat, Heartbeat) else Heartbeat(report.decision.at)
    instance = node.instance
    return {
        "instance_id": instance.instance_id,
        "ip": instance.ip,
        "phase": report.decision.phases[instance.instance_id].value,
        "age_s": round((report.decision.at - instance.launched_at).total_seconds()),
        "cpu_percent": beat.cpu_percent,
        "memory_percent": beat.memory_percent,
        "sessions": None if isinstance(node.sessions, Gap) else node.sessions,
        "publishers": None if isinstance(node.publishers, Gap) else node.publishers,
        "viewers": None,  # AMS keeps no count of viewers per node in MongoDB
        "zone": instance.zone,
        "type": instance.instance_type,
    }


def _table(nodes: Plain) -> Table:
    columns = ("instance_id", "ip", "phase", "age_s", "cpu_percent", "memory_percent", "sessions", "publishers", "zone")
    table = Table(*columns, box=None)
    for node in nodes if isinstance(nodes, list) else ():
        if isinstance(node, dict):
            table.add_row(*("?" if node[column] is None else str(node[column]) for column in columns))
    return table
