"""A column of samples is as good as a dict of them, and tells which of its values are recent enough."""

from __future__ import annotations

import pickle

import pytest

from autoscaler.model.codec import to_plain
from autoscaler.model.column import Column
from autoscaler.model.snapshot import Sample
from tests.support.fleet import NOW, seconds

AT = {"i-1": NOW, "i-2": NOW - seconds(5), "i-3": NOW - seconds(60)}
VALUES = {"i-1": 1.5, "i-2": 0, "i-3": 30.0}
SAMPLES = {key: Sample(value, AT[key]) for key, value in VALUES.items()}


@pytest.mark.parametrize(
    ("column", "samples"),
    [
        (Column(VALUES, AT), SAMPLES),
        (Column(VALUES, NOW), {key: Sample(value, NOW) for key, value in VALUES.items()}),
    ],
)
def test_it_is_as_good_as_a_dict(column: Column, samples: dict[str, Sample]) -> None:
    assert column == samples
    assert samples == column
    assert column != {**samples, "i-1": Sample(2.0, NOW)}
    assert column.get("i-9") is None
    assert list(column) == ["i-1", "i-2", "i-3"]
    assert len(column) == 3
    assert repr(column) == repr(samples)
    assert to_plain(column) == to_plain(samples)
    assert pickle.loads(pickle.dumps(column)) == samples  # noqa: S301 - what we have just made ourselves


@pytest.mark.parametrize(("age", "known"), [(0, ["i-1"]), (5, ["i-1", "i-2"]), (59, ["i-1", "i-2"]), (60, [*VALUES])])
def test_values_are_told_that_are_no_older(age: int, known: list[str]) -> None:
    assert Column(VALUES, AT).between(NOW - seconds(age), NOW) == {key: VALUES[key] for key in known}


def test_each_who_asks_gets_an_answer_of_his_own() -> None:
    column = Column(VALUES, AT)
    for age in (60, 0, 5, 5, 60):
        oldest = NOW - seconds(age)
        assert column.between(oldest, NOW) == {key: VALUES[key] for key, at in AT.items() if at >= oldest}


def test_values_of_one_time_are_all_recent_enough_or_none_is() -> None:
    column = Column(VALUES, NOW)
    assert column.between(NOW, NOW) == VALUES
    assert column.between(NOW + seconds(1), NOW + seconds(2)) == {}
