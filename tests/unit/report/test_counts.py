"""One, or several."""

from __future__ import annotations

import pytest

from autoscaler.report.counts import counted


@pytest.mark.parametrize(("count", "said"), [(0, "0 nodes"), (1, "1 node"), (2, "2 nodes"), (1001, "1,001 nodes")])
def test_one_is_not_several(count: int, said: str) -> None:
    assert counted(count, "node") == said


def test_what_takes_more_than_an_s() -> None:
    assert [counted(count, "was", "were") for count in (1, 2)] == ["1 was", "2 were"]
