"""Limits and reservations in nodes."""

from __future__ import annotations

import pytest

from autoscaler.policy.rules import Reservation
from autoscaler.policy.schema import RateLimit
from tests.support.fleet import policy


@pytest.mark.parametrize(
    ("limit", "nodes"), [({"nodes": 3}, [3, 3, 3]), ({"percent": "30%"}, [1, 3, 8]), ({"percent": "1%"}, [1, 1, 1])]
)
def test_a_share_is_rounded_down_and_at_least_one_node(limit: dict[str, object], nodes: list[int]) -> None:
    rate = RateLimit.model_validate({**limit, "per": "1m"})
    assert [rate.amount(size) for size in (0, 10, 29)] == nodes


@pytest.mark.parametrize(("wish", "nodes"), [({"nodes": 3}, 3), ({"viewers": 301}, 4), ({"viewers": 300}, 3)])
def test_reserved_viewers_are_rounded_up_to_nodes(wish: dict[str, int], nodes: int) -> None:
    times = {"at": "2026-06-01T18:00:00Z", "until": "2026-06-01T22:00:00Z"}
    booked = Reservation.model_validate({"name": "r", **times, **wish})
    assert policy(viewers_per_node=100).reserved(booked) == nodes
