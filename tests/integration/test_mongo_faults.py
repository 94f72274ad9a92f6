"""MongoDB refuses, hangs, is gone: a clear error, in bounded time, without a secret."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pymongo
import pytest
from pymongo.database import Database
from pymongo.errors import PyMongoError

from autoscaler.adapters.clock import SystemClock
from autoscaler.adapters.mongo import Client, Document, connect, explain, ping, redact
from autoscaler.adapters.mongo_journal import MongoJournal
from autoscaler.adapters.mongo_loads import MongoLoads
from autoscaler.adapters.mongo_memory import MongoMemoryReader, MongoMemoryStore
from autoscaler.model.errors import ActionError, AutoscalerError, ConfigurationError, ObservationError
from autoscaler.model.memory import Memory
from tests.support.ams import NOW, broadcast, cluster_node
from tests.support.mongo import START_WITHIN_S, MongoServer, failing, mongo_server, require_executable
from tests.support.places import free_port
from tests.support.records import ACTIONS

SECRET = "s3cr3t-pass"
WITHIN = timedelta(seconds=1)


class Call(NamedTuple):
    """A call, the server's command behind it, and the error that it ends in."""

    command: str
    make: Callable[[Client, str], object]
    error: type[AutoscalerError]


def heartbeats(client: Client, database: str) -> object:
    return MongoLoads(client, database, [database]).heartbeats()


def streams(client: Client, database: str) -> object:
    return MongoLoads(client, database, [database]).streams(NOW)


def load(client: Client, database: str) -> object:
    return MongoMemoryReader(client[database]).load("edge")


def save(client: Client, database: str) -> object:
    return MongoMemoryStore(client[database]).save("edge", Memory())


def intent(client: Client, database: str) -> object:
    MongoJournal(client[database], SystemClock()).intent("edge", ACTIONS[0])
    return None


CALLS = [
    Call("find", heartbeats, ObservationError),
    Call("aggregate", streams, ObservationError),
    Call("find", load, ObservationError),
    Call("update", save, ActionError),
    Call("insert", intent, ActionError),
]
every_call = pytest.mark.parametrize("call", CALLS, ids=[call.make.__name__ for call in CALLS])


@pytest.fixture
def database(mongo_database: Database[Document]) -> str:
    """Fill a database with one of everything, and name it."""
    mongo_database.clusternode.insert_one(cluster_node("10.0.0.1"))
    mongo_database.broadcast.insert_one(broadcast("10.0.0.1"))
    return mongo_database.name


@pytest.fixture
def hasty_client(mongo_uri: str) -> Iterator[Client]:
    """A client for what fails anyway: the driver tries again until the timeout."""
    with connect(mongo_uri, timeout=WITHIN / 2) as client:
        yield client


@every_call
@pytest.mark.parametrize(("code", "told"), [(112, "112"), (16500, "16500"), (13, "permission")])
def test_an_error_code_is_an_error(
    mongo_uri: str, mongo_client: Client, database: str, call: Call, code: int, told: str
) -> None:
    with failing(mongo_uri, call.command, errorCode=code), pytest.raises(call.error, match=told):
        call.make(mongo_client, database)


@every_call
def test_an_error_that_the_driver_tries_again_is_an_error(
    mongo_uri: str, hasty_client: Client, database: str, call: Call
) -> None:
    """On a slow machine the call's own time is up before the driver gives up."""
    with (
        failing(mongo_uri, call.command, errorCode=262),
        pytest.raises(call.error, match=r"time limit|262|timed out"),
    ):
        call.make(hasty_client, database)


@every_call
def test_connections_that_keep_closing_are_an_error(
    mongo_uri: str, hasty_client: Client, database: str, call: Call
) -> None:
    with failing(mongo_uri, call.command, closeConnection=True), pytest.raises(call.error, match="mongodb"):
        call.make(hasty_client, database)


@every_call
def test_one_closed_connection_is_nobodys_business(
    mongo_uri: str, mongo_client: Client, database: str, call: Call
) -> None:
    with failing(mongo_uri, call.command, times=1, closeConnection=True):
        call.make(mongo_client, database)


def test_a_save_whose_answer_was_lost_is_saved_once(mongo_uri: str, mongo_client: Client, database: str) -> None:
    store = MongoMemoryStore(mongo_client[database])
    first = store.save("edge", Memory())
    with failing(mongo_uri, "update", times=1, closeConnection=True):
        assert store.save("edge", first).revision == 2
    assert store.load("edge").revision == 2


@pytest.fixture(scope="module")
def own_server() -> Iterator[MongoServer]:
    """A server that may be frozen: nobody else uses it."""
    require_executable()
    with mongo_server() as server:
        yield server


@every_call
def test_a_partition_is_an_error_in_bounded_time_and_heals(own_server: MongoServer, call: Call) -> None:
    address = f"mongodb://127.0.0.1:{own_server.port}"
    # The driver's own heartbeat would notice, too, but only after this test's time is up (pytest's `timeout`).
    with connect(f"{address}/?heartbeatFrequencyMS=600000", timeout=WITHIN) as client:
        with pymongo.timeout(START_WITHIN_S):
            client.admin.command("ping")
        own_server.freeze()
        try:
            with pytest.raises(call.error, match="mongodb"):
                call.make(client, "cluster")
        finally:
            own_server.thaw()
    with connect(address) as client:
        call.make(client, f"healed_{call.make.__name__}")


def test_all_applications_together_have_one_timeout(mongo_uri: str, hasty_client: Client) -> None:
    """Each is read within the timeout, all of them are not."""
    applications = [f"app{number}" for number in range(10)]
    loads = MongoLoads(hasty_client, "cluster", applications)
    with (
        failing(mongo_uri, "aggregate", blockConnection=True, blockTimeMS=150),
        pytest.raises(ObservationError, match="mongodb"),
    ):
        loads.streams(NOW)


def test_a_server_that_is_not_there_is_an_error_when_asked_and_not_before() -> None:
    port = free_port()
    client = connect(f"mongodb://u:{SECRET}@127.0.0.1:{port}", timeout=timedelta(milliseconds=300))
    with client, pytest.raises(ObservationError) as refused:
        ping(client)
    assert refused.value.detail == f"ServerSelectionTimeoutError: 127.0.0.1:{port}: [Errno 111] Connection refused"


def test_a_wrong_password_is_told_and_not_quoted(tmp_path: Path) -> None:
    require_executable()
    with mongo_server(tmp_path, ["--sync-on-commit"]) as open_server, connect(open_server.uri) as client:
        client.admin.command("createUser", "autoscaler", pwd=SECRET, roles=["readWriteAnyDatabase"])
    with mongo_server(tmp_path, ["--auth"]) as server:
        host = f"127.0.0.1:{server.port}"
        with connect(f"mongodb://autoscaler:{SECRET}@{host}") as client:
            assert MongoMemoryStore(client["autoscaler"]).save("edge", Memory()).revision == 1
        with connect(f"mongodb://autoscaler:{SECRET}-not@{host}", timeout=WITHIN) as client:
            for call in CALLS:
                with pytest.raises(call.error) as refused:
                    call.make(client, "autoscaler")
                assert "authentication failed" in str(refused.value)
                assert SECRET not in str(refused.value)
        with connect(f"mongodb://{host}") as client, pytest.raises(ObservationError, match="permission"):
            MongoMemoryReader(client["autoscaler"]).load("edge")


@pytest.mark.parametrize(
    "uri",
    [
        "", f"http://u:{SECRET}@h", f"mongodb://u:{SECRET}@", f"mongodb://u:{SECRET}/x@h:27017",
        f"mongodb://u:p@{SECRET}@h", f"mongodb://u:{SECRET}%zz@h", f"mongodb://h:{SECRET}", f"mongodb://u:{SECRET}@h:0",
        f"mongodb://u:{SECRET}@h/?authMechanism=NONE",
    ],
)  # fmt: skip
def test_a_uri_that_cannot_be_used_is_a_configuration_error_and_not_quoted(uri: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        connect(uri)
    [problem] = refused.value.problems
    assert (problem.file, problem.code) == ("mongodb.uri", "mongodb_uri")
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"mongodb://u:{SECRET}@h:27017/admin?x=y failed", "mongodb://h:27017 failed"),
        (f"mongodb+srv://u:{SECRET}@h", "mongodb+srv://h"),
        (f"mongodb://u:p@{SECRET}@a:1,b:2/?tlsCertificateKeyFilePassword={SECRET}", "mongodb://a:1,b:2"),
        ("mongodb://h:27017", "mongodb://h:27017"),
        ("no uri at all", "no uri at all"),
    ],
)
def test_redaction(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_what_the_driver_quotes_is_redacted() -> None:
    assert explain(PyMongoError(f"cannot resolve mongodb://u:{SECRET}@h/db")) == (
        "PyMongoError: cannot resolve mongodb://h"
    )
