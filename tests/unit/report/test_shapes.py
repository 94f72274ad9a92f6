"""Paths and scales, by hand."""

from __future__ import annotations

import pytest

from autoscaler.report.scales import Mark, in_words, short, time_marks, value_marks
from autoscaler.report.shapes import area, bars, stems, steps, stretches

EDGES = (0, 100, 200, 300)


def test_a_line_holds_each_value_until_the_next_and_says_nothing_of_what_stays() -> None:
    assert steps(EDGES, (0, 5, 5), top=10) == "M0 1000H100V500H300"
    assert area(EDGES, (10, 10, 0), top=10) == "M0 0H200V1000H300V1000H0Z"


def test_nothing_is_drawn_of_nothing() -> None:
    assert (steps((0, 1), (), 1), area((0, 1), (), 1), stems((0, 1), (), 1), bars((0, 1), (), 0)) == ("", "", "", "")


def test_only_what_happened_has_a_stem() -> None:
    assert stems(EDGES, (0, 3, 0), top=3) == "M100 1000V0H200V1000Z"


def test_one_among_thousands_is_high_enough_to_be_seen() -> None:
    assert stems(EDGES, (9000, 1, 0), top=10_000) == "M0 1000V100H100V1000ZM100 1000V960H200V1000Z"


def test_each_more_at_the_same_time_has_a_row_of_its_own() -> None:
    assert bars(EDGES, (1, 2, 1), rows=2) == "M0 600H300V900H0ZM100 100H200V400H100Z"


def test_stretches_end_with_what_held_or_with_the_plot() -> None:
    assert list(stretches(EDGES, [True, False, True])) == [(0, 100), (200, 300)]
    assert list(stretches(EDGES, [False, True, False])) == [(100, 200)]


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0"), (59.6, "1 min"), (93_660, "1 d 2 h 1 min"), (86_400, "1 d"), (10, "10 s")]
)
def test_times_are_told_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


@pytest.mark.parametrize(
    ("most", "top", "labels"),
    [
        (0, 1, ["0", "1"]),
        (1, 1, ["0", "1"]),
        (3, 3, ["0", "1", "2", "3"]),
        (16, 20, ["0", "5", "10", "15", "20"]),
        (1_999, 2_000, ["0", "500", "1,000", "1,500", "2,000"]),
        (150_000, 150_000, ["0", "50,000", "100k", "150k"]),
    ],
)
def test_an_axis_ends_at_a_round_number_that_holds_all(most: int, top: int, labels: list[str]) -> None:
    found, marks = value_marks(most)
    assert (found, [mark.label for mark in marks]) == (top, labels)
    assert (marks[0].percent, marks[-1].percent) == (0, 100)


def test_times_are_round_and_leave_the_end_free() -> None:
    assert time_marks(86_400)[:2] == [Mark("0", 0.0), Mark("6 h", 25.0)]
    assert [mark.label for mark in time_marks(30 * 86_400)] == ["0", "5 d", "10 d", "15 d", "20 d", "25 d"]
    assert [mark.label for mark in time_marks(10)] == ["0", "2 s", "4 s", "6 s", "8 s"]


def test_large_counts_are_short() -> None:
    assert (short(99_999), short(1_500_000)) == ("99,999", "1,500k")
