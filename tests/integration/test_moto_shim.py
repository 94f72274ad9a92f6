"""The emulator does what moto leaves out, so that tests which pass because of it may be believed."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection, RemoteDisconnected
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, HTTPClientError

from moto_fixtures import Server
from moto_fixtures.faults import Fault
from moto_fixtures.timers import Durations, TimedState
from moto_fixtures.world import client

PATIENCE_S = 60.0
"""How long to wait for what has to come: only a failure takes so long."""


def run(
    ec2: Server, *, count: int = 1, subnet: str = "subnet-a", **changes: Any
) -> list[dict[str, Any]]:  # parameters of any type
    parameters: dict[str, Any] = {
        "LaunchTemplate": {"LaunchTemplateName": "ams-edge"},
        "MinCount": 1,
        "MaxCount": count,
    }
    reply: Any = ec2.client.run_instances(SubnetId=ec2.names[subnet], **{**parameters, **changes})
    instances: list[dict[str, Any]] = reply["Instances"]
    return instances


def ids(instances: list[dict[str, Any]]) -> list[str]:
    return [instance["InstanceId"] for instance in instances]


def code(call: Callable[[], object]) -> str:
    with pytest.raises(ClientError) as caught:
        call()
    return caught.value.response["Error"]["Code"]


def state(ec2: Server, instance_id: str) -> str:
    [reservation] = ec2.client.describe_instances(InstanceIds=[instance_id])["Reservations"]
    name: str = reservation["Instances"][0]["State"]["Name"]
    return name


def ask(server: Server, method: str, path: str, document: object = None) -> tuple[int, Any]:
    connection = HTTPConnection(server.host, server.port, timeout=5)
    connection.request(method, path, body=json.dumps(document))
    response = connection.getresponse()
    answer = response.status, json.loads(response.read())
    connection.close()
    return answer


def test_states_take_their_time_and_filters_agree(ec2: Server) -> None:
    ec2.steer(pending_s=60)
    [instance_id] = ids(run(ec2))
    assert state(ec2, instance_id) == "pending"
    filters: Any = [{"Name": "instance-state-name", "Values": ["pending"]}]
    assert ids(ec2.client.describe_instances(Filters=filters)["Reservations"][0]["Instances"]) == [instance_id]  # type: ignore[arg-type]  # a TypedDict
    assert ec2.client.describe_instance_status(InstanceIds=[instance_id])["InstanceStatuses"] == []


class Later:
    """The emulator's clock, ahead of the real one by as much as a test says."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead_s


def test_every_way_ends_where_it_leads(ec2: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Later()
    monkeypatch.setattr("moto_fixtures.timers.time", clock)
    ec2.steer(pending_s=1000, stopping_s=500)
    [instance_id] = ids(run(ec2))
    ways: list[tuple[Callable[..., object] | None, str, float, str]] = [
        (None, "pending", 1000, "running"),
        (ec2.client.stop_instances, "stopping", 500, "stopped"),
        (ec2.client.start_instances, "pending", 1000, "running"),
        (ec2.client.terminate_instances, "shutting-down", 500, "terminated"),
    ]
    for go, on_the_way, takes_s, end in ways:
        if go:
            go(InstanceIds=[instance_id])
        assert state(ec2, instance_id) == on_the_way
        clock.ahead_s += takes_s
        assert state(ec2, instance_id) == end


def test_a_state_on_its_way_again_does_not_start_over() -> None:
    durations = Durations(stopping_s=60)
    timed = TimedState(durations, final="running")
    timed.name = "terminated"
    durations.stopping_s = 0
    timed.name = "terminated"
    assert (timed.name, timed.code) == ("shutting-down", 32)


def test_the_same_token_is_replayed_in_its_zone_and_new_in_another(ec2: Server) -> None:
    first = ids(run(ec2, count=2, ClientToken="once"))
    assert ids(run(ec2, count=2, ClientToken="once")) == first
    assert set(ids(run(ec2, count=2, subnet="subnet-b", ClientToken="once"))).isdisjoint(first)


def test_a_token_with_other_parameters_is_refused(ec2: Server) -> None:
    run(ec2, ClientToken="once")
    assert code(lambda: run(ec2, count=2, ClientToken="once")) == "IdempotentParameterMismatch"


def test_two_calls_at_once_with_one_token_launch_once(ec2: Server) -> None:
    clients = [client(ec2.endpoint_url, ec2.region) for _ in range(6)]

    def launch(one: Any) -> str:  # a client
        template = {"LaunchTemplateName": "ams-edge"}
        reply = one.run_instances(
            SubnetId=ec2.names["subnet-a"], LaunchTemplate=template, MinCount=1, MaxCount=1, ClientToken="race"
        )
        instance_id: str = reply["Instances"][0]["InstanceId"]
        return instance_id

    with ThreadPoolExecutor(len(clients)) as pool:
        assert len(set(pool.map(launch, clients))) == 1


def test_capacity_counts_what_runs_by_type_and_zone_of_template_and_subnet(ec2: Server) -> None:
    ec2.steer(capacity=[{"type": "c5.xlarge", "zone": "eu-west-1a", "limit": 3}])
    first = ids(run(ec2, count=2))
    assert len(run(ec2, count=5)) == 1
    assert code(lambda: run(ec2)) == "InsufficientInstanceCapacity"
    assert len(run(ec2, count=5, subnet="subnet-b")) == 5
    assert len(run(ec2, InstanceType="c6i.xlarge")) == 1
    ec2.client.terminate_instances(InstanceIds=first)
    assert len(run(ec2, count=5)) == 2


def test_less_than_the_least_is_nothing(ec2: Server) -> None:
    ec2.steer(capacity=[{"type": "*", "zone": "*", "limit": 2}])
    assert code(lambda: run(ec2, count=3, MinCount=3)) == "InsufficientInstanceCapacity"
    assert code(lambda: run(ec2, count=1, MinCount=2)) == "InvalidParameterValue"
    assert len(run(ec2, count=2, MinCount=2)) == 2


@pytest.mark.parametrize("action", ["create_fleet", "request_spot_instances"])
def test_no_other_way_to_launch_gets_past_capacity(ec2: Server, action: str) -> None:
    configuration = {"LaunchTemplateSpecification": {"LaunchTemplateName": "ams-edge", "Version": "1"}}
    parameters: dict[str, Any] = {
        "create_fleet": {
            "LaunchTemplateConfigs": [configuration],
            "TargetCapacitySpecification": {"TotalTargetCapacity": 1},
        },
        "request_spot_instances": {},
    }
    assert code(lambda: getattr(ec2.client, action)(**parameters[action])) == "UnsupportedOperation"


def test_what_moto_validates_only_when_told_to_is_validated(ec2: Server) -> None:
    assert code(lambda: run(ec2, ImageId="ami-0123456789abcdef0")) == "InvalidAMIID.NotFound"
    assert code(lambda: run(ec2, KeyName="nobodys")) == "InvalidKeyPair.NotFound"
    assert code(lambda: run(ec2, InstanceType="c9.colossal")) == "InvalidInstanceType.NotFound"
    assert code(lambda: run(ec2, LaunchTemplate={"LaunchTemplateName": "ams-gone"})) == "InvalidAMIID.NotFound"


@pytest.mark.parametrize("stopping_s", [0, 60], ids=["terminated", "shutting-down"])
def test_what_ended_cannot_be_started(ec2: Server, stopping_s: float) -> None:
    instances = ids(run(ec2))
    ec2.steer(stopping_s=stopping_s)
    ec2.client.terminate_instances(InstanceIds=instances)
    assert code(lambda: ec2.client.start_instances(InstanceIds=instances)) == "IncorrectInstanceState"


@pytest.mark.parametrize(("pending_s", "ended"), [(60, False), (0, True)], ids=["pending", "terminated"])
def test_what_does_not_run_cannot_be_stopped(ec2: Server, pending_s: float, ended: bool) -> None:  # noqa: FBT001  # a parameter of the test
    ec2.steer(pending_s=pending_s)
    instances = ids(run(ec2))
    if ended:
        ec2.client.terminate_instances(InstanceIds=instances)
    assert code(lambda: ec2.client.stop_instances(InstanceIds=instances)) == "IncorrectInstanceState"


def test_a_one_time_spot_instance_cannot_be_stopped(ec2: Server) -> None:
    instances = ids(run(ec2, InstanceMarketOptions={"MarketType": "spot"}))
    assert code(lambda: ec2.client.stop_instances(InstanceIds=instances)) == "UnsupportedOperation"


def test_addresses_are_never_shared_and_can_be_listened_on(ec2: Server) -> None:
    addresses: list[str] = []
    for _ in range(3):
        instances = run(ec2, count=2)
        addresses += [instance["PrivateIpAddress"] for instance in instances]
        ec2.client.terminate_instances(InstanceIds=ids(instances))
    assert len(set(addresses)) == 6
    for address in addresses:
        with socket.create_server((address, 0)) as listening:
            assert listening.getsockname()[0] == address


def test_a_new_instance_can_be_hidden_for_a_while(ec2: Server) -> None:
    ec2.steer(visible_after_s=60)
    instances = ids(run(ec2))
    assert code(lambda: ec2.client.describe_instances(InstanceIds=instances)) == "InvalidInstanceID.NotFound"
    ec2.steer(visible_after_s=0)
    assert state(ec2, instances[0]) == "running"


def test_faults_fit_by_action_and_parameters_and_are_counted(ec2: Server) -> None:
    fault = {"action": "Run*", "match": {"SubnetId": ec2.names["subnet-b"]}, "status": 400, "code": "Custom"}
    ec2.steer(faults=[{**fault, "times": 2}])
    assert run(ec2)
    assert [code(lambda: run(ec2, subnet="subnet-b")) for _ in range(2)] == ["Custom", "Custom"]
    assert run(ec2, subnet="subnet-b")


def test_a_dropped_call_does_nothing_unless_told_to_drop_its_answer(ec2: Server) -> None:
    for after, launched in ((False, 0), (True, 1)):
        ec2.steer(faults=[{"action": "RunInstances", "drop": True, "after": after, "times": -1}])
        with pytest.raises(HTTPClientError):
            run(ec2, ClientToken=f"after-{after}")
        ec2.steer(clear_faults=True)
        filters: Any = [{"Name": "subnet-id", "Values": [ec2.names["subnet-a"]]}]
        found = ec2.client.describe_instances(Filters=[*filters, {"Name": "tag:owner", "Values": ["*"]}])
        assert len(found["Reservations"]) == 1  # the bastion
        assert len(ec2.client.describe_instances(Filters=filters)["Reservations"]) == 1 + launched


def test_what_hangs_goes_on_when_the_faults_are_cleared_and_is_dropped_with_its_world(ec2: Server) -> None:
    with hanging(ec2.host, ec2.port) as call:
        ec2.steer(clear_faults=True)
        assert call.getresponse().status == 200
    with hanging(ec2.host, ec2.port) as call:
        ec2.load("small")
        with pytest.raises(RemoteDisconnected):
            call.getresponse()


@pytest.mark.parametrize("fault", [{}, {"code": "A", "drop": True}, {"hang": 1.0, "code": "A"}])
def test_a_fault_says_one_thing(fault: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="exactly one"):
        Fault(**fault)


def test_a_bucket_throttles_its_action_only(ec2: Server) -> None:
    ec2.steer(buckets={"DescribeSubnets": {"rate": 0.0, "burst": 1}})
    assert ec2.client.describe_subnets()["Subnets"]
    assert code(ec2.client.describe_subnets) == "RequestLimitExceeded"
    assert ec2.client.describe_vpcs()["Vpcs"]


def test_the_log_tells_what_was_called_and_how_it_ended(ec2: Server) -> None:
    before = time.time()
    run(ec2, ClientToken="logged")
    code(lambda: ec2.client.describe_instances(InstanceIds=["i-00000000000000dad"]))
    launched, described = ec2.log()
    assert (launched["action"], launched["parameters"]["ClientToken"], launched["status"]) == (
        "RunInstances",
        "logged",
        200,
    )
    assert (described["action"], described["status"]) == ("DescribeInstances", 400)
    assert before <= launched["at"] <= described["at"] <= time.time()


def test_it_is_steered_and_read_over_http(ec2: Server) -> None:
    status, dials = ask(ec2, "POST", "/_sim", {"pending_s": 3, "capacity": [{"type": "*", "zone": "*", "limit": 0}]})
    assert (status, dials["pending_s"], dials["capacity"][0]["limit"]) == (200, 3.0, 0)
    assert code(lambda: run(ec2)) == "InsufficientInstanceCapacity"
    _, log = ask(ec2, "GET", "/_sim/log")
    assert {call["action"] for call in log["calls"]} == {"RunInstances"}


@pytest.mark.parametrize("dials", [{"pendng_s": 1}, {"faults": [{"whatever": 1}]}, {"pending_s": "soon"}, [1]])
def test_a_dial_that_makes_no_sense_is_refused(ec2: Server, dials: object) -> None:
    status, answer = ask(ec2, "POST", "/_sim", dials)
    assert status == 400
    assert answer["error"]


def test_motos_own_reset_forgets_tokens_too(ec2: Server) -> None:
    run(ec2, ClientToken="once")
    connection = HTTPConnection(ec2.host, ec2.port, timeout=5)
    connection.request("POST", "/moto-api/reset")
    assert connection.getresponse().status == 200
    connection.close()
    ec2.load("small")
    assert run(ec2, ClientToken="once", count=2)


def test_it_runs_as_a_program_and_ends_at_once_even_while_a_call_hangs(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "moto_fixtures", "--world", "demo", "--pending-s", "5"]
    log = tmp_path / "stderr"
    with (
        log.open("w") as stderr,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True) as program,
    ):
        assert program.stdout is not None
        try:
            ready = json.loads(program.stdout.readline())
            ec2 = client(ready["endpoint_url"], ready["region"])
            template: Any = {"LaunchTemplateId": ready["names"]["ams-origin"]}
            subnet = ready["names"]["subnet-c"]
            reply = ec2.run_instances(SubnetId=subnet, LaunchTemplate=template, MinCount=1, MaxCount=1)
            assert reply["Instances"][0]["InstanceType"] == "c5.2xlarge"
            assert reply["Instances"][0]["PrivateIpAddress"].startswith("127.20.3.")
            host, _, port = ready["endpoint_url"].removeprefix("http://").partition(":")
            with hanging(host, int(port)):
                program.send_signal(signal.SIGTERM)
                assert program.wait() == 0  # the call hangs for longer than any test may take
        finally:
            program.kill()
    assert log.read_text() == ""


@contextmanager
def hanging(host: str, port: int) -> Iterator[HTTPConnection]:
    """Keep a call unanswered within the block: script a long hang, send the call, and see that it hangs."""
    steer(host, port, "POST", {"faults": [{"action": "DescribeVpcs", "hang": 600}]})
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    calling = HTTPConnection(host, port, timeout=PATIENCE_S)
    calling.request("POST", "/", body="Action=DescribeVpcs&Version=2016-11-15", headers=form)
    try:
        while steer(host, port, "GET")["faults"]:
            time.sleep(0.02)
        yield calling
    finally:
        calling.close()


def steer(host: str, port: int, method: str, document: object = None) -> Any:  # what JSON holds
    connection = HTTPConnection(host, port, timeout=PATIENCE_S)
    connection.request(method, "/_sim", body=json.dumps(document))
    response = connection.getresponse()
    assert response.status == 200
    dials = json.loads(response.read())
    connection.close()
    return dials
