"""A policy as data: one group a file. Every default that a reviewer does not see in the file stands here."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, model_validator
from pydantic_core import PydanticCustomError

from autoscaler.model.plan import Endpoint
from autoscaler.policy.units import Duration, FromList, Number, Percent

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]

PER_NODE_SOURCES = {
    "mongodb.node.cpu_percent": "whole-system CPU of a node, 0-100, from its heartbeat",
    "mongodb.node.memory_percent": "used memory of a node, 0-100, from its heartbeat",
    "mongodb.node.publishers": "live streams whose origin is the node",
    "haproxy.server.sessions": "current sessions of a node over all balancers; `backend` narrows it to one backend",
}
GROUP_SOURCES = {"mongodb.viewers": "viewers of all live streams of the cluster, as AMS counts them"}


class Record(BaseModel):
    """Strict and frozen: an unknown key is an error, and nothing changes a policy after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True, ignored_types=(cached_property,))


class Bounds(Record):
    """How many nodes the group may have. `min` holds whatever the rules say."""

    min: StrictInt = Field(ge=0)
    max: StrictInt = Field(ge=1, le=10_000)

    @model_validator(mode="after")
    def _ordered(self) -> Bounds:
        if self.min > self.max:
            raise PydanticCustomError("bounds", "min {min} is above max {max}", {"min": self.min, "max": self.max})
        return self


class Aggregate(StrEnum):
    """How the members' values become one load."""

    MEAN = "mean"
    SUM = "sum"
    MAX = "max"


class OnMissing(StrEnum):
    """What a rule may do while a member's value is missing. No choice ever lets it shrink the group.

    `hold`: grow only if the known members alone demand it, the silent ones taken for idle.
    `scale_out_only`: take the silent ones to be as busy as the mean of the known ones.
    """

    HOLD = "hold"
    SCALE_OUT_ONLY = "scale_out_only"


class Signal(Record):
    """A measured load. A value older than `max_age` is missing, not old news."""

    source: str = Field(alias="from")
    backend: Name | None = None
    aggregate: Aggregate = Aggregate.MEAN
    max_age: Duration = timedelta(seconds=20)
    on_missing: OnMissing = OnMissing.HOLD

    @model_validator(mode="after")
    def _known_source(self) -> Signal:
        known = PER_NODE_SOURCES | GROUP_SOURCES
        if self.source not in known:
            raise PydanticCustomError(
                "source",
                "there is no source {source}; known are {known}",
                {"source": repr(self.source), "known": ", ".join(known)},
            )
        if self.backend is not None and self.source != "haproxy.server.sessions":
            raise PydanticCustomError("source", "backend goes with haproxy.server.sessions only")
        return self

    @cached_property
    def key(self) -> str:
        """Under which the snapshot keeps this signal's samples."""
        return f"{self.source}:{self.backend}" if self.backend else self.source


class TargetTracking(Record):
    """Hold a load at a target: the mean (or maximum) of the nodes at `target`, or a sum at `target_per_node`."""

    signal: Name
    target: Number | None = Field(default=None, gt=0)
    target_per_node: Number | None = Field(default=None, gt=0)
    tolerance: Percent = Field(default=10.0, ge=0, lt=100)

    @model_validator(mode="after")
    def _one_target(self) -> TargetTracking:
        if (self.target is None) == (self.target_per_node is None):
            raise PydanticCustomError("target", "needs exactly one of target and target_per_node")
        return self

    @cached_property
    def per_node(self) -> float:
        """What one node should carry, in the signal's unit."""
        return self.target if self.target is not None else self.target_per_node or 0.0


class ScaleRule(Record):
    """One entry of `scale`: the kind of rule is the key."""

    target_tracking: TargetTracking


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
    """How growth is paced."""

    cooldown: Duration = timedelta(0)
    max: Annotated[tuple[RateLimit, ...], FromList] = ()


class ScaleIn(Record):
    """How shrinking is paced: to the highest recommendation of the window, and never faster than `max`."""

    stabilization: Duration = timedelta(minutes=10)
    cooldown: Duration = timedelta(0)
    max: Annotated[tuple[RateLimit, ...], FromList] = ()


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
    scale_out: ScaleOut = ScaleOut()
    scale_in: ScaleIn = ScaleIn()
    drain: DrainRules = DrainRules()
    warm_up: Duration = timedelta(seconds=60)
    join: Join = Join()
    launch: LaunchRules
    load_balancer: Annotated[tuple[BackendMembership, ...], FromList] = Field(min_length=1)
    slots: Name = "slot"

    @model_validator(mode="after")
    def _rules_fit_signals(self) -> Policy:
        for number, rule in enumerate(self.scale):
            tracking = rule.target_tracking
            at = ("scale", number, "target_tracking", "signal")
            signal = self.signals.get(tracking.signal)
            if signal is None:
                raise PydanticCustomError(
                    "signal",
                    "scale names the signal {name}, which is not under signals",
                    {"name": repr(tracking.signal), "at": at},
                )
            summed = signal.aggregate is Aggregate.SUM
            if summed != (tracking.target_per_node is not None):
                raise PydanticCustomError(
                    "signal",
                    "{name}: a sum goes with target_per_node, a mean or max with target",
                    {"name": tracking.signal, "at": at},
                )
            if signal.source in GROUP_SOURCES and not summed:
                raise PydanticCustomError(
                    "signal",
                    "{name}: {source} has one value for the group; use aggregate: sum with target_per_node",
                    {"name": tracking.signal, "source": signal.source, "at": at},
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
