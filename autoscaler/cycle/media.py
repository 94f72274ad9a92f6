"""What the media servers themselves say, asked for only where a policy looks at it.

A node that does not answer costs the signals that needed it its values, and so bars their rules from shrinking the
group. It is no gap for the rules that need nothing of it: an answer that HAProxy and MongoDB can do without must not
hold the whole group. Why it is missing is told all the same, in the snapshot's `signal_gaps`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from operator import attrgetter

from autoscaler.decide.classify import classify, used
from autoscaler.decide.view import View
from autoscaler.model.decision import Phase
from autoscaler.model.errors import ObservationError
from autoscaler.model.media import Refusals, Resources
from autoscaler.model.memory import Memory
from autoscaler.model.snapshot import GROUP, FleetSnapshot, Gap, Node, Sample
from autoscaler.policy.schema import Policy
from autoscaler.policy.signals import REFUSALS, RESOURCE_SOURCES
from autoscaler.ports import NodeResources, RefusalCount, Senses

_ASKED = frozenset({Phase.JOINED, Phase.IN_SERVICE, Phase.DRAINING, Phase.DRAINED})
"""Who counts in a rule or soon will, as does whom some balancer uses. To ask others that boot, or are lost, would only
cost each cycle their timeout."""

_VALUES: Mapping[str, Callable[[Resources], float | None]] = {
    source: attrgetter(name)
    for source, name in zip(
        RESOURCE_SOURCES,
        (
            "viewers", "webrtc_viewers", "hls_viewers", "dash_viewers", "streams", "cpu_percent", "memory_percent",
            "gpu_percent", "gpu_memory_percent",
        ),
        strict=True,
    )
}  # fmt: skip

_MEDIA = {*RESOURCE_SOURCES, REFUSALS}

_Samples = Mapping[str, Mapping[str, Sample]]
_Found = tuple[_Samples, Sequence[Gap]]


def add_media(senses: Senses, policy: Policy, memory: Memory, shot: FleetSnapshot) -> FleetSnapshot:
    """Return the snapshot with what its nodes' media servers say, if the policy has a signal of that."""
    wanted = {signal.source for signal in policy.signals.values()} & _MEDIA
    if not wanted:
        return shot
    view = View(shot, policy, memory)
    nodes = [node for node in shot.nodes if classify(node, view) in _ASKED or used(node)]
    found: list[_Found] = []
    if wanted & RESOURCE_SOURCES.keys():
        found.append(_resources(senses.resources, nodes, shot.taken_at))
    if REFUSALS in wanted:
        found.append(_refusals(senses.refusals, nodes, shot.taken_at))
    samples = {source: of for made, _ in found for source, of in made.items()}
    gaps = tuple(gap for _, lacking in found for gap in lacking)
    return replace(shot, signal_gaps=(*shot.signal_gaps, *gaps)).with_samples(samples)


def _resources(port: NodeResources | None, nodes: Iterable[Node], now: datetime) -> _Found:
    if port is None:
        return {}, [Gap("ams", GROUP, now, "the settings have no `ams`, so no node is asked for its resources")]
    subjects = {node.instance.ip: node.instance_id for node in nodes}
    answers = port.read(sorted(subjects))
    samples: defaultdict[str, dict[str, Sample]] = defaultdict(dict)
    gaps: list[Gap] = []
    for ip, subject in subjects.items():
        answer = answers[ip]
        if isinstance(answer, ObservationError):
            gaps.append(Gap(answer.source, subject, now, answer.detail))
            continue
        for source, value_of in _VALUES.items():
            value = value_of(answer)
            if value is not None:
                samples[source][subject] = Sample(value, min(answer.at, now))  # our own clock
    return samples, gaps


def _refusals(port: RefusalCount | None, nodes: Iterable[Node], now: datetime) -> _Found:
    """Count what each node refused. Who told nothing refused nothing, once a whole minute was listened to."""
    if port is None:
        return {}, [Gap("ams", GROUP, now, "the settings have no `web`, so nobody listens for refusals")]
    told: Refusals = port.last_minute()
    samples = {
        node.instance_id: Sample(told.by_ip.get(node.instance.ip, 0), now, partial=not told.whole)
        for node in nodes
        if told.whole or node.instance.ip in told.by_ip
    }
    gap = Gap("ams", GROUP, now, "refusals have not been listened to for a whole minute yet")
    return {REFUSALS: samples}, [] if told.whole else [gap]
