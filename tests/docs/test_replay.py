"""docs/replay.md is held to the code: the header, the keys of a cycle, the numbers of a score."""

from __future__ import annotations

import json
from dataclasses import fields

from autoscaler.adapters.journal_file import lines
from autoscaler.model.report import CycleReport
from autoscaler.review.score import Score
from tests.support.documents import ROOT, blocks, first_spans, rows, spans
from tests.support.records import REPORT

REPLAY = ROOT / "docs/replay.md"


def test_the_header_is_the_one_that_is_written() -> None:
    [block] = [block for block in blocks("json") if block.file == REPLAY]
    assert block.text == next(lines([REPORT]))


def test_every_key_of_a_cycle_is_listed() -> None:
    cycle = json.loads([*lines([REPORT])][1])
    table = {key: keys for key, *keys in (rows(REPLAY, "The file"))}
    assert {key.strip("`") for key in table} == {*cycle} == {field.name for field in fields(CycleReport)}
    for key in ("snapshot", "decision", "plan"):
        assert all(f"`{part}`" in table[f"`{key}`"][0] for part in cycle[key]), key


def test_every_number_of_a_score_is_explained() -> None:
    assert first_spans(rows(REPLAY, "The score of a dry run")) == [*Score().figures()]
    assert "final" in spans(REPLAY)
