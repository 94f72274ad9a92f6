"""A person reserves while the daemon runs: nodes come with the next cycle, and go when it is over or cancelled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import moto_fixtures
from tests.support.cluster import Cluster, cluster
from tests.support.haproxy import until
from tests.support.mongo import mongo_server, require_executable

WIDE: dict[str, Any] = {"bounds": {"min": 1, "max": 3}, "viewers_per_node": 100}


def reserve(rig: Cluster, *arguments: str | Path) -> dict[str, Any]:
    code, stdout, stderr = rig.run("reserve", "edge", *arguments, "--json", "--config", rig.folder / "autoscaler.yaml")
    assert (code, stderr) == (0, "")
    told: dict[str, Any] = json.loads(stdout)
    return told


def test_nodes_come_when_they_are_reserved_and_go_when_that_is_cancelled(rig: Cluster) -> None:
    rig.write_policy(**WIDE)
    daemon = rig.daemon()
    rig.settles(1)
    reserve(rig, "--viewers", "250", "--from", "now", "--until", "+2h", "--name", "gig")
    rig.settles(3)
    assert "reservation" in daemon.events("cycle")[-1]["reasons"]
    config = rig.folder / "autoscaler.yaml"
    _, stdout, _ = rig.run("plan", "--json", "--config", config)
    assert [booking["name"] for booking in json.loads(stdout)["snapshot"]["bookings"]] == ["gig"]
    _, stdout, _ = rig.run("status", "--config", config)
    assert "reserved gig: 3 nodes until " in stdout
    _, stdout, _ = rig.run("explain", "--config", config)
    assert "because reservation: 1 -> 3, 3 nodes are reserved for gig" in stdout
    reserve(rig, "--cancel", "gig")
    rig.settles(1)
    assert rig.cut == []
    assert daemon.stop() == 0


def test_a_reservation_ends_by_itself(rig: Cluster) -> None:
    rig.write_policy(**WIDE)
    daemon = rig.daemon()
    rig.settles(1)
    told = reserve(rig, "--nodes", "2", "--from", "now", "--until", "+12s", "--name", "gig")
    until(lambda: len(rig.alive) == 2, "it grows")
    rig.settles(1)
    shrunk = next(row for row in rig.journal("intent") if row["action"] == "Drain")
    assert f"{shrunk['at']:%Y-%m-%dT%H:%M:%S}" >= told["until"][:19]
    assert daemon.stop() == 0


def test_a_dry_run_sees_what_is_reserved_and_does_nothing(rig: Cluster) -> None:
    rig.write_policy(**WIDE)
    daemon = rig.daemon()
    rig.settles(1)
    assert daemon.stop() == 0
    reserve(rig, "--nodes", "3", "--from", "now", "--until", "+2h", "--name", "gig")
    before = rig.stored(), rig.instances()
    code, _, stderr = rig.run("run", "--dry-run", "--once", "--config", rig.folder / "autoscaler.yaml")
    assert code == 0
    outcomes = [json.loads(line) for line in stderr.splitlines() if '"outcome"' in line]
    assert [(outcome["action"], outcome["code"]) for outcome in outcomes] == [("Launch", "dry_run")] * 2
    assert (rig.stored(), rig.instances()) == before


def test_nothing_goes_while_reservations_cannot_be_read(rig: Cluster) -> None:
    rig.write_policy(**WIDE)
    daemon = rig.daemon()
    rig.settles(1)
    reserve(rig, "--nodes", "3", "--from", "now", "--until", "+2h", "--name", "gig")
    rig.settles(3)
    rows = rig.client[rig.databases["state"]]["reservations"]
    whole = rows.find_one({}) or {}
    rows.update_one({}, {"$set": {"acts.0.booking.nodes": "many"}})  # what a newer version, or a hand, might leave
    daemon.until(lambda: "mongodb" in daemon.events("cycle")[-1]["gaps"], "a gap")
    before = len(rig.journal("intent"))
    daemon.cycles(5)
    assert rig.journal("intent")[before:] == []
    assert daemon.events("cycle")[-1]["reasons"][-1] == "gap"
    assert len(rig.in_service()) == 3
    rows.replace_one({"_id": whole["_id"]}, whole)
    daemon.until(lambda: daemon.events("cycle")[-1]["gaps"] == {}, "no gap")
    daemon.cycles(3)
    assert len(rig.in_service()) == 3
    assert daemon.stop() == 0


def test_nothing_goes_while_the_database_is_dead(emulator: moto_fixtures.Server, tmp_path: Path) -> None:
    require_executable()
    with mongo_server() as server, cluster(emulator, server.uri, tmp_path) as rig:
        rig.write_policy(**WIDE)
        daemon = rig.daemon()
        rig.settles(1)
        reserve(rig, "--nodes", "2", "--from", "now", "--until", "+20s", "--name", "gig")
        rig.settles(2)
        alive = rig.alive
        server.kill()
        daemon.until(lambda: len(daemon.events("cycle_failed")) > 2, "cycles that fail")  # and its end may pass
        assert (rig.alive, len(rig.in_service())) == (alive, 2)
        code, stdout, stderr = rig.run("reserve", "edge", "--list", "--config", rig.folder / "autoscaler.yaml")
        assert (code, stdout, len(stderr.splitlines())) == (3, "", 1)
