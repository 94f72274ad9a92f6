"""A daemon that dies at any step, and two daemons at once: nothing is launched twice, orphaned, forgotten or cut."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from autoscaler.model.snapshot import ServerStatus
from tests.support.cluster import SLOTS, Cluster
from tests.support.gate import Gate
from tests.support.haproxy import until
from tests.support.media_server import Player

FOR_EVER_S = 1000.0


@pytest.fixture
def gate(rig: Cluster) -> Iterator[Gate]:
    """Put a gate between the daemon and HAProxy."""
    folder = rig.setup.haproxy.folder
    gate = Gate(folder / "gate.sock", folder / "admin.sock")
    rig.write_settings(haproxy=[{"name": "lb1", "socket": gate.address, "master": f"unix:{folder}/master.sock"}])
    yield gate
    gate.close()


def dies_telling_haproxy(rig: Cluster, gate: Gate, pattern: str, *, after: bool) -> None:
    """Let a daemon live until it sends such a command, and not a moment longer."""
    gate.catch(pattern, after=after)
    daemon = rig.daemon()
    daemon.until(gate.caught.is_set, f"{pattern} is sent")
    daemon.kill()


def dies_calling_ec2(rig: Cluster, action: str, *, after: bool) -> None:
    """Let a daemon live until it makes such a call. EC2 carries it out at once, or when the faults are cleared."""
    fault = {"action": action, "match": {"DryRun": ""}, "hang": FOR_EVER_S, "after": after}
    rig.emulator.steer(faults=[fault], clear_log=True)
    daemon = rig.daemon()
    daemon.until(lambda: 0 in [call["status"] for call in rig.emulator.log(action)], f"{action} is called")
    daemon.kill()


def test_a_daemon_that_dies_at_every_step_is_as_good_as_one_that_does_not(rig: Cluster, gate: Gate) -> None:
    rig.write_policy(bounds={"min": 2, "max": 3})
    for after in (False, True):
        dies_calling_ec2(rig, "RunInstances", after=after)
    rig.emulator.steer(clear_faults=True)
    for step, after in (
        (rf"addr {rig.net}", False),
        ("health down", True),
        ("state ready", False),
        ("state ready", True),
    ):
        dies_telling_haproxy(rig, gate, step, after=after)
    daemon = rig.daemon()
    publisher, viewer = _one_on_each(rig)
    daemon.kill()

    for step, sticky_for in (("state drain", "1m"), ("state maint", "0s")):
        rig.write_policy(bounds={"min": 1, "max": 3}, drain={"sticky_for": sticky_for, "empty_for": "300ms"})
        for after in (False, True):
            dies_telling_haproxy(rig, gate, step, after=after)
            assert (publisher.unbroken, viewer.unbroken) == (True, True)
    assert len(rig.alive) == 2
    viewer.leave()
    for after in (False, True):
        dies_calling_ec2(rig, "TerminateInstances", after=after)
    rig.emulator.steer(clear_faults=True)
    dies_telling_haproxy(rig, gate, r"addr 127\.0\.0\.1 port 1", after=False)
    daemon = rig.daemon()
    assert rig.settles(1) == {publisher.node}
    until(lambda: rig.free_slots() == SLOTS - 1, "the slot is free")
    daemon.cycles(3)
    assert daemon.stop() == 0
    assert len(rig.instances()) == 2
    assert publisher.unbroken
    assert rig.cut == []
    assert rig.memory().drains == {}


def _one_on_each(rig: Cluster) -> tuple[Player, Player]:
    rig.settles(2)
    publisher = rig.publisher("studio")
    while (viewer := rig.viewer()).node == publisher.node:
        viewer.leave()
    return publisher, viewer


def test_what_ec2_does_not_list_yet_is_not_launched_again_after_a_crash(rig: Cluster) -> None:
    rig.write_policy(bounds={"min": 2, "max": 3})
    rig.emulator.steer(visible_after_s=FOR_EVER_S)
    for _ in range(2):
        dies_calling_ec2(rig, "RunInstances", after=True)
    rig.emulator.steer(clear_faults=True)
    daemon = rig.daemon()
    daemon.cycles(3)
    rig.emulator.steer(visible_after_s=0)
    rig.settles(2)
    daemon.cycles(3)
    assert len(rig.instances()) == 2


def test_a_daemon_that_dies_while_it_stops_and_wakes_nodes_is_as_good_as_one_that_does_not(rig: Cluster) -> None:
    rig.write_settings(give_up_after=10_000)  # two that live on are in step with those that die, and may lose for long
    subnets = [rig.emulator.names["subnet-a"], rig.emulator.names["subnet-b"]]
    launch = {"launch_template": "ams-edge", "subnets": subnets, "warm_pool": {"stopped": 1}}
    rig.write_policy(bounds={"min": 1, "max": 2}, launch=launch)

    def dies_twice(action: str) -> None:
        for after in (False, True):
            dies_calling_ec2(rig, action, after=after)
        rig.emulator.steer(clear_faults=True)  # what the first one asked for is done only now

    dies_twice("RunInstances")
    dies_twice("StopInstances")  # of the node that joined for the pool
    daemon = rig.daemon()
    daemon.until(lambda: len(rig.in_service()) == 1 and len(rig.instances("stopped")) == 1, "one serves, one sleeps")
    crowd = [rig.viewer() for _ in range(5)]
    daemon.kill()
    dies_twice("StartInstances")
    rig.daemon()
    rig.settles(2)
    for player in crowd:
        player.leave()
    rig.daemon()
    dies_twice("StopInstances")  # of the node that was drained
    daemon = rig.daemon()
    rig.settles(1)
    daemon.cycles(3)
    assert daemon.stop() == 0
    assert (len(rig.instances()), len(rig.instances("stopped"))) == (2, 1)
    assert {*rig.memory().pool} == {*rig.instances("stopped")}
    assert (rig.memory().drains, rig.memory().wakes) == ({}, {})
    assert rig.cut == []


def test_of_two_daemons_one_loses_and_nothing_is_doubled(rig: Cluster) -> None:
    rig.write_settings(give_up_after=10_000)  # in step with each other, one of them may lose many times in a row
    rig.write_policy(bounds={"min": 2, "max": 3})
    fault = {"action": "RunInstances", "match": {"DryRun": ""}, "hang": FOR_EVER_S, "after": True}
    rig.emulator.steer(faults=[fault])
    first = rig.daemon()
    first.until(rig.instances, "it launches")
    second = rig.daemon()
    second.until_event("cycle", group="edge")
    rig.emulator.steer(clear_faults=True)
    first.until(lambda: first.events("cycle_failed", group="edge"), "it is told that another one runs")
    [conflict] = first.events("cycle_failed")[:1]
    assert conflict["error"].startswith("state_conflict: another process is running the group 'edge'")
    rig.settles(2)
    crowd = [rig.viewer() for _ in range(7)]
    rig.settles(3)
    for player in crowd:
        player.leave()
    rig.settles(2)
    for daemon in (first, second):
        daemon.cycles(3)
        assert daemon.stop() == 0
        assert "Traceback" not in daemon.log
    assert len(rig.instances()) == 3
    assert len(rig.instances("terminated")) == 1
    assert rig.cut == []
    assert [s.status for s in rig.servers()].count(ServerStatus.UP) == 2 * 3
