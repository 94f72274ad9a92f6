"""RunInstances, StartInstances and StopInstances as EC2 does them: tokens, capacity, partial grants, wrong states."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from moto_fixtures.wire import Refusal

if TYPE_CHECKING:
    from moto_fixtures.backend import Backend, Offering
    from moto_fixtures.wire import Answer, Call

OK, DRY_RUN = 200, 412
ANY = "*"
_PLENTY = 10_000
Forward = Callable[[], "Answer"]


class Launches:
    """What a region remembers and holds. `limits`: at most so many instances of (type, zone); either may be `*`.

    Spot instances are bought from what those leave over; `spot_limits` are for them alone.
    """

    def __init__(self) -> None:
        """Begin without limits."""
        self.limits: dict[tuple[str, str], int] = {}
        self.spot_limits: dict[tuple[str, str], int] = {}
        self._replies: dict[tuple[str, str], tuple[Mapping[str, str], Answer]] = {}

    def forget(self) -> None:
        """Drop limits and tokens."""
        self.limits.clear()
        self.spot_limits.clear()
        self._replies.clear()

    def run(self, call: Call, backend: Backend, forward: Forward) -> Answer:
        """Launch at most MaxCount and at least MinCount. A failed launch stores no token."""
        least, most = int(call.get("MinCount") or 1), int(call.get("MaxCount") or 1)
        if not 1 <= least <= most:
            raise Refusal(400, "InvalidParameterValue", f"minCount {least} and maxCount {most} do not go together")
        if call.get("DryRun") == "true":
            return self._rehearse(call, backend, forward)
        offering = backend.offering(call)
        replayed = self._replay(call, offering.zone)
        if replayed:
            return replayed
        granted = min(most, self._free(offering.instance_type, offering.zone, backend))
        if call.get("InstanceMarketOptions.MarketType") == "spot":
            granted = min(granted, self._free_spot(offering.instance_type, offering.zone, backend))
        if granted < least:
            raise self._stock_out(offering.instance_type, offering.zone)
        self._addresses(offering, granted)
        with backend.granting(granted):
            answer = forward()
        if answer.status == OK and call.get("ClientToken"):
            self._replies[call.get("ClientToken"), offering.zone] = (_identity(call), answer)
        return answer

    def start(self, call: Call, backend: Backend, forward: Forward) -> Answer:
        """Start stopped instances: their LaunchTime is of now, and they need capacity again."""
        instances = [found for name in call.listed("InstanceId") if (found := backend.find(name)) is not None]
        waking = [instance for instance in instances if instance.state == "stopped"]
        for instance in instances:
            self._startable(instance, backend)
        answer = forward()
        if answer.status == OK:
            for instance in waking:
                instance.launch_time = datetime.now(UTC).replace(tzinfo=None)  # moto's times are naive UTC
        return answer

    def stop(self, call: Call, backend: Backend, forward: Forward) -> Answer:
        """Stop instances that run, and no one-time spot ones, which is what RunInstances brings."""
        for name in call.listed("InstanceId"):
            instance = backend.find(name)
            if instance is not None:
                self._stoppable(instance)
        return forward()

    @staticmethod
    def _stoppable(instance: Any) -> None:  # noqa: ANN401  # a moto instance
        if instance.state not in {"running", "stopping", "stopped"}:
            sentence = f"The instance '{instance.id}' is not in a state from which it can be stopped."
            raise Refusal(400, "IncorrectInstanceState", sentence)
        if instance.lifecycle == "spot":
            sentence = (
                f"You can't stop the Spot Instance '{instance.id}' because it is associated with a one-time Spot"
                " Instance request. You can only stop Spot Instances associated with persistent Spot Instance requests."
            )
            raise Refusal(400, "UnsupportedOperation", sentence)

    def _startable(self, instance: Any, backend: Backend) -> None:  # noqa: ANN401  # a moto instance
        if instance.state in {"stopping", "shutting-down", "terminated"}:
            sentence = f"The instance '{instance.id}' is not in a state from which it can be started."
            raise Refusal(400, "IncorrectInstanceState", sentence)
        place = (instance.instance_type, instance.placement.zone)
        if instance.state == "stopped" and self._free(*place, backend) < 1:
            raise self._stock_out(*place)

    def _rehearse(self, call: Call, backend: Backend, forward: Forward) -> Answer:
        """Let moto check permissions, then check what it does not: that the parts of the launch exist."""
        answer = forward()
        if answer.status == DRY_RUN:
            backend.offering(call)
        return answer

    def _replay(self, call: Call, zone: str) -> Answer | None:
        """Return the first answer to this token in this zone. The same token is new in another zone, as with EC2."""
        identity, answer = self._replies.get((call.get("ClientToken"), zone), (None, None))
        if answer is not None and identity != _identity(call):
            sentence = (
                "Arguments on this idempotent request are inconsistent with arguments used in previous request(s)."
            )
            raise Refusal(400, "IdempotentParameterMismatch", sentence)
        return answer

    def _free(self, instance_type: str, zone: str, backend: Backend) -> int:
        """Say how many more may start: what the narrowest limit leaves over."""
        limit = _narrowest(self.limits, instance_type, zone)
        return limit - backend.busy(instance_type, zone) if limit is not None else _PLENTY

    def _free_spot(self, instance_type: str, zone: str, backend: Backend) -> int:
        limit = _narrowest(self.spot_limits, instance_type, zone)
        return limit - backend.busy(instance_type, zone, spot=True) if limit is not None else _PLENTY

    @staticmethod
    def _stock_out(instance_type: str, zone: str) -> Refusal:
        sentence = (
            f"We currently do not have sufficient {instance_type} capacity in the Availability Zone you requested"
            f" ({zone}). Our system will be working on provisioning additional capacity."
        )
        return Refusal(500, "InsufficientInstanceCapacity", sentence)

    @staticmethod
    def _addresses(offering: Offering, count: int) -> None:
        """Refuse when the subnet has too few addresses; moto would answer with an HTML page."""
        if offering.subnet is not None and offering.subnet.available_ip_address_count < count:
            sentence = f"There are not enough free addresses in subnet '{offering.subnet.id}' to satisfy the request."
            raise Refusal(400, "InsufficientFreeAddressesInSubnet", sentence)


def _narrowest(limits: Mapping[tuple[str, str], int], instance_type: str, zone: str) -> int | None:
    places = ((instance_type, zone), (instance_type, ANY), (ANY, zone), (ANY, ANY))
    return next((limits[place] for place in places if place in limits), None)


def _identity(call: Call) -> Mapping[str, str]:
    return {key: value for key, value in call.parameters.items() if key != "ClientToken"}
