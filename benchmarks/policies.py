"""Policies at rest and at work: reading and judging a folder of them, and one decision by a rich one.

The floor of reading is the same YAML, parsed and dropped; that of deciding is one look at each value that a rule asks
for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from ruamel.yaml import YAML

from autoscaler.decide.pipeline import decide
from autoscaler.model.memory import Memory
from autoscaler.model.snapshot import GROUP, FleetSnapshot, Sample
from autoscaler.policy.lint.run import lint
from autoscaler.policy.load import read_policies
from autoscaler.policy.schema import Policy
from benchmarks.decide_plan import rest
from benchmarks.figures import Effort, Figure, Goal, medians
from tests.support.ams import NOW

SHIPPED = Path(__file__).parents[1] / "policies"
FILES, NODES, ROUNDS = 200, 50, 100
LOAD_MS, DECIDE_MS = 2000.0, 1.0

_MEASURED = {
    "cpu": {"from": "mongodb.node.cpu_percent"},
    "busiest": {"from": "mongodb.node.cpu_percent", "aggregate": "p90"},
    "memory": {"from": "mongodb.node.memory_percent"},
    "queries": {"from": "mongodb.node.query_ms", "aggregate": "max"},
    "publishers": {"from": "mongodb.node.publishers", "aggregate": "sum"},
    "sessions": {"from": "haproxy.server.sessions", "backend": "edge_http", "aggregate": "sum"},
    "queued": {"from": "haproxy.server.queued", "aggregate": "sum", "on_missing": "ignore"},
    "viewers": {"from": "mongodb.viewers", "aggregate": "sum"},
    "each": {"expr": "max(sessions, coalesce(viewers, 0)) / capacity"},
}
_RULES = [
    {"target_tracking": {"signal": "cpu", "target": 60}},
    {"target_tracking": {"signal": "busiest", "target": 70}, "group": "peaks"},
    {"target_tracking": {"signal": "memory", "target": 65}, "group": "peaks"},
    {"target_tracking": {"signal": "queries", "target": 80}},
    {"target_tracking": {"signal": "publishers", "target_per_node": 20}},
    {"target_tracking": {"signal": "sessions", "target_per_node": 110}},
    {"target_tracking": {"signal": "viewers", "target_per_node": 120}},
    {"target_tracking": {"signal": "each", "target": 110}},
    {"step": {"signal": "cpu", "steps": [{"above": 72, "for": "10s", "add": "30%"}, {"above": 85, "add": "60%"}]}},
    {"step": {"signal": "queued", "steps": [{"above": 20, "for": "5s", "add": 2}]}},
    {"schedule": {"days": ["fri", "sat"], "from": "18:00", "to": "23:30", "timezone": "Europe/Istanbul", "min": 8}},
    {"schedule": {"from": "22:00", "to": "06:00", "timezone": "America/St_Johns", "scale_in": False}},
]


def run(effort: Effort) -> list[Figure]:
    """Measure both."""
    texts = folder()
    load_ms, parse_ms = medians(partial(_judge, texts), partial(_parse, texts), max(1, effort.rounds // 5))
    policy, snapshot, memory = rich_policy(), *scene()
    decide_ms, look_ms = medians(partial(decide, snapshot, policy, memory), partial(_look, snapshot, policy), ROUNDS)
    size = f"{NODES} nodes, {len(policy.scale)} rules"
    return [
        Figure("policies_load", f"{FILES} files", load_ms, "ms", parse_ms, Goal("value", LOAD_MS)),
        Figure("decide_rules", size, decide_ms, "ms", look_ms, Goal("value", DECIDE_MS)),
    ]


def folder() -> dict[str, str]:
    """Return the shipped policies over and over, each under a group, and in slots, of its own."""
    shipped = [file for file in sorted(SHIPPED.glob("*.yaml")) if not file.stem.endswith(".test")]
    return {f"{number}.yaml": _renamed(shipped[number % len(shipped)], number) for number in range(FILES)}


def _renamed(file: Path, number: int) -> str:
    """Leave a file as long as its author made it, comments and all."""
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if not line.startswith("slots:")]
    lines = [f"{line}-{number}" if line.startswith("group:") else line for line in lines]
    return "\n".join([*lines, f"slots: slot{number}-", ""])


def rich_policy() -> Policy:
    """Return a policy that uses most of what there is."""
    return Policy.model_validate(
        {
            "version": 1, "group": "edge", "role": "edge", "bounds": {"min": 2, "max": 100},
            "signals": _MEASURED, "scale": _RULES,
            "headroom": {"percent": "15%"}, "flap_budget": {"turns": 6, "per": "1h"}, "viewers_per_node": 100,
            "reservations": [
                {"name": "gig", "at": "2026-06-20T20:00:00Z", "until": "2026-06-20T23:00:00Z", "viewers": 4000}
            ],
            "scale_out": {"max": [{"nodes": 10, "per": "1m"}]},
            "scale_in": {
                "stabilization": "10m", "max": [{"nodes": 1, "per": "2m"}, {"percent": "10%", "per": "10m"}],
                "control": [{"nodes": 3, "per": "1h"}],
            },
            "launch": {"launch_template": "ams-edge", "subnets": ["subnet-a", "subnet-b"]},
            "load_balancer": [{"backend": "edge_http", "port": 5080}, {"backend": "edge_rtmp", "port": 1935}],
        }
    )  # fmt: skip


def scene() -> tuple[FleetSnapshot, Memory]:
    """Return a group in service that has every sample, and an hour behind it."""
    snapshot, memory = rest(NODES)
    each = {node.instance_id: number for number, node in enumerate(snapshot.nodes)}
    samples: dict[str, dict[str, Sample]] = {}
    for signal in rich_policy().signals.values():
        if signal.expr is None:
            known = each if signal.per_node else {GROUP: 3000}
            samples[signal.key] = {key: Sample(30.0 + value % 30, NOW) for key, value in known.items()}
    return replace(snapshot, samples=samples), memory


def _judge(texts: Mapping[str, str]) -> None:
    policies, problems = read_policies(texts)
    lint(policies)
    if problems:
        raise RuntimeError(f"the benchmark's policies are wrong: {problems[0]}")


def _parse(texts: Mapping[str, str]) -> None:
    for text in texts.values():
        for _ in YAML(typ="safe", pure=True).parse(text):
            pass


def _look(snapshot: FleetSnapshot, policy: Policy) -> float:
    """Add up every value that a rule asks for, lest it be read for nothing."""
    total = 0.0
    for rule in policy.scale:
        if rule.signal:
            samples = snapshot.samples.get(policy.signals[rule.signal].key, {})
            total += sum(sample.value for sample in samples.values())
    return total
