"""Which nodes, which steps, in what order, and how each step ended.

An action carries all that its executor needs and an idempotency token. Executing one twice ends in the same state as
executing it once.
"""

from __future__ import annotations

from dataclasses import dataclass

from autoscaler.model.decision import Decision, Reason


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A node's place in one backend: the backend's name and the node's port for it."""

    backend: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchSpec:
    """What to launch. Either `launch_template` or `image` is set; a value given beside a template overrides it.

    `spot`: on the spot market, at its price of the moment, at most the on-demand one; otherwise as the template says.
    """

    launch_template: str = ""
    image: str = ""
    instance_type: str = ""
    security_groups: tuple[str, ...] = ()
    key_name: str = ""
    instance_profile: str = ""
    spot: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What every step has. `token` is at most 64 ASCII characters; `why` is a reason code."""

    token: str
    why: str

    @property
    def subject(self) -> str:
        """What the step is about, for people and for the journal: an instance id, a subnet or a server name."""
        raise AssertionError  # every action below names its own


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeAction(Action):
    """A step on one instance."""

    instance_id: str
    ip: str

    @property
    def subject(self) -> str:
        """The instance id."""
        return self.instance_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission(NodeAction):
    """Bring a node into service: server `slot` of every endpoint's backend, on every balancer."""

    slot: str
    endpoints: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelDrain(Admission):
    """Take a draining node back into service. The cheapest capacity there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Register(Admission):
    """Put a node that joined the cluster behind the balancers, once a health check passed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wake(NodeAction):
    """Let a node of the warm pool serve: start its instance, which is done already when it still runs to join."""

    instance_type: str = ""
    subnet: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch(Action):
    """Launch up to `count` instances in one subnet, `pool`: for the warm pool. `token` is EC2's ClientToken."""

    group: str
    spec: LaunchSpec
    subnet: str
    count: int
    pool: bool = False

    @property
    def subject(self) -> str:
        """The subnet."""
        return self.subnet


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain(NodeAction):
    """Give a node no new sessions; those it has go on."""

    endpoints: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deregister(NodeAction):
    """Put a draining node into maintenance: holders of its cookie are moved, live sessions still go on."""

    endpoints: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending(NodeAction):
    """Take a machine away. The guard lets it pass only if nobody can be on it; `endpoints` are for the second look."""

    endpoints: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop(Ending):
    """Stop the instance, and keep it in the warm pool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminate(Ending):
    """End the instance for good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forget(Action):
    """Free a server whose instance is gone: maintenance, and the parking address."""

    slot: str
    ip: str
    endpoints: tuple[Endpoint, ...]

    @property
    def subject(self) -> str:
        """The server's name."""
        return self.slot


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps of one cycle in order, and what was wanted but refused."""

    decision: Decision
    actions: tuple[Action, ...] = ()
    refusals: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """The step had its effect, or had had it before. `instance_ids` is what a Launch brought."""

    instance_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Skipped:
    """The step was not taken, or not finished yet. `reason` is a reason code."""

    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The step failed. `error` is a reason code, `detail` is for people."""

    error: str
    detail: str
    retryable: bool


Result = Done | Skipped | Failed


@dataclass(frozen=True, slots=True)
class Outcome:
    """A step and how it ended."""

    action: Action
    result: Result
