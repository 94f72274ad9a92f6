"""What a policy comes to over several runs, whether it keeps the limits, and which are the best."""

from __future__ import annotations

from dataclasses import replace

import pytest

from autoscaler.simulate.compare.gate import parse_gate
from autoscaler.simulate.compare.scales import MEASURES
from autoscaler.simulate.tune.trial import OBJECTIVES, Trial, beats, figures, front, judged
from tests.support.tuning import a_run

BOTH = ("node_hours", "rejected_sessions")


def trial(number: int, hours: float, rejected: int, point: tuple[int | None, ...] = (1,), **changes: object) -> Trial:
    found = dict.fromkeys(MEASURES, 0.0) | {"node_hours": hours, "rejected_sessions": rejected}
    return replace(Trial(number, point, figures=found), **changes)  # type: ignore[arg-type]  # fields by name


def test_sums_are_sums_and_of_ratios_and_peaks_the_worst_counts() -> None:
    one = replace(a_run(), node_hours=1.1, flaps=2, over_provisioned_ratio=1.2, max_nodes=4, min_nodes=2)
    other = replace(a_run(), node_hours=2.2, flaps=1, over_provisioned_ratio=1.1, max_nodes=9, min_nodes=1)
    found = figures([one, other])
    assert (found["node_hours"], found["flaps"]) == (3.3, 3)
    assert (found["over_provisioned_ratio"], found["max_nodes"], found["min_nodes"]) == (1.2, 9, 1)
    assert list(found) == list(MEASURES)


def test_limits_are_of_the_policy_and_beside_the_current_one() -> None:
    current, found = figures([a_run()]), figures([replace(a_run(), node_hours=2 * a_run().node_hours, flaps=3)])
    limits = [parse_gate(text) for text in ("node_hours <= 150%", "delta.flaps < 9", "base.node_hours > 0")]
    broken, shortfall = judged(limits, current, found)
    assert broken == ["node_hours <= 150%"]
    assert shortfall == pytest.approx(1 / 3)


def test_the_best_are_those_that_nothing_beats() -> None:
    a, b, c = trial(0, 10, 50), trial(1, 12, 20), trial(2, 30, 0)
    worse, broken = trial(3, 12, 21), trial(4, 1, 0, broken=("x",))
    refused = Trial(5, (1,), refused="no policy")
    assert front([c, worse, broken, refused, b, a], BOTH) == [a, b, c]
    assert front([broken, refused], BOTH) == []


def test_of_equals_the_one_with_fewer_changes_is_kept() -> None:
    far, near, later = trial(1, 10, 5, (1, 2)), trial(2, 10, 5, (None, 2)), trial(3, 10, 5, (3, None))
    assert front([far, near, later], BOTH) == [near]


def test_who_beats_whom() -> None:
    now = trial(0, 10, 5)
    assert beats(trial(1, 10, 4), now, BOTH)
    assert not beats(trial(1, 10, 5), now, BOTH)
    assert not beats(trial(1, 9, 6), now, BOTH)
    assert beats(trial(1, 9, 6), now, ("node_hours",))
    assert not beats(trial(1, 1, 0, broken=("x",)), now, BOTH)
    assert beats(trial(1, 99, 99), replace(now, broken=("x",)), BOTH)


def test_what_is_minimised_is_measured() -> None:
    assert set(OBJECTIVES) <= set(MEASURES)
