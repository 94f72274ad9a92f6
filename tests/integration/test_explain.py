"""`autoscaler explain` as its users run it, on a journal that cycles wrote."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from subprocess import CompletedProcess
from textwrap import dedent
from typing import Any

import pytest
from pymongo.database import Database

from autoscaler.adapters.mongo import Document
from autoscaler.adapters.mongo_journal import MongoJournal
from autoscaler.model.report import CycleReport
from tests.support.daemon import command, environment
from tests.support.fleet import policy, seconds
from tests.support.looking import FOR_GOOD, settings
from tests.support.places import free_port
from tests.support.stage import Stage

Explain = Callable[..., CompletedProcess[str]]
RULE = "cpu adds up to 90; at 60 a node that is 2 nodes"


@pytest.fixture
def story(mongo_database: Database[Document]) -> list[CycleReport]:
    """Three idle nodes: two cycles in which the window is not over, and one in which a node goes."""
    stage = Stage()
    journal = MongoJournal(mongo_database, stage.senses.clock, FOR_GOOD)
    rules = policy(bounds={"min": 2, "max": 5}, scale_in={"stabilization": "10s"}, warm_up="0s")
    nodes = [stage.serving(slot, sessions) for slot, sessions in ((1, 5), (2, 0), (3, 7))]
    reports = []
    for _ in range(3):
        for node in nodes:
            stage.world.beat(node, 30.0)
        reports.append(stage.cycle(rules))
        journal.cycle(reports[-1])
        stage.world.now += seconds(5)
    return reports


@pytest.fixture
def explain(mongo_uri: str, mongo_database: Database[Document], tmp_path: Path) -> Explain:
    file = settings(tmp_path, mongo_uri, mongo_database.name)
    return lambda *arguments: command("explain", *arguments, "--config", file, env=environment(NO_COLOR="1"))


def test_the_last_decision_is_told_in_full(explain: Explain, story: list[CycleReport]) -> None:
    done = explain()
    assert (done.returncode, done.stderr) == (0, "")
    at = story[-1].decision.at.isoformat(timespec="milliseconds")
    one, two, three = (node.instance_id for node in story[-1].snapshot.nodes)
    assert done.stdout == dedent(f"""\
        edge at {at}: 3 -> 2 nodes (in)
          rule    target_tracking:cpu: in to 2, {RULE} [measured 90; target 60]
          because target_tracking: 3 -> 2, {RULE}
          step    Drain {two} (above_desired): done
          node    {one} in_service: number 2 of 3 in line, with 5 sessions, behind {two}, the last to go, which has 0
          node    {two} in_service goes: nobody publishes on it, and it is number 1 of 3 in line, with 0 sessions
          node    {three} in_service: number 3 of 3 in line, with 7 sessions, behind {two}, the last to go, which has 0
          flip    cpu 30 -> 40 (+33.3 %) would have kept 3 nodes
          flip    no lower cpu would have changed it: stabilization: 2 were wanted within 10s
          flip    no change of sessions alone would have changed it from 12: target_tracking: {RULE}
        """)


def test_an_earlier_cycle_is_found_by_a_time_in_it(explain: Explain, story: list[CycleReport]) -> None:
    second = story[1].decision.at
    for when in (second, second + timedelta(seconds=4)):
        done = explain(when.isoformat())
        assert done.stdout.startswith(f"edge at {second.isoformat(timespec='milliseconds')}: 3 -> 3 nodes (hold)")
        assert "  because stabilization: 2 -> 3, the window of 10s has not been watched to its end\n" in done.stdout
    minute = second.replace(tzinfo=None).isoformat(sep=" ", timespec="minutes")
    assert f"at {story[0].decision.at.isoformat(timespec='milliseconds')}: " in explain(minute).stdout  # UTC


def test_a_script_reads_the_same(explain: Explain, story: list[CycleReport]) -> None:
    done = explain("--json", "--group", "edge")
    told: dict[str, Any] = json.loads(done.stdout)
    decision = story[-1].decision
    assert (told["group"], told["decision"]["desired"], told["decision"]["direction"]) == ("edge", 2, "in")
    assert [reason["code"] for reason in told["decision"]["reasons"]] == [reason.code for reason in decision.reasons]
    assert [verdict["value"] for verdict in told["verdicts"]] == [90]
    assert [(step["action"], step["why"]) for step in told["plan"]] == [("Drain", "above_desired")]
    assert [outcome["result"] for outcome in told["outcomes"]] == ["done"]
    assert [node["chosen"] for node in told["nodes"]] == [False, True, False]
    assert (told["gaps"], told["without_gaps"], told["note"]) == ([], None, "")
    up, down, *_ = told["flips"]
    assert (up["signal"], up["way"], up["from"], up["desired"], up["direction"]) == ("cpu", "up", 30, 3, "hold")
    assert up["to"] == pytest.approx(40, rel=1e-3)
    assert (down["to"], down["desired"], down["obstacle"]) == (None, None, "stabilization: 2 were wanted within 10s")


def test_what_lacked_and_what_was_not_done_is_told(explain: Explain, mongo_database: Database[Document]) -> None:
    stage = Stage()
    for slot in (1, 2, 3):
        stage.world.beat(stage.serving(slot), 90.0)
    stage.world.capacity.update({"subnet-a": 0, "subnet-b": 0})
    stage.world.dead.add("mongodb")
    MongoJournal(mongo_database, stage.senses.clock, FOR_GOOD).cycle(stage.cycle(policy(warm_up="0s")))
    blind = explain()
    assert "  rule    target_tracking:cpu: hold, no fresh value [missing i-" in blind.stdout
    assert "  lacks   mongodb *: " in blind.stdout
    assert "  flip    with nothing missing it would have kept 3 nodes\n" in blind.stdout
    stage.world.dead.clear()
    stage.world.now += seconds(1)
    MongoJournal(mongo_database, stage.senses.clock, FOR_GOOD).cycle(stage.cycle(policy(warm_up="0s")))
    short = explain()
    assert ": 3 -> 5 nodes (out)\n" in short.stdout
    assert "  step    Launch subnet-b (below_desired): failed, stock_out, " in short.stdout
    assert "  flip    cpu 90 -> 80 (-11.1 %) would have scaled out to 4\n" in short.stdout


def test_groups_are_told_one_after_the_other(
    explain: Explain, story: list[CycleReport], mongo_database: Database[Document]
) -> None:
    stage = Stage()
    stage.serving(1)
    journal = MongoJournal(mongo_database, stage.senses.clock, FOR_GOOD)
    journal.cycle(stage.cycle(policy(group="origin")))
    told = explain().stdout.split("\n\n")
    assert [text.partition(" at ")[0] for text in told] == ["edge", "origin"]
    assert [each["group"] for each in json.loads(explain("--json").stdout)] == ["edge", "origin"]
    assert story


def test_a_policy_that_is_lost_is_noted(
    explain: Explain, story: list[CycleReport], mongo_database: Database[Document]
) -> None:
    mongo_database.policies.delete_many({})
    done = explain()
    assert "  note    its policy is lost, or of another version: it cannot be decided again\n" in done.stdout
    assert "flip" not in done.stdout
    assert story


def test_what_is_not_there_is_one_line(explain: Explain, story: list[CycleReport], tmp_path: Path) -> None:
    nobody = explain("--group", "nobody")
    assert (nobody.returncode, nobody.stdout) == (3, "")
    assert nobody.stderr == "mongodb: no cycle of the group 'nobody' is in the journal\n"
    early = explain("1999-12-31T23:59:59Z")
    assert (early.returncode, early.stderr) == (
        3, "mongodb: no cycle of the group 'edge' is in the journal up to 1999-12-31T23:59:59+00:00\n",
    )  # fmt: skip
    assert explain("yesterday").returncode == 2
    dead = settings(tmp_path, f"mongodb://127.0.0.1:{free_port()}", "autoscaler")
    away = command("explain", "--config", dead, env=environment())
    assert (away.returncode, away.stdout, away.stderr.count("\n")) == (3, "", 1)
    assert away.stderr.startswith("mongodb: ")
    assert story
