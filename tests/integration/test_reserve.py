"""`autoscaler reserve` as its users run it, on a real MongoDB-wire server."""

from __future__ import annotations

import getpass
import json
import os
import socket
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from autoscaler.adapters.mongo import Document
from autoscaler.cli import app
from tests.support.daemon import command, environment
from tests.support.mongo import failing
from tests.support.places import free_port

Reserve = Callable[..., tuple[int, str, str]]
HERE = f"{getpass.getuser()}@{socket.gethostname()}"
POLICY = """\
version: 1
group: edge
role: edge
bounds: {min: 2, max: 8}
viewers_per_node: 100
reservations: [{name: final, at: 2026-06-20T20:00:00+03:00, until: 2026-06-20T23:30:00+03:00, nodes: 6}]
signals: {cpu: {from: mongodb.node.cpu_percent, max_age: 20s}}
scale: [{target_tracking: {signal: cpu, target: 60}}]
launch: {launch_template: ams-edge, subnets: [subnet-a]}
load_balancer: [{backend: backend_http, port: 5080}]
"""
SETTINGS = """\
cluster: live
mongodb: {{uri: "{uri}", state_database: {database}}}
haproxy: [{{name: lb1, socket: "unix:/nowhere"}}]
ec2: {{region: eu-west-1}}
policies: policies
"""
GIG = ("edge", "--nodes", "5", "--from", "+1h", "--until", "+3h", "--name", "gig", "--why", "a cup")


def settings(folder: Path, uri: str, database: str) -> Path:
    file = folder / "autoscaler.yaml"
    file.write_text(SETTINGS.format(uri=uri, database=database))
    (folder / "policies").mkdir(exist_ok=True)
    (folder / "policies" / "edge.yaml").write_text(POLICY)
    return file


@pytest.fixture
def config(tmp_path: Path, mongo_uri: str, mongo_database: Database[Document]) -> Path:
    return settings(tmp_path, mongo_uri, mongo_database.name)


@pytest.fixture
def reserve(config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Reserve:
    monkeypatch.delenv("SUDO_USER", raising=False)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["autoscaler", "reserve", *arguments, "--config", str(config)])
        with pytest.raises(SystemExit) as ended:
            app.main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run


def listed(reserve: Reserve) -> dict[str, dict[str, Any]]:
    code, out, err = reserve("edge", "--list", "--json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    assert document["group"] == "edge"
    return {entry["name"]: entry for entry in document["reservations"]}


def test_one_line_says_what_was_understood_in_utc_and_by_the_clock_on_the_wall(config: Path) -> None:
    day = f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}"
    arguments: list[str | Path] = [
        "edge", "--viewers", "450", "--from", f"{day}T18:00:00+03:00", "--until", f"{day}T20:00Z", "--lead", "1h",
        "--name", "cup", "--config", config,
    ]  # fmt: skip
    first, again = (command("reserve", *arguments, env=environment(TZ=zone)) for zone in ("UTC", "UTC-9"))
    assert (first.returncode, first.stderr, again.returncode) == (0, "", 0)
    assert first.stdout == (
        f"edge: reserved cup: 5 nodes for 450 viewers from {day} 15:00:00Z until {day} 20:00:00Z, "
        f"wanted from {day} 14:00:00Z on\n"
    )
    assert f"{day} 14:00:00Z ({day} 23:00:00+0900 here) on\n" in again.stdout


def test_it_is_kept_with_who_and_why_and_listed(reserve: Reserve, mongo_database: Database[Document]) -> None:
    code, out, _ = reserve(*GIG, "--json")
    assert code == 0
    told = json.loads(out)
    assert (told["group"], told["state"], told["nodes"], told["lead_s"]) == ("edge", "to come", 5, 900)
    entries = listed(reserve)
    assert {key: told[key] for key in entries["gig"]} == entries["gig"]
    assert (entries["gig"]["by"], entries["gig"]["why"], entries["gig"]["source"]) == (HERE, "a cup", "command")
    final = entries["final"]
    assert (final["source"], final["state"], final["nodes"], final["by"]) == ("policy", final["state"], 6, None)
    [row] = mongo_database.journal.find({"event": "reservation"})
    assert (row["deed"], row["group"], row["name"], row["by"], row["why"]) == ("reserve", "edge", "gig", HERE, "a cup")


def test_a_cancelled_one_is_recorded_and_not_erased(
    reserve: Reserve, mongo_database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    reserve(*GIG)
    monkeypatch.setenv("SUDO_USER", "bob")
    code, out, err = reserve("edge", "--cancel", "gig", "--why", "rain")
    assert (code, err) == (0, "")
    assert out.startswith("edge: cancelled gig: 5 nodes from ")
    entry = listed(reserve)["gig"]
    assert (entry["state"], entry["by"], entry["why"]) == ("cancelled", f"bob@{socket.gethostname()}", "rain")
    assert [(act["deed"], act["why"]) for act in entry["acts"]] == [("reserve", "a cup"), ("cancel", "rain")]
    assert [row["deed"] for row in mongo_database.journal.find({}).sort("_id")] == ["reserve", "cancel"]
    _, out, _ = reserve("edge", "--list")
    assert "gig: cancelled, 5 nodes from " in out
    assert f"  cancel by bob@{socket.gethostname()} at " in out
    assert "  in the policy's file" in out
    code, _, err = reserve("edge", "--cancel", "gig")
    assert (code, err) == (
        2, "--cancel: no-reservation nothing is reserved as 'gig', or no longer (reserved are: none)\n"
    )  # fmt: skip


def test_what_stands_is_not_overwritten_but_in_so_many_words(reserve: Reserve) -> None:
    reserve(*GIG)
    code, out, err = reserve(*GIG, "--nodes", "6")
    assert (code, out) == (2, "")
    assert err.startswith("--name: reservation-exists 'gig' is reserved already: 5 nodes from ")
    assert err.endswith("(another --name, or --replace)\n")
    code, out, _ = reserve(*GIG, "--nodes", "6", "--replace")
    assert code == 0
    assert out.startswith("edge: reserved anew gig: 6 nodes")
    assert [act["deed"] for act in listed(reserve)["gig"]["acts"]] == ["reserve", "replace"]


def test_the_same_again_is_no_mistake_and_no_second_deed(reserve: Reserve, mongo_database: Database[Document]) -> None:
    begin = (datetime.now(UTC) + timedelta(hours=1)).isoformat(timespec="seconds")
    until = (datetime.now(UTC) + timedelta(hours=2)).isoformat(timespec="seconds")
    arguments = ("edge", "--nodes", "5", "--from", begin, "--until", until)
    assert reserve(*arguments)[0] == reserve(*arguments)[0] == 0
    assert mongo_database.journal.count_documents({}) == 1


def test_states_follow_the_clock(reserve: Reserve) -> None:
    reserve("edge", "--nodes", "3", "--from", "now", "--until", "+1h", "--name", "now")
    reserve("edge", "--nodes", "3", "--from", "+10m", "--until", "+1h", "--name", "soon")  # within its lead
    reserve("edge", "--nodes", "3", "--from", "+1h", "--until", "+2h", "--name", "later")
    states = {name: entry["state"] for name, entry in listed(reserve).items() if name != "final"}
    assert states == {"now": "running", "soon": "running", "later": "to come"}


def test_what_bounds_will_not_allow_is_a_warning(reserve: Reserve) -> None:
    code, out, err = reserve(*GIG, "--nodes", "9")
    assert code == 0
    assert out.startswith("edge: reserved gig: 9 nodes")
    assert err == "warning: gig needs 9 nodes, and the group never has more than 8: bounds win\n"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("egde", *GIG[1:]), "no-group has no policy of 'egde' (did you mean 'edge'? known are: edge)"),
        (("origin", *GIG[1:]), "no-group has no policy of 'origin' (known are: edge)"),
        (("origin", "--list"), "no-group has no policy of 'origin' (known are: edge)"),
        (("origin", "--cancel", "gig"), "no-group has no policy of 'origin' (known are: edge)"),
        (("edge",), "reserve: usage needs to know what to do (GROUP --nodes N|--viewers N --from T --until T, "),
        ((*GIG, "--list"), "reserve: usage needs to know what to do"),
        (("edge", "--list", "--cancel", "gig"), "reserve: usage needs to know what to do"),
        (GIG[:5], "reserve: usage needs to know what to do"),
        ((*GIG, "--why", "two\nlines"), "--why: usage is longer than 500 characters, or not of one line"),
        ((*GIG, "--why", "x" * 501), "--why: usage is longer than 500 characters, or not of one line"),
        ((*GIG, "--until", "+30m"), "--until: span it ends before it begins"),
        ((*GIG, "--name", "final"), "--name: reservation-exists the policy's file has a reservation 'final'"),
    ],
    ids=range(12),
)
def test_what_cannot_be_is_one_line_and_changes_nothing(
    reserve: Reserve, mongo_database: Database[Document], arguments: tuple[str, ...], line: str
) -> None:
    code, out, err = reserve(*arguments)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert line in err
    assert mongo_database.list_collection_names() == []


def test_an_empty_list_says_so(reserve: Reserve, config: Path) -> None:
    policy = config.parent / "policies" / "edge.yaml"
    policy.write_text("\n".join(line for line in POLICY.splitlines() if not line.startswith("reservations")))
    assert reserve("edge", "--list") == (0, "nothing is reserved\n", "")


def test_what_is_reserved_can_be_cancelled_whatever_became_of_its_policy(reserve: Reserve, config: Path) -> None:
    reserve(*GIG)
    (config.parent / "policies" / "edge.yaml").write_text("group: [")
    assert reserve("edge", "--cancel", "gig")[0] == 0


def test_without_mongodb_it_says_so_in_one_line(reserve: Reserve, config: Path) -> None:
    settings(config.parent, f"mongodb://autoscaler:s3cr3t@127.0.0.1:{free_port()}", "autoscaler")
    for arguments in (GIG, ("edge", "--list"), ("edge", "--cancel", "gig")):
        code, out, err = reserve(*arguments)
        assert (code, out, len(err.splitlines())) == (3, "", 1)
        assert err.startswith("mongodb: ServerSelectionTimeoutError: ")
        assert "s3cr3t" not in err


def test_what_cannot_be_written_is_said_in_one_line_and_not_reserved(reserve: Reserve, mongo_uri: str) -> None:
    with failing(mongo_uri, "insert", errorCode=13):
        code, out, err = reserve(*GIG)
    assert (code, out) == (4, "")
    assert err == "reservation_unsaved: mongodb: the user lacks a permission (code 13)\n"
    assert "gig" not in listed(reserve)


def test_what_only_the_journal_lacks_is_reserved(
    reserve: Reserve, mongo_database: Database[Document], monkeypatch: pytest.MonkeyPatch
) -> None:
    mongo_database.create_collection("journal", validator={"$jsonSchema": {"required": ["never"]}})
    code, out, err = reserve(*GIG, "--json")
    assert code == 0
    assert json.loads(out)["name"] == "gig"
    assert err.startswith("warning: done, and kept with who did it, but not in the journal: journal_unavailable: ")
    assert listed(reserve)["gig"]["by"] == HERE
    monkeypatch.setattr(getpass, "getuser", _nobody)
    reserve(*GIG, "--name", "other")
    assert listed(reserve)["other"]["by"] == f"{os.getuid()}@{socket.gethostname()}"


def _nobody() -> str:
    raise KeyError("uid not found")


def test_of_two_that_race_for_a_name_one_wins(config: Path, mongo_database: Database[Document]) -> None:
    def race(nodes: int) -> tuple[int, str]:
        done = command("reserve", *GIG, "--nodes", str(nodes), "--config", config, env=environment())
        return done.returncode, done.stderr

    with ThreadPoolExecutor(2) as pool:
        ends = list(pool.map(race, (3, 4)))
    [winner] = [nodes for nodes, (code, _) in zip((3, 4), ends, strict=True) if code == 0]
    [(code, err)] = [end for end in ends if end[0] != 0]
    assert (code, err.split()[0]) in {(2, "--name:"), (4, "reservation_conflict:")}
    [row] = mongo_database.reservations.find({})
    assert [act["booking"]["nodes"] for act in row["acts"]] == [winner]
