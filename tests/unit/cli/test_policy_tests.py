"""`autoscaler test`: which files it runs, what it prints, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from autoscaler.adapters.policy_files import policy_files
from autoscaler.cli.app import app
from autoscaler.cli.test import run_tests
from tests.support.documents import ROOT
from tests.support.policy_tests import POLICY

PASSING = "cases:\n  - {name: calm, given: {nodes: 3, signals: {cpu: 60}}, expect: {direction: hold}}\n"
FAILING = """\
cases:
  - name: surge
    given: {nodes: 3, signals: {cpu: 90}}
    steps:
      - {after: 90s, expect: {desired: 4, reasons: [step]}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "edge.yaml").write_text(POLICY)
    (tmp_path / "edge.test.yaml").write_text(PASSING)
    return tmp_path


def ran(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["test", *map(str, arguments)])


def test_what_passes_is_only_counted(folder: Path) -> None:
    for path in (folder, folder / "edge.test.yaml", folder / "edge.yaml"):
        result = ran(path)
        assert (result.exit_code, result.output) == (0, "1 passed, 0 failed\n")


def test_a_failure_shows_its_place_the_difference_and_the_whole_decision(folder: Path) -> None:
    file = folder / "edge.test.yaml"
    file.write_text(FAILING + PASSING.partition("\n")[2])
    result = ran(folder)
    assert result.exit_code == 1
    assert (
        result.output
        == f"""\
{file}:5:31: failed 'surge' after 0:01:30: desired
    expected  4
    got       6
  edge: 3 -> 6 nodes (out)
    rule    target_tracking:cpu: out, cpu adds up to 270; at 60 a node that is 5 nodes
    rule    step:cpu: out, cpu at 90 was beyond a threshold for 30s
    because step: 3 -> 6, cpu at 90 was beyond a threshold for 30s
    would   Launch subnet-a (below_desired)
    would   Launch subnet-b (below_desired)

1 passed, 1 failed
"""
    )


def test_json_holds_the_same(folder: Path) -> None:
    file = folder / "edge.test.yaml"
    file.write_text(FAILING)
    result = ran(folder, "--json")
    assert result.exit_code == 1
    document: dict[str, Any] = json.loads(result.output)
    assert (document["passed"], document["failed"], document["problems"]) == (0, 1, [])
    (case,) = document["cases"]
    assert (case["file"], case["line"], case["name"], case["passed"]) == (str(file), 2, "surge", False)
    (failure,) = case["failures"]
    assert failure["after_s"] == 90
    assert failure["mistakes"] == [{"line": 5, "column": 31, "what": "desired", "expected": "4", "got": "6"}]
    assert failure["decision"]["reasons"][0]["code"] == "step"
    assert [step["action"] for step in failure["plan"]] == ["Launch", "Launch"]


def test_a_file_names_its_policy_or_is_named_after_it(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "night.test.yml").write_text(f"policy: ../edge.yaml\n{PASSING}")
    assert ran(folder / "sub").output == "1 passed, 0 failed\n"
    (folder / "sub" / "night.test.yml").write_text(PASSING)
    assert "night.test.yml:1:1: no-policies there is no night.yaml" in ran(folder / "sub").output
    (folder / "edge.yaml").rename(folder / "edge.yml")
    assert ran(folder).output == "1 passed, 0 failed\n"


def test_what_is_wrong_with_one_file_does_not_hide_the_others(folder: Path) -> None:
    (folder / "origin.test.yaml").write_text("policy: origin.yaml\ncases:\n  - {nam: x}\n")
    (folder / "broken.test.yaml").write_text(PASSING)
    (folder / "broken.yaml").write_text(POLICY.replace("max: 10", "max: 0"))
    result = ran(folder, "--json")
    document = json.loads(result.output)
    assert result.exit_code == 1
    assert (document["passed"], document["failed"]) == (1, 0)
    places = {(Path(problem["file"]).name, problem["line"], problem["code"]) for problem in document["problems"]}
    assert {("broken.yaml", 4, "greater-than-equal"), ("origin.test.yaml", 3, "unknown-key")} <= places
    assert "origin.test.yaml:3:6: unknown-key unknown key 'nam' (did you mean 'name'?)" in ran(folder).output


def test_a_path_without_tests_is_a_mistake(tmp_path: Path) -> None:
    result = ran(tmp_path)
    assert (result.exit_code, result.output) == (
        1,
        f"{tmp_path}: no-tests holds no policy test (NAME.test.yaml)\n0 passed, 0 failed\n",
    )
    assert "unreadable" in ran(tmp_path / "nothing.test.yaml").output


def test_a_folder_without_tests_may_be_none(tmp_path: Path) -> None:
    result = ran(tmp_path, "--if-any")
    assert (result.exit_code, result.output) == (
        0,
        f"{tmp_path}: no-tests holds no policy test (NAME.test.yaml)\n0 passed, 0 failed\n",
    )
    for name in ("nothing.yaml", "nothing.test.yaml", "nothing"):
        assert ran(tmp_path / name, "--if-any").exit_code == 1


FILES = policy_files(ROOT / "policies")


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_each_shipped_policy_masters_its_situations(file: Path) -> None:
    outcome = run_tests([file])
    assert (outcome.problems, outcome.failed) == ([], 0)
    assert len({result.name.partition(":")[0] for _, result in outcome.results}) >= 6
