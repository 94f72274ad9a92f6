"""docs/policy-review.md is followed to the letter: its edit is applied, and its commands print what stands there."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from autoscaler.cli.app import app
from autoscaler.policy.document import parse
from autoscaler.simulate.compare.gate import parse_gate
from autoscaler.simulate.compare.review import Review
from tests.support.documents import ROOT, blocks, first_spans, read, rows
from tests.support.repository import commit, git

FILE = ROOT / "docs/policy-review.md"
BLOCK = re.compile(r"^(?P<ticks>`{3,})(?P<info>[^`\n]*)\n(?P<body>.*?)^(?P=ticks)$", re.MULTILINE | re.DOTALL)
WORKFLOW = ".github/workflows/policy-review.yml"


def parsed(text: str, name: str) -> Any:
    return parse(text, name).root


def followed(text: str, folder: Path) -> str:
    """Follow the page in a repository; return it with what its commands really print."""

    def step(block: re.Match[str]) -> str:
        body = block["body"]
        if block["info"] == "diff":
            (folder / "edit.diff").write_text(body)
            git(folder, "apply", "edit.diff")
        elif body.startswith("$ autoscaler "):
            command = body.splitlines()[0]
            result = CliRunner().invoke(app, shlex.split(command)[2:])
            return f"{block['ticks']}\n{command}\n{result.output}{block['ticks']}"
        return block[0]

    return BLOCK.sub(step, text)


def test_the_page_can_be_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`UPDATE=1 make docs` writes anew what the commands print."""
    shutil.copytree(ROOT / "policies", tmp_path / "policies")
    commit(tmp_path)
    monkeypatch.chdir(tmp_path)
    text = followed(read(FILE), tmp_path)
    if os.environ.get("UPDATE"):
        FILE.write_text(text, encoding="utf-8")
    assert read(FILE) == text
    assert "are valid" in text
    assert "**Fails**" in text
    assert "**better**" in text


def test_every_gate_that_is_shown_is_one() -> None:
    examples = first_spans(rows(FILE, "Gates"))
    assert len(examples) == 5
    assert [example for example in examples if not parse_gate(example).names] == []


def test_every_key_of_the_json_is_explained() -> None:
    assert first_spans(rows(FILE, "For scripts")) == list(Review("", "", {}, [1], [], []).plain())


def test_the_workflow_that_calls_gives_what_the_called_takes() -> None:
    caller, hooks = (parsed(block.text, block.place) for block in blocks("yaml") if block.file == FILE)
    job = caller["jobs"]["review"]
    called = parsed(read(ROOT / WORKFLOW), WORKFLOW)
    inputs = called["on"]["workflow_call"]["inputs"]
    assert f"/{WORKFLOW}@" in job["uses"]
    assert set(job["with"]) <= set(inputs)
    assert {name for name, about in inputs.items() if about.get("required")} <= set(job["with"])
    kinds = {"string": str, "number": int, "boolean": bool}
    assert [name for name, value in job["with"].items() if not isinstance(value, kinds[inputs[name]["type"]])] == []
    assert job["permissions"] == {"contents": "read", "pull-requests": "write"}
    for line in job["with"]["fail-on"].splitlines():
        assert parse_gate(line).names
    for line in job["with"]["traces"].splitlines():
        assert (ROOT / line).is_file()
    ids = re.findall(r"^- id: (\S+)$", read(ROOT / ".pre-commit-hooks.yaml"), re.MULTILINE)
    assert [hook["id"] for hook in hooks["repos"][0]["hooks"]] == ids
