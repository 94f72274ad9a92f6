"""A cluster for each test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import moto_fixtures
from tests.support.cluster import Cluster, cluster
from tests.support.ec2 import count_unchecked


@pytest.fixture(autouse=True)
def _untraced(untraced: None) -> None:
    """Run each test without coverage's tracer, which slows real components down."""


@pytest.fixture
def rig(emulator: moto_fixtures.Server, mongo_uri: str, tmp_path: Path) -> Iterator[Cluster]:
    """A cluster of this test's own, on a MongoDB that all tests share."""
    with cluster(emulator, mongo_uri, tmp_path) as made:
        yield made
    count_unchecked(emulator, "inf")
