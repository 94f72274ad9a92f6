"""A policy as data: one group a file. Every default that a reviewer does not see in the file stands here."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictInt
from pydantic_core import PydanticCustomError

from autoscaler.model.booking import Booking
from autoscaler.model.plan import Endpoint
from autoscaler.model.snapshot import MEANS
from autoscaler.policy.launch import LaunchRules
from autoscaler.policy.record import (
    MOST_NODES,
    MOST_VIEWERS,
    Faults,
    Name,
    Place,
    Record,
    cross_check,
    cross_check_each,
)
from autoscaler.policy.rules import Reservation, ScaleRule, TargetTracking
from autoscaler.policy.signals import CAPACITY, Aggregate, Signal
from autoscaler.policy.units import Duration, FromList, Percent, Period


class Bounds(Record):
    """How many nodes the group may have. `min` holds whatever the rules say."""

    min: StrictInt = Field(ge=0, le=MOST_NODES, description="fewer nodes than this are never wanted")
    max: StrictInt = Field(
        ge=1,
        le=MOST_NODES,
        description="more nodes are never wanted; a tenth more, at least one, may exist while some leave",
    )

    @cross_check
    def _ordered(self) -> Faults:
        if self.min > self.max:
            yield PydanticCustomError("bounds", "min {min} is above max {max}", {"min": self.min, "max": self.max})


class RateLimit(Record):
    """At most so many nodes, or so many percent of the group, within any `per`."""

    nodes: StrictInt | None = Field(default=None, ge=1, le=MOST_NODES, description="so many nodes; this, or `percent`")
    percent: Percent | None = Field(
        default=None, gt=0, le=10_000, description="so much of the group, of its peak for `control`; at least one node"
    )
    per: Period = Field(description="the period, reaching back from now; a day at most has a meaning")

    @cross_check
    def _one_amount(self) -> Faults:
        if (self.nodes is None) == (self.percent is None):
            yield PydanticCustomError("rate", "needs exactly one of nodes and percent")

    def amount(self, size: int) -> int:
        """Return the limit in nodes; a percentage is of `size`, and at least one node."""
        return self.nodes if self.nodes is not None else max(1, int(size * (self.percent or 0.0) / 100))


class ScaleOut(Record):
    """How growth is paced: to the lowest recommendation of the window, and never faster than `max`."""

    stabilization: Duration = Field(default=timedelta(0), description="grow only to the lowest wish of this long")
    cooldown: Duration = Field(default=timedelta(0), description="how long after growing to wait with growing again")
    max: Annotated[tuple[RateLimit, ...], FromList] = Field(
        default=(), max_length=20, description="limits of growth; of several each holds"
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
        default=(), max_length=20, description="limits of shrinking; of several each holds"
    )
    control: Annotated[tuple[RateLimit, ...], FromList] = Field(
        default=(),
        max_length=20,
        description="how far below the highest wish of a period the group may be; of several each holds",
    )


class FlapBudget(Record):
    """At most so many changes of direction within any `per`; when they are used up, nothing shrinks any more."""

    turns: StrictInt = Field(
        ge=1, le=10_000, description="after so many changes of direction within `per` nothing shrinks"
    )
    per: Period = Field(description="the period, reaching back from now; a day at most has a meaning")


class Headroom(Record):
    """Room above what the load needs: nodes, or a share of the needed ones, whichever is more."""

    nodes: StrictInt = Field(
        default=0, ge=0, le=MOST_NODES, description="so many nodes more than the load needs; if `percent` is more, that"
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
    signals: dict[Name, Signal] = Field(
        min_length=1, max_length=500, description="what is measured, each under a name of your own"
    )
    scale: Annotated[tuple[ScaleRule, ...], FromList] = Field(
        min_length=1, max_length=500, description="the rules; the one that wants most nodes wins"
    )
    headroom: Headroom = Field(default=Headroom(), description="room above what the load needs")
    reservations: Annotated[tuple[Reservation, ...], FromList] = Field(
        default=(), max_length=500, description="room for events; those that overlap are added up"
    )
    viewers_per_node: StrictInt | None = Field(
        default=None, ge=1, le=MOST_VIEWERS, description="what a node carries, to turn reserved viewers into nodes"
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

    @cross_check_each("signals")
    def _expression_fits_signals(self, name: str, signal: Signal) -> Faults:
        """A signal that is wrong in itself may be measured, or not: nobody knows."""
        names = signal.expr.names if signal.expr else frozenset()
        others = {other: self.signals.get(other) for other in sorted(names - {CAPACITY})}
        unknown = [other for other, known in others.items() if not known or getattr(known, "expr", None)]
        if unknown:
            message = "names {unknown}; it may name the measured signals of this policy, and capacity"
            at = ("signals", name, "expr")
            yield PydanticCustomError("expression", message, {"unknown": ", ".join(unknown), "at": at})

    @cross_check_each("scale")
    def _rule_fits_signals(self, number: int, rule: ScaleRule) -> Faults:
        if rule.signal is None:
            return
        at = ("scale", number, "step" if rule.step else "target_tracking", "signal")
        signal = self.signals.get(rule.signal)
        if signal is None:
            yield _unknown_signal(rule.signal, at)
        elif rule.target_tracking:
            yield from _target_faults(rule.target_tracking, signal, at)

    @cross_check_each("scale")
    def _forecast_fits_signals(self, number: int, rule: ScaleRule) -> Faults:
        if rule.forecast is None:
            return
        name, at = rule.forecast.signal, ("scale", number, "forecast", "signal")
        signal = self.signals.get(name)
        if signal is None:
            yield _unknown_signal(name, at)
        elif signal.aggregate != Aggregate.SUM:
            message = "{name}: only a total can be compared over weeks of more and fewer nodes; aggregate: sum"
            yield PydanticCustomError("signal", message, {"name": name, "at": at})

    @cross_check_each("reservations")
    def _reservation_fits(self, number: int, reservation: Reservation) -> Faults:
        if reservation.viewers is not None and self.viewers_per_node is None:
            message = "reserves viewers; say how many a node carries: viewers_per_node"
            yield PydanticCustomError("reservation", message, {"at": ("reservations", number)})

    @cross_check_each("load_balancer")
    def _backend_once(self, number: int, membership: BackendMembership) -> Faults:
        if membership.backend in {getattr(other, "backend", None) for other in self.load_balancer[:number]}:
            at = ("load_balancer", number, "backend")
            yield PydanticCustomError("backend", "is named twice", {"at": at})

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


def _unknown_signal(name: str, at: Place) -> PydanticCustomError:
    message = "scale names the signal {name}, which is not under signals"
    return PydanticCustomError("signal", message, {"name": repr(name), "at": at})


def _target_faults(rule: TargetTracking, signal: Signal, at: Place) -> Faults:
    """Yield how a target and its signal do not fit, at most one: the others would follow from it."""
    summed = signal.aggregate == Aggregate.SUM
    if summed != (rule.target_per_node is not None):
        message = "{name}: a sum goes with target_per_node, any other aggregate with target"
        yield PydanticCustomError("signal", message, {"name": rule.signal, "at": at})
    elif signal.figure in MEANS and not signal.per_node:
        message = "{name}: a time is not shared out among nodes; use step, or the source of each node"
        yield PydanticCustomError("signal", message, {"name": rule.signal, "at": at})
    elif signal.expr is None and not signal.per_node and not summed:
        message = "{name}: {source} has one value for the group; use aggregate: sum with target_per_node"
        yield PydanticCustomError("signal", message, {"name": rule.signal, "source": signal.source, "at": at})
