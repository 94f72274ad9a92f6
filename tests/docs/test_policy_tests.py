"""docs/policy-tests.md lists every key and word that a policy test may have, and no other."""

from __future__ import annotations

import re

import pytest
from pydantic import BaseModel

from autoscaler.model.decision import Phase
from autoscaler.review.scenario import Expectation, Given, NodeTold
from autoscaler.review.words import NEVERS
from tests.support.documents import ROOT, prose

DOCUMENT = ROOT / "docs/policy-tests.md"


def rows(head: str) -> dict[str, str]:
    """The rows of the table whose first head is this, by each code span of their first cells."""
    table = prose(DOCUMENT).partition(f"| {head} |")[2].partition("\n\n")[0].splitlines()[2:]
    cells = [row.strip("| ").split(" | ", 1) for row in table]
    return {name: rest for first, rest in cells for name in re.findall(r"`([^`]+)`", first)}


@pytest.mark.parametrize(
    ("head", "model"), [("key of `given`", Given), ("key of a node", NodeTold), ("key of `expect`", Expectation)]
)
def test_every_key_is_listed(head: str, model: type[BaseModel]) -> None:
    assert sorted(rows(head)) == sorted(model.model_fields)


def test_every_word_of_never_is_listed_with_its_meaning() -> None:
    listed = rows("word of `never`")
    assert sorted(listed) == sorted(NEVERS)
    for word, meaning in NEVERS.items():
        assert listed[word].replace("`", "").startswith(meaning)


def test_every_phase_is_listed() -> None:
    spans = re.findall(r"`([^`]+)`", rows("key of a node")["phase"])
    assert set(spans) == set(Phase)
