"""A value is written into a policy's text, and nothing else of it moves."""

from __future__ import annotations

from difflib import ndiff

import pytest

from autoscaler.policy.marked import read
from autoscaler.simulate.tune.outline import Keys, patch, rewritten, shared, written

TEXT = """\
# the first line
version: 1
bounds: {min: 2, max: 10}      # two, so that one may die
signals:
  cpu: {from: x, empty: {}}    # 'quoted' and "quoted"
scale_in:
  stabilization: 10m           # ten
  # between
  max: [{nodes: 1, per: 2m}, {nodes: 9, per: 1h}]

drain:
  days:
  - mon
  - tue    # the last of it
quoted: "18:00"  # a clock
other: '10m'
"""


def changed(keys: Keys, value: str, text: str = TEXT, order: tuple[str, ...] = ()) -> list[str]:
    after = rewritten(text, keys, value, order)
    return [line.rstrip("\n") for line in ndiff(text.splitlines(), after.splitlines()) if line[0] in "+-"]


@pytest.mark.parametrize(
    ("keys", "value", "lines"),
    [
        (
            ("bounds", "min"),
            "12",
            [
                "- bounds: {min: 2, max: 10}      # two, so that one may die",
                "+ bounds: {min: 12, max: 10}     # two, so that one may die",
            ],
        ),
        (
            ("bounds", "max"),
            "9",
            [
                "- bounds: {min: 2, max: 10}      # two, so that one may die",
                "+ bounds: {min: 2, max: 9}       # two, so that one may die",
            ],
        ),
        (
            ("scale_in", "stabilization"),
            "111111111111111111m",
            [
                "-   stabilization: 10m           # ten",
                "+   stabilization: 111111111111111111m # ten",
            ],
        ),
        (
            ("scale_in", "max", 1, "per"),
            "30m",
            [
                "-   max: [{nodes: 1, per: 2m}, {nodes: 9, per: 1h}]",
                "+   max: [{nodes: 1, per: 2m}, {nodes: 9, per: 30m}]",
            ],
        ),
        (("drain", "days", 1), "wed", ["-   - tue    # the last of it", "+   - wed    # the last of it"]),
        (("quoted",), "19:00", ['- quoted: "18:00"  # a clock', '+ quoted: "19:00"  # a clock']),
        (("other",), "5m", ["- other: '10m'", "+ other: '5m'"]),
        (("other",), '"5m"', ["- other: '10m'", '+ other: "5m"']),
        (("scale_in", "cooldown"), "5m", ["+   cooldown: 5m"]),
        (("drain", "empty_for"), "5s", ["+   empty_for: 5s"]),
        (("warm_up",), "5s", ["+ warm_up: 5s"]),
        (("join", "a", "b"), "5", ["+ join: {a: {b: 5}}"]),
        (
            ("bounds", "new"),
            "1",
            [
                "- bounds: {min: 2, max: 10}      # two, so that one may die",
                "+ bounds: {min: 2, max: 10, new: 1}      # two, so that one may die",
            ],
        ),
        (
            ("signals", "cpu", "empty", "x"),
            "1",
            [
                "-   cpu: {from: x, empty: {}}    # 'quoted' and \"quoted\"",
                "+   cpu: {from: x, empty: {x: 1}}    # 'quoted' and \"quoted\"",
            ],
        ),
    ],
)
def test_one_line_changes(keys: Keys, value: str, lines: list[str]) -> None:
    assert [line for line in changed(keys, value) if line[0] != "?"] == lines


@pytest.mark.parametrize("keys", [("warm_up",), ("scale_in", "cooldown"), ("drain", "x"), ("bounds", "x"), ("a", "b")])
@pytest.mark.parametrize("text", [TEXT, TEXT.rstrip("\n"), "\ufeff" + TEXT, TEXT + "...\n"])
def test_a_new_key_is_where_it_belongs_and_all_else_stays(keys: tuple[str, ...], text: str) -> None:
    after = rewritten(text, keys, "5s")
    assert written(after, keys) == "5s"
    was, now = read(text), read(after)
    assert isinstance(was, dict)
    assert isinstance(now, dict)
    holder = now if len(keys) == 1 else now[keys[0]]
    del holder[keys[-1]]
    assert {key: value for key, value in now.items() if value != {}} == was


def test_a_new_key_at_the_top_comes_behind_those_that_usually_stand_before_it() -> None:
    after = rewritten(TEXT, ("headroom", "percent"), "5%", ("version", "signals", "headroom", "scale_in"))
    assert "  cpu: {from: x, empty: {}}    # 'quoted' and \"quoted\"\nheadroom: {percent: 5%}\nscale_in:" in after
    assert rewritten(TEXT, ("a",), "1", ("a", "version")).endswith("other: '10m'\na: 1\n")


def crlf(text: str) -> str:
    return text.replace("\n", "\r\n")


@pytest.mark.parametrize("keys", [("warm_up",), ("scale_in", "cooldown"), ("bounds", "min"), ("drain", "days", 1)])
@pytest.mark.parametrize("text", [TEXT, TEXT.rstrip("\n")])
def test_a_line_ends_as_those_of_its_file_do(keys: Keys, text: str) -> None:
    assert rewritten(crlf(text), keys, "5s") == crlf(rewritten(text, keys, "5s"))
    new = crlf(rewritten(TEXT, keys, "5s"))
    assert patch("edge.yaml", crlf(TEXT), new).splitlines(keepends=True)[-1].endswith("\r\n")


def test_a_hash_within_quotes_begins_no_comment() -> None:
    text = "a: {b: 10m, c: 'x  # y'}\n"
    assert rewritten(text, ("a", "b"), "5m") == "a: {b: 5m, c: 'x  # y'}\n"


def test_a_policy_in_one_line_is_a_policy() -> None:
    assert rewritten('{"a": {"b": 1}}', ("a", "c"), "2") == '{"a": {"b": 1, c: 2}}'
    assert rewritten('{"a": {"b": 1}}', ("d", "c"), "2") == '{"a": {"b": 1}, d: {c: 2}}'


def test_what_is_shared_is_told_by_its_anchor() -> None:
    text = "a: &both {b: 1}\nc: *both\nd: {e: &x 5, f: *x, g: 6}\n"
    assert [shared(text, keys) for keys in (("a", "b"), ("c", "b"), ("d", "e"), ("d", "f"))] == ["both"] * 2 + ["x"] * 2
    assert shared(text, ("d", "g")) == ""
    assert shared(text, ("d", "nothing")) == ""


def test_what_is_written_and_what_is_left_out() -> None:
    assert written(TEXT, ("quoted",)) == '"18:00"'
    assert written(TEXT, ("bounds", "max")) == "10"
    assert written(TEXT, ("bounds", "none")) is None
    assert written(TEXT, ("scale_in", "max", 7, "per")) is None
