"""Worlds: a VPC, subnets, groups, templates and instances as data, built by the same calls an operator would make.

Ids are never stable, so everything is named and the loader returns name -> id. Addresses lie in 127.0.0.0/8, where EC2
itself would refuse a block: a stand-in node can listen on its instance's private address without any mapping.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3

from moto_fixtures.environment import WORLDS

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client
    from mypy_boto3_ec2.literals import ResourceTypeType
    from mypy_boto3_ec2.type_defs import TagSpecificationTypeDef

ACCESS_KEY, SECRET_KEY = "testing", "testing"
"""What moto takes from anybody while it does not enforce permissions."""


def read(world: str | Path) -> dict[str, Any]:
    """Read a world by its name, or from a file of one's own."""
    path = world if isinstance(world, Path) else WORLDS / f"{world}.json"
    parsed: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return parsed


def client(endpoint_url: str, region: str) -> EC2Client:
    """Make a client for the emulator that reads no configuration of this machine."""
    return boto3.session.Session().client(
        "ec2",
        region_name=region,
        endpoint_url=endpoint_url,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
    )


class Loader:
    """Builds one world. `names` maps the name of everything built to its id."""

    def __init__(self, ec2: EC2Client, description: Mapping[str, Any]) -> None:
        """Take the world's description as `read` returns it."""
        self.ec2 = ec2
        self.description = description
        self.names: dict[str, str] = {}

    def load(self) -> dict[str, str]:
        """Build everything, in the order in which things need each other."""
        for image in self.ec2.describe_images()["Images"]:
            self._name(image["Name"], image["ImageId"])
        vpc = self.description["vpc"]
        self._name(vpc["name"], self.ec2.create_vpc(CidrBlock=vpc["cidr"])["Vpc"]["VpcId"])
        for subnet in self.description["subnets"]:
            self._subnet(subnet)
        for group in self.description["security_groups"]:
            created = self.ec2.create_security_group(
                GroupName=group["name"], Description=group["description"], VpcId=self.names[vpc["name"]]
            )
            self._name(group["name"], created["GroupId"])
        for name in self.description["key_pairs"]:
            self._name(name, self.ec2.create_key_pair(KeyName=name)["KeyPairId"])
        for template in self.description["launch_templates"]:
            self._template(template)
        for instance in self.description["instances"]:
            self._instance(instance)
        return self.names

    def _name(self, name: str, identifier: str) -> None:
        if name in self.names:
            raise ValueError(f"the world names two things {name!r}")
        self.names[name] = identifier

    def _subnet(self, subnet: Mapping[str, str]) -> None:
        created = self.ec2.create_subnet(
            VpcId=self.names[self.description["vpc"]["name"]],
            CidrBlock=subnet["cidr"],
            AvailabilityZone=subnet["zone"],
            TagSpecifications=[_tags("subnet", {"Name": subnet["name"]})],
        )
        self._name(subnet["name"], created["Subnet"]["SubnetId"])

    def _template(self, template: Mapping[str, str]) -> None:
        created = self.ec2.create_launch_template(
            LaunchTemplateName=template["name"],
            LaunchTemplateData={
                "ImageId": self.names.get(template["image"], template["image"]),
                "InstanceType": template["instance_type"],  # type: ignore[typeddict-item]  # a str out of JSON
                "SecurityGroupIds": [self.names[template["security_group"]]],
            },
        )
        self._name(template["name"], created["LaunchTemplate"]["LaunchTemplateId"])

    def _instance(self, instance: Mapping[str, Any]) -> None:
        created = self.ec2.run_instances(
            ImageId=self.names[instance["image"]],
            InstanceType=instance["instance_type"],
            SubnetId=self.names[instance["subnet"]],
            MinCount=1,
            MaxCount=1,
            TagSpecifications=[_tags("instance", {"Name": instance["name"], **instance.get("tags", {})})],
        )
        self._name(instance["name"], created["Instances"][0]["InstanceId"])


def _tags(resource: ResourceTypeType, tags: Mapping[str, str]) -> TagSpecificationTypeDef:
    return {"ResourceType": resource, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
