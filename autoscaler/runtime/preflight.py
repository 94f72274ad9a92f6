"""What must be true before the first cycle, asked without changing anything: one clear error for each that is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from autoscaler.adapters import mongo
from autoscaler.model.errors import AutoscalerError, ConfigurationError, ObservationError, Problem
from autoscaler.plan.supply import first_choice
from autoscaler.policy.schema import Policy
from autoscaler.ports import ProxyStats, Senses
from autoscaler.runtime.wiring import Acting, Watching


def preflight(policies: Sequence[Policy], base: Watching, hands: Acting | None) -> list[AutoscalerError]:
    """Ask every source, and rehearse what the daemon will do. Returns what is wrong, the worst first.

    Worst is what only a person can mend (exit code 2), then what may come back by itself (3), then EC2's refusals (4).
    """
    errors = [
        *_trial(lambda: mongo.ping(base.client)),
        *(error for stats in base.senses.proxies for error in _balancer(stats, policies)),
    ]
    for policy in policies:
        errors += _fleet(policy, base.senses, hands)
    if hands is not None and not any(error.exit_code != ConfigurationError.exit_code for error in errors):
        errors += _membership(policies, hands)
    return sorted(errors, key=lambda error: error.exit_code)


def _trial(step: Callable[[], object]) -> Iterator[AutoscalerError]:
    try:
        step()
    except AutoscalerError as error:
        yield error


def _balancer(stats: ProxyStats, policies: Sequence[Policy]) -> Iterator[AutoscalerError]:
    """Read the balancer, and hold its backends against the policies'."""
    for policy in policies:
        backends = [endpoint.backend for endpoint in policy.endpoints]
        try:
            found = {server.backend for server in stats.read(backends).servers}
        except ObservationError as error:
            yield error
            return
        for backend in backends:
            if backend not in found:
                message = f"has no servers in a backend {backend!r}, which the policy of {policy.group!r} names"
                yield ConfigurationError([Problem(f"haproxy:{stats.balancer}", 0, 0, "no-backend", message)])


def _fleet(policy: Policy, senses: Senses, hands: Acting | None) -> Iterator[AutoscalerError]:
    """List the group's instances, and rehearse a launch in each subnet."""
    try:
        senses.fleet.instances(policy.group)
    except ObservationError as error:
        yield error
        return
    if hands is None:
        return
    for subnet in policy.launch.subnets:
        yield from _trial(partial(hands.fleet.rehearse, policy.group, first_choice(policy), subnet))


def _membership(policies: Sequence[Policy], hands: Acting) -> Iterator[AutoscalerError]:
    """Ask the balancers whether they would let themselves be steered."""
    for policy in policies:
        for line in hands.proxies.preflight({place.backend: policy.slots for place in policy.endpoints}):
            yield ConfigurationError([Problem("haproxy", 0, 0, "cannot-steer", line)])
