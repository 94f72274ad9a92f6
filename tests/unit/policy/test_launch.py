"""What is launched: names that are names, and each once."""

from __future__ import annotations

import pytest

from autoscaler.model.errors import ConfigurationError
from autoscaler.policy.load import load_policies
from tests.support.policy_text import QUIET, lay_over

LAUNCH = "launch_template: t, types: [c7i.xlarge, c6i.xlarge], subnets: [subnet-a, subnet-b]"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (LAUNCH.replace("launch_template: t", 'launch_template: " t"'), "is empty, or has blanks in it"),
        (f'{LAUNCH}, key_name: " ops"', "is empty, or begins or ends with a blank"),
        (LAUNCH.replace("subnet-b", '"subnet b"'), "is empty, or has blanks in it"),
        (LAUNCH.replace("subnet-b", '""'), "is empty, or has blanks in it"),
        (LAUNCH.replace("subnet-b", "subnet-a"), "names a subnet twice"),
        (LAUNCH.replace("c6i", "c7i"), "names a type twice"),
        (f"{LAUNCH}, security_groups: [sg-1, sg-2, sg-1]", "names a security group twice"),
    ],
)
def test_a_name_is_one_word_and_stands_once(wrong: str, told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_policies({"f.yaml": lay_over(QUIET, f"launch: {{{wrong}}}\n")})
    (problem,) = caught.value.problems
    assert told in problem.message


def test_groups_that_differ_are_taken() -> None:
    (policy,) = load_policies({"f.yaml": lay_over(QUIET, f"launch: {{{LAUNCH}, security_groups: [sg-1, sg-2]}}\n")})
    assert policy.launch.security_groups == ("sg-1", "sg-2")
