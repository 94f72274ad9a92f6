"""A source that dies while the daemon runs: nobody is removed, growth goes on where it can, and all of it recovers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.cluster import Cluster
from tests.support.haproxy import until

Fault = Callable[[Cluster], None]
HOLD = ["Drain", "Deregister", "Terminate"]


def kill_haproxy(rig: Cluster) -> None:
    rig.setup.haproxy.kill()


def start_haproxy(rig: Cluster) -> None:
    rig.setup.haproxy.start()


def fault_ec2(rig: Cluster) -> None:
    rig.emulator.steer(faults=[{"action": "Describe*", "code": "RequestLimitExceeded", "status": 503, "times": -1}])


def clear_ec2(rig: Cluster) -> None:
    rig.emulator.steer(clear_faults=True)


def forget_streams(rig: Cluster) -> None:
    rig.client[rig.databases["cluster"]]["AppSettings"].delete_many({})


def name_streams(rig: Cluster) -> None:
    rig.client[rig.databases["cluster"]]["AppSettings"].insert_one({"appName": rig.databases["streams"]})


@pytest.mark.parametrize(
    ("kill", "heal", "told"),
    [
        (kill_haproxy, start_haproxy, "haproxy:lb1"),
        (fault_ec2, clear_ec2, "ec2"),
        (forget_streams, name_streams, "mongodb"),
    ],
    ids=["haproxy", "ec2", "mongodb"],
)
def test_without_a_source_nobody_is_removed_and_with_it_again_the_rest_is(
    rig: Cluster, kill: Fault, heal: Fault, told: str
) -> None:
    rig.write_policy(bounds={"min": 1, "max": 2})
    rig.busy_percent = 95
    daemon = rig.daemon()
    rig.settles(2)
    kill(rig)
    rig.busy_percent = 5  # a reason to shrink
    daemon.until(lambda: told in daemon.events("cycle")[-1]["gaps"], f"a gap in {told}")
    before = len(rig.journal("intent"))
    daemon.cycles(5)
    assert [row["action"] for row in rig.journal("intent")[before:] if row["action"] in HOLD] == []
    assert len(rig.alive) == 2
    heal(rig)
    until(lambda: len(rig.alive) == 1, "the surplus goes")
    rig.settles(1)
    assert rig.cut == []
    assert "Traceback" not in daemon.log
    assert daemon.stop() == 0


def test_without_haproxy_load_that_mongodb_tells_still_brings_nodes(rig: Cluster) -> None:
    daemon = rig.daemon()
    rig.settles(1)
    daemon.cycles(1)
    rig.setup.haproxy.kill()
    rig.busy_percent = 95
    until(lambda: len(rig.alive) >= 2, "it grows")
    rig.setup.haproxy.start()
    rig.busy_percent = 50
    until(lambda: len(rig.in_service()) == len(rig.alive), "all of them serve")
    assert daemon.stop() == 0


def test_without_mongodb_sessions_that_haproxy_tells_still_bring_nodes(rig: Cluster) -> None:
    """The application list is gone, so nobody knows of publishers, while heartbeats still come."""
    daemon = rig.daemon()
    rig.settles(1)
    forget_streams(rig)
    crowd = [rig.viewer() for _ in range(4)]
    rig.settles(2)
    assert all(player.unbroken for player in crowd)
    assert daemon.stop() == 0


def test_what_ec2_refuses_is_told_and_tried_elsewhere(rig: Cluster) -> None:
    rig.emulator.steer(capacity=[{"type": "*", "zone": "eu-west-1a", "limit": 0}])
    rig.write_policy(bounds={"min": 2, "max": 3})
    daemon = rig.daemon()
    rig.settles(2)
    assert daemon.events("outcome", action="Launch", result="failed", code="stock_out")
    assert {ip.split(".")[2] for ip in rig.addresses()} == {"2"}
    assert daemon.stop() == 0
