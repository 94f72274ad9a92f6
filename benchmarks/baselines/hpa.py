"""Kubernetes' HorizontalPodAutoscaler, one media server a pod and one pod a node.

The rule is that of "Horizontal Pod Autoscaling" (kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale,
"Algorithm details" and "Default behavior") and of kubernetes/kubernetes, pkg/controller/podautoscaler:
`GetResourceReplicas` of replica_calculator.go, `stabilizeRecommendationWithBehaviors` and
`calculateScaleUpLimitWithScalingRules` of horizontal.go. Pods without metrics are left out: here every pod tells its
CPU. The node is there as soon as it is asked for and has booted, and is paid for no longer than its pod: what a cluster
autoscaler adds in delay both ways (10 s a scan, 10 min unneeded) is not held against the HPA.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from benchmarks.baselines.rule import Seen

SYNC_S, STABILIZATION_S, UP_PERIOD_S = 15.0, 300.0, 15.0
UP_PODS, UP_FACTOR = 4, 2


def recommend(current: int, pods: Sequence[Seen], target: float, tolerance: float = 0.1) -> int:
    """Return the replicas that the CPU asks for, with pods that are not ready yet at 0 % when it asks for more."""
    ready = [pod.cpu for pod in pods if pod.ready]
    if not ready:
        return current
    ratio = _ratio(sum(ready), len(ready), target)
    if ratio <= 1 or len(ready) == len(pods):
        return current if abs(1 - ratio) <= tolerance else ceil(ratio * len(ready))
    ratio = _ratio(sum(ready), len(pods), target)
    if ratio < 1 or abs(1 - ratio) <= tolerance:
        return current
    return max(current, ceil(ratio * len(pods)))


def _ratio(total: float, count: int, target: float) -> float:
    return int(total / count) / target  # the controller reckons in whole percents


class Hpa:
    """The rule with its default behaviour: up by 4 pods or 100 % in 15 s, down to the highest wish of 300 s."""

    name = "Kubernetes HPA"
    delay_s = 0.0
    """A deleted pod's containers get SIGTERM at once, and SIGKILL 30 s later
    (kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle, "Termination of Pods"). Ant Media's chart sets neither a
    preStop hook nor a grace period (ant-media/helm, templates/ams-k8s-deployment-edge.yaml)."""

    def __init__(self, target: float = 60.0) -> None:
        """Hold the CPU at `target` percent; Ant Media sets 60 (ant-media/Scripts, kubernetes/ams-k8s-hpa.yaml)."""
        self._target = target
        self._next_s = 0.0
        self._wishes: list[tuple[float, int]] = []
        self._added: list[tuple[float, int]] = []

    def desired(self, now_s: float, size: int, nodes: Sequence[Seen]) -> int:
        """Decide every 15 s; in between nothing changes."""
        if now_s < self._next_s:
            return size
        self._next_s = (now_s // SYNC_S + 1) * SYNC_S
        wish = recommend(size, [node for node in nodes if not node.leaving], self._target)
        self._wishes = [(at_s, past) for at_s, past in self._wishes if at_s > now_s - STABILIZATION_S]
        stable = wish if wish >= size else max([wish, *(past for _, past in self._wishes)])
        self._wishes.append((now_s, wish))
        return self._limited(now_s, size, stable)

    def _limited(self, now_s: float, size: int, wanted: int) -> int:
        """Bound growth by what was added within the period. Shrinking is bounded by 100 %, which is no bound."""
        self._added = [(at_s, count) for at_s, count in self._added if at_s > now_s - UP_PERIOD_S]
        before = size - sum(count for _, count in self._added)
        wanted = min(wanted, max(size, before + UP_PODS, before * UP_FACTOR))
        if wanted > size:
            self._added.append((now_s, wanted - size))
        return wanted

    def victim(self, nodes: Sequence[Seen]) -> Seen:
        """Choose as a ReplicaSet does: a pod that is not ready, else the newest.

        kubernetes.io/docs/concepts/workloads/controllers/replicaset, "Scaling a ReplicaSet".
        """
        return min(nodes, key=lambda node: (node.ready, node.age_s, node.name))
