"""Weights of instance types that say something else than the targets, or than the types' own names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from autoscaler.policy.lint.finding import Check, Finding
from autoscaler.policy.schema import Policy

_SIZES = {"medium": 1.0, "large": 2.0, "xlarge": 4.0}
_MULTIPLE = re.compile(r"([0-9]+)xlarge")
_FAR = 1.5


def reference(policy: Policy) -> Iterator[Finding]:
    """Find targets that read as if they were of a weight of 1, and are of the first type."""
    first = next(iter(policy.launch.types), "")
    weight = policy.launch.weights.get(first, 1.0)
    if weight != 1:
        message = f"{first} weighs {weight:g}, and targets per node are what one whole {first} carries"
        yield Finding(("launch", "weights", first), message, f"weigh {first} 1, and the others by it")


def sizes(policy: Policy) -> Iterator[Finding]:
    """Find types of one family whose weights are far from the sizes in their names."""
    weights = policy.launch.weights
    by_family = sorted(weights, key=lambda name: (_family(name), _size(name)))
    for small, large in pairwise(by_family):
        if _family(small) != _family(large) or not _size(small):
            continue
        named, weighed = _size(large) / _size(small), weights[large] / weights[small]
        if max(named, weighed) > _FAR * min(named, weighed):
            message = f"{large} has {named:g} times the vCPUs of {small}, and weighs {weighed:g} times as much"
            hint = "leave weights out to go by vCPUs, or silence this if you measured it"
            yield Finding(("launch", "weights", large), message, hint)


def _family(instance_type: str) -> str:
    return instance_type.partition(".")[0]


def _size(instance_type: str) -> float:
    """Return vCPUs relative to the same family's others, as EC2 names sizes; 0 for a name that does not say."""
    name = instance_type.partition(".")[2]
    multiple = _MULTIPLE.fullmatch(name)
    return 4.0 * int(multiple[1]) if multiple else _SIZES.get(name, 0.0)


CHECKS: dict[str, Check] = {
    "lint-weights-reference": reference,
    "lint-weights-sizes": sizes,
}
