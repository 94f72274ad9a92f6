"""The ports Fleet and FleetControl: what every implementation does, EC2's and the simulated one alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from typing import Protocol

import pytest

from autoscaler.adapters.ec2 import Ec2Fleet, Ec2FleetControl
from autoscaler.model.errors import ActionError, ObservationError, StockOut
from autoscaler.model.plan import Launch
from autoscaler.model.snapshot import Instance, InstanceState
from autoscaler.ports import Fleet, FleetControl
from autoscaler.simulate.ports import SimulatedFleet
from autoscaler.simulate.world import World
from moto_fixtures import Server
from moto_fixtures.backend import Backend
from tests.support.ec2 import EDGE, connected, launch
from tests.support.haproxy import until
from tests.support.living import Living

STARTED = {InstanceState.PENDING, InstanceState.RUNNING}
LEAVING = {InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED}
HOUR = timedelta(hours=1)


class Rig(Protocol):
    """Both ports on one cloud, and what only the cloud itself can arrange. Subnets `a` and `b` lie in two zones."""

    @property
    def fleet(self) -> Fleet: ...

    @property
    def control(self) -> FleetControl: ...

    def subnet(self, name: str) -> str: ...

    def limit(self, subnet: str, count: int | None) -> None: ...

    def limit_spot(self, subnet: str, count: int) -> None: ...

    def foreign(self) -> str: ...

    def stopped_an_hour_ago(self, instance_id: str) -> None: ...

    def starting(self) -> str: ...

    def started(self, instance_id: str) -> None: ...

    def state(self, instance_id: str) -> InstanceState: ...


@dataclass
class SimulatedRig:
    world: World

    @cached_property
    def fleet(self) -> SimulatedFleet:
        return SimulatedFleet(self.world)

    @property
    def control(self) -> SimulatedFleet:
        return SimulatedFleet(self.world)

    def subnet(self, name: str) -> str:
        return f"subnet-{name}"

    def limit(self, subnet: str, count: int | None) -> None:
        if count is None:
            del self.world.capacity[subnet]
        else:
            self.world.capacity[subnet] = count

    def limit_spot(self, subnet: str, count: int) -> None:
        self.world.spot_capacity[subnet] = count

    def foreign(self) -> str:
        return self.world.add_node(ours=False).instance.instance_id

    def stopped_an_hour_ago(self, instance_id: str) -> None:
        node = self.world.nodes[instance_id]
        launched_at = self.world.now - HOUR
        node.instance = replace(node.instance, state=InstanceState.STOPPED, launched_at=launched_at)

    def starting(self) -> str:
        [instance_id] = self.control.launch(launch(self.subnet("a")))
        return instance_id

    def started(self, instance_id: str) -> None:
        node = self.world.nodes[instance_id]
        node.instance = replace(node.instance, state=InstanceState.RUNNING)

    def state(self, instance_id: str) -> InstanceState:
        return self.world.nodes[instance_id].instance.state


class LivingRig(SimulatedRig):
    """The same, which lives on between any two looks, but while an instance is starting."""

    def __init__(self) -> None:
        super().__init__(World())
        self._living = Living(self.world)
        self._still = False

    @property
    def fleet(self) -> SimulatedFleet:
        self._live()
        return super().fleet

    @property
    def control(self) -> SimulatedFleet:
        self._live()
        return super().control

    def starting(self) -> str:
        self._still = True
        return super().starting()

    def started(self, instance_id: str) -> None:
        self._still = False
        self._live()
        assert self.state(instance_id) is InstanceState.RUNNING

    def state(self, instance_id: str) -> InstanceState:
        self._live()
        return super().state(instance_id) if instance_id in self.world.nodes else InstanceState.TERMINATED

    def _live(self) -> None:
        if not self._still:
            self._living.live()


class Ec2Rig:
    """The adapter before the emulator, reading pages of five: the smallest that EC2 allows."""

    def __init__(self, server: Server) -> None:
        self.server = server
        client = connected(server, read_only=False)
        self.fleet = Ec2Fleet(client, "live", page_size=5)
        self.control = Ec2FleetControl(client, "live", "#!/bin/bash\n")
        self.another = Ec2FleetControl(client, "another-cluster", "#!/bin/bash\n")

    def subnet(self, name: str) -> str:
        return self.server.names[f"subnet-{name}"]

    def limit(self, subnet: str, count: int | None) -> None:
        self.server.steer(capacity=[{"type": "c5.xlarge", "zone": self._zone(subnet), "limit": count}])

    def limit_spot(self, subnet: str, count: int) -> None:
        place = {"type": "c5.xlarge", "zone": self._zone(subnet), "limit": count, "market": "spot"}
        self.server.steer(capacity=[place])

    def _zone(self, subnet: str) -> str:
        return {self.subnet("a"): "eu-west-1a", self.subnet("b"): "eu-west-1b"}[subnet]

    def foreign(self) -> str:
        [instance_id] = self.another.launch(launch(self.subnet("a"), token="theirs"))
        return instance_id

    def stopped_an_hour_ago(self, instance_id: str) -> None:
        instance = self._find(instance_id)
        instance.stop()
        instance.launch_time -= HOUR

    def starting(self) -> str:
        self.server.steer(pending_s=60)
        [instance_id] = self.control.launch(launch(self.subnet("a")))
        return instance_id

    def started(self, instance_id: str) -> None:
        """Do nothing: its instances start at once, unless told otherwise."""

    def state(self, instance_id: str) -> InstanceState:
        return InstanceState(self._find(instance_id).state)

    def _find(self, instance_id: str):  # type: ignore[no-untyped-def]  # noqa: ANN202  # a moto instance has no type
        return Backend(self.server.region).find(instance_id)


@pytest.fixture(params=["simulated", "living", "ec2"])
def rig(request: pytest.FixtureRequest) -> Rig:
    if request.param == "simulated":
        return SimulatedRig(World())
    if request.param == "living":
        return LivingRig()
    return Ec2Rig(request.getfixturevalue("ec2"))


def only(found: tuple[Instance, ...]) -> Instance:
    [instance] = found
    return instance


def test_an_empty_group_has_no_instances(rig: Rig) -> None:
    assert rig.fleet.instances("edge") == ()


def test_what_was_launched_is_listed_with_its_facts(rig: Rig) -> None:
    launched = rig.control.launch(launch(rig.subnet("b"), token="t-9", count=2))
    found = rig.fleet.instances("edge")
    assert sorted(launched) == sorted(instance.instance_id for instance in found)
    assert len({instance.ip for instance in found} - {""}) == 2
    for instance in found:
        assert instance.subnet == rig.subnet("b")
        assert instance.zone.endswith("b")
        assert instance.instance_type == "c5.xlarge"
        assert instance.token == "t-9"
        assert instance.state in STARTED
        assert instance.launched_at.utcoffset() == timedelta(0)


def test_a_list_in_which_nothing_changed_is_the_same_object(rig: Rig) -> None:
    rig.control.launch(launch(rig.subnet("a"), token="t-1"))
    until(lambda: rig.fleet.instances("edge") is rig.fleet.instances("edge"), "it was another each time")
    before, empty = rig.fleet.instances("edge"), rig.fleet.instances("other")
    assert rig.fleet.instances("edge") is before
    assert rig.fleet.instances("other") is empty
    rig.control.launch(launch(rig.subnet("a"), token="t-2"))
    assert len(rig.fleet.instances("edge")) == len(before) + 1


def test_types_are_told_by_their_vcpus(rig: Rig) -> None:
    assert rig.fleet.vcpus(["c5.xlarge", "c5.large"]) == {"c5.large": 2, "c5.xlarge": 4}
    assert rig.fleet.vcpus(["c5.xlarge"]) == {"c5.xlarge": 4}
    assert rig.fleet.vcpus([]) == {}


def test_a_type_that_does_not_exist_has_no_size(rig: Rig) -> None:
    with pytest.raises(ObservationError) as caught:
        rig.fleet.vcpus(["c5.xlarge", "c5.gigantic"])
    assert caught.value.source == "ec2"
    assert rig.fleet.vcpus(["c5.xlarge"]) == {"c5.xlarge": 4}


def test_the_same_token_brings_the_same_instances(rig: Rig) -> None:
    action = launch(rig.subnet("a"), count=3)
    first = rig.control.launch(action)
    assert len(first) == 3
    assert rig.control.launch(action) == first
    assert len(rig.fleet.instances("edge")) == 3


def test_another_token_launches_more(rig: Rig) -> None:
    first = rig.control.launch(launch(rig.subnet("a"), token="t-1"))
    second = rig.control.launch(launch(rig.subnet("a"), token="t-2"))
    assert not set(first) & set(second)
    assert {instance.token for instance in rig.fleet.instances("edge")} == {"t-1", "t-2"}


def test_a_nearly_full_zone_grants_what_it_has(rig: Rig) -> None:
    rig.limit(rig.subnet("a"), 2)
    assert len(rig.control.launch(launch(rig.subnet("a"), count=5))) == 2
    assert len(rig.fleet.instances("edge")) == 2


def test_a_partial_grant_is_replayed_as_it_was(rig: Rig) -> None:
    rig.limit(rig.subnet("a"), 2)
    first = rig.control.launch(launch(rig.subnet("a"), count=5))
    rig.limit(rig.subnet("a"), 100)
    assert rig.control.launch(launch(rig.subnet("a"), count=5)) == first


def test_a_full_zone_is_a_stock_out_and_launches_nothing(rig: Rig) -> None:
    rig.limit(rig.subnet("a"), 0)
    with pytest.raises(StockOut) as caught:
        rig.control.launch(launch(rig.subnet("a"), count=2))
    assert caught.value.code == "stock_out"
    assert caught.value.retryable
    assert rig.fleet.instances("edge") == ()


def test_a_stock_out_uses_no_token_up(rig: Rig) -> None:
    action = launch(rig.subnet("a"), count=2)
    rig.limit(rig.subnet("a"), 0)
    with pytest.raises(StockOut):
        rig.control.launch(action)
    rig.limit(rig.subnet("a"), None)
    assert len(rig.control.launch(action)) == 2


def test_a_stock_out_in_one_zone_leaves_the_other_open(rig: Rig) -> None:
    rig.limit(rig.subnet("a"), 0)
    with pytest.raises(StockOut):
        rig.control.launch(launch(rig.subnet("a"), token="t-a"))
    assert rig.control.launch(launch(rig.subnet("b"), token="t-b"))


SPOT = replace(EDGE, spot=True)


def test_spot_instances_are_listed_as_what_they_are(rig: Rig) -> None:
    bought = rig.control.launch(launch(rig.subnet("a"), token="t-1", count=2, spec=SPOT))
    rig.control.launch(launch(rig.subnet("a"), token="t-2"))
    found = rig.fleet.instances("edge")
    assert {instance.instance_id for instance in found if instance.spot} == set(bought)
    assert [instance.token for instance in found if not instance.spot] == ["t-2"]


def test_a_spot_launch_is_repeated_with_its_token_like_any_other(rig: Rig) -> None:
    action = launch(rig.subnet("a"), count=2, spec=SPOT)
    assert rig.control.launch(action) == rig.control.launch(action)
    assert len(rig.fleet.instances("edge")) == 2


def test_a_zone_without_spot_still_has_on_demand(rig: Rig) -> None:
    rig.limit_spot(rig.subnet("a"), 1)
    assert len(rig.control.launch(launch(rig.subnet("a"), token="t-1", count=2, spec=SPOT))) == 1
    with pytest.raises(StockOut):
        rig.control.launch(launch(rig.subnet("a"), token="t-2", spec=SPOT))
    rig.control.launch(launch(rig.subnet("a"), token="t-3"))
    assert sorted(instance.spot for instance in rig.fleet.instances("edge")) == [False, True]


def test_a_full_zone_has_no_spot_either(rig: Rig) -> None:
    rig.limit(rig.subnet("a"), 0)
    with pytest.raises(StockOut):
        rig.control.launch(launch(rig.subnet("a"), spec=SPOT))


def test_only_the_groups_own_instances_are_listed(rig: Rig) -> None:
    rig.foreign()
    rig.control.launch(launch(rig.subnet("a"), token="t-1", group="origin"))
    rig.control.launch(launch(rig.subnet("a"), token="t-2", group="edge"))
    assert only(rig.fleet.instances("origin")).token == "t-1"
    assert only(rig.fleet.instances("edge")).token == "t-2"


def test_a_large_group_is_listed_whole(rig: Rig) -> None:
    launched = {rig.control.launch(launch(rig.subnet("a"), token=f"t-{number}"))[0] for number in range(12)}
    assert {instance.instance_id for instance in rig.fleet.instances("edge")} == launched
    assert len(launched) == 12


def test_a_terminated_instance_leaves(rig: Rig) -> None:
    [instance_id] = rig.control.launch(launch(rig.subnet("a")))
    rig.control.terminate(instance_id)
    assert rig.state(instance_id) in LEAVING
    assert all(instance.state in LEAVING for instance in rig.fleet.instances("edge"))


def test_terminating_again_is_success(rig: Rig) -> None:
    [instance_id] = rig.control.launch(launch(rig.subnet("a")))
    rig.control.terminate(instance_id)
    rig.control.terminate(instance_id)
    assert rig.state(instance_id) in LEAVING


def test_terminating_what_is_long_gone_is_success(rig: Rig) -> None:
    rig.control.terminate("i-00000000000000dad")


def terminate(control: FleetControl, instance_id: str) -> None:
    control.terminate(instance_id)


def wake(control: FleetControl, instance_id: str) -> None:
    control.wake(instance_id)


def stop(control: FleetControl, instance_id: str) -> None:
    control.stop(instance_id)


@pytest.mark.parametrize("touch", [terminate, wake, stop])
@pytest.mark.parametrize("asleep", [True, False])
def test_what_is_not_ours_is_never_touched(rig: Rig, touch: Callable[[FleetControl, str], None], asleep: bool) -> None:  # noqa: FBT001  # a parameter of the test
    theirs = rig.foreign()
    if asleep:
        rig.stopped_an_hour_ago(theirs)
    before = rig.state(theirs)
    with pytest.raises(ActionError) as caught:
        touch(rig.control, theirs)
    assert caught.value.code == "not_ours"
    assert not caught.value.retryable
    assert rig.state(theirs) is before


def test_a_stopped_instance_is_listed_and_wakes_with_a_new_launch_time(rig: Rig) -> None:
    [instance_id] = rig.control.launch(launch(rig.subnet("a")))
    rig.stopped_an_hour_ago(instance_id)
    asleep = only(rig.fleet.instances("edge"))
    assert asleep.state is InstanceState.STOPPED
    rig.control.wake(instance_id)
    awake = only(rig.fleet.instances("edge"))
    assert awake.state in STARTED
    assert awake.ip == asleep.ip
    assert awake.launched_at - asleep.launched_at >= HOUR


def test_a_stopped_instance_is_the_same_when_it_is_woken(rig: Rig) -> None:
    rig.control.launch(launch(rig.subnet("a")))
    awake = only(rig.fleet.instances("edge"))
    rig.started(awake.instance_id)
    rig.control.stop(awake.instance_id)
    asleep = only(rig.fleet.instances("edge"))
    assert asleep.state is InstanceState.STOPPED
    assert (asleep.ip, asleep.subnet, asleep.token) == (awake.ip, awake.subnet, awake.token)
    assert asleep.launched_at == awake.launched_at  # of its last start
    rig.control.wake(awake.instance_id)
    again = only(rig.fleet.instances("edge"))
    assert again.state in STARTED
    assert (again.instance_id, again.ip) == (awake.instance_id, awake.ip)


def test_stopping_what_is_stopped_is_success_and_changes_nothing(rig: Rig) -> None:
    [instance_id] = rig.control.launch(launch(rig.subnet("a")))
    rig.started(instance_id)
    rig.control.stop(instance_id)
    before = rig.fleet.instances("edge")
    rig.control.stop(instance_id)
    assert rig.fleet.instances("edge") == before


@pytest.mark.parametrize("ended", [True, False], ids=["terminated", "unknown"])
def test_stopping_what_is_gone_is_success(rig: Rig, ended: bool) -> None:  # noqa: FBT001  # a parameter of the test
    instance_id = "i-00000000000000dad"
    if ended:
        [instance_id] = rig.control.launch(launch(rig.subnet("a")))
        rig.control.terminate(instance_id)
    rig.control.stop(instance_id)
    assert rig.fleet.instances("edge") == ()


def test_a_spot_instance_cannot_be_stopped(rig: Rig) -> None:
    action = launch(rig.subnet("a"))
    [instance_id] = rig.control.launch(replace(action, spec=replace(action.spec, spot=True)))
    rig.started(instance_id)
    with pytest.raises(ActionError) as caught:
        rig.control.stop(instance_id)
    assert (caught.value.code, caught.value.retryable) == ("ec2_rejected", False)
    assert rig.state(instance_id) is InstanceState.RUNNING


def test_what_does_not_run_yet_is_stopped_later(rig: Rig) -> None:
    instance_id = rig.starting()
    with pytest.raises(ActionError) as caught:
        rig.control.stop(instance_id)
    assert (caught.value.code, caught.value.retryable) == ("ec2_wrong_state", True)
    assert rig.state(instance_id) is InstanceState.PENDING


def test_a_stopped_instance_needs_capacity_again(rig: Rig) -> None:
    [instance_id] = rig.control.launch(launch(rig.subnet("a")))
    rig.started(instance_id)
    rig.control.stop(instance_id)
    rig.limit(rig.subnet("a"), 0)
    with pytest.raises(StockOut):
        rig.control.wake(instance_id)
    assert rig.state(instance_id) is InstanceState.STOPPED
    rig.limit(rig.subnet("a"), 1)
    rig.control.wake(instance_id)
    assert rig.state(instance_id) in STARTED


def test_waking_what_runs_is_success_and_changes_nothing(rig: Rig) -> None:
    [instance_id] = rig.control.launch(launch(rig.subnet("a")))
    before = rig.fleet.instances("edge")
    rig.control.wake(instance_id)
    assert [instance.launched_at for instance in rig.fleet.instances("edge")] == [only(before).launched_at]


@pytest.mark.parametrize("ended", [True, False], ids=["terminated", "unknown"])
def test_what_is_gone_cannot_be_woken(rig: Rig, ended: bool) -> None:  # noqa: FBT001  # a parameter of the test
    instance_id = "i-00000000000000dad"
    if ended:
        [instance_id] = rig.control.launch(launch(rig.subnet("a")))
        rig.control.terminate(instance_id)
    with pytest.raises(ActionError) as caught:
        rig.control.wake(instance_id)
    assert caught.value.code == "ec2_not_found"
    assert not caught.value.retryable


def test_an_action_is_repeated_from_its_record_alone(rig: Rig) -> None:
    action = launch(rig.subnet("a"), count=2)
    again = Launch(token=action.token, why="retry", group=action.group, spec=action.spec, subnet=action.subnet, count=2)
    assert rig.control.launch(action) == rig.control.launch(again)
