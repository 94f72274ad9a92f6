"""The references list every key as it is, and the worked examples are what the code computes."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta

import pytest

from autoscaler.decide.combine import combine
from autoscaler.decide.past import history_key
from autoscaler.decide.pipeline import decide
from autoscaler.model.decision import Direction, Proposal, Verdict
from autoscaler.model.history import BUCKET
from autoscaler.model.snapshot import Sample
from autoscaler.policy.document import parse
from autoscaler.policy.schema import Policy
from autoscaler.policy.units import parse_duration
from autoscaler.runtime.settings import Settings
from tests.support.documents import ROOT, blocks, read, rows
from tests.support.fleet import CPU, NOW, node, policy, seasoned, snapshot
from tests.support.keys import keys
from tests.support.reference import policy_keys, updated

WEEK = timedelta(days=7)
POLICIES, OPERATIONS = ROOT / "docs/policies.md", ROOT / "docs/operations.md"


def test_the_reference_of_policies_is_written_from_the_models() -> None:
    """`UPDATE=1 make docs` writes it anew."""
    if os.environ.get("UPDATE"):
        POLICIES.write_text(updated(read(POLICIES)), encoding="utf-8")
    assert read(POLICIES) == updated(read(POLICIES))
    table = rows(POLICIES, "Every key")
    assert len(table) == len(policy_keys()) > 60
    assert all(meaning for *_, meaning in table)


def test_a_reference_that_is_out_of_date_is_noticed() -> None:
    text = read(POLICIES)
    for wrong in ("| `slots` | name |", "| `mongodb.streams` |"):
        assert wrong in text
        assert updated(text.replace(wrong, "| `gone` | name |")) == text


@pytest.mark.parametrize("mark", ["<!-- /keys -->", "<!-- sources: "])
def test_a_document_without_a_mark_is_left_alone(mark: str) -> None:
    with pytest.raises(ValueError, match="needs both marks"):
        updated(read(POLICIES).replace(mark, ""))


def test_every_setting_is_listed_with_type_and_default() -> None:
    table = rows(OPERATIONS, "Settings")
    assert [(key.strip("`"), kind, default) for key, kind, default, _ in table] == list(keys(Settings))
    assert all(meaning for *_, meaning in table)


EXAMPLES = rows(POLICIES, "Target tracking")


@pytest.mark.parametrize("row", EXAMPLES, ids=lambda row: f"{row[0]} {row[2]}")
def test_the_worked_examples_of_target_tracking_are_what_is_computed(row: list[str]) -> None:
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
    assert said(verdict) == expected


def said(verdict: Verdict) -> str:
    moves = verdict.direction in {Direction.OUT, Direction.IN}
    return f"{verdict.direction} to {verdict.desired}" if moves else str(verdict.direction)


def test_there_are_examples_of_every_verdict() -> None:
    for section in ("Target tracking", "Steps"):
        assert {row[-1].split()[0] for row in rows(POLICIES, section)} == {"out", "in", "hold"}


def documented_steps() -> dict[str, object]:
    (block,) = [block for block in blocks("yaml") if block.file == POLICIES and "above: 85" in block.text]
    return parse(block.text, block.place).root


@pytest.mark.parametrize("row", rows(POLICIES, "Steps"), ids=" ".join)
def test_the_worked_examples_of_steps_are_what_is_computed(row: list[str]) -> None:
    mean, held, coming, expected = row
    serving = (1, 2, 3)
    nodes = [*map(node, serving), *(node(100 + number, status=None) for number in range(int(coming)))]
    rules = policy(**documented_steps())
    shot = snapshot(*nodes, cpu=dict.fromkeys(serving, float(mean)))
    sides = [f"cpu {side} {limit}" for side, limit in (("above", 70), ("above", 85), ("below", 20))]
    breaches = dict.fromkeys(sides, NOW - parse_duration(held))
    decision, _ = decide(shot, rules, seasoned(*serving, breaches=breaches))
    assert said(decision.verdicts[0]) == expected


@pytest.mark.parametrize(("verdicts", "expected"), rows(POLICIES, "From wishes to a number"))
def test_the_worked_examples_of_combining_are_what_is_computed(verdicts: str, expected: str) -> None:
    parsed = []
    for number, text in enumerate(verdicts.split(", ")):
        match = re.fullmatch(r"(?:(?P<group>[a-z]): )?(?P<direction>[a-z]+)(?: (?P<desired>\d))?", text)
        assert match, text
        direction, desired = Direction(match["direction"]), int(match["desired"] or 4)
        parsed.append(Verdict(f"rule:{number}", direction, desired, "detail", group=match["group"] or ""))
    assert combine(Proposal(4, 4), parsed).desired == int(expected)


def documented_forecast() -> dict[str, object]:
    (block,) = [block for block in blocks("yaml") if block.file == POLICIES and "forecast:" in block.text]
    return parse(block.text, block.place).root


@pytest.mark.parametrize("row", rows(POLICIES, "Forecast"), ids=" ".join)
def test_the_worked_examples_of_a_forecast_are_what_is_computed(row: list[str]) -> None:
    quantile, *weeks, load, floor = row
    friday = datetime(2026, 3, 6, 19, 52, tzinfo=UTC)
    data = documented_forecast()
    rules = policy(**data | {"bounds": {"min": 0, "max": 50}})
    told = rules.model_dump(mode="json", by_alias=True)
    told["scale"][1]["forecast"]["quantile"] = quantile
    rules = Policy.model_validate(told)
    recorded = [
        Sample(float(value) if number == 2 else 500.0, friday.replace(minute=50) + number * BUCKET - week * WEEK)
        for week, value in zip((4, 3, 2, 1), weeks, strict=True)
        if value != "?"
        for number in range(4)
    ]
    history = {history_key("viewers", rules): tuple(recorded)}
    decision, _ = decide(snapshot(at=friday, history=history), rules, seasoned())
    verdict = decision.verdicts[-1]
    assert (verdict.value, verdict.needed) == (
        (None, None) if load == "none" else (float(load), int(floor))
    )  # fmt: skip
    assert decision.desired == (verdict.needed or 0)
