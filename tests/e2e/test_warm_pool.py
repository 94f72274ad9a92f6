"""A warm pool on real components: a node joins, sleeps, serves, drains and sleeps again."""

from __future__ import annotations

from tests.support.cluster import SLOTS, Cluster
from tests.support.haproxy import until


def warm(rig: Cluster, stopped: int = 1) -> None:
    """Let one node serve and one sleep; two at most."""
    subnets = [rig.emulator.names["subnet-a"], rig.emulator.names["subnet-b"]]
    launch = {"launch_template": "ams-edge", "subnets": subnets, "warm_pool": {"stopped": stopped}}
    rig.write_policy(bounds={"min": 1, "max": 2}, launch=launch)


def test_a_node_joins_sleeps_serves_and_sleeps_again(rig: Cluster) -> None:
    rig.emulator.steer(pending_s=0.3, stopping_s=0.3)
    warm(rig)
    daemon = rig.daemon()
    daemon.until(lambda: rig.instances("stopped") and len(rig.in_service()) == 1, "one serves and one sleeps")
    [sleeper], [first] = rig.instances("stopped"), rig.in_service()
    daemon.cycles(3)
    assert rig.free_slots() == SLOTS - 1
    assert rig.writes() == ["RunInstances", "RunInstances", "StopInstances"]

    crowd = [rig.viewer() for _ in range(5)]
    rig.settles(2)
    assert rig.instances("stopped") == []
    assert rig.writes()[3:] == ["StartInstances"]
    [woken] = rig.in_service() - {first}
    while (late := rig.viewer()).node != woken:
        late.leave()
    for player in crowd:
        player.leave()
    publisher = rig.publisher("studio")
    daemon.until(lambda: len(rig.in_service()) == 1, "it shrinks")
    stayer = next(player for player in (late, publisher) if player.unbroken)
    daemon.cycles(8)
    assert len(rig.alive) == 2  # whoever watches on a draining node keeps it awake
    assert stayer.unbroken
    late.leave()
    publisher.leave()
    rig.settles(1)
    daemon.until(lambda: rig.instances("stopped"), "what was drained sleeps")
    until(lambda: rig.free_slots() == SLOTS - 1, "and has no slot")
    assert rig.writes()[3:] == ["StartInstances", "StopInstances"]
    assert len(rig.instances()) == 2
    assert {*rig.memory().pool} == {*rig.instances("stopped")} <= {sleeper, *rig.instances()}
    assert rig.memory().lost_at is None
    assert rig.cut == []

    warm(rig, stopped=0)
    daemon.reload()
    daemon.until(lambda: len(rig.instances("terminated")) == 1, "the pool is given up")
    daemon.cycles(3)
    assert daemon.stop() == 0
    assert "Traceback" not in daemon.log
    assert len(rig.alive) == 1
    assert rig.cut == []


def test_what_cannot_be_woken_is_launched_elsewhere(rig: Cluster) -> None:
    warm(rig)
    daemon = rig.daemon()
    daemon.until(lambda: rig.instances("stopped") and len(rig.in_service()) == 1, "one serves and one sleeps")
    [asleep] = rig.instances("stopped")
    fault = {
        "action": "StartInstances",
        "times": -1,
        "status": 500,
        "code": "InsufficientInstanceCapacity",
        "message": "none",
    }
    rig.emulator.steer(faults=[fault])
    crowd = [rig.viewer() for _ in range(5)]
    rig.settles(2)
    assert daemon.events("outcome", action="Wake", code="stock_out")
    assert [row["subject"] for row in rig.journal("intent", action="Wake")] == [asleep]
    assert rig.instances("stopped") == [asleep]
    for player in crowd:
        player.leave()
    rig.settles(1)
    assert rig.cut == []
    assert daemon.stop() == 0


def test_without_the_right_to_stop_there_is_no_pool_and_nothing_else_is_lost(rig: Cluster) -> None:
    fault = {"action": "StopInstances", "times": -1, "status": 403, "code": "UnauthorizedOperation", "message": "no"}
    rig.emulator.steer(faults=[fault])
    warm(rig)
    daemon = rig.daemon()
    daemon.until_event("outcome", action="Stop", code="ec2_unauthorized")
    rig.settles(1)
    crowd = [rig.viewer() for _ in range(5)]
    rig.settles(2)
    for player in crowd:
        player.leave()
    rig.settles(1)
    daemon.cycles(3)
    assert rig.instances("stopped") == []
    assert len(rig.emulator.log("StopInstances")) == 1
    assert rig.cut == []
    assert daemon.stop() == 0
