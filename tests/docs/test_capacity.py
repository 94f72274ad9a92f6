"""docs/capacity.md is held to the code: what is left out, what is found, the sums and the keys."""

from __future__ import annotations

import ast
from datetime import timedelta
from pathlib import Path

import pytest

from autoscaler.policy.units import parse_percent
from autoscaler.report.lesson import Told, document
from autoscaler.simulate.learn import carry, lesson
from autoscaler.simulate.learn.learnt import Limits
from autoscaler.simulate.learn.readings import MOST, Count, LeftOut
from autoscaler.simulate.learn.recorded import LEAST_KNOWN, Recorded
from autoscaler.simulate.learn.suggest import Advice, target_for
from tests.support.documents import ROOT, first_spans, prose, rows, tree

CAPACITY = ROOT / "docs/capacity.md"


def codes() -> set[str]:
    """Every code that a finding can have."""
    calls = [
        node
        for file in Path(lesson.__file__).parent.glob("*.py")
        for node in ast.walk(tree(file))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Finding"
    ]
    return {ast.literal_eval(call.args[0]) for call in calls}


def test_every_finding_has_its_line() -> None:
    sure = first_spans(rows(CAPACITY, "When nothing is said"))
    assert len(codes()) > 12
    assert sorted(sure) == sorted(codes())


def test_every_reason_to_leave_a_node_out_has_its_line() -> None:
    assert first_spans(rows(CAPACITY, "What it rests on")) == [reason.value for reason in LeftOut]


@pytest.mark.parametrize("row", rows(CAPACITY, "From a number to a target"), ids=" ".join)
def test_the_sums_are_right(row: list[str]) -> None:
    surely, rise, tolerance, target = row
    assert target_for(float(surely.split()[0]), float(rise), parse_percent(tolerance)) == float(target)


def test_the_limits_that_are_told_are_those_of_the_code() -> None:
    text = " ".join(prose(CAPACITY).split())
    assert f"fewer than {carry.FEWEST_NODES} nodes" in text
    assert f"less than {carry.FEWEST_BLOCKS} times ten minutes" in text
    assert f"never went {carry.LEAST_REACH:.0%} of".replace("%", " %") in text
    assert f"made out {carry.LEAST_PART:.0%} of".replace("%", " %") in text
    assert f"more than {carry.MOST_BEND:g} points" in text
    assert f"fewer than {lesson.FEWEST_BOOTS} nodes were seen to come" in text
    assert f"{lesson.USUAL_BOOT_S:g} s are taken for a boot" in text
    assert f"more than {carry._SELDOM:.0%} of the minutes".replace("%", " %") in text
    assert f"in at least {LEAST_KNOWN:.0%} of the cycles".replace("%", " %") in text
    assert f"in more than {carry.MOST_SATURATED:.0%} of the minutes CPU".replace("%", " %") in text
    assert timedelta(hours=4) == lesson.LEAST_WATCHED
    assert f"for four hours, and for {lesson.FEWEST_WITHIN} times as long as a boot" in text
    assert MOST == 1_000_000
    assert "less than 0, more than a million" in text
    assert carry.FAR_OUT == 8
    assert "more than eight times as far" in text


def test_every_key_of_the_json_is_explained() -> None:
    told = document(Told(lesson.conclude(Recorded("edge", Count("x")), Limits()), Advice()))
    assert first_spans(rows(CAPACITY, "For scripts")) == [*told]
