"""Booting an instance: its user-data is really run, in a folder that plays the machine's root.

What the image would hold is stood in for: `change_server_mode.sh` treats its argument as Ant Media Server 3.0 does (a
bare address asks a question that nobody answers: Ant-Media-Server #7838), `systemctl` only writes down what it is
asked, and a metadata service on the node's own address speaks IMDSv2.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from importlib import resources
from typing import TYPE_CHECKING

from autoscaler.demo.wire import HEAD_LIMIT, read_head, response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

METADATA_PORT = 1338
TOKEN = "demo-imds-token"  # noqa: S105 - what every stand-in metadata service hands out; it opens nothing
USER_DATA_TIMEOUT_S = 40.0
HOST_KEY = "clusterdb.host="


@dataclass(frozen=True, slots=True)
class Machine:
    """What EC2 says about the instance that boots, and the folder that plays its disk."""

    instance_id: str
    ip: str
    zone: str
    instance_type: str
    user_data: str
    folder: Path


@dataclass(frozen=True, slots=True)
class Booted:
    """How the server came up: the cluster's URI as its configuration has it, empty when alone; whether it runs."""

    uri: str
    serves: bool


async def boot(machine: Machine) -> Booted:
    """Run the user-data and return what became of the server."""
    with resources.as_file(resources.files("autoscaler.demo") / "image") as image:
        shutil.copytree(image, machine.folder, dirs_exist_ok=True)
    (machine.folder / "bin" / "systemctl").chmod(0o755)  # an installed wheel may have lost the bit
    script = machine.folder / "user-data.sh"
    script.write_text(machine.user_data)
    async with _metadata(machine):
        await _run(script, _environment(machine))
    lines = (machine.folder / "antmedia" / "conf" / "red5.properties").read_text().splitlines()
    uri = next(line.removeprefix(HOST_KEY) for line in lines if line.startswith(HOST_KEY))
    return Booted(uri, serves=(machine.folder / "antmedia.active").exists())


def _environment(machine: Machine) -> dict[str, str]:
    return {
        "PATH": f"{machine.folder / 'bin'}:{os.environ.get('PATH', os.defpath)}",
        "HOME": str(machine.folder),
        "AMS_DIR": str(machine.folder / "antmedia"),
        "SYSTEMD_DIR": str(machine.folder / "systemd"),
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": f"http://{machine.ip}:{METADATA_PORT}",
    }


async def _run(script: Path, environment: dict[str, str]) -> None:
    """Run the script as cloud-init does, with an empty stdin; one that hangs is ended with all it started."""
    with (script.parent / "cloud-init-output.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            "bash",
            str(script),
            cwd=script.parent,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), USER_DATA_TIMEOUT_S)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


@asynccontextmanager
async def _metadata(machine: Machine) -> AsyncIterator[None]:
    """Serve the metadata that user-data may ask for, on the node's own address."""
    facts = {
        "instance-id": machine.instance_id,
        "local-ipv4": machine.ip,
        "placement/availability-zone": machine.zone,
        "instance-type": machine.instance_type,
    }

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await read_head(reader)
        if head is not None:
            writer.write(_metadata_answer(head.start[0], head.path, head.headers, facts))
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, machine.ip, METADATA_PORT, limit=HEAD_LIMIT)
    try:
        yield
    finally:
        server.close()


def _metadata_answer(method: str, path: str, headers: dict[str, str], facts: dict[str, str]) -> bytes:
    if method == "PUT" and path == "/latest/api/token":
        return response(HTTPStatus.OK, TOKEN.encode())
    if headers.get("x-aws-ec2-metadata-token") != TOKEN:
        return response(HTTPStatus.UNAUTHORIZED)
    value = facts.get(path.removeprefix("/latest/meta-data/"))
    return response(HTTPStatus.NOT_FOUND) if value is None else response(HTTPStatus.OK, value.encode())
