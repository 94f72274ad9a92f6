"""A search space: what may vary in a policy, and policies made of it that load as they were meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from autoscaler.adapters.policy_files import policy_files, read_text
from autoscaler.model.errors import ConfigurationError, Problem
from autoscaler.policy.load import load_policies
from autoscaler.simulate.tune.paths import value_at
from autoscaler.simulate.tune.space import Space, make_space, usual_space
from tests.support.documents import ROOT
from tests.support.policy_text import QUIET, lay_over
from tests.support.tuning import a_space

SHIPPED = policy_files(ROOT / "policies")


def axis(wish: str, path: str = "headroom.percent", text: str = QUIET) -> tuple[tuple[str, ...], int | None]:
    (found,) = make_space("p.yaml", text, {path: wish}).axes
    return found.values, found.now


@pytest.mark.parametrize(
    ("path", "wish", "values", "now"),
    [
        ("bounds.min", "1..4", ("1", "2", "3", "4"), 1),
        ("bounds.min", " 4 .. 8 .. 3 ", ("4", "7", "8"), None),
        ("scale[1].target_tracking.target", "50..80..20", ("50", "60", "70", "80"), 1),  # 60 is what it has
        ("scale[2].target_tracking.target_per_node", "120,110.0,90", ("120", "110", "90"), 1),
        ("scale_in.stabilization", "5m..15m..5m", ("5m", "10m", "15m"), 1),
        ("scale_in.stabilization", "600s,1200s", ("10m", "1200s"), 0),
        ("headroom.percent", "10%..30%..10%", ("10%", "20%", "30%"), None),
        ("signals.cpu.aggregate", "mean,max,p95", ("mean", "max", "p95"), 0),
        ("load_balancer[1].cookie", "true,false", ("true", "false"), 0),
    ],
)
def test_ranges_and_choices_become_texts(path: str, wish: str, values: tuple[str, ...], now: int | None) -> None:
    assert axis(wish, path) == (values, now)


def test_what_the_policy_has_is_kept_as_it_is_written() -> None:
    text = lay_over(QUIET, 'scale_in: {stabilization: "600s"}\n')
    assert axis("5m..15m..5m", "scale_in.stabilization", text) == (("5m", '"600s"', "15m"), 1)


@pytest.mark.parametrize(
    ("path", "wish", "message"),
    [
        ("headroom.percent", "1..20", "is 0% now, a percentage, and '1..20' is not made of such"),
        ("headroom.percent", "0%..20m", "is not made of such"),
        ("headroom.percent", "0%..20%..1", "is not made of such"),
        ("headroom.percent", "20%..0%", "'20%..0%' leaves nothing to choose"),
        ("headroom.percent", "0%..20%..0%", "leaves nothing to choose"),
        ("bounds.min", "2..2", "'2..2' leaves nothing to choose: a range goes from a lower value to a higher one"),
        ("headroom.percent", "0%..20%..0.001%", "more than 1000 values"),
        ("headroom.percent", "20%", "'20%' is neither a range nor choices; write a range, 90..150"),
        ("headroom.percent", "5%,", "is neither a range nor choices"),
        ("headroom.percent", "..", "'..' is no range"),
        ("headroom.percent", "a..b", "'a..b' is no range"),
        ("headroom.percent", "600%..900%", "cannot be 600%: headroom.percent: is above 500"),
        ("headroom.percent", "[,5%", "is no value"),
        ("role", "1..2", "is edge now, which has no range; name choices: edge,..."),
        ("signals.cpu.aggregate", "foo,bar", "cannot be foo: signals.cpu.aggregate: is no aggregate"),
        ("bounds.min", "13..20", "cannot be 13: bounds: min 13 is above max 12"),
        ("bounds", "1..2", "is no single value"),
    ],
)
def test_what_is_wrong_is_said_with_its_path(path: str, wish: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        axis(wish, path)
    assert str(caught.value).startswith(f"--vary {path}: vary ")
    assert message in str(caught.value)


def test_all_that_is_wrong_is_said_at_once_and_where_it_was_asked_for() -> None:
    wishes = {"nope": "1..2", "bounds.min": "1..3", "role": "a,b"}
    with pytest.raises(ConfigurationError) as caught:
        make_space("p.yaml", QUIET, wishes, lambda path, message: Problem(path, 7, 1, "vary", message))
    assert [(problem.file, problem.line) for problem in caught.value.problems] == [("nope", 7), ("role", 7)]


def test_a_range_that_is_right_at_one_end_is_a_range() -> None:
    assert axis("10..14", "bounds.min")[0][-1] == "14"


def test_what_an_anchor_shares_is_not_varied() -> None:
    text = lay_over(QUIET, "scale_in: {stabilization: &ten 10m, cooldown: *ten}\n")
    for path in ("scale_in.stabilization", "scale_in.cooldown"):
        with pytest.raises(ConfigurationError, match="shares its value by the anchor &ten"):
            make_space("p.yaml", text, {path: "5m..20m"})
    assert "scale_in.stabilization" not in [axis.path for axis in usual_space("p.yaml", text).axes]


def test_points_and_their_changes() -> None:
    space = a_space()
    assert space.size == 8 * 5
    assert space.origin == (None, None)
    assert space.point((1, 0)) == space.origin  # that is what it has
    assert space.point((3, 2)) == (3, 2)
    assert space.changes((3, None)) == {"bounds.min": "4"}
    assert len(set(space.points())) == 40
    assert space.rewritten(space.origin) == QUIET
    assert space.policy((3, 2)).bounds.min == 4


def test_a_point_that_is_no_policy_is_refused_by_the_loader() -> None:
    space = make_space("p.yaml", QUIET, {"bounds.min": "2..14", "bounds.max": "3..12"})
    with pytest.raises(ConfigurationError, match="min 14 is above max 3"):
        space.policy((12, 0))


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_every_value_of_the_usual_space_loads_and_changes_nothing_else(file: Path) -> None:
    """In each shipped policy: its text with one other value means the policy with that value, and not one key more."""
    text = read_text(file)
    space = usual_space(str(file), text)
    assert len(space.axes) >= 4
    (policy,) = load_policies({str(file): text})
    for number, each in enumerate(space.axes):
        assert each.now is not None, each.path
        for index in {0, len(each.values) - 1} - {each.now}:
            point = tuple(index if other == number else None for other in range(len(space.axes)))
            found = space.policy(point).model_dump(mode="json", by_alias=True)
            expected = policy.model_dump(mode="json", by_alias=True)
            assert value_at(found, each.keys) != value_at(expected, each.keys)
            value_at(expected, each.keys[:-1])[each.keys[-1]] = value_at(found, each.keys)
            assert found == expected
            comments = [line.partition(" #")[2] for line in space.rewritten(point).splitlines()]
            assert [c for c in comments if c] == [c for c in (x.partition(" #")[2] for x in text.splitlines()) if c]


def test_the_usual_space_is_around_what_the_policy_has() -> None:
    space = usual_space("p.yaml", lay_over(QUIET, "headroom: {nodes: 1}\n"))
    found = {axis.path: (axis.values[0], axis.current, axis.values[-1]) for axis in space.axes}
    assert found == {
        "scale[1].target_tracking.target": ("42", "60", "78"),
        "scale[2].target_tracking.target_per_node": ("75", "110", "140"),
        "headroom.nodes": ("0", "1", "3"),
        "scale_in.stabilization": ("2m", "10m", "20m"),
        "scale_in.max[1].per": ("30s", "2m", "4m"),
    }
    control = "scale_in: {stabilization: 0s, control: [{percent: 10%, per: 1h}, {nodes: 3, per: 1h}]}\n"
    found = {axis.path: (axis.values[0], axis.current, axis.values[-1]) for axis in _space_of(control).axes}
    assert found["headroom.percent"] == ("0%", "0%", "30%")
    assert found["scale_in.control[1].percent"] == ("5%", "10%", "20%")
    assert found["scale_in.control[2].nodes"] == ("1", "3", "6")
    assert "scale_in.stabilization" not in found


def _space_of(fragment: str) -> Space:
    return usual_space("p.yaml", lay_over(QUIET, fragment))
