"""What must be true before the first cycle, asked without changing anything: one clear error for each that is not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import product

from autoscaler.adapters import mongo
from autoscaler.model.errors import ActionError, AutoscalerError, ConfigurationError, ObservationError, Problem
from autoscaler.plan.supply import first_choices
from autoscaler.policy.schema import Policy
from autoscaler.policy.signals import REFUSALS, RESOURCE_SOURCES
from autoscaler.ports import PolicySource, ProxyStats, Senses
from autoscaler.runtime.wiring import Acting, Watching

NOBODY = "-"
"""A group that no policy can name, to ask EC2 about while no policy could be read."""


def preflight(policies: Sequence[Policy], base: Watching, hands: Acting | None) -> list[AutoscalerError]:
    """Ask every source, and rehearse what the daemon will do. Returns what is wrong, the worst first.

    Worst is what only a person can mend (exit code 2), then what may come back by itself (3), then EC2's refusals (4).
    Without policies the sources are asked all the same.
    """
    balancers = [error for stats in base.senses.proxies for error in _balancer(stats, policies, hands)]
    errors = [*_media(policies, base.senses), *_mongodb(policies, base), *balancers]
    errors += _fleet(policies, base.senses, hands)
    if hands is not None and not balancers:
        errors += _membership(policies, hands)
    return sorted(errors, key=lambda error: error.exit_code)


class PoliciesInForce:
    """The policies read last of those that were valid, and that the cluster as it is can carry out."""

    def __init__(
        self,
        source: PolicySource,
        check: Callable[[Sequence[Policy]], Sequence[AutoscalerError]],
        left_behind: Callable[[Sequence[Policy], Sequence[Policy]], Sequence[AutoscalerError]],
    ) -> None:
        """None are in force yet.

        `check` says what keeps policies from being carried out, `left_behind` what nodes of those in force, the first
        argument, the others would forget.
        """
        self._source = source
        self._check = check
        self._left_behind = left_behind
        self.policies: tuple[Policy, ...] = ()

    def reload(self) -> Sequence[AutoscalerError]:
        """Take all policies anew, or keep those in force and return what is wrong with the new ones.

        The first ones must be without any fault. Later ones are taken, too, while a source does not answer: a policy
        may be just what somebody writes against that.
        """
        first = not self.policies
        try:
            policies = self._source.load()
        except ConfigurationError as error:
            return [error, *(self._check(()) if first else ())]
        errors = [error for error in self._check(policies) if first or _is_final(error)]
        errors += self._left_behind(self.policies, policies)
        if not errors:
            self.policies = policies
        return errors


def _is_final(error: AutoscalerError) -> bool:
    return isinstance(error, ConfigurationError) or (isinstance(error, ActionError) and not error.retryable)


def _trial(step: Callable[[], object]) -> Iterator[AutoscalerError]:
    try:
        step()
    except AutoscalerError as error:
        yield error


def _media(policies: Sequence[Policy], senses: Senses) -> Iterator[ConfigurationError]:
    """Refuse policies that look at what the settings do not let us hear; its rule would only ever hold."""
    for policy in policies:
        wanted = {signal.source for signal in policy.signals.values()}
        asked = sorted(wanted & RESOURCE_SOURCES.keys())
        if asked and senses.resources is None:
            message = f"the policy of {policy.group!r} measures {asked[0]}, and nothing says how to ask the nodes"
            yield ConfigurationError([Problem("settings", 0, 0, "no-ams", message, "ams: {jwt_secret: ...}")])
        if REFUSALS in wanted and senses.refusals is None:
            message = f"the policy of {policy.group!r} measures {REFUSALS}, and nothing says where to listen for them"
            yield ConfigurationError([Problem("settings", 0, 0, "no-web", message, "web: {listen: HOST:PORT}")])


def _mongodb(policies: Sequence[Policy], base: Watching) -> Iterator[AutoscalerError]:
    """Knock, then read what every cycle reads first."""
    silent = list(_trial(lambda: mongo.ping(base.client)))
    yield from silent or _trial(lambda: [base.memories.load(policy.group) for policy in policies])


def _balancer(stats: ProxyStats, policies: Sequence[Policy], hands: Acting | None) -> Iterator[AutoscalerError]:
    """Read the balancer. Who may steer it looks closer, at what it takes to do so; see `_membership`."""
    wanted = {endpoint.backend: policy.group for policy in policies for endpoint in policy.endpoints}
    try:
        servers = stats.read(sorted(wanted)).servers
    except ObservationError as error:
        yield error
        return
    if hands is not None:
        return
    where = f"haproxy:{stats.balancer}"
    if not all(server.ip for server in servers):
        hint = "a socket needs `level operator` or `admin`, the statistics page needs `stats show-legends`"
        yield ConfigurationError([Problem(where, 0, 0, "no-addresses", "shows no addresses of servers", hint)])
    for backend in sorted(set(wanted) - {server.backend for server in servers}):
        message = f"has no servers in a backend {backend!r}, which the policy of {wanted[backend]!r} names"
        yield ConfigurationError([Problem(where, 0, 0, "no-backend", message)])


def _fleet(policies: Sequence[Policy], senses: Senses, hands: Acting | None) -> Iterator[AutoscalerError]:
    """List the instances, ask how large they are where it matters, and rehearse a launch in each subnet."""
    try:
        for group in [policy.group for policy in policies] or [NOBODY]:
            senses.fleet.instances(group)
        for policy in policies:
            senses.fleet.vcpus(policy.launch.unweighed)
    except ObservationError as error:
        cause = error.__cause__
        refused = isinstance(cause, ActionError) and cause.code == "ec2_unauthorized"
        yield cause if refused and isinstance(cause, ActionError) else error
        return
    if hands is not None:
        for policy in policies:
            yield from _rehearsal(policy, hands)


def _rehearsal(policy: Policy, hands: Acting) -> Iterator[ActionError]:
    """Rehearse a launch in each subnet; what is refused in all of them alike is one error."""
    refusals: defaultdict[tuple[str, str, bool], dict[str, None]] = defaultdict(dict)  # subnets, in order, each once
    for spec, subnet in product(first_choices(policy), policy.launch.subnets):
        try:
            hands.fleet.rehearse(policy.group, spec, subnet)
        except ActionError as error:
            refusals[error.code, error.detail, error.retryable][subnet] = None
    for (code, detail, retryable), subnets in refusals.items():
        source = policy.launch.launch_template or policy.launch.image
        what = f"{source} in {', '.join(subnets)} for the group {policy.group!r}"
        yield ActionError(code, f"{what}: {detail}", retryable=retryable)


def _membership(policies: Sequence[Policy], hands: Acting) -> Iterator[AutoscalerError]:
    """Ask the balancers whether they would let themselves be steered."""
    found: dict[str, str | ObservationError] = {}  # in order, and each once: two groups may meet the same socket
    for policy in policies:
        sticky = [membership.backend for membership in policy.load_balancer if membership.cookie]
        slots = {place.backend: policy.slots for place in policy.endpoints}
        found |= {str(fault): fault for fault in hands.proxies.preflight(slots, sticky)}
    for fault in found.values():
        if isinstance(fault, ObservationError):
            yield fault
        else:
            yield ConfigurationError([Problem("haproxy", 0, 0, "cannot-steer", fault)])
