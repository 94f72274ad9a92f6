"""One simulation of a comparison, as it is handed to another process."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from autoscaler.policy.text import read_policy
from autoscaler.simulate.compare.diary import writing
from autoscaler.simulate.excerpt import part
from autoscaler.simulate.measures import Measures, measure
from autoscaler.simulate.run import play, set_stage
from autoscaler.simulate.spec import WorldSpec
from autoscaler.simulate.traffic.load import load_traffic


@dataclass(frozen=True, slots=True)
class Setting:
    """What all simulations of a comparison share. `to_s` is None where each trace is played to its end."""

    spec: WorldSpec
    step: timedelta
    from_s: float = 0.0
    to_s: float | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A policy, as `Policy.text` has it, on a trace with a seed. `diary`: where each cycle's decision is written.

    The setting is the same for all of a comparison, so two jobs that differ in nothing else are one.
    """

    policy: str
    trace: Path
    seed: int
    setting: Setting = field(compare=False)
    diary: Path | None = None


def run_job(job: Job) -> Measures:
    """Play it. The trace is loaded here: it is cheaper than to send its sessions from one process to another."""
    began = time.perf_counter()
    setting = job.setting
    traffic = part(load_traffic(job.trace, job.seed), setting.from_s, setting.to_s)
    policy = read_policy(job.policy)
    stage = set_stage(policy, traffic, setting.spec, job.seed, setting.step)
    with writing(job.diary) if job.diary else nullcontext() as stage.observer:
        played = play(stage, traffic, setting.step)
    return measure(played, policy.group, traffic.name, job.seed, time.perf_counter() - began)
