"""Policies as text: a base without warnings, and fragments laid over it."""

from __future__ import annotations

import re

QUIET = """\
version: 1
group: edge
role: edge
bounds: {min: 2, max: 12}
signals:
  cpu: {from: mongodb.node.cpu_percent, max_age: 20s, on_missing: scale_out_only}
  sessions: {from: haproxy.server.sessions, aggregate: sum, max_age: 10s, on_missing: scale_out_only}
scale:
  - target_tracking: {signal: cpu, target: 60}
  - target_tracking: {signal: sessions, target_per_node: 110}
scale_out: {max: [{nodes: 4, per: 1m}]}
scale_in: {max: [{nodes: 1, per: 2m}]}
launch: {launch_template: ams-edge, types: [c7i.xlarge, c6i.xlarge], subnets: [subnet-a, subnet-b]}
load_balancer:
  - {backend: edge_backend_http, port: 5080, cookie: true}
"""
"""A policy of which nothing can be said."""


def lay_over(base: str, fragment: str) -> str:
    """Put a fragment's top-level keys in the place of the base's, at its end. Comments of the fragment stay."""
    keys = re.findall(r"^([a-z0-9_]+):", fragment, re.MULTILINE)
    parts = re.split(r"^(?=[a-z0-9_]+:)", base, flags=re.MULTILINE)
    return "".join(part for part in parts if part.partition(":")[0] not in keys) + fragment
