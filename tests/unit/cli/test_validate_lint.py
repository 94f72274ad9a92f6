"""`autoscaler validate`: errors and warnings side by side, in three forms, and what they end the command with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from autoscaler.cli.app import app
from tests.support.policy_text import QUIET, lay_over

UNWISE = QUIET.replace("min: 2", "min: 1")
SILENCED = UNWISE.replace("max: 12}", "max: 12}  # lint: allow lint-no-redundancy because 50% of us sleep")
BROKEN = lay_over(QUIET, "group: other\nrole: boss\n")
WARNING = "a.yaml:4:10: lint-no-redundancy when the only node dies"


def validate(folder: Path, *options: str, **texts: str) -> Result:
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text)
    return CliRunner().invoke(app, ["validate", str(folder), *options])


@pytest.mark.parametrize(
    ("texts", "plain", "strict"),
    [
        ({"a": QUIET}, 0, 0),
        ({"a": SILENCED}, 0, 0),
        ({"a": UNWISE}, 0, 1),
        ({"a": UNWISE, "b": BROKEN}, 1, 1),
        ({"b": BROKEN}, 1, 1),
    ],
)
def test_warnings_alone_end_well_unless_it_is_strict(
    tmp_path: Path, texts: dict[str, str], plain: int, strict: int
) -> None:
    assert validate(tmp_path, **texts).exit_code == plain
    assert validate(tmp_path, "--strict", **texts).exit_code == strict


def test_an_error_in_one_file_hides_no_warning_of_another(tmp_path: Path) -> None:
    first, second, *rest = validate(tmp_path, a=UNWISE, b=BROKEN).stdout.splitlines()
    assert first.startswith(f"{tmp_path}/{WARNING}")
    assert "/b.yaml:15:1: literal-error" in second
    assert rest == []


@pytest.mark.parametrize(
    ("text", "last"),
    [(QUIET, "1 policies are valid"), (UNWISE, "1 policies are valid, with 1 warnings")],
)
def test_the_last_line_counts(tmp_path: Path, text: str, last: str) -> None:
    assert validate(tmp_path, a=text).stdout.splitlines()[-1] == last


def test_json_tells_errors_from_warnings(tmp_path: Path) -> None:
    told = json.loads(validate(tmp_path, "--format", "json", a=UNWISE, b=BROKEN).stdout)
    assert told["files"] == 2
    assert [(row["severity"], row["code"], row["line"]) for row in told["problems"]] == [
        ("warning", "lint-no-redundancy", 4),
        ("error", "literal-error", 15),
    ]


def test_github_shows_each_on_its_line(tmp_path: Path) -> None:
    high = QUIET.replace("target: 60", "target: 70")
    warning, error = validate(tmp_path, "--format", "github", a=high, b=BROKEN).stdout.splitlines()
    assert warning.startswith(f"::warning file={tmp_path}/a.yaml,line=9,col=36::lint-target-above-refusal cpu")
    assert "at 77 %25, and AMS refuses viewers at 75 %25" in warning
    assert error.startswith(f"::error file={tmp_path}/b.yaml,line=15,col=1::literal-error")


def test_problems_of_a_file_come_in_the_order_of_its_lines(tmp_path: Path) -> None:
    """What is wrong between files stands among the warnings of its line."""
    twin = UNWISE.replace("max_age: 20s, ", "")
    told = validate(tmp_path, a=QUIET, b=twin).stdout.splitlines()
    assert [line.split(":")[1] for line in told] == ["2", "4", "6"]
    assert "duplicate-group" in told[0]


def test_files_that_cannot_be_read_are_told_first(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xff")
    result = validate(tmp_path, b=UNWISE)
    assert result.exit_code == 1
    assert ["unreadable" in line for line in result.stdout.splitlines()] == [True, False]


def test_a_folder_without_policies_is_an_error(tmp_path: Path) -> None:
    result = validate(tmp_path)
    assert result.exit_code == 1
    assert "no-policies" in result.stdout
