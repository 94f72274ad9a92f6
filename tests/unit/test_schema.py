"""What editors are told of the files: true to the metaschema, to every shipped file, and to what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError
from typer.testing import CliRunner

from autoscaler.cli.app import app
from autoscaler.cli.schema import Kind, json_schema
from autoscaler.policy.document import parse
from autoscaler.policy.schema import Policy
from tests.support.documents import ROOT, blocks, read
from tests.support.fleet import CPU, policy_data

POLICIES = sorted([*ROOT.glob("policies/*.yaml"), *ROOT.glob("autoscaler/demo/policies/*.yaml")])
TRACES = sorted(ROOT.glob("policies/traces/*.yaml"))
WORLDS = sorted(ROOT.glob("policies/worlds/*.yaml"))
TESTS = [file for file in POLICIES if file.stem.endswith(".test")]


def problems(kind: Kind, data: object) -> list[str]:
    """What the schema says is wrong, each with its place."""
    found = Draft202012Validator(json_schema(kind)).iter_errors(json.loads(json.dumps(data)))
    return [f"{error.json_path}: {error.message}" for error in found]


@pytest.mark.parametrize("kind", Kind)
def test_a_schema_is_one(kind: Kind) -> None:
    printed = CliRunner().invoke(app, ["schema", kind])
    assert printed.exit_code == 0
    schema = json.loads(printed.stdout)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema)


def test_the_schema_of_policies_is_the_first() -> None:
    assert CliRunner().invoke(app, ["schema"]).stdout == CliRunner().invoke(app, ["schema", "policy"]).stdout


@pytest.mark.parametrize("file", [*POLICIES, *TRACES, *WORLDS], ids=lambda file: str(file.relative_to(ROOT)))
def test_every_shipped_file_fits(file: Path) -> None:
    kinds = {Kind.TRACE: TRACES, Kind.WORLD: WORLDS, Kind.TEST: TESTS}
    kind = next((kind for kind, files in kinds.items() if file in files), Kind.POLICY)
    assert problems(kind, parse(read(file), file.name).root) == []


@pytest.mark.parametrize("kind", ["policy", "settings", "trace", "world", "search"])
def test_every_documented_file_fits(kind: str) -> None:
    documented = [block for block in blocks("yaml") if block.info[1:] == (kind,)]
    assert documented
    for block in documented:
        assert problems(Kind(kind), parse(block.text, block.place).root) == []


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"warm_up": 60}, "$.warm_up"),
        ({"warm_up": "1 minute"}, "$.warm_up"),
        ({"headroom": {"percent": 15}}, "$.headroom.percent"),
        ({"headroom": {"percents": "15%"}}, "$.headroom"),
        ({"bounds": {"min": -1, "max": 10}}, "$.bounds.min"),
        ({"role": "viewer"}, "$.role"),
        ({"signals": {"cpu": {"from": "mongodb.cpu"}}}, "$.signals.cpu.from"),
        ({"signals": {"cpu": {"from": CPU, "on_missing": "forget"}}}, "$.signals.cpu.on_missing"),
        ({"signals": {"cpu": {"from": CPU, "aggregate": "p0"}}}, "$.signals.cpu.aggregate"),
        ({"scale": []}, "$.scale"),
        ({"scale": [{"target_tracking": {"signal": "cpu", "target": 0}}]}, "$.scale[0].target_tracking"),
        ({"scale": [{"step": {"signal": "cpu", "steps": [{"above": 1, "add": 0}]}}]}, "$.scale[0].step"),
        ({"scale": [{"schedule": {"from": "25:00", "min": 1}}]}, "$.scale[0].schedule"),
    ],
)
def test_an_editor_sees_what_validate_refuses(changes: dict[str, Any], where: str) -> None:
    assert problems(Kind.POLICY, policy_data()) == []
    data = policy_data(**changes)
    with pytest.raises(ValidationError):
        Policy.model_validate(data)
    assert [problem for problem in problems(Kind.POLICY, data) if problem.startswith(where)]


def parts(schema: Any, path: str = "$") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object inside of a schema, with its place."""
    if isinstance(schema, dict):
        yield path, schema
    items = schema.items() if isinstance(schema, dict) else enumerate(schema) if isinstance(schema, list) else ()
    for key, item in items:
        yield from parts(item, f"{path}.{key}")


@pytest.mark.parametrize("kind", Kind)
def test_every_default_and_example_is_one(kind: Kind) -> None:
    """What an editor offers can be written so."""
    whole = json_schema(kind)
    offered = 0
    for path, part in parts({key: whole[key] for key in ("properties", "$defs") if key in whole}):
        keys_of_files = path.endswith((".properties", "$defs"))  # where a word is a key, and no word of JSON Schema
        values = [*part.get("examples", []), *([part["default"]] if "default" in part else [])]
        for value in () if keys_of_files else values:
            offered += 1
            assert list(Draft202012Validator({**part, "$defs": whole.get("$defs", {})}).iter_errors(value)) == [], path
    assert offered
    assert "PT" not in json.dumps(whole)  # pydantic's way to write a duration


@pytest.mark.parametrize("kind", Kind)
def test_no_word_is_pydantics_own(kind: Kind) -> None:
    for path, part in parts(json_schema(kind)):
        if not path.endswith("properties"):
            assert not {"gt", "ge", "lt", "le"} & part.keys(), path
            assert "minLength" not in part or part["type"] == "string", path
