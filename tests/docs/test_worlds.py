"""docs/simulation.md says what a world may be: every key, and what its examples carry."""

from __future__ import annotations

import os
import re

from autoscaler.policy.document import check, parse
from autoscaler.simulate.life import size_of
from autoscaler.simulate.spec import WorldSpec
from tests.support.documents import ROOT, blocks, read, rows
from tests.support.reference import updated_worlds, world_keys

DOCUMENT = ROOT / "docs/simulation.md"


def test_the_reference_is_written_from_the_models() -> None:
    """`UPDATE=1 make docs` writes it anew."""
    if os.environ.get("UPDATE"):
        DOCUMENT.write_text(updated_worlds(read(DOCUMENT)), encoding="utf-8")
    assert read(DOCUMENT) == updated_worlds(read(DOCUMENT))
    table = rows(DOCUMENT, "What fails")
    assert len(table) == len(world_keys()) > 30
    assert all(meaning for *_, meaning in table)


def test_the_example_carries_what_is_said_of_it() -> None:
    (block,) = [block for block in blocks("yaml") if block.info[1:] == ("world",)]
    world = check(WorldSpec, parse(block.text, block.place))
    size = size_of(world, "c7i.xlarge")
    room = size.most.cpu
    assert room // size.viewer.cpu == 158
    assert (room - 4 * size.publisher.cpu) // size.viewer.cpu == 114
    transcoding = size_of(world.model_copy(update={"renditions": 3}), "c7i.xlarge")
    assert room // transcoding.publisher.cpu == 1
    assert transcoding.publisher.cpu - size.publisher.cpu == 3 * (size_of(world, "x").publisher.cpu * 20 // 8)
    assert re.search(r"158 viewers, or 114 with 4 publishers", read(DOCUMENT))


def test_every_shipped_world_is_one() -> None:
    files = sorted(ROOT.glob("policies/worlds/*.yaml"))
    assert [file.name for file in files] == ["rough.yaml"]
    for file in files:
        assert check(WorldSpec, parse(read(file), file.name)).types
