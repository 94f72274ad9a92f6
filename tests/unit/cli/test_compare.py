"""`autoscaler compare`, as a user types it, on traffic of some minutes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from autoscaler.cli.app import app
from autoscaler.model.errors import ConfigurationError
from tests.support.policy_text import QUIET, lay_over
from tests.support.repository import commit

LEVELS = "time,viewers,publishers\n0s,40,1\n3m,500,1\n8m,500,1\n10m,20,0\n"
ROOMY = lay_over(QUIET, "headroom: {percent: 60%}\n")
OTHER = "group: other\nslots: other"


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("base.yaml").write_text(QUIET)
    Path("head.yaml").write_text(ROOMY)
    Path("rush.csv").write_text(LEVELS)
    return tmp_path


def compare(*arguments: str, code: int = 0, trace: str = "rush.csv") -> str:
    result = CliRunner().invoke(app, ["compare", *arguments, "--trace", trace, "--jobs", "1"], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.stdout


def told(*arguments: str, code: int = 0) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(compare(*arguments, "--format", "json", code=code))
    return document


def refused(*arguments: str, trace: str = "rush.csv") -> str:
    with pytest.raises(ConfigurationError) as caught:
        compare(*arguments, trace=trace)
    return str(caught.value)


def simulated(policy: str, *options: str) -> dict[str, Any]:
    result = CliRunner().invoke(app, ["simulate", policy, "--trace", "rush.csv", "--json", *options])
    document: dict[str, Any] = json.loads(result.stdout)
    return document | {"wall_s": 0}


@pytest.mark.usefixtures("files")
def test_each_side_is_what_simulate_says_of_it() -> None:
    found = told("base.yaml", "head.yaml")
    for side in ("base", "head"):
        assert list(found[side]) == ["rush"]
        assert found[side]["rush"] | {"wall_s": 0} == simulated(f"{side}.yaml")
    base, head = found["base"]["rush"], found["head"]["rush"]
    assert head["node_hours"] > base["node_hours"]
    assert found["delta"]["rush"]["node_hours"] == pytest.approx(head["node_hours"] - base["node_hours"])
    assert found["intervals"]["rush"]["node_hours"] is None
    assert (found["failed"], found["seeds"], found["only_base"], found["only_head"]) == ([], [1], [], [])
    assert "+headroom.percent: 60%" in found["policies"]["edge"]


@pytest.mark.usefixtures("files")
def test_the_first_cycle_in_which_they_differ_is_told_with_both_reasons() -> None:
    (first, *_) = told("base.yaml", "head.yaml")["partings"]["rush"]
    assert first["base"]["desired"] < first["head"]["desired"]
    assert "headroom" in [code for code, *_ in first["head"]["reasons"]]
    assert "headroom" not in [code for code, *_ in first["base"]["reasons"]]
    assert [rule for rule, *_ in first["head"]["verdicts"]] == ["target_tracking:cpu", "target_tracking:sessions"]


@pytest.mark.usefixtures("files")
def test_of_several_seeds_there_are_means_and_intervals() -> None:
    found = told("base.yaml", "head.yaml", "--seed", "7", "--seed", "3", "--seed", "7")
    assert found["seeds"] == [7, 3]
    runs = found["runs"]["head"]["rush"]
    assert [run["seed"] for run in runs] == [7, 3]
    assert [run | {"wall_s": 0} for run in runs] == [simulated("head.yaml", "--seed", seed) for seed in "73"]
    head = found["head"]["rush"]
    assert head["node_hours"] == pytest.approx(sum(run["node_hours"] for run in runs) / 2)
    assert head["seed"] == 7
    assert head["digest"] not in [run["digest"] for run in runs]
    low, high = found["intervals"]["rush"]["node_hours"]
    assert low <= found["delta"]["rush"]["node_hours"] <= high
    assert told("base.yaml", "base.yaml", "--seeds", "2", "--to", "1m")["seeds"] == [1, 2]


@pytest.mark.usefixtures("files")
def test_in_processes_it_is_the_same() -> None:
    arguments = ["compare", "base.yaml", "head.yaml", "--trace", "rush.csv", "--seeds", "2", "--to", "4m"]
    one, many = (CliRunner().invoke(app, [*arguments, "--jobs", jobs]).stdout for jobs in ("1", "3"))
    assert one == many != ""


@pytest.mark.usefixtures("files")
def test_a_gate_that_holds_exits_1_and_says_where_and_by_what() -> None:
    gates = ("--fail-on", "delta.node_hours > 1%", "--fail-on", "publishers_cut > 0")
    found = told("base.yaml", "head.yaml", *gates, code=1)
    (failed,) = found["failed"]
    assert (failed["expression"], failed["entry"]) == ("delta.node_hours > 1%", "rush")
    assert failed["values"]["delta.node_hours"] == found["delta"]["rush"]["node_hours"]
    shown = compare("base.yaml", "head.yaml", *gates, code=1)
    assert "- **Fails**: `delta.node_hours > 1%` holds for `edge` on `rush`: delta.node_hours is " in shown


@pytest.mark.usefixtures("files")
def test_a_gate_on_costs_needs_the_price_of_every_type() -> None:
    """What has no price costs nothing: a gate on it would hold whatever is launched."""
    gates = ("--fail-on", "head.cost > 110%", "--fail-on", "delta.cost > 5% or flaps > 9", "--fail-on", "flaps > 9")
    Path("head.yaml").write_text(ROOMY.replace("types: [c7i.xlarge, c6i.xlarge]", "types: [c7i.xlarge, m5.large]"))
    asks = "expression asks for the cost, and the world has no price of"
    hint = "(a --world file with types.NAME.price)"
    assert refused("base.yaml", "head.yaml", *gates).splitlines() == [
        f"--fail-on {text!r}: {asks} c7i.xlarge, c6i.xlarge, m5.large {hint}" for text in gates[1:4:2]
    ]
    Path("world.yaml").write_text("types: {c7i.xlarge: {vcpus: 4, price: 0.2}, c6i.xlarge: {vcpus: 4}}\n")
    assert f"{asks} c6i.xlarge, m5.large {hint}" in refused("base.yaml", "head.yaml", "--world", "world.yaml", *gates)
    Path("world.yaml").write_text("types: {c7i.xlarge: {vcpus: 4, price: 0.2}, c6i.xlarge: {vcpus: 4, price: 0}}\n")
    found = told("base.yaml", "base.yaml", "--world", "world.yaml", "--to", "1m", *gates)
    assert found["head"]["rush"]["cost"] > 0
    compare("base.yaml", "head.yaml", "--to", "1m", "--fail-on", "flaps > 9")


@pytest.mark.usefixtures("files")
def test_markdown_marks_what_is_proved_and_nothing_else() -> None:
    shown = compare("base.yaml", "head.yaml", "--seeds", "3")
    line = next(line for line in shown.splitlines() if line.startswith("| node_hours |"))
    assert line.endswith("| **worse** |")
    assert "[" in line
    assert "- Worse: `node_hours` of `edge` on `rush`" in shown
    alone = compare("base.yaml", "head.yaml")
    assert "**worse**" not in alone
    assert "`--seeds 5`" in alone


@pytest.mark.usefixtures("files")
def test_what_means_the_same_is_said_in_a_line() -> None:
    Path("head.yaml").write_text(QUIET + "# a comment\nwarm_up: 60s\n")
    shown = compare("base.yaml", "head.yaml")
    assert "- Means the same on both sides: `edge`" in shown
    assert "###" not in shown
    Path("head.yaml").write_text(QUIET + "join: {timeout: 20m}\n")
    assert "**`edge` on `rush`**: nothing came out otherwise." in compare("base.yaml", "head.yaml")


@pytest.mark.usefixtures("files")
def test_groups_are_matched_by_name_and_the_others_are_said() -> None:
    for side, policies in {"a": (QUIET, "gone"), "b": (ROOMY, "new")}.items():
        Path(side).mkdir()
        Path(side, "one.yaml").write_text(policies[0])
        Path(side, "two.yaml").write_text(QUIET.replace("group: edge", OTHER))
        Path(side, "three.yaml").write_text(QUIET.replace("group: edge", OTHER.replace("other", policies[1])))
        Path(side, "one.test.yaml").write_text("no policy")
    found = told("a", "b", "--to", "1m")
    assert list(found["base"]) == list(found["delta"]) == list(found["intervals"]) == ["edge/rush", "other/rush"]
    assert list(found["head"]) == ["edge/rush", "new/rush", "other/rush"]
    assert (found["only_base"], found["only_head"], found["gone"]) == (["gone"], ["new"], [])
    shown = compare("a", "b", "--to", "1m")
    assert "- Only in base, not played: `gone`" in shown
    assert "- Only in head, played alone: `new`" in shown
    assert "| rejected_sessions | - | " in shown
    assert list(told("a", "b", "--to", "1m", "--group", "edge")["base"]) == ["rush"]
    known = "(base has edge, gone, other; head has edge, new, other)"
    assert refused("a", "b", "--group", "gone").endswith(f"--group: usage 'gone' is only in base {known}")
    assert refused("a", "b", "--group", "nosuch").endswith(f"--group: usage 'nosuch' is in neither {known}")


@pytest.mark.usefixtures("files")
def test_a_gate_is_failed_by_a_group_that_goes_and_asked_of_one_that_comes() -> None:
    for side, groups in {"a": ("edge", "gone"), "b": ("edge", "new")}.items():
        Path(side).mkdir()
        for group in groups:
            Path(side, f"{group}.yaml").write_text(QUIET.replace("group: edge", f"group: {group}\nslots: {group}"))
    sides = ("a", "b", "--to", "1m")
    passing = ("--fail-on", "delta.node_hours > 0", "--fail-on", "head.node_hours > 2 * base.node_hours")
    found = told(*sides, *passing, code=1)
    assert (found["failed"], found["gone"]) == ([], ["gone"])
    said = "- **Fails**: `gone` is only in base, so no gate could look at it; `--removed gone` lets it go"
    assert said in compare(*sides, *passing, code=1)
    assert "Fails</strong>: gone is only in base" in compare(*sides, *passing, "--format", "html", code=1)
    assert told(*sides, *passing, "--removed", "gone", "--removed", "never")["gone"] == []
    assert told(*sides)["gone"] == []
    assert told(*sides, *passing, "--group", "edge")["gone"] == []
    gates = ("--fail-on", "node_hours > 0", "--removed", "gone")
    assert [each["entry"] for each in told(*sides, *gates, code=1)["failed"]] == ["edge/rush", "new/rush"]
    (alone,) = told(*sides, *gates, "--group", "new", code=1)["failed"]
    assert alone["entry"] == "rush"


@pytest.mark.usefixtures("files")
def test_a_rename_of_all_groups_is_a_mistake_until_it_is_said() -> None:
    Path("other.yaml").write_text(QUIET.replace("group: edge", OTHER))
    assert "no group is in both" in refused("base.yaml", "other.yaml", "--removed", "other")
    assert told("base.yaml", "other.yaml", "--removed", "edge", "--to", "1m")["only_head"] == ["other"]


def test_head_is_played_alone_where_base_may_lack(files: Path) -> None:
    commit(files)
    Path("broken.yaml").write_text("version: 2\n")
    for base in ("none.yaml", "broken.yaml", "HEAD:nowhere"):
        with pytest.raises(ConfigurationError):
            compare(base, "head.yaml")
        found = told(base, "head.yaml", "--base-optional", "--to", "1m")
        assert [problem.split(":")[0] for problem in found["base_problems"]][:1] == [base.split(":")[0]]
        assert (found["base"], found["only_head"]) == ({}, ["edge"])
    assert told("base.yaml", "head.yaml", "--base-optional", "--to", "1m")["base_problems"] == []
    for base, head in (("nope:base.yaml", "head.yaml"), ("HEAD:../base.yaml", "head.yaml"), ("base.yaml", "none.yaml")):
        with pytest.raises(ConfigurationError):
            compare(base, head, "--base-optional")


def test_a_side_can_be_a_revision(files: Path) -> None:
    (files / "policies").mkdir()
    (files / "policies/edge.yaml").write_text(QUIET)
    commit(files)
    (files / "policies/edge.yaml").write_text(ROOMY)
    by_name = told("base.yaml", "head.yaml", "--to", "4m")
    for sides in (("HEAD:policies", "policies"), ("main:policies/edge.yaml", "policies/edge.yaml")):
        found = told(*sides, "--to", "4m")
        assert found["head"]["rush"]["digest"] == by_name["head"]["rush"]["digest"]
        assert found["base"]["rush"]["digest"] == by_name["base"]["rush"]["digest"]
    (files / "policies/edge.yaml").write_text("version: 2\n")
    commit(files)
    assert refused("HEAD:policies", "policies").startswith("HEAD:policies/edge.yaml:1:1: ")
    assert refused("HEAD:nowhere", "policies").startswith("HEAD:nowhere: no-path")


@pytest.mark.usefixtures("files")
def test_a_folder_of_traces_is_all_of_them() -> None:
    Path("traces").mkdir()
    Path("traces/b.csv").write_text(LEVELS)
    Path("traces/a.yaml").write_text("trace: made\nbegin: 2026-03-04T18:00:00\nlength: 10m\nviewers: {base: 60}\n")
    Path("traces/notes.md").touch()
    options = ("--to", "1m", "--format", "json")
    found = json.loads(compare("base.yaml", "head.yaml", *options, trace="traces"))
    assert list(found["delta"]) == ["made", "b"]


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["base.yaml", "none.yaml"], "none.yaml: unreadable No such file"),
        (["base.yaml", "."], "rush"),
        (["base.yaml", "empty"], "empty: no-policies holds no policy file"),
        (["base.yaml", "other.yaml"], "compare: usage no group is in both: base has edge; head has other"),
        (["base.yaml", "a:b.yaml"], "a:b.yaml: git fatal: not a git repository"),
        (["base.yaml", "head.yaml", "--seeds", "2", "--seed", "4"], "--seeds: usage is how many, and --seed which"),
        (["base.yaml", "head.yaml", "--fail-on", "nodehours > 1"], "did you mean 'node_hours'?"),
        (["base.yaml", "head.yaml", "--from", "11m"], "--from: usage leaves nothing of rush"),
        (["base.yaml", "head.yaml", "--cycle", "1ms"], "--cycle: usage is shorter"),
        (["base.yaml", "head.yaml", "--world", "none.yaml"], "none.yaml: unreadable"),
        (["base.yaml", "head.yaml", "--trace", "empty"], "--trace: usage empty holds no trace"),
        (
            ["base.yaml", "head.yaml", "--trace", "empty/../more/rush.csv"],
            "is called 'rush', as empty/../more/rush.csv is",
        ),
        (["base.yaml", "head.yaml", "--trace", "broken.csv", "--trace", "none.csv"], "none.csv: unreadable"),
        (["base.yaml", "head.yaml", "--trace", "broken.csv", "--trace", "none.csv"], "broken.csv:2:1: "),
    ],
)
def test_what_cannot_be_is_told(arguments: list[str], message: str) -> None:
    Path("empty").mkdir()
    Path("more").mkdir()
    Path("more/rush.csv").write_text(LEVELS)
    Path("broken.csv").write_text("time,viewers,publishers\nsoon,1,1\n1m,1,1\n")
    if "." in arguments:
        Path("head.yaml").write_text("rush: true\n")
    Path("other.yaml").write_text(QUIET.replace("group: edge", OTHER))
    assert message in refused(*arguments)


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("options", [["--seeds", "0"], ["--jobs", "0"], ["--format", "pdf"], ["--seed", "-1"]])
def test_options_out_of_range_are_usage(options: list[str]) -> None:
    result = CliRunner().invoke(app, ["compare", "base.yaml", "head.yaml", "--trace", "rush.csv", *options])
    assert result.exit_code == 2


@pytest.mark.usefixtures("files")
def test_it_can_be_a_page_too() -> None:
    shown = compare("base.yaml", "head.yaml", "--to", "2m", "--format", "html")
    assert shown.startswith("<!DOCTYPE html>\n")
    assert shown.endswith("</html>\n")
    assert "+headroom.percent: 60%" in shown
