"""Nomad Autoscaler's `target-value` strategy, scaling the nodes of a cluster by an Auto Scaling group.

hashicorp/nomad-autoscaler, plugins/builtin/strategy/target-value/plugin/plugin.go: `factor = metric / target`, nothing
within the precision of 0.01, else `ceil(count * factor)`. Evaluated every 10 s, with a cooldown of 5 min after each
change (developer.hashicorp.com/nomad/docs/autoscaling/agent/policy: default_evaluation_interval, default_cooldown).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from benchmarks.baselines.rule import Seen, mean_cpu

INTERVAL_S, COOLDOWN_S, PRECISION = 10.0, 300.0, 0.01


def target_value(count: int, metric: float, target: float, precision: float = PRECISION) -> int:
    """Return the count that the strategy asks for. A target of 0 divides by nothing; from 0 the factor is the count."""
    factor = metric / target if target else metric
    if count == 0:
        return ceil(factor)
    return count if 1 - precision <= factor <= 1 + precision else ceil(count * factor)


class Nomad:
    """The strategy as one check of a policy on the mean CPU of the nodes."""

    name = "Nomad target-value"
    delay_s = 0.0
    """A node is drained before it is ended, but a drain stops the allocations of service and system jobs at once and
    kills them after `kill_timeout`, 5 s by default; only batch jobs may run on to the drain's deadline of 15 min
    (developer.hashicorp.com/nomad/commands/node/drain, .../nomad/docs/job-specification/task)."""

    def __init__(self, target: float = 60.0) -> None:
        """Hold the mean CPU at `target` percent."""
        self._target = target
        self._next_s = 0.0

    def desired(self, now_s: float, size: int, nodes: Sequence[Seen]) -> int:
        """Decide every 10 s unless a change is less than 5 min ago."""
        cpu = mean_cpu([node for node in nodes if node.ready and not node.leaving])
        if now_s < self._next_s or cpu is None:
            return size
        wanted = target_value(size, cpu, self._target)
        self._next_s = now_s + (INTERVAL_S if wanted == size else COOLDOWN_S)
        return wanted

    def victim(self, nodes: Sequence[Seen]) -> Seen:
        """Choose the least busy.

        The default `least_busy` compares allocations, which are the same on all nodes here, and then chooses at random
        (developer.hashicorp.com/nomad/docs/autoscaling/internals/node-selector-strategy). In its favour: fewest people.
        """
        return min(nodes, key=lambda node: (node.ready, node.people, node.name))
