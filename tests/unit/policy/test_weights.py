"""Weights of instance types: which must be told, and which are unwise."""

from __future__ import annotations

import pytest

from autoscaler.model.errors import ConfigurationError
from autoscaler.policy.lint.run import lint
from autoscaler.policy.load import load_policies, read_policies
from tests.support.policy_text import QUIET, lay_over


def launching(types: str, weights: str) -> str:
    keys = f"launch_template: t, types: [{types}], weights: {{{weights}}}, subnets: [subnet-a, subnet-b]"
    return lay_over(QUIET, f"launch: {{{keys}}}\n")


@pytest.mark.parametrize(
    ("weights", "unlike"),
    [
        ("c7i.xlarge: 1", "c6i.xlarge"),
        ("c7i.xlarge: 1, c6i.xlarge: 1, c5.xlarge: 1", "c5.xlarge"),
        ("c7i.xlarge: 1, c6i.xlrge: 1", "c6i.xlarge, c6i.xlrge"),
    ],
)
def test_weights_and_types_name_the_same_types(weights: str, unlike: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_policies({"f.yaml": launching("c7i.xlarge, c6i.xlarge", weights)})
    assert f"{unlike}: weights and types must name the same types" in str(caught.value)


@pytest.mark.parametrize(
    ("types", "weights", "codes"),
    [
        ("c7i.xlarge, c7i.4xlarge", "c7i.xlarge: 1, c7i.4xlarge: 4", []),
        ("c7i.xlarge, c7i.4xlarge", "c7i.xlarge: 1, c7i.4xlarge: 3", []),  # not far from it
        ("c7i.xlarge, c7i.4xlarge", "c7i.xlarge: 1, c7i.4xlarge: 2", ["lint-weights-sizes"]),
        ("c7i.xlarge, c6i.4xlarge", "c7i.xlarge: 1, c6i.4xlarge: 1", []),  # two families
        ("c7i.metal, c7i.xlarge", "c7i.metal: 1, c7i.xlarge: 1", []),  # no size in its name
        ("m5.large, m5.xlarge", "m5.large: 2, m5.xlarge: 4", ["lint-weights-reference"]),
        ("m5.large, m5.xlarge", "m5.large: 1, m5.xlarge: 2", []),
    ],
)
def test_weights_far_from_sizes_and_targets_are_unwise(types: str, weights: str, codes: list[str]) -> None:
    policies, problems = read_policies({"f.yaml": launching(types, weights)})
    assert problems == []
    assert [problem.code for problem in lint(policies)] == codes
