"""What docs/explain.md shows is what the program says of that story."""

from __future__ import annotations

import re

from autoscaler.cli.explain import document, lines
from autoscaler.review.explain import Explanation, explain
from tests.support.documents import ROOT, blocks, first_spans, rows
from tests.support.fleet import policy, seconds
from tests.support.stage import Stage

FILE = ROOT / "docs/explain.md"


def story() -> Explanation:
    """Four nodes that could be two, one of them with a publisher, when the window is over."""
    stage = Stage()
    rules = policy(
        bounds={"min": 2, "max": 6}, warm_up="0s",
        scale_in={"stabilization": "10s", "max": [{"nodes": 1, "per": "5m"}]},
    )  # fmt: skip
    nodes = [stage.serving(slot, sessions) for slot, sessions in ((1, 12), (2, 3), (3, 15), (4, 9))]
    nodes[1].publishers = 1
    for _ in range(2):
        for node in nodes:
            stage.world.beat(node, 27.0)
        stage.cycle(rules)
        stage.world.now += seconds(5)
    for node in nodes:
        stage.world.beat(node, 27.0)
    return explain(stage.cycle(rules))


def test_the_shown_explanation_is_what_is_said() -> None:
    (shown,) = (block.text for block in blocks() if block.file == FILE and not block.info)
    told = "\n".join(lines(story())) + "\n"
    assert shown == re.sub(r"i-0+", "i-", told)


def test_every_key_is_listed() -> None:
    assert sorted(first_spans(rows(FILE, "For scripts"))) == sorted(document(story()))
