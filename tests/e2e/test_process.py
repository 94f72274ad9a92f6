"""The process: signals, reloads, failures that are told and tried again, and the end when nothing works any more."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

import moto_fixtures
from tests.support.cluster import Cluster, cluster
from tests.support.daemon import Daemon
from tests.support.mongo import MongoServer, mongo_server, require_executable


@pytest.fixture
def mongodb() -> Iterator[MongoServer]:
    """A server that may be stopped: nobody else uses it."""
    require_executable()
    with mongo_server() as server:
        yield server


@pytest.fixture
def lonely(emulator: moto_fixtures.Server, mongodb: MongoServer, tmp_path: Path) -> Iterator[Cluster]:
    """A cluster whose MongoDB may be stopped."""
    with cluster(emulator, mongodb.uri, tmp_path) as made:
        yield made


def test_sigterm_lets_the_cycle_finish(rig: Cluster) -> None:
    fault = {"action": "RunInstances", "match": {"DryRun": ""}, "hang": 1000.0, "after": True}
    rig.emulator.steer(faults=[fault])
    daemon = rig.daemon()
    daemon.until(rig.instances, "it launches")
    daemon.process.send_signal(signal.SIGTERM)
    rig.emulator.steer(clear_faults=True)
    assert daemon.ended() == 0
    [launched] = rig.journal("outcome", action="Launch", result="done")
    assert launched["instance_ids"] == rig.instances()
    assert [record.instance_ids for record in rig.memory().launches] == [tuple(rig.instances())]
    assert daemon.events("stopped", exit_code=0)
    assert len(rig.journal("cycle")) == 1


def _problems(daemon: Daemon) -> str:
    return "\n".join(entry["problem"] for entry in daemon.events("policy_reload_failed"))


def test_a_reload_brings_new_policies_and_a_broken_file_keeps_the_last_good_ones(rig: Cluster) -> None:
    daemon = rig.daemon()
    rig.settles(1)
    broken = rig.write_policy(bounds={"min": 2, "maximum": 3})
    daemon.reload()
    told = f"{broken}:6:3: unknown-key unknown key 'maximum' (did you mean 'max'?)"
    daemon.until(lambda: told in _problems(daemon), "the mistake is told")
    rig.write_policy(load_balancer=[{"backend": "backend_gone", "port": 5080}])
    daemon.reload()
    daemon.until(lambda: "there is no backend backend_gone" in _problems(daemon), "the live cluster is asked, too")
    daemon.cycles(2)
    assert daemon.events("policies_reloaded") == []
    assert len(rig.alive) == 1
    rig.write_policy(bounds={"min": 2, "max": 3})
    daemon.reload()
    daemon.until_event("policies_reloaded", groups=["edge"])
    rig.settles(2)
    assert daemon.stop() == 0


def test_a_failed_cycle_is_told_and_tried_again(lonely: Cluster, mongodb: MongoServer) -> None:
    daemon = lonely.daemon()
    lonely.settles(1)
    viewer = lonely.viewer()
    mongodb.freeze()
    try:
        failed = daemon.until_event("cycle_failed", group="edge")
    finally:
        mongodb.thaw()
    assert failed["error"].startswith(("mongodb: ", "state_unavailable: "))
    daemon.cycles(3)
    assert viewer.unbroken
    assert lonely.settles(1) == {viewer.node}
    assert len(lonely.instances()) == 1
    assert daemon.stop() == 0


def test_many_failures_in_a_row_end_the_process(lonely: Cluster, mongodb: MongoServer) -> None:
    lonely.write_settings(give_up_after=2)
    daemon = lonely.daemon()
    lonely.settles(1)
    viewer = lonely.viewer()
    mongodb.kill()
    assert daemon.ended() == 3
    assert [entry["exit_code"] for entry in daemon.events("giving_up")] == [3]
    assert "Traceback" not in daemon.log
    assert viewer.unbroken
    assert len(lonely.alive) == 1
