"""Recordings of which the truth is known: what nodes carry was told to the simulation, or to a pencil."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import numpy as np

from autoscaler.model.report import CycleReport
from autoscaler.model.snapshot import Heartbeat, Node
from autoscaler.policy.schema import Policy
from autoscaler.simulate.learn.recorded import Floats
from autoscaler.simulate.run import play, set_stage
from autoscaler.simulate.spec import WorldSpec
from autoscaler.simulate.traffic.sessions import Traffic
from tests.support.fleet import BACKEND, SESSIONS, policy


@dataclass(frozen=True)
class Truth:
    """A node type: percent of CPU of an idle node, and of each viewer and publisher. `bend`: of a load's square."""

    idle: float = 3.0
    viewer: float = 100 / 220
    publisher: float = 5.0
    bend: float = 0.0
    memory: float = 0.01


def minutes(truth: Truth, seed: int = 0, *, nodes: int = 5, hours: float = 6.0, **more: Any) -> Floats:
    """Draw a table as `Recorded.minutes` has it: nodes that differ, and noise that lasts for minutes.

    `viewers` are the least and the most, `publishers` too; `together`: both rise and fall as one.
    """
    random = np.random.default_rng(seed)
    span = int(hours * 60)
    low, high = more.get("viewers", (20, 140))
    few, many = more.get("publishers", (0, 0))
    wave = (1 - np.cos(np.arange(span) / span * 2 * np.pi)) / 2
    tables = []
    for node in range(nodes):
        other = wave if more.get("together") else (1 + np.sin(np.arange(span) / 47 + 2 * node)) / 2
        viewers = low + (high - low) * wave + (random.normal(0, 3, span) if high > low else 0.0)
        publishers = few + (many - few) * other
        slope = 1 + more.get("differ", 0.02) * random.standard_normal()
        load = slope * (truth.viewer * np.maximum(viewers, 0) + truth.publisher * publishers)
        cpu = truth.idle + load + truth.bend * (load / 72) ** 2 + lasting(random, span, more.get("noise", 1.5))
        memory = 30 + truth.memory * viewers
        columns = [
            np.full(span, node),
            np.arange(span),
            np.maximum(viewers, 0),
            publishers,
            cpu,
            cpu + 1,
            memory,
            memory,
        ]
        tables.append(np.column_stack(columns))
    return np.vstack(tables)


def lasting(random: np.random.Generator, count: int, size: float, memory: float = 0.9) -> Floats:
    """Draw noise of which each value has much of the one before."""
    values = np.zeros(count)
    fresh = random.standard_normal(count) * size * np.sqrt(1 - memory**2)
    for number in range(1, count):
        values[number] = memory * values[number - 1] + fresh[number]
    return values


def everybody(**changes: Any) -> Policy:
    """A policy of a group with viewers and publishers, which steers by both; its nodes stay below 60 % of CPU."""
    return policy(
        **{
            "role": "both",
            "bounds": {"min": 3, "max": 20},
            "signals": {
                "sessions": {"from": SESSIONS, "aggregate": "sum"},
                "publishers": {"from": "mongodb.node.publishers", "aggregate": "sum"},
            },
            "scale": [
                {"target_tracking": {"signal": "sessions", "target_per_node": 70}},
                {"target_tracking": {"signal": "publishers", "target_per_node": 8}},
            ],
            "launch": {"launch_template": "t", "types": ["c7i.xlarge"], "subnets": ["subnet-a"]},
            "load_balancer": [{"backend": BACKEND, "port": 5080}],
            **changes,
        }
    )


def recorded(rules: Policy, traffic: Traffic, spec: WorldSpec, step_s: float = 30.0) -> list[CycleReport]:
    """Play traffic, and return every cycle's report: what a journal would hold."""
    step = timedelta(seconds=step_s)
    stage = set_stage(rules, traffic, spec, 1, step)
    reports: list[CycleReport] = []
    stage.observer = reports.append
    play(stage, traffic, step)
    return reports


def noisy(reports: Sequence[CycleReport], seed: int, *, size: float = 1.5, differ: float = 0.02) -> list[CycleReport]:
    """Let nodes differ and CPU jump: what the simulation tells is too clean to be true."""
    random = np.random.default_rng(seed)
    slopes: dict[str, float] = {}
    noise: dict[str, float] = {}

    def heard(node: Node) -> Node:
        beat, name = node.heartbeat, node.instance_id
        if not isinstance(beat, Heartbeat) or beat.cpu_percent is None:
            return node
        slope = slopes.setdefault(name, 1 + differ * random.standard_normal())
        noise[name] = 0.8 * noise.get(name, 0.0) + 0.6 * size * random.standard_normal()
        cpu = 3.0 + slope * (beat.cpu_percent - 3.0) + noise[name]
        return replace(node, heartbeat=replace(beat, cpu_percent=float(np.clip(cpu, 0, 100))))

    return [
        replace(each, snapshot=replace(each.snapshot, nodes=tuple(map(heard, each.snapshot.nodes)))) for each in reports
    ]
