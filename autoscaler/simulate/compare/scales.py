"""Which measures are compared, and which way each of them is better."""

from __future__ import annotations

WORSE_WHEN_MORE = (
    "rejected_sessions",
    "slo_minutes_breached",
    "viewer_minutes_disrupted",
    "publishers_cut",
    "lost_sessions",
    "node_hours",
    "cost",
    "over_provisioned_ratio",
    "flaps",
)
"""Less is better, whom it hurts before what it costs."""

NEITHER = (
    "scale_outs",
    "scale_ins",
    "max_nodes",
    "min_nodes",
    "stopped_hours",
    "oracle_node_hours",
    "sessions",
    "cycles",
)
"""More is neither better nor worse by itself."""

MEASURES = WORSE_WHEN_MORE + NEITHER
"""Every number that a comparison knows. Not `wall_s`: how busy the machine was says nothing of a policy."""

ALWAYS_SHOWN = tuple(name for name in WORSE_WHEN_MORE[:6] if name != "lost_sessions")
"""What is said even where nothing changed: it is the promise."""
