"""What a node carries, from minutes of which the truth is known; and every reason not to say it."""

from __future__ import annotations

import numpy as np
import pytest

from autoscaler.simulate.learn.carry import learn
from autoscaler.simulate.learn.learnt import Learnt, Limits, Range
from autoscaler.simulate.learn.recorded import CPU, MEMORY, MEMORY_MOST, MINUTE, PUBLISHERS, VIEWERS
from tests.support.learning import Truth, minutes

TRUTH = Truth()
RUNS = 24


def holds(found: Range, true: float) -> bool:
    return found.low <= true <= (found.high or float("inf"))


def codes(found: Learnt) -> list[tuple[str, bool]]:
    return [(finding.code, finding.blocks) for finding in found.findings]


@pytest.mark.parametrize(("nodes", "told"), [(3, 0.8), (6, 1.0)])
def test_the_interval_holds_the_truth_nine_times_of_ten(nodes: int, told: float) -> None:
    """Of three nodes the interval may be so wide that what publishers take is not sure to be anything."""
    viewers, publishers = [], []
    for seed in range(RUNS):
        found = learn("c7i.xlarge", minutes(TRUTH, seed, nodes=nodes, hours=4, publishers=(0, 5)), Limits())
        assert found.viewers
        assert found.viewers.alone.low < found.viewers.alone.value < (found.viewers.alone.high or 0)
        viewers.append(holds(found.viewers.alone, 72 / TRUTH.viewer))
        publishers += [holds(found.publishers.alone, 72 / TRUTH.publisher)] if found.publishers else []
    assert sum(viewers) >= 0.9 * RUNS
    assert sum(publishers) >= 0.9 * len(publishers)
    assert len(publishers) >= told * RUNS


def test_the_same_minutes_teach_the_same() -> None:
    table = minutes(TRUTH, 1, publishers=(0, 5))
    assert learn("c7i.xlarge", table, Limits()) == learn("c7i.xlarge", table.copy(), Limits())


def test_more_nodes_narrow_the_interval_and_nodes_that_differ_widen_it() -> None:
    def width(**how: float) -> float:
        carried = learn("t", minutes(TRUTH, 3, **{"hours": 3.0, **how}), Limits()).viewers  # type: ignore[arg-type]  # a table of options
        assert carried
        return (carried.alone.high or float("inf")) / carried.alone.low

    assert width(nodes=12) < width(nodes=3)
    assert width(nodes=6, differ=0.0) < width(nodes=6, differ=0.1)


def test_mixed_people_share_a_node() -> None:
    table = minutes(TRUTH, 2, publishers=(4, 8), viewers=(20, 90), noise=0.1, differ=0.0)
    found = learn("t", table, Limits())
    assert found.viewers
    assert found.publishers
    viewers, publishers = found.viewers.mixed.value, found.publishers.mixed.value
    mean = table[:, [VIEWERS, PUBLISHERS]].mean(axis=0)
    assert publishers / viewers == pytest.approx(mean[1] / mean[0])
    assert TRUTH.viewer * viewers + TRUTH.publisher * publishers == pytest.approx(72, rel=0.02)
    assert (found.viewers.others, found.publishers.others) == pytest.approx((publishers, viewers))
    assert found.viewers.safe < found.viewers.mixed.low < viewers < found.viewers.alone.value


def test_whatever_is_full_first_counts() -> None:
    table = minutes(Truth(memory=0.4), 2)
    full = learn("t", table, Limits()).viewers
    assert full
    assert full.by == "memory"
    assert full.alone.value == pytest.approx(45 / 0.4, rel=0.01)
    roomy = learn("t", table, Limits(memory=100.0)).viewers
    assert roomy
    assert roomy.by == "cpu"
    assert roomy.alone.value == pytest.approx(72 / TRUTH.viewer, rel=0.05)


def test_nobody_makes_a_node_idle() -> None:
    """Memory may fall as viewers come, by chance or for another reason: that makes no room."""
    table = minutes(TRUTH, 4)
    table[:, MEMORY] = table[:, MEMORY_MOST] = 40 - 0.05 * table[:, VIEWERS]
    found = learn("t", table, Limits())
    assert found.memory
    assert found.memory.per_viewer == 0
    assert found.viewers
    assert found.viewers.by == "cpu"


def test_what_jumps_above_the_line_is_no_room() -> None:
    calm, wild = minutes(TRUTH, 5), minutes(TRUTH, 5)
    wild[:, CPU + 1] += 10
    one, other = learn("t", calm, Limits()).viewers, learn("t", wild, Limits()).viewers
    assert one
    assert other
    assert one.alone == other.alone
    assert one.safe - other.safe == pytest.approx(10 / TRUTH.viewer, rel=0.1)


def test_minutes_in_which_something_else_worked_are_left_out() -> None:
    table = minutes(TRUTH, 6)
    clean = learn("t", table, Limits()).viewers
    table[::60, CPU] += 40
    table[::60, CPU + 1] += 40
    found = learn("t", table, Limits())
    assert found.outliers == len(table[::60])
    assert found.viewers
    assert clean
    assert found.viewers.alone.value == pytest.approx(clean.alone.value, rel=0.01)
    assert found.viewers.safe == pytest.approx(clean.safe, rel=0.02)


def test_many_outliers_do_not_hide_each_other() -> None:
    table = minutes(TRUTH, 6)
    wrong = (np.arange(len(table)) % 5 == 0) & (table[:, VIEWERS] > 90)
    table[wrong, CPU] += 70
    assert learn("t", table, Limits()).outliers == wrong.sum()


def test_a_few_busy_minutes_are_no_range() -> None:
    table = minutes(TRUTH, 8, viewers=(5, 60))
    few = slice(200, 204)
    table[few, CPU] += TRUTH.viewer * 80
    table[few, CPU + 1] += TRUTH.viewer * 80
    table[few, VIEWERS] += 80
    found = learn("t", table, Limits())
    assert codes(found) == [("narrow-range", True)]


def test_a_curve_is_no_outlier_and_no_line() -> None:
    """A node that gets slower the more is on it carries less than a line through its quiet hours says."""
    found = learn("t", minutes(Truth(bend=40), 7, viewers=(10, 100)), Limits())
    assert codes(found) == [("not-linear", True)]
    assert found.outliers == 0
    assert "a curve is" in found.findings[0].message
    assert "points above it" in found.findings[0].message
    assert found.blocked


@pytest.mark.parametrize(
    ("table", "code"),
    [
        (minutes(TRUTH, 8, nodes=2), "few-nodes"),
        (minutes(TRUTH, 8, nodes=3, hours=0.5), "few-readings"),
        (minutes(TRUTH, 8, viewers=(5, 60)), "narrow-range"),
        (minutes(TRUTH, 8, viewers=(100, 100)), "narrow-range"),
        (minutes(TRUTH, 8, viewers=(10, 80), publishers=(0, 8), together=True, noise=1.0), "collinear"),
        (minutes(Truth(viewer=0.0), 8), "narrow-range"),
        (minutes(TRUTH, 8, viewers=(0, 0)), "nobody"),
    ],
    ids=["nodes", "readings", "narrow", "constant", "collinear", "no-load", "nobody"],
)  # fmt: skip
def test_what_the_recording_does_not_tell_is_not_said(table: np.ndarray, code: str) -> None:
    found = learn("t", table, Limits())
    assert (code, True) in codes(found)
    assert (found.viewers, found.publishers, found.blocked) == (None, None, True)
    assert found.seen[0] == pytest.approx(np.percentile(table[:, VIEWERS], 95))


def test_of_people_who_take_nothing_no_number_is_told() -> None:
    found = learn("t", minutes(Truth(publisher=0.0), 9, publishers=(0, 5)), Limits())
    assert found.viewers
    assert found.publishers is None
    assert codes(found) == [("no-relation", False)]
    some = learn("t", minutes(Truth(publisher=5.0), 9, publishers=(0, 1)), Limits())
    assert some.viewers
    assert (some.publishers, codes(some)) == (None, [("narrow-range", False)])


def test_without_memory_only_the_cpu_is_minded() -> None:
    table = minutes(Truth(memory=0.3), 10)
    table[:, [MEMORY, MEMORY_MOST]] = np.nan
    found = learn("t", table, Limits())
    assert (codes(found), found.memory) == ([("memory-unknown", False)], None)
    assert found.viewers
    assert found.viewers.by == "cpu"


@pytest.mark.parametrize(
    ("known", "told"), [(0.95, []), (0.85, [("memory-gaps", True)]), (0.01, [("memory-gaps", True)])]
)
def test_memory_that_is_known_in_part_is_not_left_aside(known: float, told: list[tuple[str, bool]]) -> None:
    """It is full first here, and nobody would know."""
    table = minutes(Truth(memory=0.4), 2)
    table[int(known * len(table)) :, [MEMORY, MEMORY_MOST]] = np.nan
    found = learn("t", table, Limits())
    assert [code for code in codes(found) if code != ("at-limit", False)] == told
    assert (found.viewers and found.viewers.by) == (None if told else "memory")


def test_nodes_that_must_have_refused_are_told() -> None:
    found = learn("t", minutes(TRUTH, 8, viewers=(20, 160)), Limits())
    assert codes(found) == [("at-limit", False)]
    assert found.viewers


def test_one_node_is_told_as_one() -> None:
    few, short = learn("t", minutes(TRUTH, 8, nodes=1, hours=0.1), Limits()).findings[:2]
    assert few.message == "1 node was seen at work, and nodes differ: 3 are needed"
    assert short.message == "nodes were seen for 10 minutes, added up: 120 are needed"


@pytest.mark.parametrize("few", [{"nodes": 2}, {"nodes": 3, "hours": 0.5}])
def test_a_type_that_was_full_is_told_even_if_nothing_else_is_known_of_it(few: dict[str, float]) -> None:
    found = learn("t", minutes(Truth(viewer=72 / 99), 8, viewers=(80, 99), noise=0.5, **few), Limits())  # type: ignore[arg-type]  # a table of options
    assert found.blocked
    assert ("at-limit", False) in codes(found)
    assert found.full
    assert found.full == pytest.approx((98, 0), abs=4)
    assert learn("t", minutes(TRUTH, 8, viewers=(20, 100), **few), Limits()).full is None  # type: ignore[arg-type]  # the same


def test_what_nodes_had_at_their_limit_is_what_is_least_of_it() -> None:
    table = minutes(TRUTH, 8, nodes=3, hours=1)
    assert learn("t", table, Limits()).full is None
    table[:20, CPU + 1], table[:20, VIEWERS] = 76, np.arange(50, 70)
    assert learn("t", table, Limits()).full == pytest.approx((50.95, 0))
    table[:20, CPU + 1], table[:20, MEMORY_MOST] = 50, 76
    assert learn("t", table, Limits()).full == pytest.approx((50.95, 0))


@pytest.mark.parametrize(("many", "told"), [(28, []), (40, [("saturated", True), ("at-limit", False)])])
def test_a_line_of_which_the_highest_were_left_out_is_too_flat(many: int, told: list[tuple[str, bool]]) -> None:
    table = minutes(TRUTH, 8)
    found = learn("t", table, Limits(), table[:many])
    assert (found.viewers is None, [each for each in codes(found) if told or each[1]]) == (bool(told), told)


def test_nodes_count_by_their_minutes() -> None:
    table = minutes(TRUTH, 8, nodes=6)
    short = table[(table[:, 0] < 2) | (table[:, MINUTE] < 10)]  # four of the six were seen for ten minutes
    (finding,) = learn("t", short, Limits()).findings
    assert finding.code == "few-nodes"
    assert "as good as 2" in finding.message


def test_idle_nodes_above_the_limit_have_no_room() -> None:
    found = learn("t", minutes(Truth(idle=12), 8), Limits(cpu=10.0))
    assert codes(found)[0] == ("no-room", True)
    assert found.blocked


def test_a_node_whose_cpu_jumps_to_the_limit_has_no_room() -> None:
    table = minutes(TRUTH, 11)
    table[:, CPU + 1] = 99
    found = learn("t", table, Limits())
    assert (codes(found), found.viewers) == ([("no-room", False), ("at-limit", False)], None)
