"""Where two sides part: on diaries of plays that were watched, and on ones written by hand."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from autoscaler.simulate.compare.diary import MOST_PARTINGS, partings, writing
from tests.support.fleet import policy
from tests.support.stage import Stage

BEGIN = datetime(2026, 3, 4, 18, tzinfo=UTC)


def diary(folder: Path, name: str, sizes: Sequence[int], code: str = "step") -> Path:
    file = folder / name
    with gzip.open(file, "wt") as lines:
        for number, size in enumerate(sizes):
            at = (BEGIN + timedelta(seconds=10 * number)).isoformat()
            row = (at, 2, size, [("step:cpu", f"out {size}", "cpu\tis high")], [(code, f"2 -> {size}", "why")])
            lines.write(f"{size}\t{code}\t{json.dumps(row)}\n")
    return file


def test_each_stretch_in_which_they_differ_is_told_by_its_first_cycle(tmp_path: Path) -> None:
    base, head = diary(tmp_path, "a", [2, 2, 3, 3, 3, 4, 4]), diary(tmp_path, "b", [2, 3, 4, 3, 3, 3, 3])
    first, second = partings(base, head)
    assert (first.cycle, first.lasted, first.base.desired, first.head.desired) == (1, 2, 2, 3)
    assert (second.cycle, second.lasted, second.at) == (5, 2, BEGIN + timedelta(seconds=50))
    assert first.head.verdicts == (("step:cpu", "out 3", "cpu\tis high"),)
    assert first.base.reasons == (("step", "2 -> 2", "why"),)


def test_no_more_are_told_than_are_read(tmp_path: Path) -> None:
    base, head = diary(tmp_path, "a", [2] * 40), diary(tmp_path, "b", [2, 3, 2, 2] * 10)
    found = partings(base, head)
    assert [parting.cycle for parting in found] == [1, 5, 9]
    assert len(found) == MOST_PARTINGS
    assert [parting.lasted for parting in found] == [1, 1, 1]


def test_other_reasons_are_told_where_the_size_never_differs(tmp_path: Path) -> None:
    base, head = diary(tmp_path, "a", [2, 3]), diary(tmp_path, "b", [2, 3], code="schedule")
    (found,) = partings(base, head)
    assert (found.cycle, found.lasted, found.head.reasons[0][0]) == (0, 2, "schedule")
    assert partings(base, base) == ()


def test_sides_of_other_lengths_are_no_pair(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="shorter"):
        partings(diary(tmp_path, "a", [2, 2]), diary(tmp_path, "b", [2]))


def test_a_cycle_is_written_down_with_all_it_said(tmp_path: Path) -> None:
    stage = Stage()
    for slot in (1, 2):
        stage.world.beat(stage.serving(slot), 90)
    report = stage.cycle(policy(warm_up="0s"))
    with writing(tmp_path / "a") as note:
        note(report)
    (found,) = partings(tmp_path / "a", diary(tmp_path, "b", [0]))
    decision = report.decision
    assert (found.base.current, found.base.desired, found.at) == (decision.current, decision.desired, decision.at)
    assert [rule for rule, *_ in found.base.verdicts] == [verdict.rule for verdict in decision.verdicts]
    assert [code for code, *_ in found.base.reasons] == [reason.code for reason in decision.reasons] != []
