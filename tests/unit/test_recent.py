"""What is remembered of a pure function: its results for the very objects that it was last called with."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from typing import Any

import pytest

from autoscaler.model.recent import KEPT, recent


def counted(calls: list[object]) -> Callable[[list[int], list[int]], int]:
    """A function of two lists that counts how often it does the work."""

    @recent
    def add(one: list[int], other: list[int]) -> int:
        """Add up."""
        calls.append((one, other))
        return sum(one) + sum(other)

    return add


def test_the_work_is_done_once_for_the_very_same_objects() -> None:
    calls: list[object] = []
    add, one, other = counted(calls), [1], [2]
    assert [add(one, other) for _ in range(3)] == [3, 3, 3]
    assert len(calls) == 1
    assert add.__doc__ == "Add up."


def test_an_equal_object_is_another_one_wherever_it_stands() -> None:
    calls: list[object] = []
    add, one, other = counted(calls), [1], [2]
    for pair in ((one, other), (copy(one), other), (one, copy(other)), (other, one)):
        assert add(*pair) == 3
    assert len(calls) == 4


def test_fewer_arguments_are_not_what_more_of_them_were() -> None:
    @recent
    def count(*lists: list[int]) -> int:
        return len(lists)

    one, other = [1], [2]
    assert [count(one, other), count(one), count(), count(one, other, one)] == [2, 1, 0, 3]


def test_some_results_are_kept_and_the_oldest_gives_way() -> None:
    calls: list[object] = []
    add, lists = counted(calls), [[number] for number in range(KEPT + 1)]
    nothing: list[int] = []
    for each in (*lists[:KEPT], *lists[:KEPT]):
        assert add(each, nothing) == each[0]
    assert len(calls) == KEPT
    assert [add(lists[number], nothing) for number in (KEPT, KEPT - 1, 0)] == [KEPT, KEPT - 1, 0]
    assert len(calls) == KEPT + 2  # the one too many, and once more the first


def test_no_other_object_takes_the_place_of_one_that_is_remembered() -> None:
    """An object's address is free for the next as soon as nobody holds it; the memory of it does."""

    @recent
    def total(values: list[int]) -> int:
        return sum(values)

    assert [total([number]) for number in range(100)] == [*range(100)]


def test_what_was_not_worked_out_is_not_remembered() -> None:
    @recent
    def fail(why: str) -> str:
        raise ValueError(why)

    for _ in range(2):
        with pytest.raises(ValueError, match="broken"):
            fail("broken")


def test_it_takes_no_argument_by_its_name_for_that_would_not_be_compared() -> None:
    calls: list[object] = []
    add: Any = counted(calls)
    with pytest.raises(TypeError):
        add([1], other=[2])
    assert not calls


def test_threads_do_not_get_each_others_results() -> None:
    calls: list[object] = []
    add, lists = counted(calls), [[number] for number in range(12)]
    nothing: list[int] = []
    wanted = [number % 12 for number in range(2000)]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda number: add(lists[number], nothing), wanted)) == wanted
