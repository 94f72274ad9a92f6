"""The real daemon's journal, recorded and replayed; and a dry run beside it, which keeps its score."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from autoscaler.cli import app
from autoscaler.decide.roster import Roster
from autoscaler.simulate.traffic.load import load_traffic
from tests.support.cluster import Cluster

HOUR_AGO = ("--since", "1h")


def test_a_story_is_recorded_and_replayed_to_the_byte(
    rig: Cluster, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon = rig.daemon()
    rig.settles(1)
    crowd = [rig.viewer() for _ in range(6)]
    publisher = rig.publisher("studio")
    rig.settles(3)
    for player in crowd:
        player.leave()
    assert rig.settles(1) == {publisher.node}
    assert daemon.stop() == 0
    count = len(rig.journal("cycle"))
    settings = ("--config", rig.folder / "autoscaler.yaml")

    file, levels = rig.folder / "story.jsonl.xz", rig.folder / "levels.csv"
    code, _, stderr = rig.run("record", *HOUR_AGO, "-o", file, *settings)
    assert (code, stderr) == (0, f"{count} cycles\n")
    assert rig.run("replay", file) == (0, f"{count} of {count} cycles match\n", "")
    assert rig.run("replay", *HOUR_AGO, *settings) == (0, f"{count} of {count} cycles match\n", "")
    assert rig.run("record", *HOUR_AGO, "--levels", "-o", levels, *settings)[0] == 0
    assert load_traffic(levels, 1).length_s > 1
    assert levels.read_text().splitlines()[-1].endswith(",0,1")  # nobody watches, one publishes

    want = Roster.nodes_for  # no rule may want more than one node more
    monkeypatch.setattr(Roster, "nodes_for", lambda roster, much: min(want(roster, much), roster.current + 1))
    ended, out = _here(monkeypatch, capsys, file)
    assert ended == 1
    assert f"{file}:" in out
    assert "\n  decision.desired\n    recorded  3\n    replayed  2\n" in out
    assert f" of {count} cycles match\n" in out
    assert f"{count} of {count}" not in out


def _here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], file: Path) -> tuple[object, str]:
    """Replay in this process, in which something is broken."""
    monkeypatch.setattr(sys, "argv", ["autoscaler", "replay", str(file)])
    with pytest.raises(SystemExit) as ended:
        app.main()
    return ended.value.code, capsys.readouterr().out


def test_a_dry_run_beside_the_daemon_keeps_its_score(rig: Cluster) -> None:
    rig.write_policy(bounds={"min": 2, "max": 3})
    live = rig.daemon()
    rig.settles(2)
    stayers = [rig.viewer() for _ in range(2)]
    other = rig.write_settings("other.yaml", policies="others", nodes=None)
    rig.write_policy("../others/edge.yaml", bounds={"min": 3, "max": 3})
    dry = rig.daemon("--dry-run", "--config", str(other))
    dry.cycles(3)
    assert {(cycle["current"], cycle["desired"]) for cycle in dry.events("cycle")} == {(2, 3)}
    rig.write_policy(bounds={"min": 1, "max": 1})
    live.reload()
    dry.until(lambda: dry.events("cycle", current=1), "it knows that the live daemon drains a node")
    assert dry.stop() == 0
    assert all(player.unbroken for player in stayers)
    [score] = dry.events("dry_run_score")
    cycles = dry.events("cycle")
    assert (score["group"], score["final"]) == ("edge", True)
    assert (score["cycles"], score["larger_cycles"]) == (len(cycles), len(cycles))
    assert (score["same_cycles"], score["smaller_cycles"], score["blind_cycles"]) == (0, 0, 0)
    assert (score["would_launch"], score["would_drain"], score["refusing_cycles"]) == (2, 0, None)
    assert (score["launched"], score["drained"], score["terminated"]) == (0, 1, 0)  # its viewer stays
    assert 0 < score["node_hours"] < score["wanted_node_hours"]
    assert live.events("dry_run_score") == []


def test_a_dry_run_counts_what_the_daemon_does_and_goes_on_through_blindness(rig: Cluster) -> None:
    rig.write_settings(give_up_after=10_000)  # the live one is to see the end of it, too
    live = rig.daemon()
    rig.settles(1)
    dry_settings = rig.write_settings("other.yaml", nodes=None, give_up_after=2)
    dry = rig.daemon("--dry-run", "--config", str(dry_settings))
    dry.cycles(2)
    rig.write_policy(bounds={"min": 3, "max": 3})
    live.reload()
    dry.until(lambda: rig.in_service() == rig.addresses() and len(rig.alive) == 3, "two more serve")
    dry.cycles(2)
    rig.emulator.steer(faults=[{"action": "Describe*", "code": "RequestLimitExceeded", "status": 503, "times": -1}])
    dry.until(lambda: len(dry.events("cycle_failed")) > 4, "it is blind, for longer than a daemon bears")
    rig.emulator.steer(clear_faults=True)
    dry.cycles(2)
    rig.write_policy(bounds={"min": 1, "max": 1})
    live.reload()
    dry.until(lambda: len(rig.alive) == 1, "two nodes end")
    dry.cycles(2)
    assert dry.stop() == 0
    assert dry.events("giving_up") == []
    [score] = dry.events("dry_run_score")
    assert score["blind_cycles"] == len(dry.events("cycle_failed")) > 4
    assert score["cycles"] == len(dry.events("cycle"))
    assert (score["launched"], score["drained"], score["terminated"]) == (2, 2, 2)
