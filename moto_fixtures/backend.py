"""moto from the inside: what a call refers to, and how many instances it really starts.

Everything here runs under the shim's lock.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moto.core.exceptions import ServiceException
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.ec2.models import ec2_backends

from moto_fixtures.timers import Durations, TimedState
from moto_fixtures.wire import Refusal

if TYPE_CHECKING:
    from moto_fixtures.wire import Call

DEFAULT_TYPE = "m1.small"
HOLDS_CAPACITY = frozenset({"pending", "running", "stopping"})


@dataclass(frozen=True)
class Offering:
    """What a launch asks for, its template and subnet taken into account."""

    instance_type: str
    zone: str
    image: str
    subnet: Any


class Backend:
    """One region's state."""

    def __init__(self, region: str) -> None:
        """Name the region, as the call's signature does."""
        self.region = region
        self.ec2: Any = ec2_backends[DEFAULT_ACCOUNT_ID][region]  # moto's mixins are typed too loosely to follow

    def instances(self) -> Iterator[Any]:
        """Yield every instance, the terminated included."""
        for reservation in self.ec2.reservations.values():
            yield from reservation.instances

    def find(self, instance_id: str) -> Any | None:  # noqa: ANN401  # a moto instance
        """Return an instance by id."""
        return next((instance for instance in self.instances() if instance.id == instance_id), None)

    def offering(self, call: Call) -> Offering:
        """Resolve a RunInstances call; Refusal with EC2's own code when a part of it does not exist."""
        try:
            template = self._template(call)
            subnet_id = call.get("SubnetId") or call.get("NetworkInterface.1.SubnetId")
            subnet = self.ec2.get_subnet(subnet_id) if subnet_id else None
            image = call.get("ImageId") or template.get("ImageId", "")
            self.ec2.describe_images(ami_ids=[image])
        except ServiceException as error:
            raise Refusal(400, error.code, error.message) from None
        return Offering(
            instance_type=call.get("InstanceType") or template.get("InstanceType", DEFAULT_TYPE),
            zone=subnet.availability_zone if subnet else call.get("Placement.AvailabilityZone") or f"{self.region}a",
            image=image,
            subnet=subnet,
        )

    def busy(self, instance_type: str, zone: str, *, spot: bool = False) -> int:
        """Count the instances that hold capacity of a type in a zone, or its `spot` ones. The stopped hold none."""
        return sum(
            instance.instance_type == instance_type
            and instance.placement.zone == zone
            and instance.state in HOLDS_CAPACITY
            and (not spot or instance.lifecycle == "spot")
            for instance in self.instances()
        )

    def set_clocks(self, durations: Durations) -> None:
        """Give the instances that are new a state that takes time."""
        for instance in self.instances():
            if not isinstance(instance._state, TimedState):  # noqa: SLF001  # moto has no other place for it
                instance._state = TimedState(durations, final=instance.state)  # noqa: SLF001  # the same

    @contextmanager
    def granting(self, count: int) -> Iterator[None]:
        """Start `count` instances whatever moto reads from the call: it knows MinCount only.

        The call itself stays as it was signed, so that permissions can be enforced.
        """
        original = self.ec2.run_instances

        def run_instances(image_id: str, _count: int, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # moto's own signature
            return original(image_id, count, *args, **kwargs)

        self.ec2.run_instances = run_instances
        try:
            yield
        finally:
            del self.ec2.run_instances

    @contextmanager
    def hiding(self, younger_than_s: float) -> Iterator[None]:
        """Hide new instances, as EC2's eventual consistency does."""
        horizon = time.monotonic() - younger_than_s
        everything = dict(self.ec2.reservations)
        for key, reservation in everything.items():
            if any(instance._state.born > horizon for instance in reservation.instances):  # noqa: SLF001  # set_clocks
                del self.ec2.reservations[key]
        try:
            yield
        finally:
            self.ec2.reservations.clear()
            self.ec2.reservations.update(everything)

    def _template(self, call: Call) -> dict[str, Any]:
        """Return the data of the launch template a call names, or nothing."""
        keys = ("LaunchTemplateId", "LaunchTemplateName", "Version")
        named = {key: value for key in keys if (value := call.get(f"LaunchTemplate.{key}"))}
        if not named:
            return {}
        try:
            data: dict[str, Any] = self.ec2._get_template_from_args(named).data  # noqa: SLF001  # resolves $Latest too
        except IndexError:  # moto's answer to an unknown id; its answer to an unknown name is a proper one
            unknown = named["LaunchTemplateId"]
            raise Refusal(400, "InvalidLaunchTemplateId.NotFound", f"There is no launch template {unknown}.") from None
        return data
