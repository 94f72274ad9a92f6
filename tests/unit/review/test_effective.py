"""A policy's effect, line by line."""

from __future__ import annotations

from autoscaler.policy.load import load_policies
from autoscaler.policy.schema import Policy
from autoscaler.review.effective import difference, lines
from tests.support.policy_text import QUIET, lay_over


def effective(text: str) -> Policy:
    (policy,) = load_policies({"edge.yaml": text})
    return policy


def test_every_key_has_a_line_defaults_too() -> None:
    found = lines(effective(QUIET))
    for line in (
        "version: 1",
        "bounds.min: 2",
        "signals.cpu.from: mongodb.node.cpu_percent",
        "signals.cpu.max_age: 20s",
        "scale[1].target_tracking.target: 60.0",
        "scale[2].target_tracking.signal: sessions",
        "scale_in.stabilization: 10m",
        "scale_in.max[1].per: 2m",
        "headroom.percent: 0%",
        "reservations: []",
        'launch.types: ["c7i.xlarge", "c6i.xlarge"]',
        "launch.weights: {}",
        "load_balancer[1].cookie: true",
    ):
        assert line in found
    assert not [line for line in found if line.endswith("null")]
    paths = [line.partition(":")[0] for line in found]
    assert len(set(paths)) == len(paths)


def test_a_comment_and_a_default_written_out_change_nothing() -> None:
    written = lay_over(QUIET, "warm_up: 60s  # as it would be anyway\n")
    assert difference(effective(QUIET), effective(written)) == ()


def test_a_diff_says_what_and_where() -> None:
    found = difference(effective(QUIET), effective(lay_over(QUIET, "bounds: {min: 2, max: 14}\n")))
    assert found[:3] == ("--- base", "+++ head", "@@ -4,3 +4,3 @@")
    assert [line for line in found[3:] if line[0] != " "] == ["-bounds.max: 12", "+bounds.max: 14"]
