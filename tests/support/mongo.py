"""A MongoDB to test against: the one of `MONGODB_URI`, or a SecantusDB of our own in another process."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pymongo
import pytest
from pymongo.database import Database
from pymongo.errors import OperationFailure, PyMongoError

from autoscaler.adapters.mongo import Client, Document, connect
from tests.support.places import free_port

START_WITHIN_S = 30
COMMAND_NOT_FOUND = 59


@dataclass(frozen=True)
class MongoServer:
    """A server process of ours."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def uri(self) -> str:
        # A driver that was told "not primary" asks again after a heartbeat: 10 s unless told otherwise.
        return f"mongodb://127.0.0.1:{self.port}/?heartbeatFrequencyMS=500"

    def freeze(self) -> None:
        """Partition it from everybody: connections stay open and nothing is answered."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitpid(self.process.pid, os.WUNTRACED)  # until all its threads stand still, lest one still answers

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self.process.kill()  # SIGTERM takes seconds, and may hang just after the start
        self.process.wait()


def executable() -> Path | None:
    """Find the server beside the interpreter, where the extras install it."""
    path = Path(sys.executable).with_name("secantusd-py")
    return path if path.exists() else None


@contextmanager
def mongo_server(storage: Path | None = None, extra: Sequence[str] = ()) -> Iterator[MongoServer]:
    """Run a server on a free port until the end of the block. Without `storage` it keeps nothing."""
    program = executable()
    if program is None:
        raise FileNotFoundError("secantusd-py is not installed: pip install 'ams-autoscaler[demo]'")
    folder = storage or Path(tempfile.mkdtemp(prefix="autoscaler-mongo-"))
    with (folder / "server.log").open("ab") as log:
        port = free_port()
        command = [str(program), "--port", str(port), "--storage-path", str(folder / "data"), "--enable-test-commands"]
        process = subprocess.Popen([*command, *extra], stdout=log, stderr=log)
    server = MongoServer(port, process)
    try:
        _wait_for_ping(server, folder / "server.log")
        yield server
    finally:
        server.kill()
        if storage is None:
            shutil.rmtree(folder)


def _wait_for_ping(server: MongoServer, log: Path) -> None:
    deadline = time.monotonic() + START_WITHIN_S
    with pymongo.MongoClient[Document](server.uri, serverSelectionTimeoutMS=200, connectTimeoutMS=200) as client:
        while time.monotonic() < deadline and server.process.poll() is None:
            with suppress(PyMongoError):
                client.admin.command("ping")
                return
    raise RuntimeError(f"secantusd-py does not answer:\n{log.read_text(errors='replace')[-2000:]}")


@pytest.fixture(scope="session")
def mongo_uri() -> Iterator[str]:
    """The server that all tests share; each has databases of its own."""
    if given := os.environ.get("MONGODB_URI"):
        yield given
        return
    require_executable()
    with mongo_server() as server:
        yield server.uri


def require_executable() -> None:
    """Skip without a server on a laptop, fail in CI, where a vanished release must not turn the suite green."""
    if executable() is None:
        refuse = pytest.fail if os.environ.get("CI") else pytest.skip
        refuse("no MongoDB: neither MONGODB_URI nor secantusd-py")


@pytest.fixture
def mongo_client(mongo_uri: str) -> Iterator[Client]:
    with connect(mongo_uri) as client:
        yield client


@pytest.fixture
def mongo_database(mongo_client: Client) -> Iterator[Database[Document]]:
    """A database of this test only, empty at first and dropped at the end."""
    database = mongo_client[f"test_{uuid4().hex[:12]}"]
    yield database
    mongo_client.drop_database(database.name)


def three_views(request: pytest.FixtureRequest) -> tuple[Database[Document], Database[Document], Database[Document]]:
    """The test's own database, the same one as another process has it, and one whose server is down."""
    database: Database[Document] = request.getfixturevalue("mongo_database")
    uri: str = request.getfixturevalue("mongo_uri")
    other = connect(uri)
    refused = connect(f"mongodb://127.0.0.1:{free_port()}", timeout=timedelta(milliseconds=300))
    request.addfinalizer(other.close)
    request.addfinalizer(refused.close)
    return database, other[database.name], refused["autoscaler"]


@contextmanager
def failing(uri: str, *commands: str, times: int | None = None, **how: object) -> Iterator[None]:
    """Let `commands` fail as told (`errorCode`, `closeConnection`), `times` times or always, within the block."""
    mode: object = "alwaysOn" if times is None else {"times": times}
    with connect(uri) as client:
        _arm(client, mode="off")
        _arm(client, mode=mode, data={"failCommands": list(commands), **how})
        try:
            yield
        finally:
            _arm(client, mode="off")


def _arm(client: Client, **settings: object) -> None:
    try:
        client.admin.command({"configureFailPoint": "failCommand", **settings})
    except OperationFailure as error:
        if error.code == COMMAND_NOT_FOUND:
            pytest.skip("this server has no failpoints: start mongod with --setParameter enableTestCommands=1")
        raise
