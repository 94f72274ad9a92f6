"""The benchmarks run and say what they promise to. How fast anything is, no test asserts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from autoscaler.decide.pipeline import decide
from autoscaler.decide.view import View
from autoscaler.plan.planner import plan
from autoscaler.policy.load import load_policies
from autoscaler.policy.schema import Policy
from benchmarks import cluster, daemon, policies
from benchmarks.__main__ import BENCHMARKS, main, report
from benchmarks.decide_plan import SITUATIONS
from benchmarks.figures import Figure, Goal, medians
from tests.support.daemon import environment

FIGURES = {
    "observe", "decide_plan_p99", "haproxy_admit", "mongo_heartbeats", "mongo_streams", "journal_cycle",
    "memory_load_and_save", "policies_load", "decide_rules", "daemon_core", "daemon_memory",
    "simulate_month", "simulate_large", "simulate_memory", "compare_two",
    "node_hours", "edge_rejected", "edge_harm", "origin_rejected", "origin_harm",
    "rush_rejected", "rush_room",
}  # fmt: skip
NOTHING = {"edge_rejected", "edge_harm", "origin_rejected", "origin_harm", "rush_rejected"}
"""What a few minutes of each trace are too short for, and nobody who is rejected."""
MET = Figure("quick", "1 node", 3.0, "ms", 2.0, Goal("ratio", 1.5))
MISSED = Figure("slow", "1 node", 3.0, "ms", 2.0, Goal("value", 2.5))


def test_all_of_them_run_on_a_tiny_cluster(tmp_path: Path, mongo_uri: str) -> None:
    command = [sys.executable, "-m", "benchmarks", "--short"]
    env = environment(MONGODB_URI=mongo_uri)
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode in {0, 1}, done.stderr
    assert "Traceback" not in done.stderr
    rows = json.loads((tmp_path / "bench.json").read_text())
    assert {row["name"] for row in rows} == FIGURES
    for row in rows:
        assert list(row) == ["name", "size", "value", "unit", "floor", "ratio", "goal"]
        assert (row["value"] > 0) == (row["name"] not in NOTHING)
        assert (row["floor"] > 0) == (row["name"] not in NOTHING)
        assert row["name"] in done.stdout
    missed = [row for row in rows if row[(goal := row["goal"].split())[0]] > float(goal[2])]
    assert done.returncode == bool(missed)


@pytest.mark.parametrize(("figures", "code"), [([MET], 0), ([MET, MISSED], 1), ([MISSED], 1)])
def test_a_missed_goal_is_an_exit_code(figures: list[Figure], code: int, tmp_path: Path) -> None:
    text = StringIO()
    path = tmp_path / "bench.json"
    assert report(figures, path, Console(file=text, width=120)) == code
    assert ("NO" in text.getvalue()) == bool(code)
    assert json.loads(path.read_text()) == [figure.row() for figure in figures]
    assert MET.row() == {
        "name": "quick", "size": "1 node", "value": 3.0, "unit": "ms", "floor": 2.0, "ratio": 1.5,
        "goal": "ratio <= 1.5",
    }  # fmt: skip


def test_an_unknown_name_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["observe", "fast"])
    assert ended.value.code == 2
    assert "no benchmark fast" in capsys.readouterr().err
    assert set(BENCHMARKS) == {
        "observe",
        "decide_plan",
        "haproxy_admit",
        "mongo_observe",
        "policies",
        "daemon",
        "simulation",
        "baselines",
    }


def test_both_are_measured_in_turns_and_prepared_alike() -> None:
    calls: list[str] = []
    value, floor = medians(
        lambda: calls.append("ours"), lambda: calls.append("bare"), 2, before=lambda: calls.append("before")
    )
    assert calls == ["before", "ours", "before", "bare"] * 2
    assert value >= 0
    assert floor >= 0


@pytest.mark.parametrize("nodes", [20, 1000])
def test_each_situation_asks_for_what_its_name_says(nodes: int) -> None:
    """A benchmark of decisions that decide nothing would be fast."""
    policy = Policy.model_validate(cluster.policy("edge", nodes))
    asked = {}
    for make in SITUATIONS:
        snapshot, memory = make(nodes)
        decision, memory = decide(snapshot, policy, memory)
        steps = plan(decision, View(snapshot, policy, memory))
        asked[make.__name__] = Counter(type(action).__name__ for action in steps.actions)
    assert asked["rest"] == {}
    assert asked["rush"].keys() == {"Launch"}
    assert asked["ebb"] == {"Drain": nodes // 2}
    assert asked["churn"].keys() == {"Register", "Terminate"}


def test_the_policies_that_are_measured_are_heard() -> None:
    assert len(load_policies(policies.folder())) == policies.FILES
    snapshot, memory = policies.scene()
    decision, _ = decide(snapshot, policies.rich_policy(), memory)
    assert decision.current == policies.NODES
    assert len(policies.rich_policy().scale) == 12
    assert not any(verdict.missing for verdict in decision.verdicts)


@pytest.mark.parametrize(
    "event",
    [
        {"event": "cycle_failed"},
        {"event": "cycle", "in_service": 19, "current": 20, "desired": 20, "gaps": {}, "actions": {}},
        {"event": "cycle", "in_service": 20, "current": 20, "desired": 20, "gaps": {"ec2": 1}, "actions": {}},
        {"event": "cycle", "in_service": 20, "current": 20, "desired": 20, "gaps": {}, "actions": {"Drain": 1}},
    ],
)
def test_a_daemon_that_did_not_rest_is_not_measured(event: dict[str, object]) -> None:
    rest = {"event": "cycle", "in_service": 20, "current": 20, "desired": 20, "gaps": {}, "actions": {}}
    daemon.check_rest([{"event": "started"}, rest, {"event": "stopped"}], 20)
    with pytest.raises(RuntimeError, match="did not rest"):
        daemon.check_rest([{"event": "started"}, rest, event], 20)
