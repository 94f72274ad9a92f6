"""`.nan` and `.inf` in what people write for simulations: each key says that it takes no such thing."""

from __future__ import annotations

from math import inf, nan

import pytest
from pydantic import ValidationError

from autoscaler.policy.record import Record
from autoscaler.simulate import spec
from autoscaler.simulate.traffic import schema
from autoscaler.simulate.tune import request

MODELS = dict.fromkeys(
    each
    for module in (spec, schema, request)
    for each in vars(module).values()
    if isinstance(each, type) and issubclass(each, Record) and each is not Record
)
LIMITS = {"greater_than", "greater_than_equal", "less_than", "less_than_equal"}


@pytest.mark.parametrize("value", [nan, inf, -inf])
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_what_is_no_finite_number_is_never_taken_and_never_called_too_high(model: type[Record], value: float) -> None:
    keys = {info.alias or name for name, info in model.model_fields.items()}
    with pytest.raises(ValidationError) as caught:
        model.model_validate(dict.fromkeys(keys, value))
    told = {(error["loc"][0], error["type"]) for error in caught.value.errors(include_input=False)}
    assert {key for key, _ in told} == keys
    assert not {(key, kind) for key, kind in told if kind in LIMITS}
