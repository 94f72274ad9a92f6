"""What the simulated nodes are like: how large, how dear, how long they take to come, and when they refuse."""

from __future__ import annotations

from datetime import timedelta
from math import log
from statistics import NormalDist
from typing import Annotated, Literal

from pydantic import Field, StrictInt
from pydantic_core import PydanticCustomError

from autoscaler.policy.record import Faults, Record, cross_check
from autoscaler.policy.units import Duration, Number, Percent

_P95 = NormalDist().inv_cdf(0.95)


class TypeSpec(Record):
    """An instance type. `viewers` and `publishers`: how many of them alone would take all of its CPU."""

    vcpus: StrictInt = Field(ge=1, description="how many vCPUs an instance has")
    viewers: Annotated[Number, Field(gt=0)] | None = Field(
        default=None, description="so many viewers alone take all of its CPU; 55 a vCPU when left out"
    )
    publishers: Annotated[Number, Field(gt=0)] | None = Field(
        default=None, description="so many publishers alone take all of its CPU; 5 a vCPU when left out"
    )
    price: Annotated[Number, Field(ge=0)] = Field(default=0.0, description="of an hour, in any currency")
    stopped_price: Annotated[Number, Field(ge=0)] = Field(
        default=0.0, description="of an hour of a stopped one, which pays for its disk alone"
    )


class BootSpec(Record):
    """How long a node takes from its start to membership: log-normal, by its median and its 95th percentile."""

    median: Duration = Field(default=timedelta(seconds=90), description="half of the boots take no longer")
    p95: Duration = Field(default=timedelta(seconds=120), description="nineteen of twenty take no longer")

    @cross_check
    def _ordered(self) -> Faults:
        if not timedelta(0) < self.median <= self.p95:
            yield PydanticCustomError("boot", "needs 0s < median <= p95")

    def seconds(self, share: float) -> float:
        """Return the boot time that `share` of all boots do not exceed, rounded to 0.1 s: the same on every machine."""
        median = self.median.total_seconds()
        spread = log(self.p95.total_seconds() / median) / _P95
        return float(round(median * 2.718281828459045 ** (spread * NormalDist().inv_cdf(share)), 1))


class WorldSpec(Record):
    """Everything about the simulated cluster that neither the policy nor the traffic says."""

    version: Literal[1] = Field(default=1, description="of this format")
    types: dict[str, TypeSpec] = Field(
        default={}, description="instance types; one that is not here is like a machine of 4 vCPUs without a price"
    )
    boot: BootSpec = Field(default=BootSpec(), description="how long nodes take to come")
    wake: BootSpec = Field(
        default=BootSpec(median=timedelta(seconds=30), p95=timedelta(seconds=45)),
        description="how long nodes of a warm pool take to come: they joined the cluster before",
    )
    failed_joins: Percent = Field(default=0.0, ge=0, le=100, description="so many launches never join the cluster")
    idle_cpu: Percent = Field(default=3.0, ge=0, le=100, description="CPU of a node on which nobody is")
    refuse_cpu: Percent = Field(
        default=75.0, gt=0, le=100, description="from this CPU on a node refuses whoever comes, as AMS does"
    )
    patience: Duration = Field(
        default=timedelta(minutes=3), description="how long one who was refused tries again, once a cycle"
    )
    idle_memory: Percent = Field(default=30.0, ge=0, le=100, description="memory of a node on which nobody is")

    def size(self, instance_type: str) -> TypeSpec:
        """Return a type; one that nobody told has four vCPUs."""
        return self.types.get(instance_type, TypeSpec(vcpus=4))


VIEWERS_A_VCPU = 55.0
"""By default a node carries what the shipped policies aim at, 110 viewers on 4 vCPUs, at half of its CPU."""

PUBLISHERS_A_VCPU = 5.0
