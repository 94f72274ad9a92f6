"""Instances in EC2, through boto3.

What is ours carries the tag `autoscaler:cluster`; `autoscaler:group` and `autoscaler:token` say which group and which
launch. IAM conditions are no safeguard (an emulator cannot test them, and one missing condition lets everything
through), so this module looks at the tags itself before it stops anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from autoscaler.adapters.aws_session import new_session
from autoscaler.adapters.ec2_errors import OFFERING_UNAVAILABLE, action_error, error_code, translated
from autoscaler.model.errors import ActionError, ObservationError
from autoscaler.model.plan import Launch, LaunchSpec
from autoscaler.model.snapshot import Instance, InstanceState

if TYPE_CHECKING:
    from botocore.model import OperationModel
    from mypy_boto3_ec2.client import EC2Client
    from mypy_boto3_ec2.literals import InstanceTypeType
    from mypy_boto3_ec2.type_defs import FilterTypeDef, InstanceTypeDef, TagSpecificationTypeDef, TagTypeDef

CLUSTER, GROUP, TOKEN = "autoscaler:cluster", "autoscaler:group", "autoscaler:token"

ATTEMPTS = 2
"""One retry bridges a dropped connection or one 503. More would outlast the cycle, which asks again anyway seconds
later, with fresh facts and the same token."""

CONNECT_TIMEOUT = timedelta(seconds=3)
READ_TIMEOUT = timedelta(seconds=10)
PAGE = 500
"""Reservations a page. EC2 takes up to 1,000 and advises paging; half of that keeps a page well below a second."""

TYPES_A_CALL = 100
"""DescribeInstanceTypes takes no more."""

SPOT = {
    "MarketType": "spot",
    "SpotOptions": {"SpotInstanceType": "one-time", "InstanceInterruptionBehavior": "terminate"},
}
"""Without a highest price, which EC2 then takes to be the on-demand one: a lower bid only raises the odds to be cut."""

STATES = [state.value for state in InstanceState if state is not InstanceState.TERMINATED]
GONE = frozenset({InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED})
UP = frozenset({InstanceState.PENDING, InstanceState.RUNNING})
DOWN = frozenset({InstanceState.STOPPING, InstanceState.STOPPED})


def connect(
    region: str, endpoint_url: str | None, *, read_only: bool, read_timeout: timedelta = READ_TIMEOUT
) -> EC2Client:
    """Make a client. It is safe to share between threads and reads credentials as every AWS tool does.

    `read_only`: every operation but Describe* is refused with ActionError `read_only` before anything is sent. That is
    what a dry run rests on.
    """
    config = Config(
        connect_timeout=CONNECT_TIMEOUT.total_seconds(),
        read_timeout=read_timeout.total_seconds(),
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
    )
    with translated("connect"):
        client = new_session().client("ec2", region_name=region, endpoint_url=endpoint_url, config=config)
    if read_only:
        client.meta.events.register_first("before-call.ec2", _refuse_writes)
    client.meta.events.register_first("needs-retry.ec2.RunInstances", _stock_outs_are_final)  # type: ignore[arg-type]  # stubs: None
    return client


class Ec2Fleet:
    """The port Fleet. `client` may be read-only."""

    def __init__(self, client: EC2Client, cluster: str, *, page_size: int = PAGE) -> None:
        """See only what is tagged with `cluster`."""
        self._client = client
        self._cluster = cluster
        self._page_size = page_size
        self._vcpus: dict[str, int] = {}
        self._listed: dict[str, tuple[Instance, ...]] = {}

    def instances(self, group: str) -> tuple[Instance, ...]:
        """Return the group's instances, sorted by id; ObservationError `ec2` when they cannot be read.

        While nothing about them changes it is the same object, by which a cycle knows that it has seen them.
        """
        filters = [_tag_filter(CLUSTER, self._cluster), _tag_filter(GROUP, group)]
        filters.append({"Name": "instance-state-name", "Values": STATES})
        try:
            with translated("DescribeInstances"):
                found = [_instance(item) for item in _describe(self._client, filters, self._page_size)]
        except ActionError as error:
            raise ObservationError("ec2", error.detail) from error
        listed = tuple(sorted(found, key=lambda instance: instance.instance_id))
        if listed != self._listed.get(group):
            self._listed[group] = listed
        return self._listed[group]

    def vcpus(self, types: Sequence[str]) -> Mapping[str, int]:
        """Return each type's default vCPUs, asked once; ObservationError `ec2` when EC2 does not tell."""
        unknown = [cast("InstanceTypeType", name) for name in types if name not in self._vcpus]
        try:
            with translated("DescribeInstanceTypes"):
                for first in range(0, len(unknown), TYPES_A_CALL):
                    asked = unknown[first : first + TYPES_A_CALL]
                    for item in self._client.describe_instance_types(InstanceTypes=asked)["InstanceTypes"]:
                        self._vcpus[item["InstanceType"]] = item["VCpuInfo"]["DefaultVCpus"]
        except ActionError as error:
            raise ObservationError("ec2", error.detail) from error
        return {name: self._vcpus[name] for name in types}


class Ec2FleetControl:
    """The port FleetControl. `user_data` is the boot script of every instance it launches."""

    def __init__(self, client: EC2Client, cluster: str, user_data: str) -> None:
        """Own what is tagged with `cluster`, and nothing else."""
        self._client = client
        self._cluster = cluster
        self._user_data = user_data

    def launch(self, action: Launch) -> tuple[str, ...]:
        """Launch 1 to `action.count` instances. After any error the same token may be asked again.

        EC2 keeps a token per zone and compares the parameters. When a restart changed them (a new boot script, say),
        what the token launched before is found by its tag, so that it is never launched twice.
        """
        request = self._request(action.group, action.spec, action.subnet, action.token)
        try:
            with translated("RunInstances"):
                reply = self._client.run_instances(
                    **request, MinCount=1, MaxCount=action.count, ClientToken=action.token
                )
        except ActionError as error:
            launched = self._launched(action.token) if error.code == "ec2_token_reused" else ()
            if launched:
                return launched
            raise
        return tuple(item["InstanceId"] for item in reply["Instances"])

    def rehearse(self, group: str, spec: LaunchSpec, subnet: str) -> None:
        """Ask EC2 whether such a launch would be allowed (DryRun); ActionError with the reason when it would not."""
        request = self._request(group, spec, subnet, "rehearsal")
        try:
            self._client.run_instances(**request, MinCount=1, MaxCount=1, DryRun=True)
        except ClientError as error:
            if error_code(error) != "DryRunOperation":
                raise action_error("RunInstances", error) from error
        except (BotoCoreError, ResponseParserError) as error:
            raise action_error("RunInstances", error) from error

    def wake(self, instance_id: str) -> None:
        """Start a stopped instance of ours. ActionError `ec2_wrong_state` while it still stops."""
        state = self._owned_state(instance_id)
        if state in UP:
            return
        if state is None or state in GONE:
            raise ActionError("ec2_not_found", f"there is no instance {instance_id} any more", retryable=False)
        if state is not InstanceState.STOPPED:
            raise ActionError("ec2_wrong_state", f"{instance_id} is {state}")
        with translated("StartInstances"):
            self._client.start_instances(InstanceIds=[instance_id])

    def stop(self, instance_id: str) -> None:
        """Stop an instance of ours, without hibernation; stopped or gone already is success.

        ActionError `ec2_wrong_state` before it runs, and `ec2_rejected` when it is one that EC2 does not stop: a
        one-time spot instance, or one whose disk is the host's own.
        """
        state = self._owned_state(instance_id)
        if state is None or state in GONE or state in DOWN:
            return
        with translated("StopInstances"):
            self._client.stop_instances(InstanceIds=[instance_id])

    def terminate(self, instance_id: str) -> None:
        """Terminate an instance of ours; gone already is success. ActionError `not_ours` without our cluster's tag."""
        state = self._owned_state(instance_id)
        if state is None or state in GONE:
            return
        with translated("TerminateInstances"):
            self._client.terminate_instances(InstanceIds=[instance_id])

    def _owned_state(self, instance_id: str) -> InstanceState | None:
        """Look an instance up and make sure that it is ours; None when EC2 does not know it."""
        try:
            with translated("DescribeInstances"):
                reply = self._client.describe_instances(InstanceIds=[instance_id])
        except ActionError as error:
            if error.code == "ec2_not_found":
                return None
            raise
        item = reply["Reservations"][0]["Instances"][0]
        if _tags(item).get(CLUSTER) != self._cluster:
            raise ActionError("not_ours", f"{instance_id} lacks the tag {CLUSTER}={self._cluster}", retryable=False)
        return InstanceState(item["State"]["Name"])

    def _launched(self, token: str) -> tuple[str, ...]:
        filters = [_tag_filter(CLUSTER, self._cluster), _tag_filter(TOKEN, token)]
        with translated("DescribeInstances"):
            return tuple(sorted(item["InstanceId"] for item in _describe(self._client, filters, PAGE)))

    def _request(self, group: str, spec: LaunchSpec, subnet: str, token: str) -> dict[str, Any]:
        """Build what a launch and its rehearsal have in common."""
        tags: list[TagTypeDef] = [
            {"Key": "Name", "Value": f"{self._cluster}-{group}"},
            {"Key": CLUSTER, "Value": self._cluster},
            {"Key": GROUP, "Value": group},
            {"Key": TOKEN, "Value": token},
        ]
        specifications: list[TagSpecificationTypeDef] = [
            {"ResourceType": "instance", "Tags": tags},
            {"ResourceType": "volume", "Tags": tags},
        ]
        request = {"SubnetId": subnet, "UserData": self._user_data, "TagSpecifications": specifications}
        return request | _spec(spec)


def _spec(spec: LaunchSpec) -> dict[str, Any]:
    """Translate a LaunchSpec; what it leaves empty comes from the launch template's default version."""
    template = "LaunchTemplateId" if spec.launch_template.startswith("lt-") else "LaunchTemplateName"
    profile = "Arn" if spec.instance_profile.startswith("arn:") else "Name"
    values: dict[str, Any] = {
        "LaunchTemplate": {template: spec.launch_template} if spec.launch_template else None,
        "ImageId": spec.image,
        "InstanceType": spec.instance_type,
        "SecurityGroupIds": list(spec.security_groups),
        "KeyName": spec.key_name,
        "IamInstanceProfile": {profile: spec.instance_profile} if spec.instance_profile else None,
        "InstanceMarketOptions": SPOT if spec.spot else None,
    }
    return {key: value for key, value in values.items() if value}


def _describe(client: EC2Client, filters: list[FilterTypeDef], page_size: int) -> Iterator[InstanceTypeDef]:
    pages = client.get_paginator("describe_instances").paginate(
        Filters=filters, PaginationConfig={"PageSize": page_size}
    )
    for page in pages:
        for reservation in page["Reservations"]:
            yield from reservation["Instances"]


def _instance(item: InstanceTypeDef) -> Instance:
    """Map EC2's record. An instance that shuts down may have lost its address: `ip` is empty then."""
    return Instance(
        instance_id=item["InstanceId"],
        ip=item.get("PrivateIpAddress", ""),
        zone=item["Placement"]["AvailabilityZone"],
        subnet=item.get("SubnetId", ""),
        instance_type=item["InstanceType"],
        launched_at=item["LaunchTime"],
        state=InstanceState(item["State"]["Name"]),
        token=_tags(item).get(TOKEN, ""),
        spot=item.get("InstanceLifecycle") == "spot",
    )


def _tags(item: InstanceTypeDef) -> Mapping[str, str]:
    return {tag["Key"]: tag["Value"] for tag in item.get("Tags", [])}


def _tag_filter(key: str, value: str) -> FilterTypeDef:
    """Filter by a tag's exact value: EC2 reads `*` and `?` in a filter as wildcards unless escaped."""
    return {"Name": f"tag:{key}", "Values": [re.sub(r"([*?\\])", r"\\\1", value)]}


def _refuse_writes(model: OperationModel, **_: object) -> None:
    if not model.name.startswith("Describe"):
        raise ActionError("read_only", f"{model.name} was refused: this client only reads", retryable=False)


def _stock_outs_are_final(response: tuple[object, Mapping[str, Any]] | None, **_: object) -> bool | None:
    """Stop botocore from repeating a stock-out, which comes with HTTP 500: another subnet is the better retry."""
    code = response[1].get("Error", {}).get("Code") if response else None
    return False if code in OFFERING_UNAVAILABLE else None
