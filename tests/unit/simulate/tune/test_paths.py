"""Paths lead to one value, or what is wrong with them is said."""

from __future__ import annotations

import pytest

from autoscaler.simulate.tune.paths import Wrong, resolve, value_at

TREE = {
    "bounds": {"min": 2, "max": 9},
    "signals": {"cpu": {"from": "x"}, "cpu.p90": {"from": "y"}, "cpu.p90.from": {"from": "z"}},
    "scale": [{"target_tracking": {"target": 60}}, {"step": {"steps": [{"above": 65}, {"above": 71}]}}],
    "types": ["a", "b"],
    "empty": {},
    "none": [],
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("bounds.min", 2),
        ("scale[1].target_tracking.target", 60),
        ("scale[2].step.steps[2].above", 71),
        ("types[2]", "b"),
        ("signals.cpu.from", "x"),
        ("signals.cpu.p90.from.from", "z"),
    ],
)
def test_a_path_leads_to_a_value(path: str, value: object) -> None:
    assert value_at(TREE, resolve(TREE, path)) == value


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("bound.min", "there is no 'bound.min' in this policy, or it is not set; did you mean 'bounds'?"),
        ("zzz", "there is no 'zzz' in this policy, or it is not set; there are bounds, signals, scale, types, empty"),
        ("bounds", "is no single value; there are min, max"),
        ("bounds.maximum", "there is no 'maximum' below bounds, or it is not set; did you mean 'max'?"),
        ("bounds[1]", "there is no '[1]' below bounds"),
        ("bounds.min.x", "there is no 'x' below bounds.min, or it is not set; it is 2, and nothing is below it"),
        ("scale[0].x", "below scale, or it is not set; its entries are [1] target_tracking, [2] step"),
        ("scale.1", "there is no '1' below scale"),
        ("scale[3]", "there is no '[3]' below scale"),
        ("scale", "is no single value; its entries are [1] target_tracking, [2] step"),
        ("types[9]", "its entries are [1] a, [2] b"),
        ("none[1]", "it is empty"),
        ("empty.x", "it is empty"),
        ("empty", "is no single value; it is empty"),
        ("signals", "is no single value; there are cpu, cpu.p90, cpu.p90.from"),
    ],
)
def test_what_is_wrong_with_a_path_is_said(path: str, message: str) -> None:
    with pytest.raises(Wrong) as caught:
        resolve(TREE, path)
    assert message in str(caught.value)
