"""A policy as data: one group a file. Every default that a reviewer does not see in the file stands here."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictInt, model_validator
from pydantic_core import PydanticCustomError

from autoscaler.model.booking import Booking
from autoscaler.model.plan import Endpoint
from autoscaler.model.snapshot import MEANS
from autoscaler.policy.launch import LaunchRules
from autoscaler.policy.record import Name, Record
from autoscaler.policy.rules import Reservation, ScaleRule, TargetTracking
from autoscaler.policy.signals import COUNTED, Aggregate, Signal
from autoscaler.policy.units import Duration, FromList, Percent


class Bounds(Record):
    """How many nodes the group may have. `min` holds whatever the rules say."""

    min: StrictInt = Field(ge=0, description="fewer nodes than this are never wanted")
    max: StrictInt = Field(
        ge=1,
        le=10_000,
        description="more nodes are never wanted; a tenth more, at least one, may exist while some leave",
    )

    @model_validator(mode="after")
    def _ordered(self) -> Bounds:
        if self.min > self.max:
            raise PydanticCustomError("bounds", "min {min} is above max {max}", {"min": self.min, "max": self.max})
        return self


class RateLimit(Record):
    """At most so many nodes, or so many percent of the group, within any `per`."""

    nodes: StrictInt | None = Field(default=None, ge=1, description="so many nodes; this, or `percent`")
    percent: Percent | None = Field(
        default=None, gt=0, description="so much of the group, of its peak for `control`; at least one node"
    )
    per: Duration = Field(description="the period, reaching back from now; a day at most has a meaning")

    @model_validator(mode="after")
    def _one_amount(self) -> RateLimit:
        if (self.nodes is None) == (self.percent is None):
            raise PydanticCustomError("rate", "needs exactly one of nodes and percent")
        return self

    def amount(self, size: int) -> int:
        """Return the limit in nodes; a percentage is of `size`, and at least one node."""
        return self.nodes if self.nodes is not None else max(1, int(size * (self.percent or 0.0) / 100))


class ScaleOut(Record):
    """How growth is paced: to the lowest recommendation of the window, and never faster than `max`."""

    stabilization: Duration = Field(default=timedelta(0), description="grow only to the lowest wish of this long")
    cooldown: Duration = Field(default=timedelta(0), description="how long after growing to wait with growing again")
    max: Annotated[tuple[RateLimit, ...], FromList] = Field(
        default=(), description="limits of growth; of several each holds"
    )


class ScaleIn(Record):
    """How shrinking is paced: to the highest recommendation of the window, and never faster than `max`.

    `control`: never more than so many nodes below the largest size of its window, as Google's managed instance groups
    do it; unlike `max` it counts from the peak of what was wanted, so a slow decline is not slowed further.
    """

    stabilization: Duration = Field(
        default=timedelta(minutes=10),
        description="shrink only to the highest wish of this long, all of which was watched",
    )
    cooldown: Duration = Field(
        default=timedelta(0), description="how long after shrinking to wait with shrinking again"
    )
    after_loss: Duration = Field(
        default=timedelta(minutes=5),
        description="how long after a node went away by itself nothing shrinks: its viewers come back to the others",
    )
    max: Annotated[tuple[RateLimit, ...], FromList] = Field(
        default=(), description="limits of shrinking; of several each holds"
    )
    control: Annotated[tuple[RateLimit, ...], FromList] = Field(
        default=(), description="how far below the highest wish of a period the group may be; of several each holds"
    )


class FlapBudget(Record):
    """At most so many changes of direction within any `per`; when they are used up, nothing shrinks any more."""

    turns: StrictInt = Field(ge=1, description="after so many changes of direction within `per` nothing shrinks")
    per: Duration = Field(description="the period, reaching back from now; a day at most has a meaning")


class Headroom(Record):
    """Room above what the load needs: nodes, or a share of the needed ones, whichever is more."""

    nodes: StrictInt = Field(
        default=0, ge=0, description="so many nodes more than the load needs; if `percent` is more, that"
    )
    percent: Percent = Field(
        default=0.0, ge=0, le=500, description="so much more than the load needs, rounded up to nodes; at most 500%"
    )


class DrainRules(Record):
    """When a draining node counts as empty.

    `sticky_for`: how long holders of the node's cookie may still come back to it, before they are moved elsewhere.
    `empty_for`: how long nobody must have been on it. No key exists that ends a node which anybody is on.
    """

    sticky_for: Duration = Field(
        default=timedelta(minutes=2),
        description="how long holders of a draining node's cookie may still come back to it",
    )
    empty_for: Duration = Field(
        default=timedelta(seconds=30), description="how long nobody must have been on a node before it is ended"
    )


class Join(Record):
    """A node that did not join the cluster in `timeout` after its launch has failed to join.

    `port`: where the node itself must answer `GET /`. `lost_after`: how long a node must be silent in every source
    before it counts as lost.
    """

    timeout: Duration = Field(
        default=timedelta(minutes=10),
        description="from launch to membership of the cluster; then the node has failed to join",
    )
    port: StrictInt = Field(default=5080, ge=1, le=65535, description="where the node itself answers `GET /`")
    lost_after: Duration = Field(
        default=timedelta(minutes=2),
        description="how long a node must be silent in every source before it counts as lost",
    )


class BackendMembership(Record):
    """One HAProxy backend of the group's nodes. `cookie`: its clients are sticky, so its slots must carry a cookie."""

    backend: Name = Field(description="a backend in which every node of the group stands")
    port: StrictInt = Field(ge=1, le=65535, description="the node's port for it")
    cookie: StrictBool = Field(
        default=False,
        description="its clients are sticky, so its slots must carry a cookie: the daemon looks before it starts",
    )


class Policy(Record):
    """Everything about one group. `both` means its nodes hold publishers and viewers.

    `slots` is the name prefix of the servers that this group may use in each of its backends. Every other server there
    is left alone, unless it points at an instance of this group: steps find a node's servers by its address.
    """

    version: Literal[1] = Field(description="of this format")
    group: Name = Field(
        description="what the nodes are called and tagged with; never rename it while nodes run, they would be nobody's"
    )
    role: Literal["edge", "origin", "both"] = Field(
        description="who is on the nodes: viewers, publishers, both. A publisher protects any node, whatever its role"
    )
    bounds: Bounds = Field(description="how many nodes there may be")
    signals: dict[Name, Signal] = Field(min_length=1, description="what is measured, each under a name of your own")
    scale: Annotated[tuple[ScaleRule, ...], FromList] = Field(
        min_length=1, description="the rules; the one that wants most nodes wins"
    )
    headroom: Headroom = Field(default=Headroom(), description="room above what the load needs")
    reservations: Annotated[tuple[Reservation, ...], FromList] = Field(
        default=(), description="room for events; those that overlap are added up"
    )
    viewers_per_node: StrictInt | None = Field(
        default=None, ge=1, description="what a node carries, to turn reserved viewers into nodes"
    )
    flap_budget: FlapBudget | None = Field(default=None, description="how often the group may change its mind")
    scale_out: ScaleOut = Field(default=ScaleOut(), description="how fast it grows")
    scale_in: ScaleIn = Field(default=ScaleIn(), description="how fast it shrinks")
    drain: DrainRules = Field(default=DrainRules(), description="when a draining node counts as empty")
    warm_up: Duration = Field(
        default=timedelta(seconds=60),
        description="how long after entering service a node counts at most as its target: it measures its own boot",
    )
    join: Join = Field(default=Join(), description="how a node is known to have come, or to be lost")
    launch: LaunchRules = Field(description="what is launched, and where")
    load_balancer: Annotated[tuple[BackendMembership, ...], FromList] = Field(
        min_length=1, description="where the nodes stand in HAProxy"
    )
    slots: Name = Field(
        default="slot",
        description="prefix of this group's servers: `slot1`, `slot2`, ... Others are left alone but for nodes of ours",
    )

    @model_validator(mode="after")
    def _expressions_fit_signals(self) -> Policy:
        measured = {name for name, signal in self.signals.items() if signal.expr is None} | COUNTED
        for name, signal in self.signals.items():
            unknown = sorted(signal.expr.names - measured) if signal.expr else []
            if unknown:
                message = "names {unknown}; it may name the measured signals of this policy, nodes and capacity"
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
    def _forecasts_fit_signals(self) -> Policy:
        for number, rule in enumerate(self.scale):
            if rule.forecast is None:
                continue
            name, at = rule.forecast.signal, ("scale", number, "forecast", "signal")
            signal = self.signals.get(name)
            if signal is None:
                message = "scale names the signal {name}, which is not under signals"
                raise PydanticCustomError("signal", message, {"name": repr(name), "at": at})
            if signal.aggregate != Aggregate.SUM:
                message = "{name}: only a total can be compared over weeks of more and fewer nodes; aggregate: sum"
                raise PydanticCustomError("signal", message, {"name": name, "at": at})
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

    def reserved(self, room: Reservation | Booking) -> int:
        """Return how many nodes of the first type are asked for.

        A booking of viewers holds its own number where this policy does not say what a node carries.
        """
        if room.viewers is not None and self.viewers_per_node is not None:
            return -(-room.viewers // self.viewers_per_node)  # rounded up
        return room.nodes or 0

    @cached_property
    def text(self) -> str:
        """The policy as one line of JSON; equal policies give equal texts. `policy.text.read_policy` reads it back.

        Defaults are in it, lest a later version has others. Only what is left out, and is nothing, stays left out.
        """
        return self.model_dump_json(by_alias=True, exclude_none=True)

    @cached_property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Where each node of the group belongs."""
        return tuple(Endpoint(membership.backend, membership.port) for membership in self.load_balancer)


def _check_target(rule: TargetTracking, signal: Signal, at: tuple[str | int, ...]) -> None:
    summed = signal.aggregate == Aggregate.SUM
    if summed != (rule.target_per_node is not None):
        message = "{name}: a sum goes with target_per_node, any other aggregate with target"
        raise PydanticCustomError("signal", message, {"name": rule.signal, "at": at})
    if signal.figure in MEANS and not signal.per_node:
        message = "{name}: a time is not shared out among nodes; use step, or the source of each node"
        raise PydanticCustomError("signal", message, {"name": rule.signal, "at": at})
    if signal.expr is None and not signal.per_node and not summed:
        message = "{name}: {source} has one value for the group; use aggregate: sum with target_per_node"
        raise PydanticCustomError("signal", message, {"name": rule.signal, "source": signal.source, "at": at})
