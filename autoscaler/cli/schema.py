"""`autoscaler schema`: JSON Schema of what people write, for their editors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

import typer
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from autoscaler.policy.schema import Policy
from autoscaler.review.scenario import PolicyTests
from autoscaler.runtime.settings import Settings
from autoscaler.simulate.spec import WorldSpec
from autoscaler.simulate.traffic.schema import Generator
from autoscaler.simulate.tune.request import SearchFile


class Kind(StrEnum):
    """What a file holds."""

    POLICY = "policy"
    SETTINGS = "settings"
    TEST = "test"
    TRACE = "trace"
    WORLD = "world"
    SEARCH = "search"


MODELS: Mapping[Kind, type[BaseModel]] = {
    Kind.POLICY: Policy,
    Kind.SETTINGS: Settings,
    Kind.TEST: PolicyTests,
    Kind.TRACE: Generator,
    Kind.WORLD: WorldSpec,
    Kind.SEARCH: SearchFile,
}
_NUMBER = {"gt": "exclusiveMinimum", "ge": "minimum", "lt": "exclusiveMaximum", "le": "maximum"}
_WORDS = {"number": _NUMBER, "integer": _NUMBER, "array": {"minLength": "minItems", "maxLength": "maxItems"}}


def schema(kind: Annotated[Kind, typer.Argument(help="What the file holds.")] = Kind.POLICY) -> None:
    """Print the JSON Schema that lets an editor complete and check a file while it is written."""
    typer.echo(json.dumps(json_schema(kind), indent=2))


def json_schema(kind: Kind) -> JsonSchemaValue:
    """Return the schema, draft 2020-12. It knows nothing of what one key asks of another: that says `validate`."""
    found = MODELS[kind].model_json_schema(by_alias=True, schema_generator=_Generator)
    return {"$schema": GenerateJsonSchema.schema_dialect, **_spelled(found)}


class _Generator(GenerateJsonSchema):
    """Shows defaults as people write them: `10m` where pydantic would show `PT10M`, and none that is a key left out."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Print a default by the field's own serializer."""
        found = super().default_schema(schema)
        inner: Mapping[str, Any] = schema["schema"]
        while "serialization" not in inner and isinstance(inner.get("schema"), dict):
            inner = inner["schema"]  # behind the field's own validators
        printer = inner.get("serialization", {}).get("function")
        if printer and schema.get("default") is not None:
            found["default"] = printer(schema["default"])
        if found.get("default") in ("", None) or isinstance(found["default"], dict):
            found.pop("default", None)  # nothing, or a section whose own keys show their defaults
        return found


def _spelled(part: Any) -> Any:  # noqa: ANN401 - any JSON value in, the same out
    """Spell limits as JSON Schema does where pydantic kept its own words, and for texts not at all."""
    if isinstance(part, list):
        return [_spelled(item) for item in part]
    if not isinstance(part, dict):
        return part
    kind = part.get("type")
    words = _WORDS.get(kind, {}) if isinstance(kind, str) else {}
    spelled = {words.get(key, key): _spelled(value) for key, value in part.items()}
    return {key: value for key, value in spelled.items() if key not in _NUMBER or isinstance(value, dict)}
