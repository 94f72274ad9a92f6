"""A policy as data: one group a file. Every default that a reviewer does not see in the file stands here."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictInt, model_validator
from pydantic_core import PydanticCustomError

from autoscaler.model.plan import Endpoint
from autoscaler.policy.record import Name, Record
from autoscaler.policy.rules import Reservation, ScaleRule, TargetTracking
from autoscaler.policy.signals import NODES, Aggregate, Signal
from autoscaler.policy.units import Duration, FromList, Percent


class Bounds(Record):
    """How many nodes the group may have. `min` holds whatever the rules say."""

    min: StrictInt = Field(ge=0)
    max: StrictInt = Field(ge=1, le=10_000)

    @model_validator(mode="after")
    def _ordered(self) -> Bounds:
        if self.min > self.max:
            raise PydanticCustomError("bounds", "min {min} is above max {max}", {"min": self.min, "max": self.max})
        return self


class RateLimit(Record):
    """At most so many nodes, or so many percent of the group, within any `per`."""

    nodes: StrictInt | None = Field(default=None, ge=1)
    percent: Percent | None = Field(default=None, gt=0)
    per: Duration

    @model_validator(mode="after")
    def _one_amount(self) -> RateLimit:
        if (self.nodes is None) == (self.percent is None):
            raise PydanticCustomError("rate", "needs exactly one of nodes and percent")
        return self


class ScaleOut(Record):
    """How growth is paced: to the lowest recommendation of the window, and never faster than `max`."""

    stabilization: Duration = timedelta(0)
    cooldown: Duration = timedelta(0)
    max: Annotated[tuple[RateLimit, ...], FromList] = ()


class ScaleIn(Record):
    """How shrinking is paced: to the highest recommendation of the window, and never faster than `max`.

    `control`: never more than so many nodes below the largest size of its window, as Google's managed instance groups
    do it; unlike `max` it counts from the peak of what was wanted, so a slow decline is not slowed further.
    """

    stabilization: Duration = timedelta(minutes=10)
    cooldown: Duration = timedelta(0)
    max: Annotated[tuple[RateLimit, ...], FromList] = ()
    control: Annotated[tuple[RateLimit, ...], FromList] = ()


class FlapBudget(Record):
    """At most so many changes of direction within any `per`; when they are used up, nothing shrinks any more."""

    turns: StrictInt = Field(ge=1)
    per: Duration


class Headroom(Record):
    """Room above what the load needs: nodes, or a share of the needed ones, whichever is more."""

    nodes: StrictInt = Field(default=0, ge=0)
    percent: Percent = Field(default=0.0, ge=0, le=500)


class DrainRules(Record):
    """When a draining node counts as empty.

    `sticky_for`: how long holders of the node's cookie may still come back to it, before they are moved elsewhere.
    `empty_for`: how long nobody must have been on it. No key exists that ends a node which anybody is on.
    """

    sticky_for: Duration = timedelta(minutes=2)
    empty_for: Duration = timedelta(seconds=30)


class Join(Record):
    """A node that did not join the cluster in `timeout` after its launch has failed to join.

    `port`: where the node itself must answer `GET /`. `lost_after`: how long a node must be silent in every source
    before it counts as lost.
    """

    timeout: Duration = timedelta(minutes=10)
    port: StrictInt = Field(default=5080, ge=1, le=65535)
    lost_after: Duration = timedelta(minutes=2)


class LaunchRules(Record):
    """What to launch and where: `types` in order of preference, over all `subnets`."""

    launch_template: str = ""
    image: str = ""
    types: Annotated[tuple[str, ...], FromList] = ()
    subnets: Annotated[tuple[str, ...], FromList] = Field(min_length=1)
    security_groups: Annotated[tuple[str, ...], FromList] = ()
    key_name: str = ""
    instance_profile: str = ""

    @model_validator(mode="after")
    def _complete(self) -> LaunchRules:
        if bool(self.launch_template) == bool(self.image):
            raise PydanticCustomError("launch", "needs exactly one of launch_template and image")
        if self.image and not self.types:
            raise PydanticCustomError("launch", "an image needs types: there is no template to take one from")
        if len(set(self.subnets)) != len(self.subnets):
            raise PydanticCustomError("launch", "names a subnet twice")
        return self


class BackendMembership(Record):
    """One HAProxy backend of the group's nodes. `cookie`: its clients are sticky, so its slots must carry a cookie."""

    backend: Name
    port: StrictInt = Field(ge=1, le=65535)
    cookie: StrictBool = False


class Policy(Record):
    """Everything about one group. `both` means its nodes hold publishers and viewers.

    `slots` is the name prefix of the servers that this group may use in each of its backends. Every other server there
    is left alone, unless it points at an instance of this group: steps find a node's servers by its address.
    """

    version: Literal[1]
    group: Name
    role: Literal["edge", "origin", "both"]
    bounds: Bounds
    signals: dict[Name, Signal] = Field(min_length=1)
    scale: Annotated[tuple[ScaleRule, ...], FromList] = Field(min_length=1)
    headroom: Headroom = Headroom()
    reservations: Annotated[tuple[Reservation, ...], FromList] = ()
    viewers_per_node: StrictInt | None = Field(default=None, ge=1)
    flap_budget: FlapBudget | None = None
    scale_out: ScaleOut = ScaleOut()
    scale_in: ScaleIn = ScaleIn()
    drain: DrainRules = DrainRules()
    warm_up: Duration = timedelta(seconds=60)
    join: Join = Join()
    launch: LaunchRules
    load_balancer: Annotated[tuple[BackendMembership, ...], FromList] = Field(min_length=1)
    slots: Name = "slot"

    @model_validator(mode="after")
    def _expressions_fit_signals(self) -> Policy:
        measured = {name for name, signal in self.signals.items() if signal.expr is None} | {NODES}
        for name, signal in self.signals.items():
            unknown = sorted(signal.expr.names - measured) if signal.expr else []
            if unknown:
                message = "names {unknown}; it may name the measured signals of this policy, and nodes"
                at = ("signals", name, "expr")
                raise PydanticCustomError("expression", message, {"unknown": ", ".join(unknown), "at": at})
        return self

    @model_validator(mode="after")
    def _rules_fit_signals(self) -> Policy:
        for number, rule in enumerate(self.scale):
            if rule.signal is None:
                continue
            kind = "step" if rule.step else "target_tracking"
            at = ("scale", number, kind, "signal")
            signal = self.signals.get(rule.signal)
            if signal is None:
                message = "scale names the signal {name}, which is not under signals"
                raise PydanticCustomError("signal", message, {"name": repr(rule.signal), "at": at})
            if rule.target_tracking:
                _check_target(rule.target_tracking, signal, at)
        return self

    @model_validator(mode="after")
    def _reservations_fit(self) -> Policy:
        for number, reservation in enumerate(self.reservations):
            if reservation.viewers is not None and self.viewers_per_node is None:
                raise PydanticCustomError(
                    "reservation",
                    "reserves viewers; say how many a node carries: viewers_per_node",
                    {"at": ("reservations", number)},
                )
        return self

    @model_validator(mode="after")
    def _backends_once(self) -> Policy:
        backends = [membership.backend for membership in self.load_balancer]
        if len(set(backends)) != len(backends):
            raise PydanticCustomError("backend", "load_balancer names a backend twice", {"at": ("load_balancer",)})
        return self

    @cached_property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Where each node of the group belongs."""
        return tuple(Endpoint(membership.backend, membership.port) for membership in self.load_balancer)


def _check_target(rule: TargetTracking, signal: Signal, at: tuple[str | int, ...]) -> None:
    summed = signal.aggregate == Aggregate.SUM
    if summed != (rule.target_per_node is not None):
        message = "{name}: a sum goes with target_per_node, any other aggregate with target"
        raise PydanticCustomError("signal", message, {"name": rule.signal, "at": at})
    if signal.expr is None and not signal.per_node and not summed:
        message = "{name}: {source} has one value for the group; use aggregate: sum with target_per_node"
        raise PydanticCustomError("signal", message, {"name": rule.signal, "source": signal.source, "at": at})
