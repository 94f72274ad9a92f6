"""The EC2 adapter where only a server can answer: errors, permissions, faults on the way, what a launch holds."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from urllib3 import HTTPResponse

from autoscaler.adapters.ec2 import Ec2Fleet, Ec2FleetControl, connect
from autoscaler.model.errors import ActionError, ObservationError, StockOut
from autoscaler.model.plan import LaunchSpec
from moto_fixtures import Server
from tests.support.ec2 import EDGE, connected, count_unchecked, launch, sign_in, user

WRITES = ("RunInstances", "StartInstances", "StopInstances", "TerminateInstances")
BOOT = "#!/bin/bash\necho 'mongodb://h'\n"
SHORT = timedelta(milliseconds=300)


def control(server: Server, **options: timedelta) -> Ec2FleetControl:
    return Ec2FleetControl(connected(server, read_only=False, **options), "live", BOOT)


def fleet(server: Server, **options: timedelta) -> Ec2Fleet:
    return Ec2Fleet(connected(server, read_only=True, **options), "live")


def fail(server: Server, action: str, **fault: object) -> None:
    server.steer(faults=[{"action": action, "times": -1, **fault}])


def described(server: Server, instance_id: str) -> dict[str, Any]:
    reply: Any = server.client.describe_instances(InstanceIds=[instance_id])
    [instance] = reply["Reservations"][0]["Instances"]
    found: dict[str, Any] = instance
    return found


def ours(server: Server) -> list[str]:
    """Return the ids of all instances that any launch of ours brought, whatever became of them."""
    reply = server.client.describe_instances(Filters=[{"Name": "tag:autoscaler:cluster", "Values": ["live"]}])
    return [item["InstanceId"] for reservation in reply["Reservations"] for item in reservation["Instances"]]


# What a launch holds


def test_an_instance_carries_the_boot_script_and_our_tags(ec2: Server) -> None:
    [instance_id] = control(ec2).launch(launch(ec2.names["subnet-a"], token="t-7"))
    instance = described(ec2, instance_id)
    tags = {tag["Key"]: tag["Value"] for tag in instance["Tags"]}
    assert tags["Name"] == "live-edge"
    assert tags["autoscaler:cluster"] == "live"
    assert tags["autoscaler:group"] == "edge"
    assert tags["autoscaler:token"] == "t-7"
    assert instance["ImageId"] == ec2.names["ams-enterprise-2.14"]
    assert instance["SecurityGroups"][0]["GroupId"] == ec2.names["ams-node"]
    attribute = ec2.client.describe_instance_attribute(InstanceId=instance_id, Attribute="userData")
    assert base64.b64decode(attribute["UserData"]["Value"]).decode() == BOOT
    [volume] = ec2.client.describe_volumes(Filters=[{"Name": "attachment.instance-id", "Values": [instance_id]}])[
        "Volumes"
    ]
    assert {"Key": "autoscaler:cluster", "Value": "live"} in volume["Tags"]


SPECS: dict[str, Callable[[dict[str, str]], LaunchSpec]] = {
    "c5.xlarge": lambda names: LaunchSpec(launch_template=names["ams-edge"]),  # the template by its id
    "c6i.xlarge": lambda _: LaunchSpec(
        launch_template="ams-edge", instance_type="c6i.xlarge", key_name="ams-operators"
    ),
    "c5.large": lambda names: LaunchSpec(
        image=names["ams-enterprise-2.14"], instance_type="c5.large", security_groups=(names["ams-node"],)
    ),
}


@pytest.mark.parametrize("instance_type", SPECS)
def test_a_spec_is_launched_as_it_stands(ec2: Server, instance_type: str) -> None:
    spec = SPECS[instance_type](ec2.names)
    [instance_id] = control(ec2).launch(launch(ec2.names["subnet-a"], spec=spec))
    instance = described(ec2, instance_id)
    assert instance["InstanceType"] == instance_type
    assert instance["ImageId"] == ec2.names["ams-enterprise-2.14"]
    assert instance["SecurityGroups"][0]["GroupId"] == ec2.names["ams-node"]
    assert instance.get("KeyName", "") == spec.key_name


def test_an_instance_profile_is_passed_by_name_or_arn(ec2: Server) -> None:
    for profile, key in (("ams", "Name"), ("arn:aws:iam::1:instance-profile/ams", "Arn")):
        spec = LaunchSpec(launch_template="ams-edge", instance_profile=profile)
        action = launch(ec2.names["subnet-a"], spec=spec)
        with pytest.raises(ActionError):  # the world has no such profile: it is the request that counts
            control(ec2).launch(action)
        assert ec2.log("RunInstances")[-1]["parameters"][f"IamInstanceProfile.{key}"] == profile


def test_a_spot_launch_says_all_that_ec2_would_otherwise_choose(ec2: Server) -> None:
    """Persistent requests would bring instances back that we ended; stopping would keep their disks."""
    control(ec2).launch(launch(ec2.names["subnet-a"], spec=replace(EDGE, spot=True)))
    sent = ec2.log("RunInstances")[-1]["parameters"]
    assert {key: value for key, value in sent.items() if key.startswith("InstanceMarketOptions")} == {
        "InstanceMarketOptions.MarketType": "spot",
        "InstanceMarketOptions.SpotOptions.SpotInstanceType": "one-time",
        "InstanceMarketOptions.SpotOptions.InstanceInterruptionBehavior": "terminate",
    }


# Unknown results


@pytest.mark.parametrize("loss", [{"drop": True}, {"hang": 1.0}], ids=["dropped", "hanging"])
def test_a_launch_whose_answer_is_lost_is_asked_again_with_its_token(ec2: Server, loss: dict[str, Any]) -> None:
    fail(ec2, "RunInstances", after=True, **loss)
    ask = control(ec2, read_timeout=SHORT)
    action = launch(ec2.names["subnet-a"], count=2)
    with pytest.raises(ActionError) as caught:
        ask.launch(action)
    assert caught.value.code == "ec2_unreachable"
    assert caught.value.retryable
    ec2.steer(clear_faults=True)
    assert sorted(ask.launch(action)) == sorted(ours(ec2))
    assert len(ours(ec2)) == 2


def test_one_lost_answer_is_bridged_without_a_second_launch(ec2: Server) -> None:
    ec2.steer(faults=[{"action": "RunInstances", "drop": True, "after": True}])
    assert list(control(ec2).launch(launch(ec2.names["subnet-a"]))) == ours(ec2)
    assert len(ec2.log("RunInstances")) == 2


def test_a_restart_with_another_boot_script_finds_what_it_launched(ec2: Server) -> None:
    action = launch(ec2.names["subnet-a"], count=2)
    first = control(ec2).launch(action)
    restarted = Ec2FleetControl(connected(ec2, read_only=False), "live", BOOT + "# a newer release\n")
    assert sorted(restarted.launch(action)) == sorted(first)
    assert len(ours(ec2)) == 2


def test_a_token_of_somebody_elses_launch_is_an_error(ec2: Server) -> None:
    other = Ec2FleetControl(connected(ec2, read_only=False), "another", BOOT)
    other.launch(launch(ec2.names["subnet-a"]))
    with pytest.raises(ActionError) as caught:
        control(ec2).launch(launch(ec2.names["subnet-a"]))
    assert caught.value.code == "ec2_token_reused"
    assert not caught.value.retryable


# Errors and their codes


@pytest.mark.parametrize(
    ("status", "vendor", "code", "retryable"),
    [
        (403, "UnauthorizedOperation", "ec2_unauthorized", False),
        (403, "AccessDenied", "ec2_unauthorized", False),
        (401, "AuthFailure", "ec2_unauthorized", False),
        (400, "RequestExpired", "ec2_unauthorized", True),
        (503, "RequestLimitExceeded", "ec2_throttled", True),
        (400, "Throttling", "ec2_throttled", True),
        (400, "VcpuLimitExceeded", "ec2_quota", True),
        (400, "InstanceLimitExceeded", "ec2_quota", True),
        (403, "AuthFailure.ServiceLinkedRoleCreationNotPermitted", "ec2_unauthorized", False),
        (400, "InvalidKeyPair.NotFound", "ec2_not_found", False),
        (500, "InternalError", "ec2_unavailable", True),
        (503, "Unavailable", "ec2_unavailable", True),
        (400, "InvalidParameterCombination", "ec2_rejected", False),
        (400, "SomethingNew", "ec2_rejected", False),
    ],
)
def test_ec2s_refusals_become_our_codes(ec2: Server, status: int, vendor: str, code: str, retryable: bool) -> None:  # noqa: FBT001  # a column
    fail(ec2, "RunInstances", status=status, code=vendor, message="says EC2")
    with pytest.raises(ActionError) as caught:
        control(ec2).launch(launch(ec2.names["subnet-a"]))
    assert not isinstance(caught.value, StockOut)
    assert (caught.value.code, caught.value.retryable) == (code, retryable)
    assert caught.value.detail == f"RunInstances: {vendor}: says EC2"


@pytest.mark.parametrize(
    "vendor",
    [
        "InsufficientInstanceCapacity",
        "InsufficientHostCapacity",
        "InsufficientFreeAddressesInSubnet",
        "Unsupported",
        "MaxSpotInstanceCountExceeded",
        "SpotMaxPriceTooLow",
    ],
)
def test_what_another_offering_may_have_is_a_stock_out_and_is_not_repeated(ec2: Server, vendor: str) -> None:
    fail(ec2, "RunInstances", status=500, code=vendor, message="none here")
    with pytest.raises(StockOut, match="none here"):
        control(ec2).launch(launch(ec2.names["subnet-a"]))
    assert len(ec2.log("RunInstances")) == 1


def test_a_subnet_without_addresses_is_a_stock_out(ec2: Server) -> None:
    ask = control(ec2)
    ask.launch(launch(ec2.names["subnet-tiny"], token="t-1", count=11))  # a /28 has 16, EC2 keeps 5
    with pytest.raises(StockOut, match="free addresses"):
        ask.launch(launch(ec2.names["subnet-tiny"], token="t-2"))


def test_one_throttled_call_is_bridged(ec2: Server) -> None:
    ec2.steer(faults=[{"action": "RunInstances", "status": 503, "code": "RequestLimitExceeded"}])
    assert control(ec2).launch(launch(ec2.names["subnet-a"]))
    assert [call["status"] for call in ec2.log("RunInstances")] == [503, 200]


def test_a_throttled_account_is_named(ec2: Server) -> None:
    ec2.steer(buckets={"DescribeInstances": {"rate": 0.0, "burst": 0.0}})
    with pytest.raises(ObservationError, match="RequestLimitExceeded"):
        fleet(ec2).instances("edge")


UNKNOWN: dict[str, Callable[[Server], tuple[LaunchSpec, str]]] = {
    "template": lambda ec2: (LaunchSpec(launch_template="no-such"), ec2.names["subnet-a"]),
    "template id": lambda ec2: (LaunchSpec(launch_template="lt-0123456789abcdef0"), ec2.names["subnet-a"]),
    "image of the template": lambda ec2: (LaunchSpec(launch_template="ams-gone"), ec2.names["subnet-a"]),
    "subnet": lambda _: (EDGE, "subnet-0123456789abcdef0"),
}


@pytest.mark.parametrize("what", UNKNOWN)
def test_what_does_not_exist_is_found_missing_by_a_rehearsal_too(ec2: Server, what: str) -> None:
    spec, subnet = UNKNOWN[what](ec2)
    for attempt in (
        lambda: control(ec2).rehearse("edge", spec, subnet),
        lambda: control(ec2).launch(launch(subnet, spec=spec)),
    ):
        with pytest.raises(ActionError) as caught:
            attempt()
        assert caught.value.code == "ec2_not_found"
        assert not caught.value.retryable
    assert ours(ec2) == []


def test_waking_into_a_full_zone_is_a_stock_out(ec2: Server) -> None:
    ask = control(ec2)
    [instance_id] = ask.launch(launch(ec2.names["subnet-a"]))
    ec2.client.stop_instances(InstanceIds=[instance_id])
    ec2.steer(capacity=[{"type": "c5.xlarge", "zone": "*", "limit": 0}])
    with pytest.raises(StockOut):
        ask.wake(instance_id)


def test_an_instance_that_still_stops_is_woken_later(ec2: Server) -> None:
    ask = control(ec2)
    [instance_id] = ask.launch(launch(ec2.names["subnet-a"]))
    ec2.steer(stopping_s=60)
    ec2.client.stop_instances(InstanceIds=[instance_id])
    with pytest.raises(ActionError) as caught:
        ask.wake(instance_id)
    assert caught.value.code == "ec2_wrong_state"
    assert caught.value.retryable
    assert ec2.log("StartInstances") == []


def test_a_stop_is_asked_for_once_and_without_hibernation(ec2: Server) -> None:
    ask = control(ec2)
    [instance_id] = ask.launch(launch(ec2.names["subnet-a"]))
    ec2.steer(stopping_s=60)
    for _ in range(3):
        ask.stop(instance_id)
    [call] = ec2.log("StopInstances")
    told = {key: value for key, value in call["parameters"].items() if key not in {"Action", "Version"}}
    assert told == {"InstanceId.1": instance_id}
    assert described(ec2, instance_id)["State"]["Name"] == "stopping"


@pytest.mark.parametrize(
    ("code", "ours", "retryable"),
    [
        ("IncorrectInstanceState", "ec2_wrong_state", True),  # it changed since we looked
        ("UnsupportedOperation", "ec2_rejected", False),  # its disk is the host's own, or it is a spot instance
        ("OperationNotPermitted", "ec2_rejected", False),  # its owner protects it against stops
        ("UnauthorizedOperation", "ec2_unauthorized", False),
        ("RequestLimitExceeded", "ec2_throttled", True),
        ("InternalError", "ec2_unavailable", True),
    ],
)
@pytest.mark.parametrize("step", ["stop", "wake"])
def test_why_an_instance_does_not_stop_or_start(ec2: Server, step: str, code: str, ours: str, retryable: bool) -> None:  # noqa: FBT001  # a parameter of the test
    ask = control(ec2)
    [instance_id] = ask.launch(launch(ec2.names["subnet-a"]))
    if step == "wake":
        ask.stop(instance_id)
    fail(ec2, {"stop": "StopInstances", "wake": "StartInstances"}[step], status=400, code=code, message="no")
    with pytest.raises(ActionError) as caught:
        {"stop": ask.stop, "wake": ask.wake}[step](instance_id)
    assert (caught.value.code, caught.value.retryable) == (ours, retryable)


def test_an_instance_protected_by_its_owner_is_left_alone(ec2: Server) -> None:
    ask = control(ec2)
    [instance_id] = ask.launch(launch(ec2.names["subnet-a"]))
    ec2.client.modify_instance_attribute(InstanceId=instance_id, DisableApiTermination={"Value": True})
    with pytest.raises(ActionError, match="OperationNotPermitted") as caught:
        ask.terminate(instance_id)
    assert not caught.value.retryable


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"hang": 1.0}, "Read timeout"),
        ({"drop": True}, "Connection was closed"),
        ({"status": 403, "code": "UnauthorizedOperation", "message": "You are not authorized"}, "DescribeInstances"),
        ({"status": 401, "code": "AuthFailure", "message": "not able to validate"}, "AuthFailure"),
        ({"status": 500, "code": "InternalError"}, "InternalError"),
    ],
    ids=["hang", "drop", "permission", "key", "internal"],
)
def test_a_reading_that_fails_says_why(ec2: Server, fault: dict[str, Any], words: str) -> None:
    fail(ec2, "DescribeInstances", **fault)
    with pytest.raises(ObservationError, match=words) as caught:
        fleet(ec2, read_timeout=SHORT).instances("edge")
    assert caught.value.source == "ec2"


def test_an_endpoint_that_is_not_there_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    sign_in(monkeypatch, "key", "secret")
    nowhere = connect("eu-west-1", "http://127.0.0.1:1", read_only=False)
    with pytest.raises(ObservationError):
        Ec2Fleet(nowhere, "live").instances("edge")
    with pytest.raises(ActionError) as caught:
        Ec2FleetControl(nowhere, "live", BOOT).terminate("i-0123456789abcdef0")
    assert caught.value.code == "ec2_unreachable"
    assert caught.value.retryable


def test_an_answer_that_is_no_ec2_answer_is_unavailable(ec2: Server) -> None:
    def page(**_: object) -> AWSResponse:
        raw = HTTPResponse(io.BytesIO(b"<html>Bad gateway"), preload_content=False)
        return AWSResponse(ec2.endpoint_url, 502, HTTPHeaders(), raw)

    client = connect(ec2.region, ec2.endpoint_url, read_only=False)
    client.meta.events.register("before-send.ec2.RunInstances", page)  # type: ignore[arg-type]  # stubs: None
    with pytest.raises(ActionError) as caught:
        Ec2FleetControl(client, "live", BOOT).launch(launch("subnet-a"))
    assert caught.value.code == "ec2_unavailable"


def test_missing_credentials_are_named(ec2: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    client = connect(ec2.region, ec2.endpoint_url, read_only=True)
    with pytest.raises(ObservationError, match="no AWS credentials"):
        Ec2Fleet(client, "live").instances("edge")
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(ActionError, match="no AWS credentials"):
        connect(ec2.region, ec2.endpoint_url, read_only=True)


def test_the_encoded_authorization_message_is_left_out(ec2: Server) -> None:
    sentence = "You are not authorized to perform this operation. Encoded authorization failure message: AbCd123"
    fail(ec2, "DescribeInstances", status=403, code="UnauthorizedOperation", message=sentence)
    with pytest.raises(ObservationError) as caught:
        fleet(ec2).instances("edge")
    assert caught.value.detail.endswith("to perform this operation.")


# Permissions


def test_the_documented_permissions_suffice(permissions: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    actions = (*WRITES, "CreateTags", "DescribeInstances")
    sign_in(monkeypatch, *user(permissions, *(f"ec2:{action}" for action in actions)))
    ask = control(permissions)
    count_unchecked(permissions, "0")
    ask.rehearse("edge", EDGE, permissions.names["subnet-a"])
    [instance_id] = ask.launch(launch(permissions.names["subnet-a"]))
    ask.stop(instance_id)
    ask.wake(instance_id)
    ask.terminate(instance_id)
    assert fleet(permissions).instances("edge") == ()


def test_a_rehearsal_finds_a_missing_permission_and_launches_nothing(
    permissions: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(monkeypatch, *user(permissions, "ec2:DescribeInstances"))
    ask = control(permissions)
    count_unchecked(permissions, "0")
    with pytest.raises(ActionError) as caught:
        ask.rehearse("edge", EDGE, permissions.names["subnet-a"])
    assert caught.value.code == "ec2_unauthorized"
    assert "RunInstances" in caught.value.detail
    assert fleet(permissions).instances("edge") == ()


def test_a_reader_without_permission_says_which_it_lacks(permissions: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    sign_in(monkeypatch, *user(permissions))
    read = fleet(permissions)
    count_unchecked(permissions, "0")
    with pytest.raises(ObservationError, match="DescribeInstances"):
        read.instances("edge")


def test_a_wrong_key_is_named(permissions: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    sign_in(monkeypatch, "AKIAIOSFODNN7EXAMPLE", "wrong")
    read = fleet(permissions)
    count_unchecked(permissions, "0")
    with pytest.raises(ObservationError, match="AuthFailure"):
        read.instances("edge")


# Dry run and rehearsal


def test_a_read_only_client_sends_no_write(ec2: Server) -> None:
    [instance_id] = control(ec2).launch(launch(ec2.names["subnet-a"]))
    ec2.steer(clear_log=True)
    client = connected(ec2, read_only=True)
    dry = Ec2FleetControl(client, "live", BOOT)
    attempts: list[Callable[[], object]] = [
        lambda: dry.launch(launch(ec2.names["subnet-a"], token="t-2")),
        lambda: dry.rehearse("edge", EDGE, ec2.names["subnet-a"]),
        lambda: dry.terminate(instance_id),
        lambda: client.start_instances(InstanceIds=[instance_id]),
        lambda: client.create_tags(Resources=[instance_id], Tags=[{"Key": "a", "Value": "b"}]),
        lambda: client.get_console_output(InstanceId=instance_id),
    ]
    for attempt in attempts:
        with pytest.raises(ActionError) as caught:
            attempt()
        assert caught.value.code == "read_only"
    assert {call["action"] for call in ec2.log()} == {"DescribeInstances"}
    assert [instance.instance_id for instance in Ec2Fleet(client, "live").instances("edge")] == [instance_id]


def test_a_rehearsal_is_the_launch_itself_but_for_the_flag(ec2: Server) -> None:
    ask = control(ec2)
    ask.rehearse("edge", EDGE, ec2.names["subnet-a"])
    assert ours(ec2) == []
    ask.launch(launch(ec2.names["subnet-a"], token="rehearsal"))
    rehearsed, launched = (call["parameters"] for call in ec2.log("RunInstances"))
    assert rehearsed.pop("DryRun") == "true"
    for parameters in (rehearsed, launched):
        parameters.pop("ClientToken")
    assert rehearsed == launched
