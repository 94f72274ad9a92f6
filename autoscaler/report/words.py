"""What the page says of each measure, for readers who have not read the manual."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from autoscaler.simulate.measures import Measures


@dataclass(frozen=True, slots=True)
class Row:
    """A measure, in words. `state` is `good`, `bad` or neither."""

    key: str
    label: str
    value: str
    meaning: str
    state: str = ""


HEAD = ("policy", "trace", "seed", "cycles", "digest")
"""What stands above the page instead of in its table."""

OMITTED = ("wall_s",)
"""How long the simulation itself took: with it two pages of the same run would differ."""

MEANINGS = {
    "rejected_sessions": (
        "Rejected sessions",
        "Who was refused at least once, by a node at AMS's limit or for want of any node.",
    ),
    "slo_minutes_breached": (
        "Minutes below the promise",
        "Minutes in which anybody was refused for the first time, or a node was beyond AMS's limit.",
    ),
    "publishers_cut": (
        "Publishers cut",
        "Publishers whom we cut by ending a node.",
    ),
    "viewer_minutes_disrupted": (
        "Viewer-minutes disrupted",
        "Viewers whom we cut by ending a node, times the minutes until they were in again.",
    ),
    "lost_sessions": (
        "Lost sessions",
        "Who lost a node or a connection by no doing of ours: crashes, spot instances taken back, broken networks.",
    ),
    "sessions": ("Sessions", "Who came: visits of viewers and publishers, retries not counted."),
    "node_hours": ("Node-hours", "What is paid for: each node from its launch to its end, booting and draining too."),
    "stopped_hours": (
        "Hours asleep",
        "Of stopped nodes of the warm pool. They cost their disks, and are no node-hours.",
    ),
    "oracle_node_hours": (
        "Oracle's node-hours",
        "The fewest that would have served the same people with hindsight, boots included. No real plan reaches it.",
    ),
    "over_provisioned_ratio": (
        "Over the oracle",
        "Node-hours, divided by the oracle's. Less is cheaper.",
    ),
    "cost": ("Cost", "Node-hours at the prices of the simulated world, in its currency; 0 when it has no prices."),
    "scale_outs": ("Times scaled out", "How often a larger size was decided."),
    "scale_ins": ("Times scaled in", "How often a smaller size was decided."),
    "flaps": (
        "Flaps",
        "Turns back within 30 minutes of the last change. Many of them: targets are too near to each other.",
    ),
    "max_nodes": ("Most nodes", "Paid for at once, whatever their phase."),
    "min_nodes": ("Fewest nodes", "Paid for at once, whatever their phase."),
}

_MUST_BE_0 = ("rejected_sessions", "slo_minutes_breached", "publishers_cut", "viewer_minutes_disrupted")


def table(measures: Measures) -> list[Row]:
    """Say every measure but those of the head, what hurts people first."""
    plain = measures.plain()
    return [
        Row(key, label, number(plain[key]), meaning, _state(key, plain[key]))
        for key, (label, meaning) in MEANINGS.items()
    ]


def tiles(measures: Measures) -> Sequence[Row]:
    """Say the four that a reviewer looks at first."""
    rows = {row.key: row for row in table(measures)}
    share = measures.rejected_sessions / measures.sessions if measures.sessions else 0.0
    beside = {
        "rejected_sessions": f"of {measures.sessions:,} ({100 * share:.2f} %)",
        "viewer_minutes_disrupted": "by nodes that we ended",
        "publishers_cut": "by nodes that we ended",
        "node_hours": f"{measures.over_provisioned_ratio:.2f} \u00d7 the oracle's {measures.oracle_node_hours:,.1f}",
    }
    rows["node_hours"] = replace(rows["node_hours"], value=f"{measures.node_hours:,.1f}")
    return [replace(rows[key], meaning=text) for key, text in beside.items()]


def number(value: str | float) -> str:
    """Write a measure as people do: thousands apart, no zeros at the end."""
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3f}".rstrip("0").rstrip(".")


def _state(key: str, value: str | float) -> str:
    if key not in _MUST_BE_0:
        return ""
    return "bad" if value else "good"
