"""`autoscaler tune`, as a user types it, on traffic of some minutes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from autoscaler.cli import tune as command
from autoscaler.cli.app import app
from autoscaler.model.errors import ConfigurationError, ObservationError
from autoscaler.policy.load import load_policies
from autoscaler.simulate.compare.job import Job, run_job
from autoscaler.simulate.measures import Measures
from tests.support.policy_text import QUIET, lay_over
from tests.support.repository import commit, git

LEVELS = "time,viewers,publishers\n0s,40,1\n2m,500,1\n6m,500,1\n8m,20,0\n"
POLICY = "# our edge\n" + QUIET.replace("bounds: {min: 2, max: 12}", "bounds: {min: 2, max: 12}    # two")
SMALL = ("--vary", "bounds.min=1..4", "--to", "4m")
WIDE = ("--vary", "bounds.min=1..6", "--vary", "headroom.percent=0%..60%", "--to", "3m", "--trials", "10")


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("edge.yaml").write_text(POLICY)
    Path("rush.csv").write_text(LEVELS)
    return tmp_path


def tuned(*arguments: str, code: int = 0, jobs: str = "1") -> str:
    given = ["tune", "edge.yaml", "--trace", "rush.csv", *arguments, *(("--jobs", jobs) if jobs else ())]
    result = CliRunner().invoke(app, given, catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.stdout


def told(*arguments: str, code: int = 0, jobs: str = "1") -> dict[str, Any]:
    document: dict[str, Any] = json.loads(tuned(*arguments, "--json", code=code, jobs=jobs))
    return document


def refused(*arguments: str, jobs: str = "1") -> str:
    with pytest.raises(ConfigurationError) as caught:
        tuned(*arguments, jobs=jobs)
    return str(caught.value)


def test_its_patches_make_the_policies_that_it_tried_and_no_file_is_written(files: Path) -> None:
    commit(files)
    found = told(*SMALL)
    assert git(files, "status", "--porcelain") == ""
    assert (found["policy"], found["file"], found["traces"], found["seeds"]) == ("edge", "edge.yaml", ["rush"], [1])
    assert found["space"] == {"bounds.min": {"now": "2", "values": ["1", "2", "3", "4"]}}
    assert [trial["changes"].get("bounds.min") for trial in found["trials"]] == [None, "1", "3", "4"]
    assert found["best"]
    for best in found["best"]:
        Path("edge.diff").write_text(best["diff"])
        git(files, "apply", "edge.diff")
        (policy,) = load_policies({"edge.yaml": Path("edge.yaml").read_text()})
        assert policy.bounds.min == int(best["changes"]["bounds.min"])
        assert f"+bounds.min: {policy.bounds.min}" in best["effective"]
        simulated = CliRunner().invoke(app, ["simulate", "edge.yaml", "--trace", "rush.csv", "--to", "4m", "--json"])
        measures = json.loads(simulated.stdout)
        assert {name: measures[name] for name in best["figures"]} == best["figures"]
        assert Path("edge.yaml").read_text() == POLICY.replace("{min: 2,", f"{{min: {policy.bounds.min},")
        git(files, "checkout", "--quiet", "edge.yaml")


@pytest.mark.parametrize(
    ("here", "place", "applied"),
    [
        (".", "{top}/policies/edge.yaml", "."),
        ("policies", "{top}/policies/edge.yaml", "policies"),
        ("traces", "../policies/edge.yaml", "."),
        ("traces", "HEAD:policies/edge.yaml", "."),
        ("policies", "HEAD:./edge.yaml", "policies"),
    ],
)
def test_however_the_policy_was_given_git_applies_the_patch(
    files: Path, monkeypatch: pytest.MonkeyPatch, here: str, place: str, applied: str
) -> None:
    for folder, name in (("policies", "edge.yaml"), ("traces", "rush.csv")):
        (files / folder).mkdir()
        (files / name).rename(files / folder / name)
    commit(files)
    monkeypatch.chdir(files / here)
    given = ["tune", place.format(top=files), "--trace", str(files / "traces/rush.csv"), *SMALL, "--jobs", "1"]
    result = CliRunner().invoke(app, [*given, "--json"], catch_exceptions=False)
    diff = files / "edge.diff"
    diff.write_text(json.loads(result.stdout)["best"][0]["diff"])
    git(files / applied, "apply", str(diff))
    assert git(files, "status", "--porcelain", "--untracked-files=no") == "M policies/edge.yaml"


@pytest.mark.parametrize("checkout", ["false", "true"], ids=["committed so", "checked out so"])
@pytest.mark.parametrize("vary", ["bounds.min=1..2", "headroom.percent=0%..5%"], ids=["a value", "a new key"])
def test_a_file_with_carriage_returns_gets_a_patch_with_them(files: Path, checkout: str, vary: str) -> None:
    Path("edge.yaml").write_text(POLICY, newline="\r\n")
    git(files, "init", "--quiet")
    git(files, "config", "core.autocrlf", checkout)
    commit(files)
    given = ["tune", "edge.yaml", "--trace", "rush.csv", "--vary", vary, "--to", "4m", "--jobs", "1"]
    printed = CliRunner().invoke(app, given, catch_exceptions=False)
    Path("edge.diff").write_bytes(printed.stdout_bytes)
    git(files, "apply", "edge.diff")
    assert git(files, "diff", "--numstat").split()[:2] == ["1", "1" if "bounds" in vary else "0"]
    assert all(line.endswith(b"\r\n") for line in Path("edge.yaml").read_bytes().splitlines(keepends=True))


def test_a_policy_of_a_revision_is_searched_as_it_was_there(files: Path) -> None:
    commit(files)
    Path("edge.yaml").write_text(POLICY.replace("min: 2", "min: 3"))
    given = ["tune", "HEAD:edge.yaml", "--trace", "rush.csv", *SMALL, "--jobs", "1", "--json"]
    found = json.loads(CliRunner().invoke(app, given, catch_exceptions=False).stdout)
    assert (found["file"], found["space"]["bounds.min"]["now"]) == ("HEAD:edge.yaml", "2")
    with pytest.raises(ConfigurationError, match="tune: usage HEAD: is a folder; one policy at a time is searched"):
        CliRunner().invoke(app, ["tune", "HEAD:", *given[2:]], catch_exceptions=False)
    with pytest.raises(ConfigurationError, match=r"HEAD:none\.yaml: no-path the revision 'HEAD' has no 'none.yaml'"):
        CliRunner().invoke(app, ["tune", "HEAD:none.yaml", *given[2:]], catch_exceptions=False)


@pytest.mark.usefixtures("files")
def test_neither_processes_nor_the_day_change_the_result() -> None:
    one, two = (told(*WIDE, jobs=jobs) for jobs in ("1", "2"))
    assert one == two
    assert len(one["trials"]) - one["spare"] == 11
    assert told(*WIDE, "--seed-search", "2")["trials"] != one["trials"]


@pytest.mark.usefixtures("files")
def test_limits_and_what_is_minimised_are_those_that_are_given() -> None:
    found = told(*SMALL, "--minimise", "max_nodes", "--minimise", "cost", "--limit", "min_nodes >= 3")
    assert found["minimise"] == ["max_nodes", "cost"]
    assert found["limits"] == ["publishers_cut == 0", "viewer_minutes_disrupted == 0", "min_nodes >= 3"]
    assert [trial["broken_limits"] for trial in found["trials"]][:2] == [["min_nodes >= 3"]] * 2
    assert [best["beats_current"] for best in found["best"]] == [True]


@pytest.mark.usefixtures("files")
def test_several_traces_and_seeds_are_added_up() -> None:
    Path("again.csv").write_text(LEVELS)
    one = told(*SMALL)["current"]["figures"]
    four = told(*SMALL, "--trace", "again.csv", "--seeds", "2")
    assert (four["traces"], four["seeds"]) == (["rush", "again"], [1, 2])
    assert four["current"]["figures"]["cycles"] == 4 * one["cycles"]
    assert four["current"]["figures"]["max_nodes"] < 2 * one["max_nodes"]


@pytest.mark.usefixtures("files")
def test_a_search_file_says_it_all() -> None:
    Path("search.yaml").write_text("version: 1\nvary: {bounds.min: 1..4}\nminimise: [cost]\nlimits: [flaps < 3]\n")
    found = told("--search", "search.yaml", "--to", "1m")
    assert (found["minimise"], found["limits"][2:]) == (["cost"], ["flaps < 3"])
    found = told("--search", "search.yaml", "--to", "1m", "--minimise", "flaps", "--limit", "cost < 9")
    assert (found["minimise"], found["limits"][2:]) == (["flaps"], ["cost < 9"])


@pytest.mark.usefixtures("files")
def test_without_a_word_targets_headroom_and_pace_are_searched() -> None:
    found = told("--trials", "2", "--to", "1m")
    assert list(found["space"]) == [
        "scale[1].target_tracking.target",
        "scale[2].target_tracking.target_per_node",
        "headroom.percent",
        "scale_in.stabilization",
        "scale_in.max[1].per",
    ]


@pytest.mark.usefixtures("files")
def test_it_is_a_table_or_markdown() -> None:
    assert "current" in tuned(*SMALL).splitlines()[3]
    assert tuned(*SMALL, "--format", "markdown").startswith("## Search: `edge.yaml`\n")


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--vary", "bound.min=1..2"], "--vary bound.min: vary there is no 'bound.min' in this policy"),
        (["--vary", "bounds.min"], "--vary bounds.min: usage is not PATH=RANGE"),
        (["--vary", "bounds.min=1..2", "--search", "s.yaml"], "--search: usage says what may vary, and so does --vary"),
        (["--search", "s.yaml"], "s.yaml: unreadable"),
        (["--search", "wrong.yaml"], "wrong.yaml:2:8: vary nope: there is no 'nope'"),
        (["--limit", "flap < 3"], "--limit 'flap < 3': expression there is no measure 'flap' (did you mean 'flaps'?)"),
        (["--minimise", "wall_s"], "--minimise: usage there is nothing called 'wall_s' to minimise"),
        (["--trace", "none.csv"], "none.csv: unreadable"),
        (["--from", "9m"], "--from: usage leaves nothing of rush"),
        (["--world", "none.yaml"], "none.yaml: unreadable"),
        (["--cluster", "somewhere"], "--cluster: usage 'somewhere' is no address of a scheduler"),
        (["--seeds", "2", "--seed", "1"], "--seeds: usage is how many"),
    ],
)
def test_what_cannot_be_is_told(arguments: list[str], message: str) -> None:
    Path("wrong.yaml").write_text("version: 1\nvary: {nope: 1..2}\n")
    assert message in refused(*arguments, jobs="")


@pytest.mark.usefixtures("files")
def test_a_policy_with_nothing_that_is_usually_searched_needs_a_word() -> None:
    shared = "headroom: {percent: &ten 10%}\nscale_in: {stabilization: 0s}\n"
    stepped = "scale: [{step: {signal: cpu, steps: [{above: 70, add: *ten}]}}]\n"
    Path("edge.yaml").write_text(lay_over(QUIET, shared + stepped))
    assert refused() == "--vary: usage is needed: this policy has nothing that is usually searched"


@pytest.mark.usefixtures("files")
def test_a_cluster_has_processors_of_its_own() -> None:
    assert "--jobs: usage is of this machine" in refused("--cluster", "tcp://127.0.0.1:9")


def test_one_policy_at_a_time_and_one_that_is_right(files: Path) -> None:
    Path("edge.yaml").unlink()
    assert refused().startswith("edge.yaml: unreadable")
    Path("edge.yaml").write_text("version: 2\n")
    assert refused().startswith("edge.yaml:1:1: ")
    Path("edge.yaml").unlink()
    (files / "edge.yaml").mkdir()
    assert refused() == "tune: usage edge.yaml is a folder; one policy at a time is searched"


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("options", [["--trials", "0"], ["--jobs", "0"], ["--format", "pdf"], ["--seed-search", "-1"]])
def test_options_out_of_range_are_usage(options: list[str]) -> None:
    result = CliRunner().invoke(app, ["tune", "edge.yaml", "--trace", "rush.csv", *options])
    assert result.exit_code == 2


@pytest.mark.usefixtures("files")
def test_what_has_to_be_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("autoscaler.simulate.tune.tpe", "autoscaler.adapters.dask_cluster"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    for package in ("optuna", "distributed"):
        monkeypatch.setitem(sys.modules, package, None)
    assert refused() == "tune: no-extra the package optuna is missing (pip install 'ams-autoscaler[tune]')"
    missing = refused(*SMALL, "--cluster", "tcp://127.0.0.1:9", jobs="")
    assert missing == "tune: no-extra the package distributed is missing (pip install 'ams-autoscaler[dask]')"
    assert told(*SMALL)["best"]  # so few policies are all tried, and nobody has to choose


def ending(after: int, error: BaseException) -> Callable[[Job], Measures]:
    left = [after]

    def run(job: Job) -> Measures:
        if not left[0]:
            raise error
        left[0] -= 1
        return run_job(job)

    return run


@pytest.mark.usefixtures("files")
def test_ctrl_c_prints_what_was_found_by_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "run_job", ending(2, KeyboardInterrupt()))
    found = told(*SMALL, code=130)
    assert (found["interrupted"], len(found["trials"])) == (True, 2)
    monkeypatch.setattr(command, "run_job", ending(0, KeyboardInterrupt()))
    assert tuned(*SMALL, code=130) == ""


@pytest.mark.usefixtures("files")
def test_a_failure_does_not_lose_what_was_found_by_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "run_job", ending(2, ObservationError("simulation", "was killed")))
    arguments = ["tune", "edge.yaml", "--trace", "rush.csv", *SMALL, "--jobs", "1"]
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, ObservationError)
    assert "Interrupted: this is what was found by then." in result.stdout
