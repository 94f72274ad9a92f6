"""YAML as plain values: what counts as what, where it stands, and what is refused."""

from __future__ import annotations

import math

import pytest
from ruamel.yaml.error import MarkedYAMLError

from autoscaler.model.errors import ConfigurationError
from autoscaler.policy.document import parse
from autoscaler.policy.marked import MarkedList, MarkedMap, read


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("Null", None),
        ("true", True),
        ("FALSE", False),
        ("yes", "yes"),
        ("on", "on"),
        ("'true'", "true"),
        ('"5"', "5"),
        ("5", 5),
        ("-017", -17),
        ("0o17", 15),
        ("0x1F", 31),
        ("0x_", "0x_"),
        ("1_000", "1_000"),
        ("1.", 1.0),
        (".5e3", 500.0),
        ("1e400", math.inf),
        ("-.inf", -math.inf),
        ("18:00", "18:00"),
        ("2026-06-01", "2026-06-01"),
        ("2026-13-45", "2026-13-45"),
        ("=", "="),
        ("9" * 101, "9" * 101),
    ],
)
def test_scalars_follow_the_core_schema(text: str, value: object) -> None:
    root = read(f"a: {text}")
    assert root == {"a": value}
    assert isinstance(root, MarkedMap)
    assert type(root["a"]) is type(value)


def test_not_a_number_is_a_float() -> None:
    root = read("[.nan]")
    assert isinstance(root, MarkedList)
    assert math.isnan(root[0])


def test_keys_are_text_as_it_is_written() -> None:
    assert read("{404: a, true: b, null: c, 1.50: d, '<<': e}") == {
        "404": "a", "true": "b", "null": "c", "1.50": "d", "<<": "e",
    }  # fmt: skip


def test_everything_knows_where_it_stands() -> None:
    root = read("# comment\na: 1\nb:\n  - c\n  -  {d: e}\n")
    assert isinstance(root, MarkedMap)
    assert (root.mark, root.marks) == ((1, 0), {"a": (1, 0), "b": (2, 0)})
    assert root["b"].marks == [(3, 4), (4, 5)]
    assert (root["b"][1].mark, root["b"][1].marks) == ((4, 5), {"d": (4, 6)})


def test_an_alias_stands_for_what_was_named_last() -> None:
    assert read("a: &x 1\nb: *x\nc: &x {&y d: *y}\ne: [*x, *x]") == {
        "a": 1, "b": 1, "c": {"d": "d"}, "e": [{"d": "d"}, {"d": "d"}],
    }  # fmt: skip


BOMB = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdef", "bcdefg", strict=True)
)


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("a: 1\nb: 2\na: 3", (2, 0), 'found duplicate key "a"'),
        ("a: 1\n---\nb: 2", (1, 0), "but found another document"),
        ("a: *b", (0, 3), "found undefined alias 'b'"),
        ("a: &a [*a]", (0, 7), "found undefined alias 'a'"),
        ("a: &a b\n*a : c", (1, 0), "a key cannot be an alias"),
        ("? [a]\n: b", (0, 2), "a key cannot be a mapping or a list"),
        ("<<: {a: 1}", (0, 0), "merge keys"),
        ("a: !!str 5", (0, 3), "the tag tag:yaml.org,2002:str is not known here"),
        ("a: !b {}", (0, 3), "the tag !b is not known here"),
        ("a: ! []", (0, 3), "the tag ! is not known here"),
        ("a: " + "[" * 100, (0, 42), "is nested more than 40 levels deep"),
        (BOMB, None, "more than 50000 values"),
        ("a: [1\n", (1, 0), "expected ',' or ']'"),
        ("group edge\nrole: edge", (1, 4), "mapping values are not allowed here"),
        ("a: 1\ngroup edge\nb: 1\n", (2, 0), "could not find expected ':'"),
        ("a: [1, @]", (0, 7), "found character '@'"),
    ],
)
def test_what_a_reviewer_could_misread_is_refused(text: str, place: tuple[int, int] | None, problem: str) -> None:
    with pytest.raises(MarkedYAMLError) as caught:
        read(text)
    mark = caught.value.problem_mark
    assert caught.value.problem.startswith(problem)
    assert place is None or (mark.line, mark.column) == place


def test_of_two_mistakes_the_first_is_told() -> None:
    with pytest.raises(MarkedYAMLError) as caught:
        read("a: [1 2}\nb: \t@c\n")
    assert caught.value.problem_mark.line == 0


def test_a_character_that_yaml_does_not_allow_is_told() -> None:
    with pytest.raises(ConfigurationError, match="special characters are not allowed"):
        parse("a: \x07", "f.yaml")
