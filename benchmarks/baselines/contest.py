"""Ours against theirs: each shipped trace, steered by each rule, in the same simulated cluster.

A cluster has two groups, edges and origins, as Ant Media's template for AWS has: ours are steered by the shipped
policies, theirs both by the same rule. Each begins as if it had steered before: ours with the nodes that the policy has
for whoever is there at once, theirs with those that have them at their target, and the fixed size with those of the
peak.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from math import ceil
from pathlib import Path

import numpy as np

from autoscaler.policy.launch import WarmPoolRules
from autoscaler.policy.load import load_policies
from autoscaler.policy.schema import Bounds, Headroom, Policy
from autoscaler.simulate.excerpt import part
from autoscaler.simulate.measures import Measures, measure
from autoscaler.simulate.run import Stage, Steering, play, set_stage
from autoscaler.simulate.spec import PUBLISHERS_A_VCPU, VIEWERS_A_VCPU, TypeSpec, WorldSpec
from autoscaler.simulate.traffic.load import load_traffic
from autoscaler.simulate.traffic.sessions import Traffic
from benchmarks.baselines.fixed import Fixed
from benchmarks.baselines.hpa import Hpa
from benchmarks.baselines.nomad import Nomad
from benchmarks.baselines.rule import Rule
from benchmarks.baselines.target_tracking import TargetTracking
from benchmarks.baselines.theirs import Theirs

POLICIES = Path(__file__).parents[2] / "policies"
GROUPS = ("edge", "origin")
OURS = "ours"
RULES: dict[str, Callable[[], Rule]] = {rule.name: rule for rule in (Hpa, TargetTracking, Nomad)}
CONTESTANTS = (OURS, *RULES, Fixed.name)
SEED = 1
STEP = timedelta(seconds=10)
MOST = 100
"""Nodes that a group may have: so many that no rule is held back."""
WORLD = WorldSpec(types={"c7i.xlarge": TypeSpec(vcpus=4), "c7i.2xlarge": TypeSpec(vcpus=8)})
TARGET = 60.0
"""The CPU that all of theirs hold, in percent."""
PROCESSES = 2


@dataclass(frozen=True, slots=True)
class Bout:
    """One contestant with one group on the first `hours` of one trace."""

    trace: Path
    group: str
    contestant: str
    hours: float


def traces() -> list[Path]:
    """List the shipped traces."""
    return sorted((POLICIES / "traces").glob("*.yaml"))


def contest(files: Iterable[Path], hours: float) -> list[tuple[Bout, Measures]]:
    """Play everything, in two processes; the order of the results is that of the files, groups and contestants."""
    bouts = [Bout(file, group, name, hours) for file in files for group in GROUPS for name in CONTESTANTS]
    context = multiprocessing.get_context("spawn")  # a fork would copy whatever the other benchmarks left running
    with ProcessPoolExecutor(PROCESSES, mp_context=context) as pool:
        return list(zip(bouts, pool.map(fight, bouts), strict=True))


def fight(bout: Bout) -> Measures:
    """Play one."""
    began = time.perf_counter()
    policy = widened(bout.group)
    whole = load_traffic(bout.trace, SEED)
    traffic = part(whole, 0.0, 3600 * bout.hours)
    stage, steering = enter(bout.contestant, policy, traffic)
    played = play(stage, traffic, STEP, steering)
    return measure(played, bout.contestant, traffic.name, SEED, time.perf_counter() - began)


def shipped(group: str) -> Policy:
    """Return a policy as it ships."""
    file = POLICIES / f"{group}.yaml"
    (policy,) = load_policies({file.name: file.read_text(encoding="utf-8")})
    return policy


def widened(group: str) -> Policy:
    """Return a shipped policy as it is, but for its upper bound."""
    policy = shipped(group)
    return policy.model_copy(update={"bounds": Bounds(min=policy.bounds.min, max=MOST)})


def enter(contestant: str, policy: Policy, traffic: Traffic) -> tuple[Stage, Steering | None]:
    """Build the world for a contestant, and who steers in it."""
    if contestant == OURS:
        return set_stage(policy, traffic, WORLD, SEED, STEP), None
    first, peak = crowd(traffic, publishers=policy.role == "origin")
    if contestant == Fixed.name:
        size = nodes_for(policy, peak)
        stage = standing(policy, traffic, size)
        return stage, Theirs(stage, Fixed(size))
    stage = standing(policy, traffic, nodes_at(policy, first, TARGET))
    return stage, Theirs(stage, RULES[contestant]())


def standing(policy: Policy, traffic: Traffic, nodes: int) -> Stage:
    """Build the world with exactly so many nodes in service and none asleep, whatever the policy would have."""
    launch = policy.launch.model_copy(update={"warm_pool": WarmPoolRules()})
    asks_nothing = {"bounds": Bounds(min=nodes, max=MOST), "scale": (), "headroom": Headroom(), "launch": launch}
    return replace(set_stage(policy.model_copy(update=asks_nothing), traffic, WORLD, SEED, STEP), policy=policy)


def nodes_for(policy: Policy, people: int) -> int:
    """Return how many nodes carry so many people by the target of the policy."""
    tracked = [rule.target_tracking for rule in policy.scale if rule.target_tracking]
    each = min(tracking.target_per_node for tracking in tracked if tracking.target_per_node)
    return max(policy.bounds.min, ceil(people / each))


def nodes_at(policy: Policy, people: int, target: float) -> int:
    """Return how many nodes have so many people at a CPU of `target` percent at most."""
    cpus = WORLD.size(next(iter(policy.launch.types))).vcpus
    each = (PUBLISHERS_A_VCPU if policy.role == "origin" else VIEWERS_A_VCPU) * cpus
    return max(policy.bounds.min, ceil(people / (each * (target - WORLD.idle_cpu) / 100)))


def crowd(traffic: Traffic, *, publishers: bool) -> tuple[int, int]:
    """Return how many viewers, or publishers, come in the first step, and how many are there at the highest."""
    chunks = [(chunk.start_s, chunk.duration_s, chunk.publisher == publishers) for chunk in traffic.chunks()]
    starts = np.concatenate([np.zeros(0), *(start[kind] for start, _, kind in chunks)])
    ends = starts + np.concatenate([np.zeros(0), *(duration[kind] for _, duration, kind in chunks)])
    changes = np.concatenate([np.ones(len(starts), np.int64), -np.ones(len(ends), np.int64)])
    order = np.argsort(np.concatenate([starts, ends]), kind="stable")
    first = int(np.count_nonzero(starts < STEP.total_seconds()))
    return first, int(max(np.cumsum(changes[order]), default=0))
