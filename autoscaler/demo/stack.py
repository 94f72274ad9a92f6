"""Everything that runs beside this process: MongoDB's stand-in, EC2's, HAProxy, and the daemon itself, unmodified."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from pymongo import AsyncMongoClient, MongoClient
from pymongo.errors import PyMongoError

from autoscaler.demo.balancer import Balancer
from autoscaler.demo.documents import write_policy, write_settings
from autoscaler.demo.nodes import HTTP_PORT
from autoscaler.demo.processes import Component, ComponentFailed, program, start
from autoscaler.demo.rows import Names, Rows
from autoscaler.demo.wire import free_ports

if TYPE_CHECKING:
    from mypy_boto3_ec2.client import EC2Client

    from autoscaler.demo.timeline import Timeline

KEY, SECRET = "testing", "testing"
EMULATOR_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
"""What the emulator takes from anybody. See `forget_aws`."""

WORLD_NET = "127.20."
"""Where the emulated region's world puts its VPC."""

NETS = range(20, 60)
"""Second bytes of 127.0.0.0/8 that a demo may take for its VPC, so that several can run at once."""

READY = re.compile(r'^\{"endpoint_url".*\}$', re.MULTILINE)
"""The line in which the emulator says that it is ready, and where."""

DAEMON_GRACE_S = 6.0
"""The daemon may finish its cycle."""

MONGO_TIMEOUT_MS = 2_000
EC2_CONFIG = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "max_attempts": 3})


def forget_aws() -> None:
    """Take this machine's AWS account, region and endpoint out of this process and all that it starts."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(EMULATOR_ENVIRONMENT)


@dataclass(slots=True)
class Stack:
    """The running programs of one demo in `folder`. `stop` ends them whatever state they are in."""

    folder: Path
    timeline: Timeline
    balancer: Balancer = field(init=False)
    names: Names = field(init=False)
    mongodb_uri: str = ""
    endpoint_url: str = ""
    region: str = ""
    bounds: tuple[int, int] = (0, 0)
    daemon: Component | None = None
    _running: list[Component] = field(default_factory=list)
    _net: socket.socket | None = None
    _borrowed: bool = False

    def check(self) -> None:
        """Raise ComponentFailed when a program ended by itself."""
        for component in self._running:
            component.check()

    async def start(self) -> None:
        """Start everything but the daemon, at once. Raises ComponentFailed."""
        haproxy, mongodb = self._preflight()
        self.balancer = Balancer.plan(self.folder)
        try:
            async with asyncio.TaskGroup() as starting:
                starting.create_task(self._start_mongodb(mongodb))
                starting.create_task(self._start_haproxy(haproxy))
                emulator = starting.create_task(self._start_ec2())
        except* ComponentFailed as failures:
            raise failures.exceptions[0] from None
        self.bounds = write_policy(self.folder, emulator.result())

    def start_daemon(self) -> Component:
        """Start `autoscaler run` on all of it."""
        settings = write_settings(
            self.folder,
            balancer=self.balancer,
            mongodb_uri=self.mongodb_uri,
            names=self.names,
            region=self.region,
            endpoint_url=self.endpoint_url,
        )
        command = [sys.executable, "-m", "autoscaler", "run", "--config", str(settings)]
        self.daemon = start("autoscaler", command, self.folder, self._environment())
        self._running.append(self.daemon)
        return self.daemon

    def ec2(self) -> EC2Client:
        """Make a client of the emulator."""
        return boto3.session.Session().client(
            "ec2", region_name=self.region, endpoint_url=self.endpoint_url, config=EC2_CONFIG
        )

    def stop_daemon(self) -> None:
        """Let the daemon end its cycle: nothing is scaled any more."""
        daemon, self.daemon = self.daemon, None
        if daemon is not None:
            daemon.end(DAEMON_GRACE_S)
            with suppress(ValueError):  # an interrupt meanwhile: `stop` took it off the list
                self._running.remove(daemon)

    def stop(self) -> None:
        """End every program that was started, the daemon first, and drop what was written to a borrowed MongoDB."""
        self.stop_daemon()
        while self._running:
            self._running.pop().end()
        if self._net is not None:
            self._net.close()
        if self._borrowed:
            self._return_mongodb()

    def _preflight(self) -> tuple[str, str]:
        """Find what must be there and return HAProxy's and the MongoDB server's program ("" when borrowed)."""
        for module in ("moto", "websockets"):
            if find_spec(module) is None:
                raise ComponentFailed(f"the package {module} is missing: pip install 'ams-autoscaler[demo]'")
        program("bash", "nodes run their user-data with it")
        haproxy = program("haproxy", "apt-get install haproxy", "/usr/sbin", "/usr/local/sbin")
        if os.environ.get("MONGODB_URI"):
            return haproxy, ""
        own = str(Path(sys.executable).parent)
        return haproxy, program("secantusd-py", "pip install 'ams-autoscaler[demo]', or set MONGODB_URI", own)

    def _world(self) -> Path:
        """Write the demo's world with a VPC that no other demo here uses; its x.0.1:5080 is held as a sign."""
        text = _demo_world().read_text()
        world = self.folder / "world.json"
        for byte in NETS:
            self._net = _held(f"127.{byte}.0.1")
            if self._net is not None:
                world.write_text(text.replace(WORLD_NET, f"127.{byte}."))
                return world
        raise ComponentFailed(f"no address 127.x.0.1:{HTTP_PORT} can be used: the demo needs Linux's loopback network")

    async def _start_mongodb(self, server: str) -> None:
        """Start the server, or take the one in MONGODB_URI, where every database gets a name of this run's own."""
        mark = "" if server else f"{self.folder.name.replace('-', '_')}_"
        self.names = Names(f"{mark}clusterdb", f"{mark}autoscaler", f"{mark}LiveApp")
        if not server:
            self.mongodb_uri = os.environ["MONGODB_URI"]
            await self._prepare_mongodb(None)
            return
        [port] = free_ports(1)
        self.mongodb_uri = f"mongodb://127.0.0.1:{port}/"
        command = [server, "--port", str(port), "--storage-path", str(self.folder / "mongodb")]
        await self._prepare_mongodb(self._start("mongodb", command))

    async def _prepare_mongodb(self, component: Component | None) -> None:
        client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(self.mongodb_uri, timeoutMS=MONGO_TIMEOUT_MS)

        async def answers() -> bool:
            try:
                await client.admin.command("ping")
            except PyMongoError:
                return False
            return True

        async with client:
            if component is not None:
                await component.ready(answers)
            elif not await answers():
                raise ComponentFailed("the server in MONGODB_URI does not answer")
            self._borrowed = component is None
            await Rows(client, self.names).applications()

    async def _start_haproxy(self, haproxy: str) -> None:
        configuration = self.folder / "haproxy.cfg"
        configuration.write_text(self.balancer.render())

        async def answers() -> bool:
            try:
                await self.balancer.look()
            except OSError:
                return False
            return True

        await self._start("haproxy", [haproxy, "-db", "-f", str(configuration)]).ready(answers)

    async def _start_ec2(self) -> dict[str, str]:
        """Start the emulator and return the world's names -> ids."""
        options = ["--world", str(self._world()), "--pending-s", str(self.timeline.pending_s)]
        component = self._start("ec2", [sys.executable, "-m", "moto_fixtures", *options])

        async def answers() -> bool:
            return bool(READY.search(component.log.read_text()))

        await component.ready(answers)
        ready = json.loads(READY.findall(component.log.read_text())[0])
        self.endpoint_url, self.region = ready["endpoint_url"], ready["region"]
        names: dict[str, str] = ready["names"]
        return names

    def _start(self, name: str, command: list[str]) -> Component:
        component = start(name, command, self.folder, self._environment())
        self._running.append(component)
        return component

    def _environment(self) -> dict[str, str]:
        """Let the programs find these very packages, wherever they were started from."""
        here = str(Path(__file__).parents[2])
        paths = os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH", ""))))
        return {"PYTHONPATH": paths}

    def _return_mongodb(self) -> None:
        try:
            with MongoClient[dict[str, Any]](self.mongodb_uri, timeoutMS=MONGO_TIMEOUT_MS) as client:
                for name in self.names.all:
                    client.drop_database(name)
        except PyMongoError as error:
            names = ", ".join(self.names.all)
            raise ComponentFailed(f"the databases {names} could not be dropped: {type(error).__name__}") from error


def _demo_world() -> Path:
    """Find the emulator's world without importing the emulator, which would import all of moto here."""
    spec = find_spec("moto_fixtures")
    if spec is None or spec.origin is None:
        raise ComponentFailed("the package moto_fixtures is missing: it comes with ams-autoscaler")
    return Path(spec.origin).with_name("worlds") / "demo.json"


def _held(address: str) -> socket.socket | None:
    """Return a socket that holds the address' HTTP port, or None when somebody else does."""
    holder = socket.socket()
    try:
        holder.bind((address, HTTP_PORT))
    except OSError:
        holder.close()
        return None
    return holder
