"""Ours against theirs: each shipped trace, steered by each rule, in the same simulated cluster.

A cluster has two groups, edges and origins, as Ant Media's template for AWS has: ours are steered by the shipped
policies, theirs both by the same rule. All begin with the nodes that our policy has for whoever is there at the trace's
begin, but the fixed size, which has those of its peak from the first moment to the last.
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

from autoscaler.policy.load import load_policies
from autoscaler.policy.schema import Bounds, Policy
from autoscaler.simulate.excerpt import part
from autoscaler.simulate.measures import Measures, measure
from autoscaler.simulate.run import Stage, Steering, play, set_stage
from autoscaler.simulate.spec import TypeSpec, WorldSpec
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


def widened(group: str) -> Policy:
    """Return a shipped policy as it is, but for its upper bound."""
    file = POLICIES / f"{group}.yaml"
    (policy,) = load_policies({file.name: file.read_text(encoding="utf-8")})
    return policy.model_copy(update={"bounds": Bounds(min=policy.bounds.min, max=MOST)})


def enter(contestant: str, policy: Policy, traffic: Traffic) -> tuple[Stage, Steering | None]:
    """Build the world for a contestant, and who steers in it."""
    if contestant == OURS:
        return set_stage(policy, traffic, WORLD, SEED, STEP), None
    if contestant != Fixed.name:
        stage = set_stage(policy, traffic, WORLD, SEED, STEP)
        return stage, Theirs(stage, RULES[contestant]())
    peak = nodes_for(policy, most_at_once(traffic, publishers=policy.role == "origin"))
    standing = policy.model_copy(update={"bounds": Bounds(min=peak, max=MOST)})
    stage = replace(set_stage(standing, traffic, WORLD, SEED, STEP), policy=policy)
    return stage, Theirs(stage, Fixed(peak))


def nodes_for(policy: Policy, people: int) -> int:
    """Return how many nodes carry so many people by the target of the policy."""
    tracked = [rule.target_tracking for rule in policy.scale if rule.target_tracking]
    each = min(tracking.target_per_node for tracking in tracked if tracking.target_per_node)
    return max(policy.bounds.min, ceil(people / each))


def most_at_once(traffic: Traffic, *, publishers: bool) -> int:
    """Return how many viewers, or publishers, a trace has at its highest."""
    chunks = [(chunk.start_s, chunk.duration_s, chunk.publisher == publishers) for chunk in traffic.chunks()]
    starts = np.concatenate([np.zeros(0), *(start[kind] for start, _, kind in chunks)])
    ends = starts + np.concatenate([np.zeros(0), *(duration[kind] for _, duration, kind in chunks)])
    changes = np.concatenate([np.ones(len(starts), np.int64), -np.ones(len(ends), np.int64)])
    order = np.argsort(np.concatenate([starts, ends]), kind="stable")
    return int(max(np.cumsum(changes[order]), default=0))
