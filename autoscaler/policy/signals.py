"""What a rule can look at: a load, how it is added up, and what its absence may do."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from difflib import get_close_matches
from enum import StrEnum
from functools import cached_property
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer, PlainValidator
from pydantic_core import PydanticCustomError

from autoscaler.model.snapshot import MEANS
from autoscaler.policy.expression import Expression, parse_expression
from autoscaler.policy.record import Faults, Name, Record, cross_check
from autoscaler.policy.units import Duration, format_duration, format_number

RESOURCE_SOURCES = {
    "ams.node.viewers": "viewers that a node itself serves by WebRTC, HLS and DASH, as it says",
    "ams.node.viewers.webrtc": "of these, those who watch by WebRTC",
    "ams.node.viewers.hls": "of these, those who watch HLS",
    "ams.node.viewers.dash": "of these, those who watch DASH",
    "ams.node.streams": "live streams that a node itself has, as it says",
    "ams.node.cpu_percent": "whole-system CPU of a node, 0-100, as it says",
    "ams.node.memory_percent": "memory of a node that is not available, 0-100: what AMS refuses load by",
    "ams.node.gpu_percent": "utilization of the busiest GPU of a node, 0-100",
    "ams.node.gpu_memory_percent": "used memory of the fullest GPU of a node, 0-100",
}
"""What a node's AMS tells when it is asked; needs `ams` in the settings."""

REFUSALS = "ams.node.refusals"
"""What AMS tells by itself; needs `web` in the settings."""

TRAFFIC = {
    "rate": "new sessions of {} in the last second, as HAProxy counts them",
    "bytes_in": "bytes a second from clients to {}",
    "bytes_out": "bytes a second from {} to clients",
    "connection_errors": "failed connections to {}, a second",
    "response_errors": "broken responses of {}, a second",
    "denied": "what HAProxy's rules denied a second of {}: {what}",
    "response_ms": "ms until an answer of {}, the mean of HAProxy's last 1,024 requests there; in http mode only",
    "queue_ms": "ms that requests waited in HAProxy for {}, the mean of its last 1,024 requests there",
}
"""What HAProxy tells of its traffic, by figure of `snapshot.Line`."""

_SERVER, _BACKEND = "haproxy.server.", "haproxy.backend."

PER_NODE_SOURCES = {
    "mongodb.node.cpu_percent": "whole-system CPU of a node, 0-100, from its heartbeat",
    "mongodb.node.memory_percent": "used memory of a node, 0-100, from its heartbeat",
    "mongodb.node.query_ms": "how long the node waits for MongoDB, in ms, from its heartbeat",
    "mongodb.node.publishers": "live streams whose origin is the node",
    "haproxy.server.sessions": "current sessions of a node over all balancers; `backend` narrows it to one backend",
    "haproxy.server.queued": "requests that wait for the node in HAProxy's queues",
    **{f"{_SERVER}{figure}": text.format("a node", what="responses") for figure, text in TRAFFIC.items()},
    **RESOURCE_SOURCES,
    REFUSALS: "streams and viewers that the node refused within the last minute, for want of CPU or memory",
}
GROUP_SOURCES = {
    "mongodb.viewers": "viewers of all live streams of the cluster, as AMS counts them",
    "mongodb.viewers.webrtc": "of these, those who watch by WebRTC",
    "mongodb.viewers.hls": "of these, those who watch HLS",
    "mongodb.viewers.dash": "of these, those who watch DASH",
    "mongodb.viewers.rtmp": "of these, those who watch by RTMP",
    "mongodb.streams": "live streams of the cluster",
    f"{_BACKEND}sessions": "current sessions of the group's backends over all balancers; `backend` narrows it to one",
    f"{_BACKEND}queued": "requests that wait in the backends' own queues, where no server has room",
    **{
        f"{_BACKEND}{figure}": text.format("the backends", what="requests and responses")
        for figure, text in TRAFFIC.items()
    },
}
_BY_APPLICATION = ("mongodb.streams", "mongodb.viewers", "mongodb.node.publishers")

CAPACITY = "capacity"
"""What an expression calls the worth of the nodes in service: their number, in nodes of the policy's first type."""

SOURCES = PER_NODE_SOURCES | GROUP_SOURCES
_SHORTEST_WINDOW, _LONGEST_WINDOW = timedelta(seconds=1), timedelta(hours=1)
_PERCENTILE = re.compile(r"p([1-9][0-9]?)")


class Aggregate(StrEnum):
    """How the members' values become one load; beside these, `p50` and its like."""

    MEAN = "mean"
    SUM = "sum"
    MAX = "max"


_AnyAggregate = Aggregate | Annotated[str, Field(pattern=rf"^{_PERCENTILE.pattern}$", examples=["p90"])]


def _aggregate(value: object) -> object:
    if isinstance(value, str) and (value in set(Aggregate) or _PERCENTILE.fullmatch(value)):
        return value
    raise PydanticCustomError("aggregate", "is no aggregate; use mean, sum, max, or a percentile such as p90")


class OnMissing(StrEnum):
    """What a rule may do while a member's value is missing. No choice ever lets that rule shrink the group.

    `hold`: grow only if the known members alone demand it, the silent ones taken for idle.
    `scale_out_only`: take the silent ones to be as busy as the mean of the known ones.
    `ignore`: have no opinion where the value might change it; the other rules decide.
    `assume(x)`: take each silent member to be at x.
    """

    HOLD = "hold"
    SCALE_OUT_ONLY = "scale_out_only"
    IGNORE = "ignore"


class Assumption(Record):
    """The `x` of `assume(x)`."""

    value: float


_ASSUME = re.compile(r"assume\((-?\d{1,15}(?:\.\d{1,9})?)\)", re.ASCII)


_AnyOnMissing = OnMissing | Annotated[str, Field(pattern=rf"^{_ASSUME.pattern}$", examples=["assume(0)"])]


def _on_missing(value: object) -> object:
    if isinstance(value, OnMissing | Assumption):
        return value
    if isinstance(value, str):
        assumed = _ASSUME.fullmatch(value)
        if assumed:
            return Assumption(value=float(assumed[1]))
        if value in set(OnMissing):
            return OnMissing(value)
    raise PydanticCustomError("on_missing", "is none of hold, scale_out_only, ignore, assume(NUMBER)")


def _print_on_missing(value: OnMissing | Assumption) -> str:
    return value.value if isinstance(value, OnMissing) else f"assume({format_number(value.value)})"


def _expression(value: object) -> Expression | None:
    return value if value is None or isinstance(value, Expression) else parse_expression(value)


class Signal(Record):
    """A measured load, or an expression over measured ones. A value older than `max_age` is missing, not old news.

    An expression is evaluated on the other signals as they are aggregated, and on `capacity`, the nodes in service
    counted in nodes of the policy's first type.
    """

    source: str = Field(
        default="",
        alias="from",
        json_schema_extra={"enum": [*SOURCES]},
        description="where the values come from. This, or `expr`",
    )
    expr: Annotated[
        Expression | None,
        PlainValidator(_expression, json_schema_input_type=str | None),
        PlainSerializer(lambda expr: expr and expr.text),
    ] = Field(
        default=None,
        description="arithmetic over other signals and `capacity`, the nodes in service",
    )
    backend: Name | None = Field(default=None, description="for `haproxy` sources: this backend only")
    application: Name | None = Field(
        default=None, description="for `mongodb` sources of streams, viewers and publishers: of this application only"
    )
    aggregate: Annotated[str, BeforeValidator(_aggregate, json_schema_input_type=_AnyAggregate)] = Field(
        default=Aggregate.MEAN, description="what one number the nodes' values become"
    )
    window: Duration = Field(
        default=timedelta(0),
        description="take each value as the mean of so long, from 1s to 1h, instead of the latest",
    )
    max_age: Duration = Field(
        default=timedelta(seconds=20),
        description="an older value is missing, and one that is stamped as far in the future",
    )
    on_missing: Annotated[
        OnMissing | Assumption,
        BeforeValidator(_on_missing, json_schema_input_type=_AnyOnMissing),
        PlainSerializer(_print_on_missing, return_type=str),
    ] = Field(
        default=OnMissing.HOLD,
        description="what the rule may make of a missing value; nothing lets it shrink the group",
    )

    @cross_check
    def _one_source(self) -> Faults:
        if bool(self.source) == bool(self.expr):
            doubts = ("source", "expr")
            yield PydanticCustomError("source", "needs exactly one of from and expr", {"doubts": doubts})
        elif self.expr is None and self.source not in SOURCES:
            close = get_close_matches(self.source, SOURCES, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(SOURCES)}"
            words = {"source": repr(self.source), "hint": hint, "at": ("from",)}
            yield PydanticCustomError("source", "there is no source {source}; {hint}", words)

    @cross_check
    def _narrowed_by_backend(self) -> Faults:
        if self.backend is not None and not self.source.startswith((_SERVER, _BACKEND)):
            message = "backend goes with haproxy sources only"
            yield PydanticCustomError("source", message, {"at": ("backend",)})

    @cross_check
    def _narrowed_by_application(self) -> Faults:
        if self.application is not None and not self.source.startswith(_BY_APPLICATION):
            message = "application goes with mongodb streams, viewers and publishers only"
            yield PydanticCustomError("source", message, {"at": ("application",)})

    @cross_check
    def _window_of_some_length(self) -> Faults:
        if self.window and not _SHORTEST_WINDOW <= self.window <= _LONGEST_WINDOW:
            message = "is a window of less than 1s, or of more than 1h"
            yield PydanticCustomError("window", message, {"at": ("window",)})

    @cross_check
    def _window_of_measured(self) -> Faults:
        if self.window and self.expr:
            message = "window goes with from; give one to the signals that expr names"
            yield PydanticCustomError("window", message, {"at": ("window",)})

    @cross_check
    def _aggregate_of_times(self) -> Faults:
        if self.aggregate == Aggregate.SUM and self.figure in MEANS:
            message = "times do not add up; use mean, max, or a percentile"
            yield PydanticCustomError("aggregate", message, {"at": ("aggregate",)})

    def takes(self, at: datetime, now: datetime) -> bool:
        """Whether a value of that time says anything of now: it is not too old, nor as far in the future.

        Clocks differ a little. Of a value whose clock is further ahead nobody knows how old it is.
        """
        return abs(now - at) <= self.max_age

    @cached_property
    def key(self) -> str:
        """Under which the snapshot keeps this signal's samples."""
        if not self.window:
            return self.key_of_latest
        return f"{self.key_of_latest}{'' if ':' in self.key_of_latest else ':'}/{format_duration(self.window)}"

    @cached_property
    def key_of_latest(self) -> str:
        """Under which it keeps the latest values. An application goes by its database's name, in small letters."""
        narrowed = self.backend or (self.application or "").lower()
        return f"{self.source}:{narrowed}" if narrowed else self.source

    @cached_property
    def figure(self) -> str:
        """Which figure of `snapshot.Line` it is, "" if none: a node's sessions and queue are on its servers."""
        figure = self.source.removeprefix(_SERVER).removeprefix(_BACKEND)
        return figure if figure in TRAFFIC or self.source.startswith(_BACKEND) else ""

    @cached_property
    def per_node(self) -> bool:
        """Whether each node has a value of its own."""
        return self.source in PER_NODE_SOURCES

    @cached_property
    def quantile(self) -> float | None:
        """For `p90` 0.9, for `max` 1.0; None for a mean and a sum."""
        if self.aggregate == Aggregate.MAX:
            return 1.0
        return None if self.aggregate in set(Aggregate) else int(self.aggregate[1:]) / 100
