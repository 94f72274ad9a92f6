"""The workflow for CI: what it may do, and its scripts, really run on a repository with a merge in it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from autoscaler.cli.calling import load
from autoscaler.policy.document import parse
from autoscaler.simulate.compare.gate import parse_gate
from tests.support.documents import ROOT, read
from tests.support.policy_text import QUIET, lay_over
from tests.support.repository import commit, git

NAME = ".github/workflows/policy-review.yml"
WORKFLOW: Any = parse(read(ROOT / NAME), NAME).root
HOOKS: Any = parse("hooks:\n" + read(ROOT / ".pre-commit-hooks.yaml"), ".pre-commit-hooks.yaml").root["hooks"]
LEVELS = "time,viewers,publishers\n0s,40,1\n2m,500,1\n4m,500,1\n"
GH = """\
#!/bin/sh
printf '%s\\n' "$*" >>"$RUNNER_TEMP/calls"
case "$*" in *--paginate*) cat "$RUNNER_TEMP/ids";; esac
"""
"""Writes down how it is called, and knows the comments of the file `ids`."""


def steps() -> Iterator[Mapping[str, Any]]:
    for job in WORKFLOW["jobs"].values():
        yield from job["steps"]


def script(name: str) -> str:
    (found,) = (step["run"] for step in steps() if step.get("name") == name)
    return str(found)


def test_it_is_called_with_inputs_that_have_a_type_and_a_default() -> None:
    assert list(WORKFLOW["on"]) == ["workflow_call"]
    inputs = WORKFLOW["on"]["workflow_call"]["inputs"]
    for name, about in inputs.items():
        assert about["type"] in {"string", "number", "boolean"}, name
        assert about["description"], name
        assert ("default" in about) != about.get("required", False), name
    assert [parse_gate(line).names for line in inputs["fail-on"]["default"].splitlines()]
    used = set(re.findall(r"inputs\.([a-z-]+)", read(ROOT / NAME)))
    assert used == set(inputs)


def test_what_a_pull_request_brings_meets_no_right_to_write() -> None:
    review, comment = WORKFLOW["jobs"]["review"], WORKFLOW["jobs"]["comment"]
    assert review["permissions"] == {"contents": "read"}
    assert "permissions" not in comment
    assert [step.get("uses") for step in comment["steps"]] == [None]
    assert "secrets" not in read(ROOT / NAME).replace("import secrets", "").replace("secrets.token_hex", "")
    assert all("timeout-minutes" in job for job in (review, comment))
    for step in steps():
        assert "${{" not in step.get("run", ""), "an input would become a part of the script"
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", step.get("uses", f"a/b@{'0' * 40}")), "not pinned"
    assert [step.get("name", "checkout") for step in review["steps"]][:2] == ["Install", "checkout"]
    (checkout,) = (step for step in steps() if "uses" in step)
    assert checkout["with"] == {"fetch-depth": 2, "persist-credentials": False}


@pytest.mark.parametrize("step", [step for step in steps() if "run" in step], ids=lambda step: step["name"])
def test_every_variable_of_a_script_is_given(step: Mapping[str, Any]) -> None:
    known = {"RUNNER_TEMP", "GITHUB_PATH", "GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT", *step.get("env", {})}
    assert set(re.findall(r"\$\{?([A-Z][A-Z_]+)", step["run"])) <= known


@pytest.fixture
def merged(tmp_path: Path) -> Path:
    """A checkout of a merge, as CI has it: its first parent is the base."""
    folder = tmp_path / "checkout"
    (folder / "policies").mkdir(parents=True)
    (folder / "policies/edge.yaml").write_text(QUIET)
    (folder / "rush hour.csv").write_text(LEVELS)
    commit(folder)
    git(folder, "switch", "--quiet", "--create", "change")
    (folder / "policies/edge.yaml").write_text(lay_over(QUIET, "headroom: {percent: 60%}\n"))
    commit(folder)
    git(folder, "switch", "--quiet", "main")
    git(folder, "merge", "--quiet", "--no-ff", "--message", "Merge", "change")
    return folder


def run(name: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script as GitHub does, with this checkout's command on the path, or what a test laid there."""
    temp = folder.parent
    tools = temp / "bin"
    tools.mkdir(exist_ok=True)
    for command, text in {"autoscaler": f'#!/bin/sh\nexec {sys.executable} -m autoscaler "$@"\n', "gh": GH}.items():
        if not (tools / command).exists():
            (tools / command).write_text(text)
        (tools / command).chmod(0o755)
    runner = {"RUNNER_TEMP": temp, "GITHUB_STEP_SUMMARY": temp / "summary", "GITHUB_OUTPUT": temp / "output"}
    environment = os.environ | {key: str(path) for key, path in runner.items()} | variables
    environment |= WORKFLOW["jobs"]["review"]["env"]
    environment |= {"PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"}
    shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script(name)]
    return subprocess.run(shell, cwd=folder, env=environment, check=False, capture_output=True, text=True, timeout=120)


INPUTS = {
    "POLICIES": "policies", "TRACES": "rush hour.csv\n\n", "WORLD": "", "SEEDS": "2", "FAIL_ON": "", "REMOVED": "",
}  # fmt: skip


def merge(folder: Path, message: str = "Another change") -> None:
    """Commit what is there on a branch, and merge it."""
    git(folder, "switch", "--quiet", "--create", message.replace(" ", "-"))
    commit(folder, message)
    git(folder, "switch", "--quiet", "main")
    git(folder, "merge", "--quiet", "--no-ff", "--message", "Merge", message.replace(" ", "-"))


def summary(folder: Path) -> str:
    return (folder.parent / "summary").read_text()


def test_the_review_is_in_the_summary_and_handed_on(merged: Path) -> None:
    done = run("Compare", merged, **INPUTS)
    assert done.returncode == 0, done.stderr
    summary = (merged.parent / "summary").read_text()
    assert "+headroom.percent: 60%" in summary
    assert "**`edge` on `rush hour`**" in summary
    first, *report, last = (merged.parent / "output").read_text().splitlines()
    assert first == f"report<<{last}"
    assert "\n".join(report) + "\n" == summary


def test_a_gate_fails_the_job_after_the_review_was_written(merged: Path) -> None:
    done = run("Compare", merged, **INPUTS | {"FAIL_ON": "publishers_cut > 0\ndelta.node_hours > 1%\n"})
    assert done.returncode == 1
    for file in ("summary", "output"):
        assert "**Fails**: `delta.node_hours > 1%`" in (merged.parent / file).read_text()


def test_inputs_never_become_commands(merged: Path) -> None:
    nasty = '$(touch "$RUNNER_TEMP/ran"); `touch ran`; --help'
    done = run("Compare", merged, **INPUTS | {"TRACES": nasty, "FAIL_ON": nasty, "WORLD": nasty})
    assert done.returncode == 2
    assert not (merged.parent / "ran").exists()
    assert not (merged / "ran").exists()


GATE = {"FAIL_ON": "delta.node_hours > 1%\n"}


def test_a_folder_called_like_the_base_does_not_stand_in_for_it(merged: Path) -> None:
    forged = f"{git(merged, 'rev-parse', '--short=12', 'HEAD^1')}:policies"
    shutil.copytree(merged / "policies", merged / forged)
    done = run("Compare", merged, **INPUTS | GATE)
    assert done.returncode == 1, done.stderr
    assert "**Fails**: `delta.node_hours > 1%`" in summary(merged)


def test_no_file_of_the_change_is_run(merged: Path) -> None:
    """Python looks into the folder first that `-c` and `-m` are called in, and so do the processes that it starts."""
    for module in ("multiprocessing", "secrets", "autoscaler", "yaml"):
        (merged / module).mkdir()
        (merged / module / "__init__.py").write_text(f"open('ran-{module}', 'w')\n")
    done = run("Compare", merged, **INPUTS)
    assert done.returncode == 0, done.stderr
    assert [file.name for file in merged.glob("ran-*")] == []


@pytest.mark.parametrize("policies", [".", "./", "policies/.", "./policies", "policies/"])
def test_however_the_folder_is_written_it_is_compared(merged: Path, policies: str) -> None:
    if policies in {".", "./"}:
        git(merged, "reset", "--quiet", "--hard", "HEAD^1")
        git(merged, "mv", "policies/edge.yaml", "edge.yaml")
        commit(merged)
        (merged / "edge.yaml").write_text(lay_over(QUIET, "headroom: {percent: 60%}\n"))
        merge(merged)
    done = run("Compare", merged, **INPUTS | GATE | {"POLICIES": policies})
    assert done.returncode == 1, done.stderr
    assert "**Fails**: `delta.node_hours > 1%`" in summary(merged)


@pytest.mark.parametrize("policies", ["../checkout/policies", "/policies"])
def test_a_folder_that_the_base_can_never_have_is_no_first_one(merged: Path, policies: str) -> None:
    done = run("Compare", merged, **INPUTS | GATE | {"POLICIES": policies})
    assert done.returncode == 2
    assert "    " in summary(merged)
    assert ": outside leads out of the repository" in summary(merged)


@pytest.mark.parametrize(
    ("before", "why"),
    [
        (None, "no-path"),
        ({"edge.yaml": QUIET + "bond: 1\n"}, "edge.yaml:16:1: unknown-key"),
        ({"README.md": "Policies\n"}, "no-policies"),
    ],
)
def test_a_change_is_the_first_or_mends_the_base(merged: Path, before: dict[str, str] | None, why: str) -> None:
    """It is played alone, and gates on it alone are asked."""
    git(merged, "rm", "-r", "--quiet", "policies")
    (merged / "policies").mkdir(exist_ok=True)
    for name, text in (before or {}).items():
        (merged / "policies" / name).write_text(text)
    commit(merged)
    (merged / "policies/edge.yaml").write_text(QUIET)
    merge(merged)
    gates = "delta.node_hours > 0\nbase.node_hours > 0\n"
    done = run("Compare", merged, **INPUTS | {"FAIL_ON": gates})
    assert done.returncode == 0, done.stderr
    assert "Base cannot be read, so head was played alone: `" in summary(merged)
    assert why in summary(merged)
    assert "Only in head, played alone: `edge`" in summary(merged)
    assert run("Compare", merged, **INPUTS | {"FAIL_ON": "node_hours > 0"}).returncode == 1


def test_a_group_that_goes_fails_it_unless_it_may(merged: Path) -> None:
    other = QUIET.replace("group: edge", "group: other\nslots: other")
    (merged / "policies/other.yaml").write_text(other)
    commit(merged)
    (merged / "policies/edge.yaml").write_text(QUIET.replace("group: edge", "group: edge2"))
    merge(merged)
    done = run("Compare", merged, **INPUTS | {"FAIL_ON": "publishers_cut > 0"})
    assert done.returncode == 1, done.stderr
    assert "**Fails**: `edge` is only in base" in summary(merged)
    allowed = INPUTS | {"FAIL_ON": "publishers_cut > 0", "REMOVED": " edge\r\n"}
    assert run("Compare", merged, **allowed).returncode == 0


def test_links_are_followed_on_both_sides(merged: Path) -> None:
    (merged / "shared").mkdir()
    (merged / "policies/edge.yaml").rename(merged / "shared/edge.yaml")
    (merged / "policies/edge.yaml").symlink_to("../shared/edge.yaml")
    commit(merged)
    (merged / "shared/edge.yaml").write_text(QUIET)
    merge(merged)
    assert run("Compare", merged, **INPUTS).returncode == 0
    assert "-headroom.percent: 60%" in summary(merged)


def test_lines_may_be_indented_empty_or_end_as_windows_does(merged: Path) -> None:
    lines = {"TRACES": "  rush hour.csv \r\n   \r\n", "FAIL_ON": "\t publishers_cut > 0\r\n \n"}
    done = run("Compare", merged, **INPUTS | lines)
    assert done.returncode == 0, done.stderr


def test_what_cannot_be_compared_says_why_in_the_summary(merged: Path) -> None:
    done = run("Compare", merged, **INPUTS | {"TRACES": "nowhere.csv"})
    assert done.returncode == 2
    assert "nowhere.csv: unreadable" in done.stderr
    for file in ("summary", "output"):
        assert "The comparison ended with 2:\n\n    nowhere.csv: unreadable" in (merged.parent / file).read_text()


def test_a_change_of_what_judges_it_is_said(merged: Path) -> None:
    said = "The change also changes what it is judged by:\n\n    rush hour.csv"
    assert run("Compare", merged, **INPUTS).returncode == 0
    assert said not in summary(merged)
    (merged / "rush hour.csv").write_text(LEVELS.replace("500", "50"))
    merge(merged)
    assert run("Compare", merged, **INPUTS).returncode == 0
    assert said in summary(merged)


def test_a_long_report_fits_into_a_variable(merged: Path) -> None:
    """Linux takes 131,072 bytes in one, which 60,000 characters can exceed."""
    (merged.parent / "bin").mkdir()
    long = f"#!/bin/sh\nexec {sys.executable} -c 'print(chr(0x1f4c8) * 70000)'\n"
    (merged.parent / "bin/autoscaler").write_text(long)
    done = run("Compare", merged, **INPUTS)
    assert done.returncode == 0, done.stderr
    _, report, _ = (merged.parent / "output").read_text().splitlines()
    assert report == chr(0x1F4C8) * 30000


def test_mistakes_and_failing_tests_end_it(merged: Path) -> None:
    assert run("Validate", merged, POLICIES="policies").returncode == 0
    (merged / "policies/edge.yaml").write_text(QUIET + "bond: 1\n")
    done = run("Validate", merged, POLICIES="policies")
    assert done.returncode == 1
    assert done.stdout.startswith("::error file=policies/edge.yaml,line=16,col=1::unknown-key")
    (merged / "policies/edge.yaml").write_text(QUIET)
    none = run("Test", merged, POLICIES="policies")
    assert (none.returncode, none.stdout) == (
        0, "policies: no-tests holds no policy test (NAME.test.yaml)\n0 passed, 0 failed\n"
    )  # fmt: skip
    (merged / "policies/edge.test.yaml").write_text(
        "cases: [{name: wrong, given: {nodes: 2, signals: {cpu: 60, sessions: 0}}, expect: {desired: 9}}]\n"
    )
    assert run("Test", merged, POLICIES="policies").returncode == 1
    (compare,) = (step for step in steps() if step.get("name") == "Compare")
    assert compare["if"] == "${{ !cancelled() && steps.validate.outcome == 'success' }}"


@pytest.mark.parametrize(
    ("ids", "call"), [("", "POST repos/o/r/issues/7/comments"), ("41\n42\n", "PATCH repos/o/r/issues/comments/41")]
)
def test_one_comment_is_posted_and_later_replaced(merged: Path, ids: str, call: str) -> None:
    (merged.parent / "ids").write_text(ids)
    report = "## Policy review: `$(touch ran)`\n| a | b |"
    done = run("Post, or replace what was posted", merged, REPOSITORY="o/r", NUMBER="7", REPORT=report, GH_TOKEN="none")
    assert done.returncode == 0, done.stderr
    asked, posted = (merged.parent / "calls").read_text().splitlines()
    assert asked.startswith("api --paginate repos/o/r/issues/7/comments --jq ")
    body = merged.parent / "comment.md"
    assert posted == f"api --silent -X {call} -F body=@{body}"
    assert body.read_text() == f"<!-- autoscaler policy review -->\n{report}\n"


def test_hooks_run_commands_that_there_are_on_whole_folders() -> None:
    assert [hook["id"] for hook in HOOKS] == ["autoscaler-validate", "autoscaler-test"]
    for hook in HOOKS:
        name, command, *options = str(hook["entry"]).split()
        assert name == "autoscaler"
        assert set(options) <= {option for parameter in load(command).params for option in parameter.opts}
        assert (hook["language"], hook["pass_filenames"], hook["args"]) == ("python", False, ["policies"])
        assert hook["always_run"], "what is only deleted changes no file"


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook["id"])
def test_hooks_pass_on_what_is_shipped(hook: Mapping[str, Any]) -> None:
    command = [sys.executable, "-m", *hook["entry"].split(), *hook["args"]]
    assert subprocess.run(command, cwd=ROOT, check=False, capture_output=True, timeout=120).returncode == 0
