"""The region: follows what EC2 says about instances, and keeps a stand-in node on each that runs.

A node lives and dies with its instance and with nothing else, so a termination that comes too early breaks sessions.
"""

from __future__ import annotations

import asyncio
import base64
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from pymongo import AsyncMongoClient

from autoscaler.demo.boot import Machine, boot
from autoscaler.demo.nodes import Node
from autoscaler.demo.rows import Names, Rows

if TYPE_CHECKING:
    from pathlib import Path

    from mypy_boto3_ec2.client import EC2Client
    from mypy_boto3_ec2.type_defs import InstanceTypeDef

    from autoscaler.demo.timeline import Timeline

POLL_S = 0.4
MONGO_TIMEOUT_MS = 5_000
GONE = ("shutting-down", "terminated")
OFF = (*GONE, "stopping", "stopped")


@dataclass(slots=True)
class Host:
    """One instance as EC2 describes it, and the node on it once it booted. `boots` is the boot under way."""

    instance_id: str
    ip: str
    zone: str
    instance_type: str
    state: str
    node: Node | None = None
    boots: asyncio.Task[None] | None = None

    @property
    def gone(self) -> bool:
        """Whether EC2 ended it."""
        return self.state in GONE


@dataclass(slots=True)
class Region:
    """All instances by id. `departed(host, viewers, publishers)` is told what each termination cut."""

    ec2: EC2Client
    folder: Path
    timeline: Timeline
    names: Names
    dice: random.Random
    departed: Callable[[Host, int, int], None]
    hosts: dict[str, Host] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)
    _clients: dict[str, AsyncMongoClient[dict[str, Any]]] = field(default_factory=dict)

    async def follow(self) -> None:
        """Keep nodes and instances in step, until cancelled."""
        while True:
            try:
                for described in await asyncio.to_thread(self._describe):
                    self._follow(described)
            except (BotoCoreError, ClientError) as error:
                self.troubles.append(f"EC2: {error}")
            await asyncio.sleep(POLL_S)

    async def close(self) -> None:
        """End every node and boot, without counting it as a departure."""
        boots = [host.boots for host in self.hosts.values() if host.boots is not None]
        for boots_on in boots:
            boots_on.cancel()
        await asyncio.gather(*boots, return_exceptions=True)
        for host in self.hosts.values():
            if host.node is not None:
                host.node.kill()
        for client in self._clients.values():
            await client.close()

    @property
    def nodes(self) -> list[Node]:
        """The nodes that serve."""
        return [host.node for host in self.hosts.values() if host.node is not None]

    def _describe(self) -> list[InstanceTypeDef]:
        pages = self.ec2.get_paginator("describe_instances").paginate()
        return [found for page in pages for group in page["Reservations"] for found in group["Instances"]]

    def _follow(self, described: InstanceTypeDef) -> None:
        instance_id, state = described["InstanceId"], str(described["State"]["Name"])
        host = self.hosts.get(instance_id)
        if host is None:
            if state in GONE:
                return
            host = Host(
                instance_id=instance_id,
                ip=described.get("PrivateIpAddress", ""),
                zone=described["Placement"].get("AvailabilityZone", ""),
                instance_type=str(described["InstanceType"]),
                state=state,
            )
            self.hosts[instance_id] = host
        host.state = state
        if state in OFF:
            self._off(host)
        elif state == "running" and host.boots is None:
            host.boots = asyncio.create_task(self._boot(host))
        elif host.boots is not None and host.boots.done():
            host.boots.result()  # what may go wrong in a boot is among the troubles; anything else is a bug

    def _off(self, host: Host) -> None:
        if host.boots is None:
            return
        host.boots.cancel()
        host.boots = None
        viewers, publishers = host.node.kill() if host.node is not None else (0, 0)
        host.node = None
        self.departed(host, viewers, publishers)

    async def _boot(self, host: Host) -> None:
        """Run the instance's user-data, take the time that a boot takes, and serve."""
        try:
            attribute = await asyncio.to_thread(
                self.ec2.describe_instance_attribute, InstanceId=host.instance_id, Attribute="userData"
            )
            script = base64.b64decode(attribute["UserData"].get("Value", "")).decode()
            folder = self.folder / host.instance_id
            machine = Machine(host.instance_id, host.ip, host.zone, host.instance_type, script, folder)
            booted = await boot(machine)
            if not booted.serves or not booted.uri:
                self.troubles.append(f"{host.instance_id}: its user-data did not join it to the cluster")
            if booted.serves:
                await asyncio.sleep(self.dice.uniform(*self.timeline.boot_s))
                host.node = Node(host.instance_id, host.ip, self._rows(booted.uri) if booted.uri else None)
                await host.node.start()
        except (BotoCoreError, ClientError, OSError) as error:
            self.troubles.append(f"{host.instance_id} did not boot: {error}")

    def _rows(self, uri: str) -> Rows:
        if uri not in self._clients:
            self._clients[uri] = AsyncMongoClient(uri, timeoutMS=MONGO_TIMEOUT_MS)
        return Rows(self._clients[uri], self.names)
