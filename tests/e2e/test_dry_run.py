"""Looking without touching: an EC2 user who may only describe, a socket that only reads, a MongoDB left as it was."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.cluster import Cluster
from tests.support.ec2 import count_unchecked, user

PLAN_KEYS = {"group", "at", "snapshot", "decision", "plan", "gaps"}
DECISION_KEYS = {"current", "desired", "direction", "reasons"}
STATUS_KEYS = {"cluster", "leader", "groups"}
GROUP_KEYS = {"group", "current", "desired", "bounds", "paused", "nodes"}
NODE_KEYS = {
    "instance_id", "ip", "phase", "age_s", "cpu_percent", "memory_percent", "sessions", "publishers", "viewers", "zone",
    "type",
}  # fmt: skip


class Looker:
    """Someone with no right to change anything, at a cluster that would have to grow."""

    def __init__(self, rig: Cluster) -> None:
        self.rig = rig
        daemon = rig.daemon()
        rig.settles(1)
        daemon.cycles(1)
        assert daemon.stop() == 0
        rig.write_policy(bounds={"min": 2, "max": 3})
        operator = f"unix:{rig.setup.haproxy.folder}/operator.sock"
        rig.write_settings(haproxy=[{"name": "lb1", "socket": operator}], nodes=None)
        key, secret = user(rig.emulator, "ec2:Describe*")
        self.keys = {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret}
        count_unchecked(rig.emulator, "0")
        rig.emulator.steer(clear_log=True)
        self.before = self.world()

    def world(self) -> tuple[Any, ...]:
        """Return everything that a command could change."""
        rig = self.rig
        return rig.instances(), rig.steered(), rig.stored(), rig.writes(), rig.worker()

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Run a command, and make sure that it changed nothing."""
        ended = self.rig.run(*arguments, "--config", str(self.rig.folder / "autoscaler.yaml"), **self.keys)
        assert self.world() == self.before
        assert "Traceback" not in ended[2]
        return ended


@pytest.fixture
def looker(rig: Cluster) -> Looker:
    return Looker(rig)


def test_every_look_says_what_would_be_done_and_does_nothing(looker: Looker) -> None:
    rig = looker.rig
    code, stdout, stderr = looker.run("plan", "--json", "--detailed-exitcode")
    assert (code, stderr) == (10, "")
    plan = json.loads(stdout)
    assert plan.keys() >= PLAN_KEYS
    assert plan["decision"].keys() >= DECISION_KEYS
    assert [reason.keys() for reason in plan["decision"]["reasons"]] == [{"code", "detail", "before", "after"}]
    assert (plan["decision"]["current"], plan["decision"]["desired"]) == (1, 2)
    [step] = plan["plan"]
    assert (step["action"], step["why"]) == ("Launch", "below_desired")
    assert step["node"] in rig.emulator.names.values()
    assert plan["gaps"] == []

    code, stdout, _ = looker.run("plan")
    assert code == 0
    assert "edge: 1 -> 2 nodes (out)" in stdout
    assert "would   Launch" in stdout

    code, stdout, _ = looker.run("status", "--json")
    assert code == 0
    status = json.loads(stdout)
    assert status.keys() >= STATUS_KEYS
    [group] = status["groups"]
    assert group.keys() >= GROUP_KEYS
    assert group["bounds"] == {"min": 2, "max": 3}
    [node] = group["nodes"]
    assert node.keys() >= NODE_KEYS
    assert (node["instance_id"], node["ip"]) == (rig.alive[0], *rig.addresses())
    assert (node["phase"], node["sessions"], node["publishers"], node["cpu_percent"]) == ("in_service", 0, 0, 5)

    code, _, stderr = looker.run("run", "--dry-run", "--once")
    assert code == 0
    [outcome] = [json.loads(line) for line in stderr.splitlines() if '"outcome"' in line]
    assert (outcome["action"], outcome["code"]) == ("Launch", "dry_run")


def test_a_dry_run_goes_on_and_ends_as_the_daemon_does(looker: Looker) -> None:
    daemon = looker.rig.daemon("--dry-run", **looker.keys)
    daemon.until_event("outcome", action="Launch", code="dry_run")
    daemon.cycles(2)
    assert daemon.stop() == 0
    assert looker.world() == looker.before
    assert "Traceback" not in daemon.log


def test_with_nothing_to_do_a_plan_exits_0_and_with_a_gap_3(looker: Looker) -> None:
    rig = looker.rig
    rig.write_policy()
    assert looker.run("plan", "--detailed-exitcode")[0] == 0
    rig.setup.haproxy.kill()
    code, stdout, _ = rig.run("plan", "--json", "--config", rig.folder / "autoscaler.yaml", **looker.keys)
    assert code == 3
    assert [gap["source"] for gap in json.loads(stdout)["gaps"]] == ["haproxy:lb1"]
    code, stdout, _ = rig.run("status", "--json", "--config", rig.folder / "autoscaler.yaml", **looker.keys)
    assert code == 0
    [node] = json.loads(stdout)["groups"][0]["nodes"]
    assert (node["sessions"], node["phase"]) == (None, "in_service")  # unknown, never 0


def test_without_a_right_to_look_a_plan_says_so(looker: Looker) -> None:
    secret = looker.keys["AWS_SECRET_ACCESS_KEY"] = "wrong-secret"
    code, stdout, stderr = looker.run("plan")
    assert (code, stdout) == (3, "")
    assert stderr.startswith("ec2: DescribeInstances: ")
    assert len(stderr.splitlines()) == 1
    assert secret not in stderr
