"""The references list every key as it is, and the worked examples are what the code computes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from autoscaler.decide.pipeline import decide
from autoscaler.model.decision import Direction
from autoscaler.model.snapshot import Sample
from autoscaler.policy.schema import Policy
from autoscaler.runtime.settings import Settings
from tests.support.documents import ROOT, first_spans, rows
from tests.support.fleet import CPU, NOW, node, policy, seasoned, snapshot
from tests.support.keys import keys

POLICIES, OPERATIONS = ROOT / "docs/policies.md", ROOT / "docs/operations.md"


@pytest.mark.parametrize(
    ("model", "file", "section"), [(Policy, POLICIES, "Every key"), (Settings, OPERATIONS, "Settings")]
)
def test_every_key_is_listed_with_type_and_default(model: type[BaseModel], file: Path, section: str) -> None:
    table = rows(file, section)
    assert [(key.strip("`"), kind, default) for key, kind, default, _ in table] == list(keys(model))
    assert all(meaning for *_, meaning in table)


def test_every_source_is_listed() -> None:
    assert first_spans(rows(POLICIES, "Sources")) == [*PER_NODE_SOURCES, *GROUP_SOURCES]


EXAMPLES = rows(POLICIES, "How many nodes: target tracking")


@pytest.mark.parametrize("row", EXAMPLES, ids=lambda row: f"{row[0]} {row[2]}")
def test_the_worked_examples_are_what_is_computed(row: list[str]) -> None:
    values, coming, missing, load, held_against, expected = row
    given = values.split(", ")
    serving = range(1, len(given) + 1)
    nodes = [node(number) for number in serving]
    nodes += [node(100 + number, status=None) for number in range(int(coming))]
    samples = {f"i-{n}": Sample(float(v), NOW) for n, v in zip(serving, given, strict=True) if v != "?"}
    rules = policy(
        signals={"cpu": {"from": CPU, "on_missing": missing.strip("`")}},
        scale=[{"target_tracking": {"signal": "cpu", "target": 60, "tolerance": "10%"}}],
    )
    shot = snapshot(*nodes, samples={CPU: samples})
    decision, _ = decide(shot, rules, seasoned(*serving))
    (verdict,) = decision.verdicts
    assert verdict.value == float(load)
    assert decision.current * 60 == int(held_against)
    assert (
        f"{verdict.direction} to {verdict.desired}" if verdict.direction is not Direction.HOLD else "hold"
    ) == expected


def test_there_are_examples_of_every_verdict() -> None:
    assert {re.split(" ", row[-1])[0] for row in EXAMPLES} == {"out", "in", "hold"}
