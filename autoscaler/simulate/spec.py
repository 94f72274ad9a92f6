"""What the simulated nodes are like: how large, how dear, how long they take to come, when they refuse, what fails."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import cache
from math import log
from statistics import NormalDist
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StrictInt
from pydantic_core import PydanticCustomError

from autoscaler.policy.record import MOST_NODES, MOST_VIEWERS, Faults, Record, Word, cross_check
from autoscaler.policy.units import Duration, Number, Percent

_P95 = NormalDist().inv_cdf(0.95)

VIEWERS_A_VCPU = 55.0
"""By default 220 viewers would take all of 4 vCPUs: AMS refuses the 159th, at 75 % of them."""

PUBLISHERS_A_VCPU = 5.0

RENDITIONS_A_VCPU = 2.0
"""A rule of thumb for a small rendition encoded by the CPU, which takes about half a core."""

_LEAST_PEOPLE = 0.1
"""A node that one alone would fill ten times over lets nobody in, and whoever says less slipped."""

_LEAST_ROOM = 0.1
"""Between what an idle node has of its CPU or memory, and where it refuses; in percent of all."""

_SHORTEST = timedelta(seconds=1)
"""What comes and goes faster is nothing that a cycle could see."""

_People = Annotated[Number, Field(ge=_LEAST_PEOPLE, le=MOST_VIEWERS)] | None


def _some_time(value: timedelta) -> timedelta:
    if value < _SHORTEST:
        raise PydanticCustomError("duration", "is shorter than 1s")
    return value


_Spell = Annotated[Duration, AfterValidator(_some_time)]


class MemorySpec(Record):
    """What fills a node's memory: so many alone take all that `idle_memory` leaves. What is left out takes nothing."""

    viewers: _People = Field(default=None, description="so many viewers alone take all of a node's memory")
    publishers: _People = Field(default=None, description="so many publishers alone take all of it")
    streams: _People = Field(default=None, description="so many streams that are fetched alone take all of it")
    renditions: _People = Field(default=None, description="so many renditions alone take all of it")


class Spells(Record):
    """What happens by chance again and again, and lasts."""

    every: _Spell = Field(description="how long it takes on average from the end of one to the next; from 1s on")
    lasts: _Spell = Field(description="how long each lasts; from 1s on")


class TypeSpec(Record):
    """An instance type. So many viewers, publishers, streams or renditions alone would take all of its CPU."""

    vcpus: StrictInt = Field(ge=1, le=10_000, description="how many vCPUs an instance has")
    viewers: _People = Field(
        default=None, description="so many viewers alone take all of its CPU; 55 a vCPU when left out"
    )
    publishers: _People = Field(
        default=None, description="so many publishers alone take all of its CPU; 5 a vCPU when left out"
    )
    renditions: _People = Field(
        default=None, description="so many renditions alone take all of its CPU; 2 a vCPU when left out"
    )
    streams: _People = Field(
        default=None,
        description="so many streams, each fetched once for all who watch it on a node, alone take all of its CPU; "
        "fetching costs nothing when left out",
    )
    memory: MemorySpec = Field(default=MemorySpec(), description="what fills its memory; nobody when left out")
    weight: StrictInt = Field(
        default=1,
        ge=1,
        le=256,
        description="of its servers in HAProxy: one of 2 gets twice the connections of one of 1",
    )
    price: Annotated[Number, Field(ge=0, le=1e6)] = Field(default=0.0, description="of an hour, in any currency")
    spot_price: Annotated[Number, Field(ge=0, le=1e6)] | None = Field(
        default=None, description="of an hour on the spot market; `spot.price` of `price` when left out"
    )
    stopped_price: Annotated[Number, Field(ge=0, le=1e6)] = Field(
        default=0.0, description="of an hour of a stopped one, which pays for its disk alone"
    )
    interruptions: Percent = Field(
        default=0.0, ge=0, le=10_000, description="so many of 100 spot instances EC2 takes back in an hour, on average"
    )
    stock: StrictInt | None = Field(
        default=None, ge=0, le=MOST_NODES, description="so many EC2 has at once for this group; as many as one likes"
    )
    stock_outs: Spells | None = Field(default=None, description="when EC2 has none at all, in any subnet")
    failed_joins: Annotated[Percent, Field(ge=0, le=100)] | None = Field(
        default=None, description="so many launches of this type never join; as for all types when left out"
    )

    @property
    def full_viewers(self) -> float:
        """How many viewers alone take all of the CPU."""
        return self.viewers or VIEWERS_A_VCPU * self.vcpus

    @property
    def full_publishers(self) -> float:
        """How many publishers, their renditions not counted."""
        return self.publishers or PUBLISHERS_A_VCPU * self.vcpus

    @property
    def full_renditions(self) -> float:
        """How many renditions."""
        return self.renditions or RENDITIONS_A_VCPU * self.vcpus


class BootSpec(Record):
    """How long a node takes from its start to membership: log-normal, by its median and its 95th percentile."""

    median: Duration = Field(description="half of them take no longer")
    p95: Duration = Field(description="nineteen of twenty take no longer")

    @cross_check
    def _ordered(self) -> Faults:
        if not timedelta(0) < self.median <= self.p95:
            yield PydanticCustomError("boot", "needs 0s < median <= p95")

    def seconds(self, share: float) -> float:
        """Return the boot time that `share` of all boots do not exceed, rounded to 0.1 s: the same on every machine."""
        median = self.median.total_seconds()
        spread = log(self.p95.total_seconds() / median) / _P95
        return float(round(median * 2.718281828459045 ** (spread * NormalDist().inv_cdf(share)), 1))


class SpotSpec(Record):
    """The spot market."""

    price: Percent = Field(default=40.0, ge=0, le=100, description="of a type's `price`")
    notice: Duration = Field(
        default=timedelta(minutes=2),
        le=timedelta(hours=1),
        description="how long before it takes an instance EC2 says so; people stay on it until then",
    )


class WorldSpec(Record):
    """Everything about the simulated cluster that neither the policy nor the traffic says."""

    version: Literal[1] = Field(default=1, description="of this format")
    types: dict[Word, TypeSpec] = Field(
        default={},
        description="instance types; one that is not here has no price, and as many vCPUs as its name tells: 2 of a "
        "`large`, 4 of an `xlarge`, 8 of a `2xlarge`, 4 of any other",
    )
    boot: BootSpec = Field(
        default=BootSpec(median=timedelta(seconds=90), p95=timedelta(seconds=120)),
        description="how long nodes take to come",
    )
    wake: BootSpec = Field(
        default=BootSpec(median=timedelta(seconds=30), p95=timedelta(seconds=45)),
        description="how long nodes of a warm pool take to come: they joined the cluster before",
    )
    failed_joins: Percent = Field(default=0.0, ge=0, le=100, description="so many launches never join the cluster")
    heartbeat_stops: Spells | None = Field(
        default=None, description="when a node serves on and writes no heartbeats; each node by itself"
    )
    spot: SpotSpec = Field(default=SpotSpec(), description="the spot market")
    renditions: StrictInt = Field(
        default=0, ge=0, le=100, description="into so many others each published stream is transcoded, beside itself"
    )
    idle_cpu: Percent = Field(default=3.0, ge=0, lt=100, description="CPU of a node on which nobody is")
    idle_memory: Percent = Field(default=30.0, ge=0, lt=100, description="memory of a node on which nobody is")
    refuse_cpu: Percent = Field(
        default=75.0, gt=0, le=100, description="from this CPU on a node refuses whoever comes, as AMS does"
    )
    refuse_memory: Percent = Field(default=75.0, gt=0, le=100, description="from this memory on, too")
    patience: Duration = Field(
        default=timedelta(minutes=3), description="how long one who was refused tries again, once a cycle"
    )
    returning: Percent = Field(
        default=0.0,
        ge=0,
        le=100,
        description="so many viewers were here before and hold the cookie of a server, where the policy has `cookie`",
    )

    @cross_check
    def _room_for_people(self) -> Faults:
        yield from _room("cpu", self.idle_cpu, self.refuse_cpu)

    @cross_check
    def _room_for_memory(self) -> Faults:
        yield from _room("memory", self.idle_memory, self.refuse_memory)

    def size(self, instance_type: str) -> TypeSpec:
        """Return a type; one that nobody told has the vCPUs that its name tells."""
        return self.types.get(instance_type) or _usual(instance_type)


def _room(what: str, idle: float, refuse: float) -> Faults:
    """Ask that an idle node lets anybody in; a tenth is no whole binary fraction, so differences are rounded."""
    if round(refuse - idle, 9) < _LEAST_ROOM:
        words = {"what": what, "least": _LEAST_ROOM, "at": (f"refuse_{what}",)}
        message = "an idle node refuses everybody: refuse_{what} needs to be {least}% above idle_{what}"
        yield PydanticCustomError("world", message, words)


@cache
def _usual(instance_type: str) -> TypeSpec:
    """Return a machine by EC2's naming: a `large` has 2 vCPUs, an `xlarge` 4, a `2xlarge` 8; any other gets 4.

    So it is in the families that media servers run on (EC2 instance types, compute optimized and general purpose).
    """
    named = re.fullmatch(r"[^.]+\.(?:(\d{1,2})?(x))?large", instance_type)
    if named is None:
        return TypeSpec(vcpus=4)
    times, extra = named.groups()
    return TypeSpec(vcpus=4 * max(1, int(times or 1)) if extra else 2)
