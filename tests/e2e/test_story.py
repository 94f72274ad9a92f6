"""The whole life of a group on real components: it grows, serves, drains and shrinks, and nobody is cut."""

from __future__ import annotations

from autoscaler.adapters.mongo_journal import unpack_report
from autoscaler.model.plan import Done, Launch, Terminate
from autoscaler.model.snapshot import ServerStatus
from tests.support.cluster import SLOTS, Cluster
from tests.support.haproxy import until
from tests.support.media_server import HTTP, RTMP, Player


def test_a_group_grows_from_nothing_serves_drains_and_shrinks(rig: Cluster) -> None:
    rig.emulator.steer(pending_s=0.3)
    worker = rig.worker()
    daemon = rig.daemon()
    rig.settles(1)

    publisher = rig.publisher("studio")
    crowd = [rig.viewer(websocket=bool(number % 2)) for number in range(6)]
    assert rig.settles(3) > {publisher.node}
    stayers = [_viewer_on(rig, ip) for ip in rig.in_service() - {publisher.node}]
    for player in crowd:
        player.leave()
    daemon.until(lambda: rig.in_service() == {publisher.node}, "the other two drain")
    daemon.cycles(8)
    assert len(rig.alive) == 3  # nobody is ended while somebody watches
    assert rig.viewer().node == publisher.node  # newcomers go where they may stay
    assert all(player.unbroken for player in (publisher, *stayers))

    for player in stayers:
        player.leave()
    assert rig.settles(1) == {publisher.node}
    until(lambda: rig.free_slots() == SLOTS - 1, "the slots of the gone are free")
    assert publisher.unbroken
    assert rig.cut == []
    assert rig.worker() == worker
    assert daemon.stop() == 0
    _remembered(rig)


def _viewer_on(rig: Cluster, ip: str) -> Player:
    """Watch by WebSocket on one node: whoever is sent elsewhere leaves and comes again."""
    while (player := rig.viewer(websocket=True)).node != ip:
        player.leave()
    return player


def _remembered(rig: Cluster) -> None:
    """MongoDB holds what happened: every step before and after it, whole cycles, and the state for a next start."""
    reports = [unpack_report(row) for row in rig.journal("cycle")]
    outcomes = [outcome for report in reports for outcome in report.outcomes]
    launched = [
        instance_id
        for outcome in outcomes
        if isinstance(outcome.action, Launch) and isinstance(outcome.result, Done)
        for instance_id in outcome.result.instance_ids
    ]
    ended = [outcome.action.instance_id for outcome in outcomes if isinstance(outcome.action, Terminate)]
    assert sorted(launched) == rig.instances()
    assert sorted(set(ended)) == rig.instances("terminated")
    intents = [(row["action"], row["subject"], row["token"]) for row in rig.journal("intent")]
    assert [(row["action"], row["subject"], row["token"]) for row in rig.journal("outcome")] == intents
    assert rig.memory().revision >= reports[-1].memory.revision
    assert list(rig.memory().admitted) == rig.instances("running")
    assert rig.memory().drains == {}


def test_a_node_is_admitted_after_its_health_check_and_not_before(rig: Cluster) -> None:
    rig.serves = (HTTP,)  # it answers on HTTP and has joined, but takes no stream yet
    daemon = rig.daemon()
    daemon.until_event("outcome", action="Register", code="waiting_for_health_check")
    assert {server.status for server in rig.servers()}.isdisjoint({ServerStatus.UP})
    assert [node.sessions for node in rig.nodes.values()] == [{}]
    rig.serves = (HTTP, RTMP)
    rig.settles(1)
    assert rig.viewer().unbroken


def test_a_node_with_a_publisher_is_never_removed(rig: Cluster) -> None:
    rig.write_policy(bounds={"min": 2, "max": 4})
    daemon = rig.daemon()
    rig.settles(2)
    publishers = [rig.publisher(name) for name in ("one", "two")]
    assert {player.node for player in publishers} == rig.in_service()
    rig.write_policy(bounds={"min": 0, "max": 4}, scale=[{"target_tracking": {"signal": "cpu", "target": 60}}])
    rig.busy_percent = 0
    daemon.reload()
    cycle = daemon.until_event("cycle", refusals=["protected"])
    assert cycle["desired"] < cycle["current"]
    daemon.cycles(5)
    assert len(rig.in_service()) == 2
    publishers[0].leave()
    until(lambda: publishers[0].node not in rig.addresses(), "the other one goes")
    daemon.cycles(5)
    assert rig.in_service() == {publishers[1].node}
    assert publishers[1].unbroken
    assert rig.cut == []
