"""docs/tuning.md: its search prints what stands there, and its tables are of what there is."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from autoscaler.cli.app import app
from autoscaler.policy.document import check, parse
from autoscaler.simulate.compare.gate import parse_gate
from autoscaler.simulate.tune.optimiser import Everything
from autoscaler.simulate.tune.outcome import Outcome
from autoscaler.simulate.tune.request import SearchFile, make_goal, parse_vary
from autoscaler.simulate.tune.space import make_space
from tests.support.documents import ROOT, blocks, first_spans, read, rows
from tests.support.tuning import a_search, playing, trade

FILE = ROOT / "docs/tuning.md"
EDGE = ROOT / "policies/edge.yaml"
SHOWN = re.compile(r"^````\n\$ autoscaler (?P<command>[^\n]+)\n.*?^````$", re.MULTILINE | re.DOTALL)


def followed(text: str) -> str:
    """Return the page with what its commands really print."""

    def step(block: re.Match[str]) -> str:
        result = CliRunner().invoke(app, shlex.split(block["command"]))
        return f"````\n$ autoscaler {block['command']}\n{result.output}````"

    return SHOWN.sub(step, text)


def test_the_search_that_is_shown_prints_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`UPDATE=1 make docs` writes anew what it prints."""
    shutil.copytree(ROOT / "policies", tmp_path / "policies")
    monkeypatch.chdir(tmp_path)
    text = followed(read(FILE))
    if os.environ.get("UPDATE"):
        FILE.write_text(text, encoding="utf-8")
    assert read(FILE) == text
    assert "+++ b/policies/edge.yaml" in text


def test_every_key_of_the_json_is_explained() -> None:
    search = a_search()
    search.run(playing(trade), Everything(search.space), 3)
    outcome = Outcome(search, 1, "edge.yaml").plain()
    assert first_spans(rows(FILE, "For scripts"))[: len(outcome)] == list(outcome)
    told = {word for row in rows(FILE, "For scripts") for word in re.findall(r"`(\w+)`", row[1])}
    entries = {*outcome["best"][0], *outcome["trials"][0], *next(iter(outcome["space"].values()))}
    assert entries <= told


def test_every_example_of_what_may_vary_fits_a_shipped_policy() -> None:
    examples = first_spans(rows(FILE, "What may vary"))
    assert len(examples) == 5
    assert len(make_space("edge.yaml", read(EDGE), parse_vary(examples)).axes) == 5


def test_the_search_file_that_is_shown_is_one() -> None:
    (block,) = [block for block in blocks("yaml") if block.info[1:] == ("search",)]
    search = check(SearchFile, parse(block.text, block.place))
    assert make_space("edge.yaml", read(EDGE), search.vary).axes
    assert make_goal(search.minimise, search.limits).objectives == ("cost", "rejected_sessions")
    assert all(parse_gate(limit).names for limit in search.limits)
