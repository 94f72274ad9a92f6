"""The tutorial is followed to the letter: each block goes into its file, and each command prints what stands there."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from autoscaler.cli.app import app
from tests.support.documents import ROOT, read

TUTORIAL = ROOT / "docs/tutorial.md"
BLOCK = re.compile(r"^```(?P<info>[^`\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
SECTION = re.compile(r"^(?=\w+:)", re.MULTILINE)


def merged(old: str, new: str) -> str:
    """The file after its reader did as told: keys that are there are replaced, others go below."""
    sections = {part.partition(":")[0]: part for part in SECTION.split(old) if part}
    sections |= {part.partition(":")[0]: part for part in SECTION.split(new) if part}
    return "".join(sections.values())


def followed(text: str) -> str:
    """Follow the tutorial in the working directory; return it with what its commands really print."""

    def step(block: re.Match[str]) -> str:
        info, body = block["info"].split(), block["body"]
        if info[:1] == ["yaml"]:
            file = Path(info[1])
            file.parent.mkdir(exist_ok=True)
            file.write_text(merged(file.read_text() if file.exists() else "", body))
        elif body.startswith("$ autoscaler "):
            command = body.splitlines()[0]
            result = CliRunner().invoke(app, command.split()[2:])
            return f"```\n{command}\n{result.output}```"
        return block[0]

    return BLOCK.sub(step, text)


def test_the_tutorial_can_be_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`UPDATE=1 make docs` writes anew what the commands print."""
    monkeypatch.chdir(tmp_path)
    text = followed(read(TUTORIAL))
    if os.environ.get("UPDATE"):
        TUTORIAL.write_text(text, encoding="utf-8")
    assert read(TUTORIAL) == text
    assert CliRunner().invoke(app, ["validate", "--strict", "policies"]).output == (
        "1 policies and 1 test files are valid\n"
    )
    assert re.search(r"^[1-9]\d* passed, 0 failed$", text, re.MULTILINE)


def test_a_key_that_is_there_is_replaced_and_a_new_one_goes_below() -> None:
    assert merged("a: 1\nb:\n  - 2\nc: 3\n", "b:\n  - 4\n  - 5\nd: 6\n") == "a: 1\nb:\n  - 4\n  - 5\nc: 3\nd: 6\n"
