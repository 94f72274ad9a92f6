"""Several groups: load that two of them count, share or fight over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from autoscaler.policy.lint.facts import VIEWER_SOURCES
from autoscaler.policy.lint.finding import Finding, sources, voices
from autoscaler.policy.schema import Policy

GroupCheck = Callable[[Policy, Sequence[Policy]], Iterable[Finding]]
"""What to find in one policy, given the others."""


def viewers_of_all(policy: Policy, others: Sequence[Policy]) -> Iterator[Finding]:
    """Find groups that each scale for the viewers of all."""
    serving = [other.group for other in others if other.role != "origin"]
    counted = {name: signal for voice in voices(policy) for name, signal in sources(voice, policy)}
    for name, signal in counted.items():
        if policy.role != "origin" and serving and signal.source.startswith(VIEWER_SOURCES):
            message = f"{name} counts the viewers of {serving[0]}, too"
            yield Finding(("signals", name), message, "haproxy.server.sessions counts the group's own")


def shared_backend(policy: Policy, others: Sequence[Policy]) -> Iterator[Finding]:
    """Find groups between which the balancer moves the load as they grow and shrink."""
    owners = {membership.backend: other.group for other in others for membership in other.load_balancer}
    for number, membership in enumerate(policy.load_balancer):
        owner = owners.get(membership.backend)
        if owner:
            message = f"{membership.backend} also sends to {owner}, so each group's growth takes the other's load"
            yield Finding(("load_balancer", number), message, "one group a backend")


def slots_ambiguous(policy: Policy, others: Sequence[Policy]) -> Iterator[Finding]:
    """Find prefixes of which one is another and a number: edge11 is the 11th of edge and the 1st of edge1."""
    for other in others:
        rest = policy.slots.removeprefix(other.slots)
        shared = {m.backend for m in policy.load_balancer} & {m.backend for m in other.load_balancer}
        if rest != policy.slots and rest.isdigit() and shared:
            message = f"{policy.slots}1 is a server of {other.group}, too: its prefix is {other.slots}"
            yield Finding(("slots",), message, "a prefix that does not end in a digit")


CHECKS: dict[str, GroupCheck] = {
    "lint-viewers-of-all": viewers_of_all,
    "lint-shared-backend": shared_backend,
    "lint-slots-ambiguous": slots_ambiguous,
}
