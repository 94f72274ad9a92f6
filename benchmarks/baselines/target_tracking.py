"""EC2 Auto Scaling's target tracking, as Ant Media's own template for AWS sets it up.

The template (ant-media/Scripts, cloudformation/antmedia-aws-autoscale-template.yaml) tracks ASGAverageCPUUtilization at
60 % and sets nothing else: the warm-up is then the default cooldown of 300 s, and the target group's deregistration
delay its default of 300 s. It has no lifecycle hook, no scale-in protection and no termination policy.

What AWS says of the rule (docs.aws.amazon.com/autoscaling/ec2/userguide: as-scaling-target-tracking.html and
ec2-auto-scaling-default-instance-warmup.html): it rounds so that capacity is never too small; instances that warm up do
not count in the metric, are part of what it wants to add, and bar shrinking; terminating ones count as capacity that is
still there. The alarms that it makes are not published. They are seen in CloudWatch as 3 of 3 minutes above the target,
and 15 of 15 minutes below 70 % of it (60 % and 42 % here); the 90 % that are often quoted are those of Application Auto
Scaling, for ECS. How many instances go at once AWS calls "more gradually", without a number: here as many as the target
allows, once in 300 s.

In its favour the metric has one point a minute without delay, as detailed monitoring gives it, which the template does
not turn on (it would have one in five), and a new instance serves with its first answer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from math import ceil

from benchmarks.baselines.rule import Seen, mean_cpu

PERIOD_S, WARM_UP_S, COOLDOWN_S, HOUR_S = 60.0, 300.0, 300.0, 3600.0
POINTS_OUT, POINTS_IN, LOW = 3, 15, 0.7


class TargetTracking:
    """The policy with both of its alarms."""

    name = "EC2 target tracking"
    delay_s = 300.0
    """Elastic Load Balancing's default deregistration delay, for which an Auto Scaling group waits before it terminates
    (docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html)."""

    def __init__(self, target: float = 60.0) -> None:
        """Track a mean CPU of `target` percent."""
        self._target = target
        self._minute = 0
        self._samples: list[float] = []
        self._points: deque[float | None] = deque(maxlen=POINTS_IN)
        self._shrunk_s = -COOLDOWN_S

    def desired(self, now_s: float, size: int, nodes: Sequence[Seen]) -> int:
        """Decide at the end of each minute; in between nothing changes."""
        minute = int(now_s // PERIOD_S)
        if closed := minute > self._minute:
            self._minute = minute
            self._points.append(sum(self._samples) / len(self._samples) if self._samples else None)
            self._samples = []
        warm = [node for node in nodes if node.age_s >= WARM_UP_S and not node.leaving]
        if (cpu := mean_cpu(warm)) is not None:
            self._samples.append(cpu)
        return self._decide(now_s, size, len(warm), sum(node.leaving for node in nodes)) if closed else size

    def _decide(self, now_s: float, size: int, warm: int, leaving: int) -> int:
        points = list(self._points)
        latest = points[-1]
        if latest is None:
            return size
        if len(points) >= POINTS_OUT and all(point and point > self._target for point in points[-POINTS_OUT:]):
            return max(size, ceil(warm * latest / self._target))
        low = LOW * self._target
        quiet = len(points) == POINTS_IN and all(point is not None and point < low for point in points)
        if not quiet or warm < size or now_s - self._shrunk_s < COOLDOWN_S:
            return size
        wanted = min(size, ceil((size + leaving) * latest / self._target))
        self._shrunk_s = now_s if wanted < size else self._shrunk_s
        return wanted

    def victim(self, nodes: Sequence[Seen]) -> Seen:
        """Choose as the default termination policy does among instances of one launch template.

        From the zone with the most of them, the one closest to its next billing hour
        (docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-termination-policies.html).
        """
        zones = [node.zone for node in nodes]
        fullest = max(zones.count(zone) for zone in zones)
        crowded = [node for node in nodes if zones.count(node.zone) == fullest]
        return min(crowded, key=lambda node: (-node.age_s % HOUR_S, node.name))
