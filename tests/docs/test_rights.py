"""The rights that docs/operations.md asks for suffice, and each of them is needed where the stand-ins can tell."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path

import pymongo
import pytest

from autoscaler.adapters.clock import SystemClock
from autoscaler.adapters.ec2 import Ec2Fleet, Ec2FleetControl
from autoscaler.adapters.mongo import Client, Document, connect
from autoscaler.adapters.mongo_bookings import MongoBookingStore
from autoscaler.adapters.mongo_history import MongoHistory
from autoscaler.adapters.mongo_journal import MongoJournal
from autoscaler.adapters.mongo_loads import MongoLoads
from autoscaler.adapters.mongo_memory import MongoMemoryStore
from autoscaler.model.booking import Act, Booking, Deed, Ledger
from autoscaler.model.errors import AutoscalerError
from autoscaler.model.history import Recording, bucket_of
from autoscaler.model.memory import Memory
from moto_fixtures import Server
from tests.support.ams import NOW, broadcast, cluster_node
from tests.support.documents import ROOT, blocks
from tests.support.ec2 import EDGE, connected, count_unchecked, launch, sign_in, user
from tests.support.mongo import mongo_server, require_executable

OPERATIONS = ROOT / "docs/operations.md"
UNTOLD = {"ec2:CreateTags"}
"""Needed by EC2 for the tags of a launch; the emulator does not ask for it."""


def actions() -> list[str]:
    """The actions of the documented IAM policy."""
    (block,) = [block for block in blocks("json") if block.file == OPERATIONS]
    found: list[str] = []
    for statement in json.loads(block.text)["Statement"]:
        action = statement["Action"]
        found += [action] if isinstance(action, str) else action
    return found


def live(server: Server) -> None:
    """Do with EC2 all that the daemon does."""
    ask = Ec2FleetControl(connected(server, read_only=False), "live", "#!/bin/bash\n")
    ask.rehearse("edge", EDGE, server.names["subnet-a"])
    (instance_id,) = ask.launch(launch(server.names["subnet-a"]))
    fleet = Ec2Fleet(connected(server, read_only=True), "live")
    assert fleet.instances("edge")
    assert fleet.vcpus(["c5.xlarge"])
    ask.stop(instance_id)
    ask.wake(instance_id)
    ask.terminate(instance_id)


def test_the_documented_iam_policy_suffices(permissions: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    sign_in(monkeypatch, *user(permissions, *actions()))
    count_unchecked(permissions, "0")
    live(permissions)


@pytest.mark.parametrize("missing", sorted(set(actions()) - UNTOLD))
def test_it_asks_for_nothing_in_vain(permissions: Server, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    sign_in(monkeypatch, *user(permissions, *(action for action in actions() if action != missing)))
    count_unchecked(permissions, "0")
    with pytest.raises(AutoscalerError, match=missing.removeprefix("ec2:")):
        live(permissions)


def roles() -> list[dict[str, str]]:
    """The roles of the documented MongoDB user."""
    (block,) = [block for block in blocks("js") if block.file == OPERATIONS]
    return [{"role": role, "db": db} for role, db in re.findall(r'\{role: "(\w+)", db: "(\w+)"\}', block.text)]


BOOKING = Booking("gig", NOW, NOW + timedelta(hours=2), timedelta(minutes=15), 5)


def work(client: Client) -> None:
    """Do with MongoDB all that the daemon does."""
    loads = MongoLoads(client, "clusterdb", None)
    assert loads.heartbeats()
    assert loads.streams(NOW).publishers
    store = MongoMemoryStore(client["autoscaler"])
    assert store.save("edge", Memory()).revision == store.load("edge").revision
    history = MongoHistory(client["autoscaler"])
    history.record("edge", NOW, [Recording("viewers", 9.0, timedelta(days=1))])
    assert history.read("edge", {"viewers": [bucket_of(NOW)]})["viewers"]
    MongoJournal(client["autoscaler"], SystemClock()).intent("edge", launch("subnet-a"))
    bookings = MongoBookingStore(client["autoscaler"])
    bookings.save(Ledger("edge", "gig", (Act(Deed.RESERVE, NOW, "ann", "", BOOKING),)))
    assert bookings.read("edge", NOW) == (BOOKING,)


def test_the_documented_mongodb_user_can_work_and_needs_each_role(tmp_path: Path) -> None:
    require_executable()
    assert len(roles()) == 3
    with mongo_server(tmp_path, ["--sync-on-commit"]) as server, pymongo.MongoClient[Document](server.uri) as root:
        root["clusterdb"]["clusternode"].insert_one(cluster_node("10.0.0.1"))
        root["clusterdb"]["AppSettings"].insert_one({"appName": "LiveApp"})
        root["liveapp"]["broadcast"].insert_one(broadcast("10.0.0.1"))
        root.admin.command("createUser", "autoscaler", pwd="secret", roles=roles())
        for role in roles():
            rest = [other for other in roles() if other != role]
            root.admin.command("createUser", f"no-{role['db']}", pwd="secret", roles=rest)
    with mongo_server(tmp_path, ["--auth"]) as server:
        address = server.uri.removeprefix("mongodb://")
        with connect(f"mongodb://autoscaler:secret@{address}&authSource=admin") as client:
            work(client)
        for role in roles():
            uri = f"mongodb://no-{role['db']}:secret@{address}&authSource=admin"
            with connect(uri) as client, pytest.raises(AutoscalerError, match="lacks a permission"):
                work(client)
