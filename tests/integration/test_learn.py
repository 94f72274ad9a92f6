"""A simulated daemon journals into a real MongoDB, `record` reads it back, and `learn` tells what the world was."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pymongo.database import Database

from autoscaler.adapters.mongo import Document
from autoscaler.adapters.mongo_journal import MongoJournal
from autoscaler.cli import app
from autoscaler.policy.load import load_policies
from autoscaler.simulate.run import play, set_stage
from autoscaler.simulate.spec import MemorySpec, TypeSpec, WorldSpec
from autoscaler.simulate.traffic.load import load_traffic
from tests.support.documents import ROOT, read
from tests.support.looking import FOR_GOOD, settings

Run = Callable[..., tuple[int, str, str]]
EDGE = ROOT / "policies/edge.yaml"
SPEC = WorldSpec(types={"c7i.xlarge": TypeSpec(vcpus=4, viewers=150, memory=MemorySpec(viewers=140))}, idle_cpu=6.0)
LEVELS = "time,viewers,publishers\n" + "".join(
    f"2026-03-03T{at}:00Z,{viewers},0\n"
    for at, viewers in (("18:00", 100), ("19:00", 700), ("20:00", 300), ("22:10", 300))
)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["autoscaler", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            app.main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return run


def test_what_nodes_carry_is_learnt_from_the_daemons_own_journal(
    run: Run, mongo_uri: str, mongo_database: Database[Document], tmp_path: Path
) -> None:
    trace, recording, world = tmp_path / "levels.csv", tmp_path / "evening.jsonl.xz", tmp_path / "world.yaml"
    trace.write_text(LEVELS)
    (edge,) = load_policies({"edge.yaml": read(EDGE)})
    traffic = load_traffic(trace, 1)
    stage = set_stage(edge, traffic, SPEC, 1, timedelta(seconds=60))
    journal = MongoJournal(mongo_database, stage.senses.clock, FOR_GOOD)
    stage.hands, stage.observer = replace(stage.hands, journal=journal), journal.cycle  # as the daemon does
    play(stage, traffic, timedelta(seconds=60))
    config = settings(tmp_path, mongo_uri, mongo_database.name)
    span = ("--since", "2026-03-03T18:00:00Z", "--until", "2026-03-03T23:00:00Z")
    assert run("record", *span, "-o", recording, "--config", config) == (0, "", "250 cycles\n")
    code, out, err = run("learn", recording, "--policy", EDGE, "--json", "--world-out", world)
    assert (code, err) == (0, "")
    (group,) = json.loads(out)["groups"]
    (kind,) = group["types"]
    assert (group["group"], group["cycles"], kind["instance_type"]) == ("edge", 250, "c7i.xlarge")
    assert kind["viewers"]["alone"]["value"] == pytest.approx(45 / 70 * 140, rel=0.01)  # memory is full first
    assert kind["cpu"]["base"] == pytest.approx(6, abs=0.1)
    assert group["diff"].count("\n+  - target_tracking: {signal: sessions, ") == 1
    code, out, _ = run("simulate", EDGE, "--trace", trace, "--world", world, "--cycle", "1m", "--json")
    assert code == 0
    assert json.loads(out)["cycles"] == 250
