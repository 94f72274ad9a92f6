"""One simulation in a process of its own: `python -m benchmarks.playing NODES HOURS [still]`.

It prints, as JSON, the processor time of the playing in seconds and the process's most resident memory in MB. With
`still` nobody steers: the people of the same world alone, and so many nodes that none of them is refused.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from autoscaler.policy.load import load_policies
from autoscaler.policy.schema import Policy
from autoscaler.simulate.excerpt import part
from autoscaler.simulate.run import Steered, play, set_stage
from autoscaler.simulate.spec import WorldSpec
from autoscaler.simulate.traffic.load import read_generator
from benchmarks.proc import resident_mb

VIEWERS_A_NODE = 132
"""What the shipped policy has on average: it aims at 145, and keeps room for some who come within a boot."""
STEP = timedelta(seconds=10)
_SEED = 1
_BOUNDS = re.compile(r"bounds: \{min: \d+, max: \d+\}")
_SHIPPED = Path(__file__).parents[1] / "policies" / "edge.yaml"


def policy_text(nodes: int, least: int = 2) -> str:
    """Return the shipped policy with `least` nodes, and room for half as many again as `nodes`."""
    text = _SHIPPED.read_text(encoding="utf-8")
    changed, found = _BOUNDS.subn(f"bounds: {{min: {least}, max: {max(20, nodes * 3 // 2)}}}", text)
    if found != 1:
        raise ValueError(f"{_SHIPPED} has no {_BOUNDS.pattern}")
    return changed


def trace_text(nodes: int, hours: float) -> str:
    """Return a trace that keeps about so many nodes busy, day and night, with its usual slow ups and downs."""
    return (
        f"trace: steady\nbegin: 2026-01-05T00:00:00Z\nlength: {max(60, round(hours * 3600))}s\n"
        f"viewers: {{base: {nodes * VIEWERS_A_NODE}, daily: {{floor: 1, peaks: []}}}}\n"
    )


def policy_of(nodes: int, least: int = 2) -> Policy:
    """Read `policy_text`."""
    (policy,) = load_policies({"edge.yaml": policy_text(nodes, least)})
    return policy


def main(nodes: int, hours: float, *, still: bool) -> dict[str, float]:
    """Play it once."""
    traffic = part(read_generator(trace_text(nodes, hours), "steady.yaml", _SEED), 0.0, None)
    policy = policy_of(nodes, least=nodes + max(2, nodes // 8) if still else 2)
    stage = set_stage(policy, traffic, WorldSpec(), _SEED, STEP)
    began = time.process_time()
    played = play(stage, traffic, STEP, (lambda: Steered(nodes, "hold", ())) if still else None)
    cpu_s = time.process_time() - began
    if still and played.totals.rejected_sessions:
        raise RuntimeError("somebody was refused, and who tries again and again is no floor")
    return {
        "cpu_s": cpu_s,
        "resident_mb": resident_mb("self"),
        "nodes": played.totals.node_seconds / traffic.length_s,
    }


def _run(arguments: Sequence[str]) -> None:
    nodes, hours, *how = arguments
    print(json.dumps(main(int(nodes), float(hours), still=how == ["still"])))


if __name__ == "__main__":
    _run(sys.argv[1:])
